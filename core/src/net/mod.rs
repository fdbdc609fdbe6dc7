//! Networks: name resolution and change events.

mod resolve;
mod watch;

pub use resolve::{CachedResolver, Resolver, SystemResolver};
pub use watch::{NetworkWatch, PushedWatch};
