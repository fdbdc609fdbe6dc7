//! Named checks: all run at the same time, one line printed for each.

use std::{future::Future, process::ExitCode, time::Duration};

use futures::future::{LocalBoxFuture, join_all};
use tokio::time::{Instant, sleep, timeout};

/// Why a check fails.
pub type Failure = Box<dyn std::error::Error>;

/// The checks to run.
#[derive(Default)]
pub struct Checks(Vec<(&'static str, LocalBoxFuture<'static, Result<(), Failure>>)>);

impl Checks {
    /// Adds a check.
    pub fn add(&mut self, name: &'static str, body: impl Future<Output = Result<(), Failure>> + 'static) {
        self.0.push((name, Box::pin(body)));
    }

    /// Runs all.
    pub async fn run(self) -> ExitCode {
        let one = |(name, body)| async move {
            match timeout(LIMIT, body).await {
                Ok(Ok(())) => println!("ok {name}"),
                Ok(Err(why)) => println!("not ok {name}: {why}"),
                Err(_) => println!("not ok {name}: nothing after {} s", LIMIT.as_secs()),
            }
        };
        join_all(self.0.into_iter().map(one)).await;
        // Failures are told by their lines.
        ExitCode::SUCCESS
    }
}

/// Fails with `why` unless `fact` holds.
///
/// # Errors
/// It does not hold.
pub fn truth(fact: bool, why: impl Into<Failure>) -> Result<(), Failure> {
    if fact { Ok(()) } else { Err(why.into()) }
}

/// Looks until `look` says yes.
///
/// # Errors
/// It did not within 8 s.
pub async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) -> Result<(), Failure> {
    let end = Instant::now() + Duration::from_secs(8);
    while !look().await {
        truth(Instant::now() < end, format!("{what} did not come"))?;
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Most checks need well under a second.
const LIMIT: Duration = Duration::from_secs(30);
