//! What a transport says of itself when it is asked: how far the server is, and what time it has.

use std::time::{Duration, SystemTime};

/// Why a transport could not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProbeError {
    /// It has no way to ask.
    #[error("this signaling has no way to ask")]
    NotSupported,
    /// It is not connected.
    #[error("signaling is not connected")]
    Offline,
    /// The server's answer did not say.
    #[error("the signaling server does not say")]
    NoAnswer,
}

/// The server's wall clock, between two looks at ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    /// Our wall clock when we asked.
    pub asked: SystemTime,
    /// The server's when it answered.
    pub server: SystemTime,
    /// Ours when the answer was here.
    pub answered: SystemTime,
}

impl ServerTime {
    /// How far our wall clock is ahead of the server's, in milliseconds; negative: behind. It supposes that the answer
    /// took half of the time.
    pub fn ahead_ms(&self) -> i64 {
        let there = self.answered.duration_since(self.asked).unwrap_or(Duration::ZERO) / 2;
        let middle = self.asked + there;
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match middle.duration_since(self.server) {
            Ok(ahead) => ms(ahead),
            Err(behind) => -ms(behind.duration()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_round_trip_belongs_to_the_way_back() {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let ahead = |asked, server, answered| {
            ServerTime { asked: at(asked), server: at(server), answered: at(answered) }.ahead_ms()
        };
        assert_eq!(ahead(10_000, 10_100, 10_200), 0);
        assert_eq!(ahead(70_000, 10_000, 70_400), 60_200);
        assert_eq!(ahead(10_000, 70_000, 10_000), -60_000);
        // Our clock was set back in between.
        assert_eq!(ahead(10_000, 10_000, 5_000), 0);
    }
}
