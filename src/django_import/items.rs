//! Imports what accounts have in other tables: further addresses, identities, groups and second factors.
//!
//! `django_import_items` records what was imported. A recorded item is never added again, so that what was
//! removed here stays removed. An item that is no longer in Django is removed here too. Nothing is added
//! to an account whose password was changed here: it may belong to another person by now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;

use super::existing::SimulatedValues;
use super::factor_import::import_factors;
use super::flag_options::FlagOptions;
use super::item::{AcceptedRow, ImportItem, ItemKind, RecordedItems, forget_all, recorded_items};
use super::item_claims::ItemClaims;
use super::item_conflicts::ItemConflicts;
use super::new_items::{new_items, without_conflicts};
use super::report::ImportTally;
use super::wanted::WantedItems;
use crate::accounts::account_addresses::{FurtherAddress, unverify_closed, unverify_closed_owners};
use crate::accounts::groups::GroupMembership;
use crate::clock::Timestamp;
use crate::db::schema::{identities, users};
use crate::db::{Conn, DbError, insert_all};
use crate::ids::UserId;
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
    /// The tables and columns that `--no-factor` has left out.
    pub(super) no_factors: BTreeSet<String>,
    /// The options by which accounts are closed.
    pub(super) flags: FlagOptions,
}

impl ItemImport {
    /// Imports the items of a batch, or only counts them in a dry run, which remembers what it would have removed in
    /// `simulated`. `claims`: which accounts get which addresses and identities.
    pub(super) fn sync(
        &self,
        conn: &mut Conn,
        accepted: &[AcceptedRow<'_>],
        claims: &ItemClaims,
        now: Timestamp,
        mut simulated: Option<&mut SimulatedValues>,
    ) -> Result<ImportTally, DbError> {
        let mut tally = ImportTally::default();
        let known = accepted.iter().filter(|accepted| !accepted.is_new);
        let mut recorded = recorded_items(conn, known.map(|accepted| accepted.user_id).collect())?;
        // Outside a dry run, they are forgotten.
        let verified = accepted.iter().filter(|accepted| accepted.verifies_email);
        for accepted in verified {
            if let Some(items) = recorded.get_mut(&accepted.user_id) {
                items.retain(|(kind, _)| match kind {
                    ItemKind::Identity => false,
                    ItemKind::Totp => !accepted.loses_factor,
                    _ => true,
                });
            }
        }
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for accepted in accepted {
            let known = recorded.get(&accepted.user_id);
            let wanted = WantedItems::of(accepted.row, &self.issuers, &mut tally);
            added.extend(new_items(accepted, (&wanted, known), claims, &mut tally));
            let item = |(kind, value): &(ItemKind, String)| ImportItem {
                user_id: accepted.user_id,
                kind: *kind,
                value: value.clone(),
            };
            let known = known.into_iter().flatten().map(item);
            removed.extend(known.filter(|item| self.reads(item.kind) && !wanted.may_have(item)));
        }
        remove(conn, removed.clone(), simulated.as_deref_mut(), &mut tally)?;
        let taken = taken_own_addresses(conn, accepted, simulated.is_some())?;
        remove(conn, taken, simulated.as_deref_mut(), &mut tally)?;
        let mut conflicts = ItemConflicts::load(conn, &added)?;
        // In a dry run, they are still there.
        removed.iter().for_each(|item| conflicts.forget(item));
        let verified = accepted.iter().filter(|accepted| accepted.verifies_email);
        verified.for_each(|accepted| conflicts.forget_identities(accepted.user_id));
        let (added, taken) = without_conflicts(added, &conflicts, (accepted, claims), &mut tally);
        for item in &added {
            tally.count_item(item.kind.labels()[0]);
        }
        let taken = taken.into_iter();
        let (forgotten, taken): (Vec<_>, Vec<_>) =
            taken.partition(|item| claims.is_forgotten(item));
        remove(conn, taken, simulated.as_deref_mut(), &mut tally)?;
        let dry_run = simulated.is_some();
        if !dry_run {
            for item in forgotten {
                item.delete(conn)?;
            }
            insert_items(conn, &added, &conflicts)?;
            unverify_closed_accounts(conn, accepted, claims)?;
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

    /// Whether Django has a table of addresses or identities, which can move between accounts.
    pub(super) fn has_tables(&self) -> bool {
        let [addresses, identities, _] = self.reads;
        addresses || identities
    }

    /// Whether Django has the table of a kind.
    pub(super) fn reads(&self, kind: ItemKind) -> bool {
        let [addresses, identities, groups] = self.reads;
        match kind {
            ItemKind::Address => addresses,
            ItemKind::Identity => identities,
            ItemKind::Group => groups,
            ItemKind::Totp | ItemKind::Withheld | ItemKind::Closed => false,
        }
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
}

/// Lets the own addresses of closed accounts count as not verified that other accounts have as further ones: those of
/// the account's row, and those that it keeps because another account has the row's.
fn unverify_closed_accounts(
    conn: &mut Conn,
    accepted: &[AcceptedRow<'_>],
    claims: &ItemClaims,
) -> QueryResult<()> {
    let closed = accepted.iter().filter(|accepted| !accepted.is_open);
    let ids: Vec<UserId> = closed.map(|accepted| accepted.user_id).collect();
    if !ids.is_empty() {
        unverify_closed(conn, &ids, |address| !claims.is_dropped(address))?;
    }
    Ok(())
}

/// The further addresses of other accounts that are verified own ones of these accounts. A closed account takes none.
fn taken_own_addresses(
    conn: &mut Conn,
    accepted: &[AcceptedRow<'_>],
    dry_run: bool,
) -> QueryResult<Vec<ImportItem>> {
    let owners = accepted
        .iter()
        .filter(|accepted| accepted.is_open && accepted.has_verified_email);
    let emails = owners.filter_map(|owner| Some((owner.row.email.as_ref().ok()?, owner.user_id)));
    let emails: HashMap<&str, UserId> =
        emails.map(|(email, id)| (email.key.as_str(), id)).collect();
    if emails.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = emails.keys().copied().collect();
    let mut found = FurtherAddress::among(conn, &keys)?;
    found.retain(|address| emails.get(address.email_key.as_str()) != Some(&address.user_id));
    if !found.is_empty() && !dry_run {
        // Unless the account has changed since the batch read it.
        let keys: Vec<&String> = found.iter().map(|address| &address.email_key).collect();
        let verified = users::table.filter(users::email_verified.eq(true));
        let verified = verified.filter(users::is_active.eq(true));
        let verified = verified.filter(users::email_key.eq_any(keys));
        let verified: Vec<String> = verified.select(users::email_key).load(conn)?;
        found.retain(|address| verified.contains(&address.email_key));
    }
    let items = found.into_iter().map(|address| ImportItem {
        user_id: address.user_id,
        kind: ItemKind::Address,
        value: address.email_key,
    });
    Ok(items.collect())
}

/// Removes and forgets items, and counts them. In a dry run, an item that another batch has removed does not count.
fn remove(
    conn: &mut Conn,
    items: Vec<ImportItem>,
    simulated: Option<&mut SimulatedValues>,
    tally: &mut ImportTally,
) -> QueryResult<()> {
    match simulated {
        Some(simulated) => {
            for item in items {
                let removed = item.kind.labels()[1];
                if simulated.remove(item) {
                    tally.count_item(removed);
                }
            }
        }
        None => {
            for item in items {
                item.delete(conn)?;
                tally.count_item(item.kind.labels()[1]);
            }
        }
    }
    Ok(())
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
        .filter(|item| !conflicts.is_theirs(item))
        .map(|item| FurtherAddress {
            email_key: item.value.clone(),
            user_id: item.user_id,
        })
        .collect();
    let links = of_kind(ItemKind::Identity).filter(|item| !conflicts.is_theirs(item));
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
        let keys = addresses.iter().map(|address| address.email_key.as_str());
        unverify_closed_owners(conn, &keys.collect::<Vec<_>>())?;
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
