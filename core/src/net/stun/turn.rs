//! An allocation on a TURN server (RFC 8656), made to see that it can be had, and given back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::message::{Answer, Proof, Request, TooLong};
use super::wire::{Asked, Wire};
use crate::net::failure::ServerFailure;

/// What the server granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// The address it relays for us.
    pub(crate) relayed: SocketAddr,
    /// Of the request that succeeded.
    pub(crate) round_trip: Duration,
    /// Whether it wanted to know who we are.
    pub(crate) authenticated: bool,
}

/// Why there is no allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllocateError {
    Failed(ServerFailure),
    /// The user name or password was refused: 401 to a proof, or 441.
    Credentials,
    /// The credentials do not fit into a request.
    TooLong,
    /// The server refused for another reason.
    Refused {
        code: u16,
    },
}

/// Asks for an allocation, with a proof once the server wants one, and gives it back.
pub(crate) async fn allocate(
    wire: &mut Wire,
    username: &str,
    password: &str,
    until: Instant,
) -> Result<Allocation, AllocateError> {
    let mut proof: Option<Proof> = None;
    for _ in 0..MOST_TRIES {
        let asked = wire.ask(&Request::allocate(proof.as_ref())?, until).await?;
        match asked.answer {
            Answer::Success { .. } => {
                let allocation = granted(&asked, proof.is_some())?;
                release(wire, proof.as_ref(), until).await;
                return Ok(allocation);
            }
            Answer::Error { code: UNAUTHORIZED, .. } if proof.is_some() => {
                return Err(AllocateError::Credentials);
            }
            Answer::Error { code: WRONG_CREDENTIALS, .. } => return Err(AllocateError::Credentials),
            Answer::Error { code: UNAUTHORIZED | STALE_NONCE, challenge: Some(challenge) } => {
                proof = Some(Proof::new(username, password, challenge)?);
            }
            Answer::Error { code, .. } => return Err(AllocateError::Refused { code }),
        }
    }
    Err(AllocateError::Refused { code: STALE_NONCE })
}

fn granted(asked: &Asked, authenticated: bool) -> Result<Allocation, AllocateError> {
    match asked.answer {
        Answer::Success { relayed: Some(relayed), .. } => {
            Ok(Allocation { relayed, round_trip: asked.round_trip, authenticated })
        }
        // A success without an address is none.
        Answer::Success { relayed: None, .. } | Answer::Error { .. } => {
            Err(AllocateError::Failed(ServerFailure::NotStun))
        }
    }
}

/// Else the server would keep the port for ten minutes. Whether it hears us is not waited for long.
async fn release(wire: &mut Wire, proof: Option<&Proof>, until: Instant) {
    let Ok(request) = Request::release(proof) else { return };
    let until = until.min(Instant::now() + RELEASE_WAIT);
    if let Err(error) = wire.ask(&request, until).await {
        tracing::debug!(%error, "the TURN server did not confirm that it has its port back");
    }
}

impl From<ServerFailure> for AllocateError {
    fn from(failure: ServerFailure) -> Self {
        AllocateError::Failed(failure)
    }
}

impl From<TooLong> for AllocateError {
    fn from(_: TooLong) -> Self {
        AllocateError::TooLong
    }
}

/// Without a proof, with one, and once more with a nonce that is not stale.
const MOST_TRIES: usize = 3;
const RELEASE_WAIT: Duration = Duration::from_millis(500);
/// RFC 8489 section 14.8, RFC 8656 section 19.
const UNAUTHORIZED: u16 = 401;
const STALE_NONCE: u16 = 438;
const WRONG_CREDENTIALS: u16 = 441;
