//! The names of things: users, devices, process instances, calls, messages, connections.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest user id, in bytes.
const MAX_USER_BYTES: usize = 128;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 1 to 128 bytes of `[A-Za-z0-9._:@-]`.
    #[error("a user id is 1 to 128 bytes of A-Z a-z 0-9 . _ : @ -")]
    User,
    /// Not a UUID.
    #[error("not a UUID")]
    Uuid,
    /// Not 16 lower-case hexadecimal digits.
    #[error("an instance is 16 lower-case hexadecimal digits")]
    Instance,
}

/// A user, as the app names them: 1 to 128 bytes of `[A-Za-z0-9._:@-]`. On Supabase the token's `sub`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

impl UserId {
    /// Checks the alphabet and the length.
    ///
    /// # Errors
    /// [`IdError::User`] if the text is empty, over 128 bytes, or has another character.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'@' | b'-');
        if text.is_empty() || text.len() > MAX_USER_BYTES || !text.bytes().all(legal) {
            return Err(IdError::User);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> String {
        id.0
    }
}

impl FromStr for UserId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id made of these 16 random bytes, marked as a UUID of version 4 (RFC 9562 section 5.4).
            pub const fn from_random(bytes: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self).map_err(|_| IdError::Uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// A call, the same on every device that takes part. Random, never ordered by time.
    CallId
}
uuid_id! {
    /// A message; a resend keeps it, so that a receiver applies it once.
    MessageId
}
uuid_id! {
    /// A device of a user, kept across restarts.
    DeviceId
}

/// One run of a process on a device: random at every start, so that a restarted phone differs from the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instance(u64);

impl Instance {
    /// The instance with this random number.
    pub const fn from_random(number: u64) -> Self {
        Self(number)
    }
}

impl TryFrom<String> for Instance {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Instance> for String {
    fn from(instance: Instance) -> String {
        instance.to_string()
    }
}

impl FromStr for Instance {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(hex) {
            return Err(IdError::Instance);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| IdError::Instance)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One media connection of this phone. Counted from 1; never used twice in the life of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_keeps_to_its_alphabet_and_length() {
        for good in ["u1", "a.b_c:d@e-f", &"x".repeat(128)] {
            assert!(UserId::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "é", "a/b", &"x".repeat(129)] {
            assert_eq!(UserId::new(bad), Err(IdError::User), "{bad}");
        }
    }

    #[test]
    fn an_instance_is_sixteen_lower_case_hex_digits() {
        let instance = Instance::from_random(0xab);
        assert_eq!(instance.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(instance));
        for bad in ["ab", "00000000000000AB", "+0000000000000ab", "00000000000000abc"] {
            assert_eq!(bad.parse::<Instance>(), Err(IdError::Instance), "{bad}");
        }
    }
}
