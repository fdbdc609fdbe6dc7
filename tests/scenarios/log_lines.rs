//! What a call writes into the log at info and above: how it goes, and nothing that identifies anybody.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ringback_tests::sim;
use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;

use super::stage::{SECOND, Stage, active, ended};

/// A call with a restart of its path, from start to close. Returns the log lines, and what must not be in them.
fn call() -> (Vec<String>, Vec<String>) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let private = tracing::subscriber::with_default(subscriber, || {
        sim::run(1, |world| async move {
            let stage = Stage::new(&world, "log-lines");
            let (tap, mut passed) = mpsc::channel(4096);
            stage.hub().tap(tap);
            let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
            let (call, answered) = stage.talk(&rider, &mut driver).await;
            let mut private = vec!["127.0.0.1".to_owned(), "203.0.113.".to_owned()];
            private.extend(["rider", "driver"].map(|name| stage.user(name).as_str().to_owned()));
            world.net().cut("rider1", "driver1");
            tokio::time::sleep(6 * SECOND).await;
            world.net().mend("rider1", "driver1");
            active(&call).await;
            active(&answered).await;
            tokio::time::sleep(SECOND).await;
            call.hang_up();
            ended(&answered).await;
            tokio::time::sleep(SECOND).await;
            stage.end([rider, driver]).await;
            while let Ok(message) = passed.try_recv() {
                private.extend(secrets(&message.text));
            }
            private
        })
        .output
    });
    let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
    // The engine's crates write what they like; an app filters by target.
    let ours = text.lines().filter(|line| line.contains(" ringback::") || line.contains(" ringback_proto::"));
    (ours.map(str::to_owned).collect(), private)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ICE credentials and the fingerprint in an envelope.
fn secrets(envelope: &str) -> Vec<String> {
    let of = |name: &str| {
        let values = envelope.split(name).skip(1);
        let word = |value: &str| {
            value.split(|c: char| !(c.is_ascii_alphanumeric() || "+/:".contains(c))).next().map(str::to_owned)
        };
        values.filter_map(word).filter(|word| word.len() >= 4).collect::<Vec<_>>()
    };
    ["ice-ufrag:", "ice-pwd:", "fingerprint:sha-256 "].into_iter().flat_map(of).collect()
}

#[test]
fn the_states_of_ice_and_of_the_connection_and_the_pair_are_told_at_info() {
    let (lines, _) = call();
    let has = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    for words in [
        &["ICE state", "state=checking"][..],
        &["ICE state", "state=connected"],
        &["connection state", "state=connecting"],
        &["connection state", "state=connected"],
        &["selected pair", "local=\"host\"", "remote=\"host\""],
        &["media is missing"],
        &["media is back"],
        &["connection closed"],
    ] {
        assert!(has(&[words, &[" INFO "]].concat()), "{words:?} is not in\n{}", lines.join("\n"));
    }
}

#[test]
fn nothing_that_identifies_anybody_is_told_above_debug() {
    let (lines, private) = call();
    assert!(private.len() >= 10, "credentials of two rounds and more: {private:?}");
    let words = ["candidate:", "a=", "v=0", "ufrag"].map(str::to_owned);
    for line in &lines {
        let told = private.iter().chain(&words).find(|word| line.contains(word.as_str()));
        assert_eq!(told, None, "{line}");
    }
}
