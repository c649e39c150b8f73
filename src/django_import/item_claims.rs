//! Which account gets a further address or an identity that several accounts have in Django, or that another account
//! has here: decided once for the whole table, so that an item moves from one account to another within one import, in
//! any order of the rows.
//!
//! An open account gets it before a closed one, then the account that has it here already, then the first row. The
//! verified own address of an open account is no further address of another one. Values are kept as hashes of eight
//! bytes, since a million of them would need too much memory.

mod claiming_row;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use diesel::prelude::*;

use super::existing::{ExistingRows, with_records};
use super::item::{ImportItem, ItemKind, recorded_items};
use super::item_conflicts::ItemConflicts;
use super::row::DjangoUser;
use super::survey::TableSurvey;
use crate::accounts::{User, UserKey};
use crate::db::Conn;
use crate::db::schema::users;
use crate::ids::UserId;
use claiming_row::{ClaimingRow, KINDS};

/// The addresses and identities that accounts have in Django.
#[derive(Default)]
pub(super) struct ItemClaims {
    hasher: RandomState,
    /// The verified own addresses of accounts that are open after the import.
    own: HashSet<u64>,
    /// The same of accounts whose address changes, if it does.
    own_moves: Vec<(UserId, u64)>,
    /// Item → the key of the account that gets it.
    winners: HashMap<u64, u64>,
    /// The same for closed accounts, which get it if no open one does.
    closed_winners: HashMap<u64, u64>,
    /// Item → another account that has it here.
    holders: HashMap<u64, ItemHolder>,
    /// Address → another account here whose verified own one it is.
    owners: HashMap<u64, ItemHolder>,
    /// Address → the account that has it here as a further one, was imported with it, and has it in Django no longer.
    dropped: HashMap<u64, UserId>,
    /// The accounts with imported items whose rows were read.
    read: HashSet<UserId>,
    /// Those whose identities the import forgets, because it verifies their emails.
    verified: HashSet<UserId>,
}

/// An account that has an item here which another one has in Django.
struct ItemHolder {
    id: UserId,
    key: UserKey,
    /// The address.
    value: String,
    /// Whether the item was imported.
    is_imported: bool,
    /// Whether the account was imported from this table, and is closed here.
    is_closed_here: bool,
    /// Whether an import may take the account's email away.
    can_release_email: bool,
    /// Whether the account is closed, and so gives up its item or loses the proof of its address.
    gives_way: bool,
    /// Whether the account gets another email in this import, or loses it to an open one.
    leaves: bool,
}

impl ItemClaims {
    /// Adds the rows of a batch, in their order, those of open accounts first. `is_verified`: whether the row's own
    /// email counts as verified.
    pub(super) fn add(
        &mut self,
        conn: &mut Conn,
        (existing, rows): (&ExistingRows, &[DjangoUser]),
        (issuers, source_table, reads_addresses): (&BTreeMap<String, String>, &str, bool),
        is_verified: impl Fn(&DjangoUser) -> bool,
    ) -> QueryResult<()> {
        let rows = rows
            .iter()
            .filter_map(|row| ClaimingRow::new(existing, row, source_table));
        let mut rows: Vec<ClaimingRow<'_>> = rows.collect();
        let known = rows.iter().filter(|row| row.account.is_some());
        let known: Vec<UserId> = known.map(|row| row.id).collect();
        let recorded = recorded_items(conn, known)?;
        for row in &mut rows {
            row.add_items(issuers, recorded.get(&row.id));
        }
        let items: Vec<ImportItem> = rows.iter().flat_map(|row| row.items.clone()).collect();
        let here = ItemConflicts::load(conn, &items)?;
        self.add_holders(conn, &items, &here, source_table)?;
        for row in &rows {
            let is_verified = is_verified(row.row);
            self.add_own_address(row, is_verified);
            let recorded = recorded.get(&row.id);
            if reads_addresses {
                self.add_dropped(row, recorded);
            }
            let is_of_kind = |(kind, _): &(ItemKind, String)| KINDS.contains(kind);
            if recorded.is_some_and(|items| items.iter().any(is_of_kind)) {
                self.read.insert(row.id);
                self.verified
                    .extend(row.verifies_email(is_verified).then_some(row.id));
            }
            for item in &row.items {
                let item_of = (item.kind, item.value.clone());
                let is_forgotten =
                    item.kind == ItemKind::Identity && row.verifies_email(is_verified);
                let is_recorded = recorded.is_some_and(|items| items.contains(&item_of));
                let is_recorded = is_recorded && !is_forgotten;
                let has = here.holder(item) == Some(row.id);
                // What was removed here, or would not be added.
                if has || (!is_recorded && row.gets_new_items(is_verified)) {
                    self.add_claim(row, item, has);
                }
            }
        }
        Ok(())
    }

