//! The port `Token`: where a transport gets the user's token from.

use std::fmt;
use std::time::Duration;

use crate::BoxFuture;

/// A source of the user's tokens: the app's sign-in.
pub trait Token: Send + Sync + 'static {
    /// A token for now. Taken for a `Retry` after 10 s. One call at a time.
    fn token(&self, why: TokenWhy) -> BoxFuture<'_, TokenAnswer>;
}

/// Why a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenWhy {
    /// There is none yet.
    First,
    /// Half of the last one's life is over, or the machine slept.
    Expiring,
    /// The server refused the last one: a cached copy of it is of no use.
    Refused,
}

/// What a source of tokens says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenAnswer {
    /// Here it is.
    Token(UserToken),
    /// Not now; asked again after 1, 2, 5, then every 10 s.
    Retry,
    /// Nobody is signed in; asked again every 30 s.
    SignedOut,
}

/// A user's token and how long it lives.
#[derive(Clone, PartialEq, Eq)]
pub struct UserToken {
    /// The JWT.
    pub secret: String,
    /// Its life from now on. A duration, so that a wrong wall clock does no harm; refreshed at half of it.
    pub expires_in: Duration,
}

/// The same token for ever: for tests, and for programs that end before it does.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticToken {
    secret: String,
}

impl StaticToken {
    /// Always this token.
    pub fn new(secret: impl Into<String>) -> Self {
        Self { secret: secret.into() }
    }
}

impl Token for StaticToken {
    fn token(&self, _why: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        let token = UserToken { secret: self.secret.clone(), expires_in: Duration::MAX };
        Box::pin(async move { TokenAnswer::Token(token) })
    }
}

impl fmt::Debug for UserToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserToken").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticToken").finish_non_exhaustive()
    }
}
