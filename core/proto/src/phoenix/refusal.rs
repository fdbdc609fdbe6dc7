//! Why the server refuses a join or closes a channel, as types: the wire has sentences.

/// Why a join was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinRefusal {
    /// The policies do not let this user read the topic.
    Unauthorized,
    /// The token has expired, is malformed, or its signature is wrong: get another one.
    TokenRefused,
    /// The project takes private channels only.
    PrivateOnly,
    /// The server asks to slow down: too many channels, joins or connections.
    RateLimited,
    /// The server or its database is not ready: later it works.
    NotReady,
    /// The replay that was asked for is impossible; without it the join may work.
    ReplayRefused,
    /// The project is gone or has Realtime switched off.
    ProjectGone,
    /// The topic is of no use.
    TopicRefused,
    /// A reason that this version does not know.
    Other {
        /// What stands before the colon, at most 64 bytes.
        code: String,
    },
}

impl JoinRefusal {
    /// Reads a reason: `Code: some sentence`.
    pub(super) fn of(reason: &str) -> Self {
        let code = reason.split_once(':').map_or(reason, |(code, _)| code).trim();
        match code {
            "Unauthorized" => Self::Unauthorized,
            "InvalidJWTToken" | "MalformedJWT" | "JwtSignatureError" => Self::TokenRefused,
            "PrivateOnly" => Self::PrivateOnly,
            "ChannelRateLimitReached" | "ConnectionRateLimitReached" | "ClientJoinRateLimitReached" => {
                Self::RateLimited
            }
            "InitializingProjectConnection"
            | "DatabaseLackOfConnections"
            | "IncreaseConnectionPool"
            | "MissingPartition"
            | "RealtimeRestarting" => Self::NotReady,
            "UnableToReplayMessages" => Self::ReplayRefused,
            "TenantNotFound" | "RealtimeDisabledForTenant" => Self::ProjectGone,
            "TopicNameRequired" => Self::TopicRefused,
            _ => Self::Other { code: clipped(code) },
        }
    }
}

/// What a `system` message says. Most come right before the channel is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemNote {
    /// The token has expired or its signature is wrong: `phx_close` follows.
    TokenRefused,
    /// The tenant sends too much: this channel is closed although it may have sent nothing.
    RateLimited,
    /// Presence was used too much or too large: `phx_close` follows.
    PresenceRefused,
    /// The policies no longer let this user read the topic.
    NoLongerAllowed,
    /// An administrator ended the connection.
    Disconnected,
    /// Messages from the database arrive from now on.
    ReplicationReady,
    /// Something else.
    Other {
        /// The sentence, at most 64 bytes of it.
        message: String,
    },
}

impl SystemNote {
    pub(super) fn of(message: &str) -> Self {
        // Sentences are all the server gives; a change of wording ends in `Other` and the close that follows is treated
        // like any other.
        let says = |part: &str| message.contains(part);
        if says("Token has expired") || says("signature_error") || says("InvalidJWT") {
            Self::TokenRefused
        } else if says("presence") || says("Presence") || says("Track message") {
            Self::PresenceRefused
        } else if says("Too many messages") {
            Self::RateLimited
        } else if says("no longer have permission") {
            Self::NoLongerAllowed
        } else if says("Server requested disconnect") {
            Self::Disconnected
        } else if says("Replication connection established") {
            Self::ReplicationReady
        } else {
            Self::Other { message: clipped(message) }
        }
    }
}

/// Remote text is kept short: it ends up in logs.
fn clipped(text: &str) -> String {
    text.chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= 64).then_some(c)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_join_is_typed_by_the_code_before_the_colon() {
        for (reason, typed) in [
            (
                "Unauthorized: You do not have permissions to read from this Channel topic: call:1",
                JoinRefusal::Unauthorized,
            ),
            ("InvalidJWTToken: Token has expired 5 seconds ago", JoinRefusal::TokenRefused),
            ("IncreaseConnectionPool: Please increase your connection pool size", JoinRefusal::NotReady),
            ("MissingPartition: ..", JoinRefusal::NotReady),
            ("ClientJoinRateLimitReached: Too many joins per second", JoinRefusal::RateLimited),
            ("UnableToReplayMessages: Replay is not allowed for public channels", JoinRefusal::ReplayRefused),
            ("", JoinRefusal::Other { code: String::new() }),
        ] {
            assert_eq!(JoinRefusal::of(reason), typed, "{reason}");
        }
    }

    #[test]
    fn a_long_remote_sentence_is_clipped() {
        let JoinRefusal::Other { code } = JoinRefusal::of(&"é".repeat(1000)) else { panic!("typed") };
        assert_eq!(code.len(), 64);
    }
}