    fn add_claim(&mut self, row: &ClaimingRow<'_>, item: &ImportItem, has: bool) {
        let (hash, key) = (
            self.hash(item.kind, &item.value),
            self.hash_key(&row.row.key),
        );
        // An account that was closed here alone keeps what it has: Django does not know that it is closed.
        let counts_as_open = row.is_open || (has && row.row.is_active);
        match (counts_as_open, item.kind) {
            (true, _) if has => drop(self.winners.insert(hash, key)),
            (true, _) => drop(self.winners.entry(hash).or_insert(key)),
            (false, ItemKind::Identity) => drop(self.closed_winners.entry(hash).or_insert(key)),
            (false, _) => {}
        }
    }

    fn add_dropped(
        &mut self,
        row: &ClaimingRow<'_>,
        recorded: Option<&BTreeSet<(ItemKind, String)>>,
    ) {
        for (kind, address) in recorded.into_iter().flatten() {
            let is_theirs =
                |item: &ImportItem| item.kind == ItemKind::Address && item.value == *address;
            if *kind == ItemKind::Address && !row.items.iter().any(is_theirs) {
                let hash = self.hash(ItemKind::Address, address);
                self.dropped.insert(hash, row.id);
            }
        }
    }

    fn add_own_address(&mut self, row: &ClaimingRow<'_>, is_verified: bool) {
        let Ok(email) = &row.row.email else { return };
        if !row.is_open {
            return;
        }
        let hash = self.hash(ItemKind::Address, &email.key);
        match row.account {
            None if is_verified => drop(self.own.insert(hash)),
            Some((user, _)) if email.key == user.email_key => {
                let is_verified = is_verified || user.email_verified;
                self.own.extend(is_verified.then_some(hash));
            }
            Some((user, _)) if is_verified => self.own_moves.push((user.id, hash)),
            _ => {}
        }
    }

    /// Remembers which other accounts have these items here.
    fn add_holders(
        &mut self,
        conn: &mut Conn,
        items: &[ImportItem],
        here: &ItemConflicts,
        source_table: &str,
    ) -> QueryResult<()> {
        let others = |item: &ImportItem| {
            let others = [here.holder(item), here.owner(item)].into_iter().flatten();
            let id = item.user_id;
            others.filter(move |other| *other != id).collect::<Vec<_>>()
        };
        let ids: HashSet<UserId> = items.iter().flat_map(others).collect();
        let ids: Vec<UserId> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let accounts = users::table.filter(users::id.eq_any(&ids));
        let accounts: Vec<User> = accounts.select(User::as_select()).load(conn)?;
        let keys: HashMap<UserId, UserKey> =
            accounts.iter().map(|user| (user.id, user.key())).collect();
        let imported = with_records(conn, accounts)?;
        let recorded = recorded_items(conn, ids)?;
        for item in items {
            let hash = self.hash(item.kind, &item.value);
            for (other, is_owner) in [(here.holder(item), false), (here.owner(item), true)] {
                let Some(id) = other.filter(|other| *other != item.user_id) else {
                    continue;
                };
                let items = recorded.get(&id);
                let account = imported.get(&id);
                let holder = ItemHolder {
                    id,
                    key: keys.get(&id).cloned().unwrap_or(UserKey::Id(id)),
                    value: item.value.clone(),
                    is_imported: items
                        .is_some_and(|items| items.contains(&(item.kind, item.value.clone()))),
                    is_closed_here: account.is_some_and(|(user, record)| {
                        !user.is_active && record.is_of_table(source_table)
                    }),
                    can_release_email: account
                        .is_some_and(|(user, record)| record.can_release_email_of(user)),
                    gives_way: false,
                    leaves: false,
                };
                let holders = if is_owner {
                    &mut self.owners
                } else {
                    &mut self.holders
                };
                holders.insert(hash, holder);
            }
        }
        Ok(())
    }

