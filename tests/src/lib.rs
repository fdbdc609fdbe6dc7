//! The harness: virtual worlds, exchanges between engines, private servers, benchmarks.
#![forbid(unsafe_code)]

use std::io::Write as _;

pub mod bench;
pub mod coturn;
pub mod exchange;
pub mod pulse;
pub mod sim;
pub mod stock;
pub mod turn;

/// Says that the test `name` cannot run here, past libtest's capture: `cargo xtask test` counts such lines.
pub fn skipped(name: &str, why: &str) {
    // Without standard error nobody reads it.
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {why}");
}
