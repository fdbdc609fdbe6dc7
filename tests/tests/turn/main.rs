//! TURN, against the embedded server and against coturn: the same checks, one name each.
#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

/// Runs checks against both servers: `embedded::<name>` and `coturn::<name>`. A check takes a function that starts a
/// server with [`Rules`](ringback_tests::turn::Rules).
macro_rules! against_both {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(async |rules| crate::start::embedded(rules).await).await;
            })*
        }

        mod coturn {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if crate::start::coturn_is_missing(concat!(module_path!(), "::", stringify!($name))) {
                    return;
                }
                super::$name(async |rules| crate::start::coturn(rules).await).await;
            })*
        }
    };
}

mod allocate;
mod diagnosed;
mod fetched;
mod limits;
mod lives;
mod media;
mod refused;
mod start;
mod third_party;