    /// Decides, after the last row was added.
    pub(super) fn resolve(&mut self, survey: &TableSurvey) {
        for (id, hash) in std::mem::take(&mut self.own_moves) {
            if survey.emails.contains(id) {
                self.own.insert(hash);
            }
        }
        for (hash, key) in std::mem::take(&mut self.closed_winners) {
            self.winners.entry(hash).or_insert(key);
        }
        for holder in self.holders.values_mut().chain(self.owners.values_mut()) {
            let is_gone = holder.is_closed_here && survey.is_gone(&holder.key);
            holder.gives_way = survey.is_closed(holder.id) || is_gone;
        }
        for owner in self.owners.values_mut() {
            let is_taken =
                owner.gives_way && owner.can_release_email && survey.emails.is_wanted(&owner.value);
            owner.leaves = is_taken || survey.emails.gives_up(owner.id, &owner.value);
        }
        let hasher = &self.hasher;
        self.winners.retain(|hash, key| {
            let is_other = |holder: &&ItemHolder| hasher.hash_one(holder.key.to_string()) != *key;
            let holder = self.holders.get(hash).filter(is_other);
            // Whoever was read and still has the item in Django is the winner.
            let loses = holder.is_none_or(|holder| {
                holder.is_imported && (self.read.contains(&holder.id) || holder.gives_way)
            });
            let owner = self.owners.get(hash).filter(is_other);
            let is_free = owner
                .is_none_or(|owner| owner.leaves || (owner.gives_way && owner.can_release_email));
            !self.own.contains(hash) && loses && is_free
        });
    }

    /// Whether the account with this key gets the item.
    pub(super) fn gets(&self, key: &UserKey, item: &ImportItem) -> bool {
        let winner = self.winners.get(&self.hash(item.kind, &item.value));
        winner == Some(&self.hash_key(key))
    }

    /// Whether another account than the one with this key gets the item, or has it as its verified own address.
    pub(super) fn belongs_to_another(&self, key: &UserKey, kind: ItemKind, value: &str) -> bool {
        let hash = self.hash(kind, value);
        let winner = self.winners.get(&hash);
        self.own.contains(&hash) || winner.is_some_and(|winner| *winner != self.hash_key(key))
    }

    /// Whether this account loses the item that it has here to the one that gets it.
    pub(super) fn loses(&self, id: UserId, item: &ImportItem) -> bool {
        let holder = self.holders.get(&self.hash(item.kind, &item.value));
        holder.is_some_and(|holder| holder.id == id)
    }

    /// Whether the account has the item no longer when the import comes to its row, so that it is not removed.
    pub(super) fn is_forgotten(&self, item: &ImportItem) -> bool {
        item.kind == ItemKind::Identity && self.verified.contains(&item.user_id)
    }

    /// Whether the address, the verified own one of this account, is free for the account that gets it as a further
    /// one. Also the key of the account if it keeps the address, closed and as one that is not verified.
    pub(super) fn releases(&self, id: UserId, item: &ImportItem) -> Option<Option<&UserKey>> {
        let owner = self.owners.get(&self.hash(item.kind, &item.value));
        let owner = owner.filter(|owner| owner.id == id)?;
        Some((!owner.leaves).then_some(&owner.key))
    }

    /// Whether this account, which has the address as a further one, loses it in this import, as it has in Django.
    pub(super) fn drops(&self, id: UserId, address: &str) -> bool {
        let hash = self.hash(ItemKind::Address, address);
        self.dropped.get(&hash) == Some(&id)
    }

    /// Whether an account loses this further address in this import, and no other one gets it.
    pub(super) fn is_dropped(&self, address: &str) -> bool {
        let hash = self.hash(ItemKind::Address, address);
        self.dropped.contains_key(&hash) && !self.winners.contains_key(&hash)
    }

    fn hash(&self, kind: ItemKind, value: &str) -> u64 {
        self.hasher.hash_one((kind, value))
    }

    fn hash_key(&self, key: &UserKey) -> u64 {
        self.hasher.hash_one(key.to_string())
    }
}
