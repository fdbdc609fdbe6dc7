//! Minted credentials, as coturn's `use-auth-secret` has them.
//!
//! The user name is `<expiry in Unix seconds>:<user>`, the password `base64(HMAC-SHA1(secret, user name))`. The server
//! stores nothing: whoever shows a name and knows its password was given both by somebody who knows the secret.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use ringback_proto::UserId;
use sha1::Sha1;

/// A user name and its password, for TURN.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnCredential {
    /// The name, with the expiry in it.
    pub username: String,
    /// The password.
    pub credential: String,
}

/// Mints a credential that holds for `life` from `now` on.
pub fn mint(secret: &str, user: &UserId, life: Duration, now: SystemTime) -> TurnCredential {
    let expiry = unix_seconds(now).saturating_add(life.as_secs());
    let username = format!("{expiry}:{user}");
    let credential = password(secret, &username);
    TurnCredential { username, credential }
}

/// What a user name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) expiry: u64,
    pub(super) user: &'a str,
}

impl<'a> Named<'a> {
    /// Reads a name; `None` if it has no expiry.
    pub(super) fn read(username: &'a str) -> Option<Self> {
        // coturn leaves the user out when there is none.
        let (expiry, user) = username.split_once(':').unwrap_or((username, ""));
        Some(Self { expiry: expiry.parse().ok()?, user })
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expiry <= unix_seconds(now)
    }
}

/// The password of a user name.
pub(super) fn password(secret: &str, username: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 2)")]
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl fmt::Debug for TurnCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnCredential").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_what_coturn_computes() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let minted = mint("north", &UserId::new("rider").unwrap(), Duration::from_secs(600), now);
        assert_eq!(minted.username, "1600:rider");
        // echo -n 1600:rider | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(minted.credential, "yNSVxuYocDgFEuk4W2WaKqvuMrI=");
    }

    #[test]
    fn a_name_tells_its_expiry_and_its_user() {
        assert_eq!(Named::read("1600:a:b"), Some(Named { expiry: 1600, user: "a:b" }));
        assert_eq!(Named::read("1600"), Some(Named { expiry: 1600, user: "" }));
        for wrong in ["", "rider", "rider:1600", "-1:rider", ":rider"] {
            assert_eq!(Named::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_expires_at_its_second() {
        let named = Named { expiry: 1600, user: "rider" };
        assert!(!named.is_expired(UNIX_EPOCH + Duration::from_secs(1599)));
        assert!(named.is_expired(UNIX_EPOCH + Duration::from_secs(1600)));
    }

    #[test]
    fn a_life_without_end_does_not_overflow() {
        let minted = mint("s", &UserId::new("u").unwrap(), Duration::MAX, SystemTime::now());
        assert_eq!(Named::read(&minted.username).unwrap().expiry, u64::MAX);
    }
}
