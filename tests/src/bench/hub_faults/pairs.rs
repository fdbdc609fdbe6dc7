//! The table of pairs: how a call may end on both sides, read from the docs of `call` themselves.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use ringback::proto::EndReason;

/// Whether the table allows this pair. A fault of a side is none of it: nothing here makes a phone fail.
pub(super) fn may_pair(caller: &EndReason, callee: &EndReason) -> bool {
    table().contains(&(name(caller), name(callee)))
}

/// Whether a call may end like this at a caller whose callee never heard of it.
pub(super) fn may_be_alone(caller: &EndReason) -> bool {
    // After the other ends a device answered or declined, or a phone failed.
    matches!(
        caller,
        EndReason::Cancelled
            | EndReason::NoAnswer
            | EndReason::Unreachable
            | EndReason::Busy
            | EndReason::Replaced { .. }
            | EndReason::Offline
            | EndReason::NotAllowed
    )
}

/// The name of a reason, without what it carries.
pub(super) fn name(reason: &EndReason) -> String {
    let text = format!("{reason:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
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
        assert!(!may_pair(&EndReason::Internal, &EndReason::HungUp));
        assert!(!may_pair(&EndReason::HungUp, &EndReason::Internal));
        assert!(may_be_alone(&EndReason::Unreachable) && !may_be_alone(&EndReason::HungUp));
    }
}
