//! Two media engines over a simulated network, and over real sockets.

mod agree;
mod common;
mod connect;
mod ends;
mod hostile;
mod loopback;
mod mdns;
mod names;
mod relay;
mod repeatable;
mod restart;
