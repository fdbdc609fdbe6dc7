//! Networks: name resolution and change events; questions to servers, by HTTP and in STUN.

#[cfg(feature = "diagnose")]
pub(crate) mod failure;
#[cfg(any(feature = "supabase", feature = "diagnose"))]
pub(crate) mod host;
#[cfg(feature = "supabase")]
pub(crate) mod http;
mod resolve;
#[cfg(feature = "diagnose")]
pub(crate) mod roots;
#[cfg(feature = "diagnose")]
pub(crate) mod stun;
#[cfg(any(feature = "supabase", feature = "diagnose"))]
pub(crate) mod tls;
mod watch;

pub use resolve::{CachedResolver, Resolver, SystemResolver};
pub use watch::{NetworkWatch, PushedWatch};
