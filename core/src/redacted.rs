//! What a log may say of identities, addresses, descriptions and names of servers.

use std::fmt;

/// A value that identifies somebody or something, for log lines at debug and below.
///
/// It shows in builds with debug assertions only: a log from the field can be passed on as it is, and whoever looks
/// for a fault runs a debug build.
pub(crate) struct Redacted<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOWN { self.0.fmt(f) } else { f.write_str(HIDDEN) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOWN { self.0.fmt(f) } else { f.write_str(HIDDEN) }
    }
}

const SHOWN: bool = cfg!(debug_assertions);
const HIDDEN: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_build_for_debugging_shows_the_value() {
        let shown = [Redacted("192.0.2.1").to_string(), format!("{:?}", Redacted(7))];
        let expected = if cfg!(debug_assertions) { ["192.0.2.1", "7"] } else { [HIDDEN; 2] };
        assert_eq!(shown, expected);
    }
}
