//! Who is on a channel, kept from `presence_state` and `presence_diff`.
//!
//! One key may be there several times (one `phx_ref` each). An update of a key carries it in `joins` and in `leaves`
//! at once, so entries are matched by `phx_ref`, never by key.

use super::body::Presences;

/// Who is on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    here: Presences,
}

/// Which keys came and went with one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresenceChange {
    /// Keys that were absent before.
    pub came: Vec<String>,
    /// Keys that are absent now.
    pub went: Vec<String>,
}

impl Presence {
    /// The keys that are here, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.here.keys().map(String::as_str)
    }

    /// The metadata of a key as JSON texts, one per connection that tracks it.
    pub fn metas(&self, key: &str) -> impl Iterator<Item = &str> {
        self.here.get(key).into_iter().flat_map(|metas| metas.values().map(String::as_str))
    }

    pub(super) fn replace(&mut self, mut state: Presences) -> PresenceChange {
        bound(&mut state);
        let change = PresenceChange {
            came: state.keys().filter(|key| !self.here.contains_key(*key)).cloned().collect(),
            went: self.here.keys().filter(|key| !state.contains_key(*key)).cloned().collect(),
        };
        self.here = state;
        change
    }

    pub(super) fn apply(&mut self, joins: Presences, leaves: Presences) -> PresenceChange {
        let mut after = self.here.clone();
        for (key, gone) in leaves {
            let Some(metas) = after.get_mut(&key) else { continue };
            metas.retain(|phx_ref, _| !gone.contains_key(phx_ref));
        }
        for (key, new) in joins {
            after.entry(key).or_default().extend(new);
        }
        after.retain(|_, metas| !metas.is_empty());
        self.replace(after)
    }
}

/// A server that sends more than this is not the one we know; the rest is left out.
fn bound(presences: &mut Presences) {
    while presences.len() > MAX_KEYS {
        presences.pop_last();
    }
    for metas in presences.values_mut() {
        while metas.len() > MAX_METAS {
            metas.pop_last();
        }
    }
}

/// A hundred times the 10 keys that any plan allows a client, which fits every room we will have.
const MAX_KEYS: usize = 1000;
/// Connections of one key.
const MAX_METAS: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_update_is_matched_by_phx_ref_and_nobody_goes() {
        let mut presence = Presence::default();
        presence.replace(one("bob", "F1", "old"));
        let change = presence.apply(one("bob", "F2", "new"), one("bob", "F1", "old"));
        assert_eq!(change, PresenceChange::default());
        assert_eq!(presence.metas("bob").collect::<Vec<_>>(), ["new"]);
    }

    #[test]
    fn a_key_goes_with_its_last_connection() {
        let mut presence = Presence::default();
        presence.apply(one("bob", "F1", "a"), Presences::new());
        presence.apply(one("bob", "F2", "b"), Presences::new());
        assert_eq!(presence.apply(Presences::new(), one("bob", "F1", "a")).went, Vec::<String>::new());
        assert_eq!(presence.apply(Presences::new(), one("bob", "F2", "b")).went, ["bob"]);
    }

    #[test]
    fn a_flood_of_keys_is_bounded() {
        let flood = (0..5000).map(|n| (n.to_string(), BTreeMap::from([("F".into(), "{}".into())]))).collect();
        let mut presence = Presence::default();
        presence.replace(flood);
        assert_eq!(presence.keys().count(), MAX_KEYS);
    }

    fn one(key: &str, phx_ref: &str, meta: &str) -> Presences {
        Presences::from([(key.to_owned(), BTreeMap::from([(phx_ref.to_owned(), meta.to_owned())]))])
    }
}
