//! The name of a channel, which Realtime writes in two ways.

use std::fmt;

/// A channel's name. On the websocket it carries the prefix `realtime:`, over REST and in policies it does not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    wire: String,
}

/// Why a text is not a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Nothing is left of it.
    #[error("a topic has a name")]
    Empty,
    /// Over 255 bytes with its prefix: the binary frames have one byte for its length.
    #[error("a topic is at most 246 bytes long")]
    TooLong,
    /// It brings the prefix along: over REST such a topic is accepted and nobody gets the message.
    #[error("a topic is named without the prefix \"realtime:\"")]
    Prefixed,
}

impl Topic {
    /// The topic with this name, as policies see it: `user:u1`, `call:<id>`.
    ///
    /// # Errors
    /// The name is empty, over 246 bytes, or brings the prefix along.
    pub fn new(name: &str) -> Result<Self, TopicError> {
        if name.is_empty() {
            return Err(TopicError::Empty);
        }
        if name.starts_with(PREFIX) {
            return Err(TopicError::Prefixed);
        }
        let wire = format!("{PREFIX}{name}");
        if wire.len() > super::MAX_FIELD {
            return Err(TopicError::TooLong);
        }
        Ok(Self { wire })
    }

    /// The name without the prefix: for REST.
    pub fn name(&self) -> &str {
        self.wire.strip_prefix(PREFIX).unwrap_or(&self.wire)
    }

    /// The name with the prefix: for the websocket.
    pub fn wire(&self) -> &str {
        &self.wire
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wire)
    }
}

const PREFIX: &str = "realtime:";
