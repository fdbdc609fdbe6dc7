//! Supabase signaling against the hub, over real sockets on loopback. Every wait is bounded.

mod exchange;
mod faults;
mod phone;
mod tokens;
