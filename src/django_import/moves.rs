//! Which accounts get the new email or username that Django has for them: decided once for the whole table, so that
//! the size and the order of batches make no difference, and accounts can exchange values.
//!
//! Values are kept as hashes of eight bytes, since a million of them would need too much memory.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::ids::UserId;

/// The emails, or the usernames, that change in this import.
#[derive(Default)]
pub(super) struct ValueMoves {
    hasher: RandomState,
    moves: HashMap<UserId, ValueMove>,
    /// The values that open rows without an account want to have.
    of_new_rows: HashSet<u64>,
    /// New value → the account that gets it.
    winners: HashMap<u64, UserId>,
}

/// An account that gives up a value for another one.
struct ValueMove {
    old: Option<u64>,
    new: u64,
    /// The account that has the new value before the import.
    owner: Option<UserId>,
    is_open: bool,
    /// Open accounts first, then in the order of the rows.
    rank: (bool, usize),
}

impl ValueMoves {
    fn hash(&self, value: &str) -> u64 {
        self.hasher.hash_one(value)
    }

    /// Adds an account whose value changes from `old` to `new`, which `owner` has so far. `is_open`: whether the account
    /// is open after the import. Called in the order of the rows.
    pub(super) fn add(
        &mut self,
        (id, is_open): (UserId, bool),
        (old, new): (Option<&str>, &str),
        owner: Option<UserId>,
    ) {
        let change = ValueMove {
            old: old.map(|old| self.hash(old)),
            new: self.hash(new),
            owner: owner.filter(|owner| *owner != id),
            is_open,
            rank: (!is_open, self.moves.len()),
        };
        self.moves.insert(id, change);
    }

    /// Adds the value of an open row without an account.
    pub(super) fn add_new(&mut self, value: &str) {
        self.of_new_rows.insert(self.hash(value));
    }

    /// Keeps those changes that are possible together. `gives_way`: whether an account that keeps its value gives it up
    /// for an open account.
    pub(super) fn resolve(&mut self, gives_way: impl Fn(UserId) -> bool) {
        let mut first: HashMap<u64, (bool, usize)> = HashMap::new();
        for change in self.moves.values() {
            let best = first.entry(change.new).or_insert(change.rank);
            *best = change.rank.min(*best);
        }
        // The accounts that wait for the value of another one.
        let mut waiting: HashMap<UserId, Vec<UserId>> = HashMap::new();
        for (id, change) in &self.moves {
            if let Some(owner) = change.owner {
                waiting.entry(owner).or_default().push(*id);
            }
        }
        let mut unchecked: Vec<UserId> = self.moves.keys().copied().collect();
        while let Some(id) = unchecked.pop() {
            let change = self.moves.get(&id);
            let is_blocked = change.is_some_and(|change| {
                let is_first = first.get(&change.new) == Some(&change.rank);
                // Of a closed account and a new open one, the open one gets the value.
                let is_outranked = !change.is_open && self.of_new_rows.contains(&change.new);
                !is_first || is_outranked || !self.is_free(change, &gives_way)
            });
            if is_blocked {
                self.moves.remove(&id);
                unchecked.extend(waiting.remove(&id).unwrap_or_default());
            }
        }
        let winners = self.moves.iter().map(|(id, change)| (change.new, *id));
        self.winners = winners.collect();
    }

    fn is_free(&self, change: &ValueMove, gives_way: impl Fn(UserId) -> bool) -> bool {
        change.owner.is_none_or(|owner| {
            let leaves = self.moves.get(&owner);
            leaves.is_some_and(|leaves| leaves.old == Some(change.new))
                || (change.is_open && gives_way(owner))
        })
    }

    /// Whether the account gets its new value.
    pub(super) fn contains(&self, id: UserId) -> bool {
        self.moves.contains_key(&id)
    }

    /// Whether an open account wants this value and has another one, or is new.
    pub(super) fn is_wanted(&self, value: &str) -> bool {
        let hash = self.hash(value);
        self.winners.contains_key(&hash) || self.of_new_rows.contains(&hash)
    }

    /// The account that gets this value.
    pub(super) fn winner(&self, value: &str) -> Option<UserId> {
        self.winners.get(&self.hash(value)).copied()
    }

    /// Whether the account gives up this value for another one.
    pub(super) fn gives_up(&self, id: UserId, value: &str) -> bool {
        let change = self.moves.get(&id);
        change.is_some_and(|change| change.old == Some(self.hash(value)))
    }

    /// Notes that the account keeps its value after all, because somebody else has taken the new one since.
    pub(super) fn keep(&mut self, id: UserId) {
        if let Some(change) = self.moves.remove(&id) {
            self.winners.remove(&change.new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The accounts that get their new values. Each is `(id, is_open, old, new)`; the owner of a value is the account
    /// with it as `old`, or else one of `others`.
    fn resolved(
        changes: &[(i64, bool, &str, &str)],
        others: &[(&str, i64)],
        new_rows: &[&str],
        gives_way: &[i64],
    ) -> Vec<i64> {
        let mut moves = ValueMoves::default();
        for &(id, is_open, old, new) in changes {
            let moving = changes.iter().map(|(id, _, old, _)| (*old, *id));
            let mut owners = moving.chain(others.iter().copied());
            let owner = owners.find(|(value, _)| *value == new);
            let owner = owner.map(|(_, owner)| owner.into());
            moves.add((id.into(), is_open), (Some(old), new), owner);
        }
        for value in new_rows {
            moves.add_new(value);
        }
        moves.resolve(|id| gives_way.iter().any(|way| UserId::from(*way) == id));
        let ids = changes.iter().map(|(id, ..)| *id);
        ids.filter(|id| moves.contains((*id).into())).collect()
    }

    #[test]
    fn a_ring_of_any_length_moves_as_a_whole_or_not_at_all() {
        let names: Vec<String> = (0..5000).map(|number| format!("v{number}")).collect();
        let ring = |last: &'static str| {
            let places = 0..names.len();
            let change = places.map(|at| {
                let new = names.get(at + 1).map_or(last, String::as_str);
                (at as i64 + 1, true, names[at].as_str(), new)
            });
            change.collect::<Vec<_>>()
        };
        assert_eq!(resolved(&ring("v0"), &[], &[], &[]).len(), 5000);
        assert_eq!(resolved(&ring("free"), &[], &[], &[]).len(), 5000);
        let taken = resolved(&ring("taken"), &[("taken", 9999)], &[], &[]);
        assert_eq!(taken, [0; 0]);
        let released = resolved(&ring("taken"), &[("taken", 9999)], &[], &[9999]);
        assert_eq!(released.len(), 5000);
    }

    #[test]
    fn an_open_account_comes_before_a_closed_one_and_then_the_first_row() {
        for (changes, new_rows, expected) in [
            (
                vec![(1, false, "a", "x"), (2, true, "b", "x")],
                &[][..],
                vec![2],
            ),
            (vec![(1, true, "a", "x"), (2, true, "b", "x")], &[], vec![1]),
            (vec![(1, false, "a", "x")], &["x"], vec![]),
            (vec![(1, true, "a", "x")], &["x"], vec![1]),
        ] {
            assert_eq!(resolved(&changes, &[], new_rows, &[]), expected);
        }
        // A closed account takes no value from another one that gives way to open ones.
        let closed = [(1, false, "a", "x")];
        assert_eq!(resolved(&closed, &[("x", 7)], &[], &[7]), [0; 0]);
    }
}
