//! Imports what accounts have in other tables: further addresses, identities, groups and second factors.
//!
//! `django_import_items` records what was imported. A recorded item is never added again, so that what was
//! removed here stays removed. An item that is no longer in Django is removed here too. Nothing is added
//! to an account whose password was changed here: it may belong to another person by now.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use super::factor_import::import_factors;
use super::flag_options::FlagOptions;
use super::item::{AcceptedRow, ImportItem, ItemKind, RecordedItems, forget_all, recorded_items};
use super::item_conflicts::ItemConflicts;
use super::report::{CountLabel, ImportTally};
use super::row::DjangoUser;
use crate::accounts::account_addresses::FurtherAddress;
use crate::accounts::email_key;
use crate::accounts::groups::GroupMembership;
use crate::clock::Timestamp;
use crate::db::schema::identities;
use crate::db::{Conn, DbError, insert_all};
use crate::keys::Keys;

/// How items are imported.
pub(super) struct ItemImport {
    pub(super) issuers: BTreeMap<String, String>,
    /// The keys that encrypt second factors; `None` if these are not imported.
    pub(super) keys: Option<Keys>,
    /// Whether Django has tables of addresses, identities and groups.
    pub(super) reads: [bool; 3],
    /// The tables of second factors that are read.
    pub(super) factor_tables: BTreeSet<String>,
    /// The options by which accounts are closed.
    pub(super) flags: FlagOptions,
}

