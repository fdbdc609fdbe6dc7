//! Networks: name resolution and change events.

#[cfg(feature = "supabase")]
pub(crate) mod http;
mod resolve;
mod watch;

pub use resolve::{CachedResolver, Resolver, SystemResolver};
pub use watch::{NetworkWatch, PushedWatch};
