//! Who may read and write which private topic: what row policies on `realtime.messages` decide on Supabase.

use crate::auth::Claims;

/// Decides about private topics. The right to read is asked for once per join and token, the right to write at the
/// first message after it, as the real server does: what it answered holds until the next join or token.
pub trait Authorizer: Send + Sync + 'static {
    /// Whether these claims may join the topic.
    fn may_read(&self, who: &Claims, topic: &str) -> bool;

    /// Whether these claims may send to the topic.
    fn may_write(&self, who: &Claims, topic: &str) -> bool;

    /// Whether these claims may see who is there. Default: who may read.
    fn may_read_presence(&self, who: &Claims, topic: &str) -> bool {
        self.may_read(who, topic)
    }

    /// Whether these claims may be seen there. Default: who may write.
    fn may_write_presence(&self, who: &Claims, topic: &str) -> bool {
        self.may_write(who, topic)
    }
}

/// Each user has an inbox, `user:<sub>`: its owner reads it, every user who signed in may write it.
#[derive(Debug, Clone, Copy, Default)]
pub struct InboxAuthorizer;

impl Authorizer for InboxAuthorizer {
    fn may_read(&self, who: &Claims, topic: &str) -> bool {
        let owner = topic.strip_prefix("user:");
        owner.is_some() && owner == who.sub.as_deref()
    }

    fn may_write(&self, who: &Claims, topic: &str) -> bool {
        who.sub.is_some() && topic.starts_with("user:")
    }
}
