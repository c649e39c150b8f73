//! A row of the source with what its account may get from other tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::User;
use crate::django_import::existing::ExistingRows;
use crate::django_import::item::{ImportItem, ItemKind};
use crate::django_import::ledger::ImportRecord;
use crate::django_import::merge::has_unverified_email;
use crate::django_import::report::ImportTally;
use crate::django_import::row::DjangoUser;
use crate::django_import::wanted::WantedItems;
use crate::ids::UserId;

/// The kinds of items that belong to one account only.
pub(super) const KINDS: [ItemKind; 2] = [ItemKind::Address, ItemKind::Identity];

/// A row whose account gets items.
pub(super) struct ClaimingRow<'a> {
    pub(super) id: UserId,
    pub(super) row: &'a DjangoUser,
    pub(super) account: Option<(&'a User, &'a ImportRecord)>,
    /// Whether the account is open after the import.
    pub(super) is_open: bool,
    pub(super) items: Vec<ImportItem>,
}

impl<'a> ClaimingRow<'a> {
    /// `None` if the row is refused.
    pub(super) fn new(
        existing: &'a ExistingRows,
        row: &'a DjangoUser,
        source_table: &str,
    ) -> Option<Self> {
        let id = existing.account_id(&row.key);
        if existing.refusal(id, row, source_table).is_some() {
            return None;
        }
        let account = match (existing.users.get(&id), existing.records.get(&id)) {
            (None, None) => None,
            (Some(user), Some(record)) => Some((user, record)),
            _ => return None,
        };
        let is_open = account.map_or(row.is_active, |(user, record)| {
            record.merged_is_active(user, row)
        });
        Some(Self {
            id,
            row,
            account,
            is_open,
            items: Vec::new(),
        })
    }

    /// Adds the items of the row. An identity whose issuer is unknown in this run may be one that was imported before.
    pub(super) fn add_items(
        &mut self,
        issuers: &BTreeMap<String, String>,
        recorded: Option<&BTreeSet<(ItemKind, String)>>,
    ) {
        let wanted = WantedItems::of(self.row, issuers, &mut ImportTally::default());
        let item = |kind: ItemKind, value: &String| ImportItem {
            user_id: self.id,
            kind,
            value: value.clone(),
        };
        let of_kind = |kind| wanted.values(kind).map(move |value| item(kind, value));
        let mut items: Vec<ImportItem> = KINDS.into_iter().flat_map(of_kind).collect();
        for (kind, value) in recorded.into_iter().flatten() {
            let known = item(*kind, value);
            if wanted.may_have(&known) && !items.contains(&known) {
                items.push(known);
            }
        }
        self.items = items;
    }

    /// Whether new items are added to the account. `is_verified`: whether the row's own email counts as verified.
    pub(super) fn gets_new_items(&self, is_verified: bool) -> bool {
        self.account.is_none_or(|(user, record)| {
            // If the import verifies the email, it undoes what was changed here.
            record.matches_password_of(user) || self.verifies_email(is_verified)
        })
    }

    /// Whether the import verifies the email of the account, and imports its identities again.
    pub(super) fn verifies_email(&self, is_verified: bool) -> bool {
        let account = self.account;
        account.is_some_and(|(user, _)| is_verified && has_unverified_email(user))
    }
}
