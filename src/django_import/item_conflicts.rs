//! Finds addresses and identities that belong to other accounts already.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::item::{ImportItem, ItemKind};
use crate::accounts::account_addresses::FurtherAddress;
use crate::db::Conn;
use crate::db::schema::{account_groups, identities, users};
use crate::ids::UserId;

/// The accounts that have the addresses and identities of a batch here.
pub(super) struct ItemConflicts {
    /// Further address → account.
    further: HashMap<String, UserId>,
    /// Verified own address → account.
    own: HashMap<String, UserId>,
    /// Issuer and subject → account.
    identities: HashMap<(String, String), UserId>,
    /// The accounts with an identity at an issuer.
    linked: HashSet<(UserId, String)>,
    groups: HashSet<(UserId, String)>,
}

impl ItemConflicts {
    pub(super) fn load(conn: &mut Conn, items: &[ImportItem]) -> QueryResult<Self> {
        let mut found = Self {
            further: HashMap::new(),
            own: HashMap::new(),
            identities: HashMap::new(),
            linked: HashSet::new(),
            groups: HashSet::new(),
        };
        let of_kind = |kind| items.iter().filter(move |item| item.kind == kind);
        let keys: Vec<&str> = of_kind(ItemKind::Address)
            .map(|item| item.value.as_str())
            .collect();
        if !keys.is_empty() {
            let further = FurtherAddress::among(conn, &keys)?.into_iter();
            let further = further.map(|address| (address.email_key, address.user_id));
            found.further.extend(further);
            let own = users::table.filter(users::email_key.eq_any(&keys));
            let own = own.filter(users::email_verified.eq(true));
            let own: Vec<(String, UserId)> =
                own.select((users::email_key, users::id)).load(conn)?;
            found.own.extend(own);
        }
        let wanted = of_kind(ItemKind::Identity);
        let (subjects, ids): (Vec<&str>, Vec<UserId>) = wanted
            .filter_map(|item| Some((item.identity()?.1, item.user_id)))
            .unzip();
        if !ids.is_empty() {
            let theirs = identities::table.filter(
                identities::subject
                    .eq_any(subjects)
                    .or(identities::user_id.eq_any(ids)),
            );
            let rows: Vec<(String, String, UserId)> = theirs.load(conn)?;
            for (issuer, subject, user_id) in rows {
                found.linked.insert((user_id, issuer.clone()));
                found.identities.insert((issuer, subject), user_id);
            }
        }
        let ids: Vec<UserId> = of_kind(ItemKind::Group).map(|item| item.user_id).collect();
        if !ids.is_empty() {
            let theirs = account_groups::table.filter(account_groups::user_id.eq_any(ids));
            let rows: Vec<(UserId, String)> = theirs.load(conn)?;
            found.groups.extend(rows);
        }
        Ok(found)
    }

    /// The account that has the address as a further one, or the identity.
    pub(super) fn holder(&self, item: &ImportItem) -> Option<UserId> {
        match item.identity() {
            Some((issuer, subject)) => {
                let key = (issuer.to_owned(), subject.to_owned());
                self.identities.get(&key).copied()
            }
            None => self.further.get(&item.value).copied(),
        }
    }

    /// The account that has the address as its verified own one.
    pub(super) fn owner(&self, item: &ImportItem) -> Option<UserId> {
        let address = (item.kind == ItemKind::Address).then_some(&item.value)?;
        self.own.get(address).copied()
    }

    /// Whether the account has the item already.
    pub(super) fn is_theirs(&self, item: &ImportItem) -> bool {
        self.holder(item) == Some(item.user_id)
    }

    /// Leaves out an item that is removed.
    pub(super) fn forget(&mut self, item: &ImportItem) {
        if self.holder(item) != Some(item.user_id) {
            return;
        }
        match item.identity() {
            Some((issuer, subject)) => {
                let key = (issuer.to_owned(), subject.to_owned());
                self.identities.remove(&key);
                self.linked.remove(&(item.user_id, issuer.to_owned()));
            }
            None => drop(self.further.remove(&item.value)),
        }
    }

    /// Leaves out the identities of an account.
    pub(super) fn forget_identities(&mut self, id: UserId) {
        self.identities.retain(|_, holder| *holder != id);
        self.linked.retain(|(holder, _)| *holder != id);
    }

    /// Whether the account has an identity at an issuer.
    pub(super) fn has_identity(&self, place: &(UserId, String)) -> bool {
        self.linked.contains(place)
    }

    /// Whether the account is in the group already.
    pub(super) fn is_in_group(&self, item: &ImportItem) -> bool {
        let member = (item.user_id, item.value.clone());
        item.kind == ItemKind::Group && self.groups.contains(&member)
    }
}
