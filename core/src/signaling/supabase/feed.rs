//! The user's token over time: asked for first, again at half of its life, after a sleep, and when it was refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::BoxFuture;
use crate::signaling::{Token, TokenAnswer, TokenWhy};

/// The provider and what it said last.
pub(super) struct TokenFeed {
    provider: Option<Arc<dyn Token>>,
    state: State,
    secret: Option<String>,
    tries: usize,
}

enum State {
    /// Nothing to do until somebody says so.
    Quiet,
    Asking(BoxFuture<'static, TokenAnswer>),
    Waiting {
        until: Instant,
        why: TokenWhy,
    },
}

/// What the feed reports.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenNews {
    Fresh(String),
    /// None could be had; the next try comes after this.
    Missing {
        retry_in: Duration,
    },
    /// Nobody is signed in.
    SignedOut {
        retry_in: Duration,
    },
}

impl TokenFeed {
    pub(super) fn new(provider: Option<Arc<dyn Token>>) -> Self {
        let mut feed = Self { provider, state: State::Quiet, secret: None, tries: 0 };
        feed.ask(TokenWhy::First);
        feed
    }

    /// The token to use now.
    pub(super) fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// The server refused the token: get another.
    pub(super) fn refused(&mut self) {
        self.secret = None;
        match self.state {
            State::Asking(_) => {}
            State::Waiting { until, .. } if self.tries > 0 => {
                self.state = State::Waiting { until, why: TokenWhy::Refused };
            }
            State::Quiet | State::Waiting { .. } => self.ask(TokenWhy::Refused),
        }
    }

    /// Time passed unseen: the token may have aged without our noticing.
    pub(super) fn resumed(&mut self) {
        if let State::Waiting { .. } = self.state {
            self.ask(if self.secret.is_some() { TokenWhy::Expiring } else { TokenWhy::First });
        }
    }

    /// The next news; pends for ever without a provider. Cancel safe.
    pub(super) async fn next(&mut self) -> TokenNews {
        loop {
            match &mut self.state {
                State::Quiet => return std::future::pending().await,
                State::Waiting { until, why } => {
                    let why = *why;
                    tokio::time::sleep_until(*until).await;
                    self.ask(why);
                }
                State::Asking(answer) => {
                    let answer = answer.await;
                    return self.take(answer);
                }
            }
        }
    }

    fn take(&mut self, answer: TokenAnswer) -> TokenNews {
        match answer {
            TokenAnswer::Token(token) => {
                self.tries = 0;
                let refresh_in = (token.expires_in / 2).clamp(SHORTEST_LIFE, LONGEST_LIFE);
                self.state = State::Waiting { until: Instant::now() + refresh_in, why: TokenWhy::Expiring };
                self.secret = Some(token.secret.clone());
                TokenNews::Fresh(token.secret)
            }
            TokenAnswer::Retry => {
                let retry_in = SCHEDULE[self.tries.min(SCHEDULE.len() - 1)];
                self.tries += 1;
                self.wait(retry_in);
                TokenNews::Missing { retry_in }
            }
            TokenAnswer::SignedOut => {
                self.secret = None;
                self.tries += 1;
                self.wait(SIGNED_OUT_REST);
                TokenNews::SignedOut { retry_in: SIGNED_OUT_REST }
            }
        }
    }

    fn wait(&mut self, wait: Duration) {
        let why = if self.secret.is_some() { TokenWhy::Expiring } else { TokenWhy::First };
        self.state = State::Waiting { until: Instant::now() + wait, why };
    }

    fn ask(&mut self, why: TokenWhy) {
        let Some(provider) = self.provider.clone() else { return };
        self.state = State::Asking(Box::pin(async move {
            match tokio::time::timeout(LIMIT, provider.token(why)).await {
                Ok(answer) => answer,
                Err(_) => TokenAnswer::Retry,
            }
        }));
    }
}

/// The longest wait for the provider, as the port promises.
const LIMIT: Duration = Duration::from_secs(10);
/// Tokens that live shorter than 2 s are still asked for only once a second.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// A token that lives for ever is looked at once a month: tokio's timers end after two years.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Between tries while the provider has none.
const SCHEDULE: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// Between looks at whether somebody signed in.
const SIGNED_OUT_REST: Duration = Duration::from_secs(30);
