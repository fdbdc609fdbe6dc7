//! Desktop programs built on Ringback; each is a file beside this one, run with `cargo run --example NAME`.
