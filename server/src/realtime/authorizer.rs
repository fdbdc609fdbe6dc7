//! Who may read and write which private topic: what row policies on `realtime.messages` decide on Supabase.

use crate::auth::Claims;

/// Decides about private topics. Asked once per join and token, as the real server does.
pub trait Authorizer: Send + Sync + 'static {
    /// Whether these claims may join the topic.
    fn may_read(&self, who: &Claims, topic: &str) -> bool;

    /// Whether these claims may send to the topic.
    fn may_write(&self, who: &Claims, topic: &str) -> bool;
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
