//! The port `MayRing`: who may ring this phone.

use crate::BoxFuture;
use crate::proto::call::{Admission, Incoming};

/// Who may ring this phone. Asked before anything is answered, so whoever is refused learns nothing, not even that
/// the phone is online.
///
/// Four questions are open at a time at most, one about each user. Whoever was refused is not asked about again for 10 s:
/// a flood costs the policy, a database perhaps, a few questions a minute.
pub trait MayRing: Send + Sync + 'static {
    /// May this call ring? No answer within 5 s counts as [`Admission::Refused`], and so does a panic.
    fn may_ring(&self, call: Incoming) -> BoxFuture<'_, Admission>;
}

/// Everybody whom the transport lets through may ring; who they are stays a claim. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl MayRing for Everybody {
    fn may_ring(&self, _: Incoming) -> BoxFuture<'_, Admission> {
        Box::pin(std::future::ready(Admission::Unverified))
    }
}
