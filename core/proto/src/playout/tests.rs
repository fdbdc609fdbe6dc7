//! The jitter buffer on simulated paths, in virtual time.

mod behaviour;
mod hostile;
mod path;
mod paths;
mod sound;
