//! Finds addresses and identities that belong to other accounts already.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::item::{AcceptedRow, ImportItem, ItemKind};
use super::report::{CountLabel, ImportTally};
use crate::accounts::account_addresses::FurtherAddress;
use crate::db::Conn;
use crate::db::schema::{account_groups, identities, users};
use crate::ids::UserId;

/// The accounts that have the addresses and identities of a batch.
pub(super) struct ItemConflicts {
    /// Address → account, verified own addresses and further ones.
    addresses: HashMap<String, UserId>,
    /// Issuer and subject → account.
    identities: HashMap<(String, String), UserId>,
    /// The accounts with an identity at an issuer.
    linked: HashSet<(UserId, String)>,
    groups: HashSet<(UserId, String)>,
}

impl ItemConflicts {
    pub(super) fn load(
        conn: &mut Conn,
        accepted: &[AcceptedRow<'_>],
        items: &[ImportItem],
    ) -> QueryResult<Self> {
        let mut found = Self {
            addresses: HashMap::new(),
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
            found.addresses.extend(further);
            let own = users::table.filter(users::email_key.eq_any(&keys));
            let own = own.filter(users::email_verified.eq(true));
            let own: Vec<(String, UserId)> =
                own.select((users::email_key, users::id)).load(conn)?;
            found.addresses.extend(own);
            // In a dry run the accounts of this batch are not in the table.
            let new = accepted.iter().filter(|accepted| accepted.is_new);
            for accepted in new.filter(|accepted| accepted.is_email_verified) {
                if let Ok(email) = &accepted.row.email {
                    found.addresses.insert(email.key.clone(), accepted.user_id);
                }
            }
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

    /// Whether the identity is linked to the account already.
    pub(super) fn is_linked(&self, item: &ImportItem) -> bool {
        self.identity_owner(item) == Some(item.user_id)
    }

    fn identity_owner(&self, item: &ImportItem) -> Option<UserId> {
        let (issuer, subject) = item.identity()?;
        let key = (issuer.to_owned(), subject.to_owned());
        self.identities.get(&key).copied()
    }

    /// The items without those that another account has, which are noted.
    pub(super) fn without(
        &self,
        items: Vec<ImportItem>,
        accepted: &[AcceptedRow<'_>],
        tally: &mut ImportTally,
    ) -> Vec<ImportItem> {
        const ADDRESS: CountLabel = (
            "further email addresses of other accounts, not imported",
            "further email address of another account, not imported",
        );
        const IDENTITY: CountLabel = (
            "identities of other accounts, not imported",
            "identity of another account, not imported",
        );
        const SECOND: CountLabel = (
            "second identities at a provider, not imported",
            "second identity at a provider, not imported",
        );
        let (mut addresses, mut subjects) = (HashSet::new(), HashSet::new());
        let mut issuers = HashSet::new();
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let (id, value) = (item.user_id, &item.value);
            let problem = match item.kind {
                ItemKind::Address => {
                    let taken = self.addresses.contains_key(value);
                    (taken || !addresses.insert(value.clone())).then_some(ADDRESS)
                }
                ItemKind::Identity => {
                    let issuer = item.identity().map_or("", |(issuer, _)| issuer).to_owned();
                    let place = (id, issuer);
                    let owner = self.identity_owner(&item);
                    let taken = owner.is_some_and(|owner| owner != id);
                    if taken || !subjects.insert(value.clone()) {
                        Some(IDENTITY)
                    } else if owner.is_none()
                        && (self.linked.contains(&place) || !issuers.insert(place))
                    {
                        Some(SECOND)
                    } else {
                        None
                    }
                }
                ItemKind::Group if self.groups.contains(&(id, value.clone())) => continue,
                ItemKind::Group | ItemKind::Totp | ItemKind::Withheld | ItemKind::Closed => None,
            };
            match problem {
                Some(problem) => {
                    let mut rows = accepted.iter();
                    if let Some(found) = rows.find(|accepted| accepted.user_id == id) {
                        tally.note(problem, &found.row.key);
                    }
                }
                None => kept.push(item),
            }
        }
        kept
    }
}
