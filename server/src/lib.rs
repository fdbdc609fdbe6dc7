//! The local stack of Ringback.
#![forbid(unsafe_code)]
