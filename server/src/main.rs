//! `ringback-server`: the local stack as one process.
fn main() {}