impl ItemImport {
    /// Imports the items of a batch, or only counts them in a dry run.
    pub(super) fn sync(
        &self,
        conn: &mut Conn,
        accepted: &[AcceptedRow<'_>],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<ImportTally, DbError> {
        let mut tally = ImportTally::default();
        let recorded = recorded_items(conn, accepted)?;
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for accepted in accepted {
            let id = accepted.user_id;
            let known = recorded.get(&id).cloned().unwrap_or_default();
            let (wanted, unresolved) = self.wanted(accepted.row, &mut tally);
            let kinds = [ItemKind::Address, ItemKind::Identity, ItemKind::Group];
            for (kind, is_read) in kinds.into_iter().zip(self.reads) {
                let of_kind = |items: &BTreeSet<(ItemKind, String)>| -> BTreeSet<String> {
                    let items = items.iter().filter(|(other, _)| *other == kind);
                    items.map(|(_, value)| value.clone()).collect()
                };
                let (known, wanted) = (of_kind(&known), of_kind(&wanted));
                let item = |value: &String| ImportItem {
                    user_id: id,
                    kind,
                    value: value.clone(),
                };
                added.extend(wanted.difference(&known).map(item));
                if is_read {
                    let gone = known.difference(&wanted).map(item);
                    removed.extend(gone.filter(|item| !may_be_among(item, &unresolved)));
                }
            }
            if !accepted.is_unchanged {
                let before = added.len();
                added.retain(|item| item.user_id != id);
                if added.len() < before {
                    const CHANGED: CountLabel = (
                        "passwords changed here, so that addresses, identities and groups that are new in Django are not added",
                        "password changed here, so that addresses, identities and groups that are new in Django are not added",
                    );
                    tally.note(CHANGED, &accepted.row.key);
                }
            }
        }
        let conflicts = ItemConflicts::load(conn, accepted, &added)?;
        let added = conflicts.without(added, accepted, &mut tally);
        for item in &added {
            tally.count_item(item.kind.labels()[0]);
        }
        for item in &removed {
            tally.count_item(item.kind.labels()[1]);
        }
        if !dry_run {
            for item in &removed {
                item.delete(conn)?;
            }
            insert_items(conn, &added, &conflicts)?;
            self.record_closing_options(conn, accepted, &recorded)?;
        }
        import_factors(
            conn,
            (self.keys.as_ref(), &self.factor_tables),
            (accepted, &recorded),
            (now, dry_run),
            &mut tally,
        )?;
        Ok(tally)
    }

    /// Records with which options the closed accounts were closed, and forgets those of open ones.
    fn record_closing_options(
        &self,
        conn: &mut Conn,
        accepted: &[AcceptedRow<'_>],
        recorded: &RecordedItems,
    ) -> QueryResult<()> {
        let kind = ItemKind::Closed;
        let mut new = Vec::new();
        for accepted in accepted {
            let user_id = accepted.user_id;
            let known = recorded.get(&user_id).into_iter().flatten();
            let known = known.filter(|(other, _)| *other == kind);
            let known: BTreeSet<String> = known.map(|(_, option)| option.clone()).collect();
            if accepted.row.is_active {
                if !known.is_empty() {
                    forget_all(conn, user_id, kind)?;
                }
                continue;
            }
            let closing = self.flags.closing(accepted.is_new, &known);
            new.extend(closing.difference(&known).map(|option| ImportItem {
                user_id,
                kind,
                value: option.clone(),
            }));
        }
        if !new.is_empty() {
            ImportItem::record_all(conn, &new)?;
        }
        Ok(())
    }

    /// The items that the account has in Django, and the subjects of identities whose issuer is unknown.
    fn wanted(
        &self,
        row: &DjangoUser,
        tally: &mut ImportTally,
    ) -> (BTreeSet<(ItemKind, String)>, BTreeSet<String>) {
        const UNVERIFIED: CountLabel = (
            "further email addresses that are not verified, not imported",
            "further email address that is not verified, not imported",
        );
        const NO_ISSUER: CountLabel = (
            "identities at providers whose issuers are unknown, not imported; see --issuer",
            "identity at a provider whose issuer is unknown, not imported; see --issuer",
        );
        let (mut wanted, mut unresolved) = (BTreeSet::new(), BTreeSet::new());
        let own = row.email.as_ref().map(|email| email.key.as_str());
        for address in &row.related.addresses {
            let key = email_key(address.email.trim());
            if own == Ok(key.as_str()) {
                continue;
            }
            match address.verified && crate::accounts::email_problem(&key).is_none() {
                true => drop(wanted.insert((ItemKind::Address, key))),
                false => tally.note(UNVERIFIED, &row.key),
            }
        }
        for identity in &row.related.identities {
            let named = self.issuers.get(&identity.provider);
            tally.providers.insert(identity.provider.clone());
            match named.or(identity.issuer.as_ref()) {
                Some(issuer) => {
                    let value = format!("{issuer} {}", identity.subject);
                    wanted.insert((ItemKind::Identity, value));
                }
                None => {
                    let provider = identity.provider.escape_debug();
                    tally.note(NO_ISSUER, format_args!("{} ({provider})", row.key));
                    unresolved.insert(identity.subject.clone());
                }
            }
        }
        let groups = row.related.groups.iter();
        wanted.extend(groups.map(|name| (ItemKind::Group, name.clone())));
        (wanted, unresolved)
    }
}

/// Whether an identity may be one of those whose issuer is unknown in this run, and so not be gone.
fn may_be_among(item: &ImportItem, subjects: &BTreeSet<String>) -> bool {
    item.identity()
        .is_some_and(|(_, subject)| subjects.contains(subject))
}

fn insert_items(
    conn: &mut Conn,
    added: &[ImportItem],
    conflicts: &ItemConflicts,
) -> QueryResult<()> {
    if added.is_empty() {
        return Ok(());
    }
    let of_kind = |kind| added.iter().filter(move |item| item.kind == kind);
    let addresses: Vec<_> = of_kind(ItemKind::Address)
        .map(|item| FurtherAddress {
            email_key: item.value.clone(),
            user_id: item.user_id,
        })
        .collect();
    let links = of_kind(ItemKind::Identity).filter(|item| !conflicts.is_linked(item));
    let links = links.filter_map(|item| Some((item.identity()?, item.user_id)));
    let links: Vec<_> = links
        .map(|((issuer, subject), user_id)| {
            (
                identities::issuer.eq(issuer),
                identities::subject.eq(subject),
                identities::user_id.eq(user_id),
            )
        })
        .collect();
    let groups: Vec<_> = of_kind(ItemKind::Group)
        .map(|item| GroupMembership {
            user_id: item.user_id,
            name: item.value.clone(),
        })
        .collect();
    if !addresses.is_empty() {
        FurtherAddress::insert_all(conn, &addresses)?;
    }
    if !links.is_empty() {
        insert_all!(conn, identities::table, &links)?;
    }
    if !groups.is_empty() {
        GroupMembership::insert_all(conn, &groups)?;
    }
    ImportItem::record_all(conn, added)?;
    Ok(())
}
