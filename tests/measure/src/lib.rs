//! Measures.
#![forbid(unsafe_code)]
