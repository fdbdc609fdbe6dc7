//! The table of pairs: how a call may end on both sides, read from the docs of `call` themselves.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use ringback::proto::EndReason;

/// Whether the table allows this pair.
pub(super) fn may_pair(caller: &EndReason, callee: &EndReason) -> bool {
    is_fault(caller) || is_fault(callee) || table().contains(&(name(caller), name(callee)))
}

/// The name of a reason, without what it carries.
pub(super) fn name(reason: &EndReason) -> String {
    let text = format!("{reason:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// A fault of one side is told to the other, or that side ends by any row.
fn is_fault(reason: &EndReason) -> bool {
    matches!(reason, EndReason::Internal | EndReason::Microphone(_) | EndReason::Unsupported(_))
}

fn table() -> &'static BTreeSet<(String, String)> {
    static TABLE: OnceLock<BTreeSet<(String, String)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let (_, section) = DOCS.split_once("//! # Pairs\n").unwrap_or_default();
        let section = section.split("\n//! # ").next().unwrap_or_default();
        let mut table = BTreeSet::new();
        for row in section.lines().filter_map(|line| line.strip_prefix("//! | ")) {
            let mut cells = row.split(" | ");
            let (Some(callers), Some(callees)) = (cells.next(), cells.next()) else { continue };
            for caller in callers.split(", ") {
                table.extend(callees.split(", ").map(|callee| (caller.to_owned(), callee.to_owned())));
            }
        }
        table
    })
}

const DOCS: &str = include_str!("../../../../core/proto/src/call/mod.rs");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_found_and_is_no_carte_blanche() {
        assert!(may_pair(&EndReason::HungUp, &EndReason::HungUp));
        assert!(may_pair(&EndReason::Cancelled, &EndReason::Missed));
        assert!(!may_pair(&EndReason::HungUp, &EndReason::Declined));
        assert!(!may_pair(&EndReason::Declined, &EndReason::ConnectionLost));
    }
}
