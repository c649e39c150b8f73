//! Which items of a batch are new and added, and which belong to other accounts.

use std::collections::{BTreeSet, HashSet};

use super::item::{AcceptedRow, ImportItem, ItemKind};
use super::item_claims::ItemClaims;
use super::item_conflicts::ItemConflicts;
use super::report::{CountLabel, ImportTally};
use super::wanted::WantedItems;

/// The report's remark on an item that another account has.
fn taken_label(kind: ItemKind) -> CountLabel {
    match kind {
        ItemKind::Identity => (
            "identities of other accounts, not imported",
            "identity of another account, not imported",
        ),
        _ => (
            "further email addresses of other accounts, not imported",
            "further email address of another account, not imported",
        ),
    }
}

/// The new items of a row that its account gets; the others are noted, and a later import may bring them. `known`: the
/// items that were imported before.
pub(super) fn new_items(
    accepted: &AcceptedRow<'_>,
    (wanted, known): (&WantedItems, Option<&BTreeSet<(ItemKind, String)>>),
    claims: &ItemClaims,
    tally: &mut ImportTally,
) -> Vec<ImportItem> {
    const CHANGED: CountLabel = (
        "passwords changed here, so that addresses, identities and groups that are new in Django are not added",
        "password changed here, so that addresses, identities and groups that are new in Django are not added",
    );
    const OF_CLOSED: CountLabel = (
        "further email addresses of closed accounts, not imported",
        "further email address of a closed account, not imported",
    );
    let key = &accepted.row.key;
    let (mut new, mut is_changed) = (Vec::new(), false);
    for kind in [ItemKind::Address, ItemKind::Identity, ItemKind::Group] {
        for value in wanted.values(kind) {
            let item = ImportItem {
                user_id: accepted.user_id,
                kind,
                value: value.clone(),
            };
            let is_known = known.is_some_and(|known| known.contains(&(kind, value.clone())));
            // Noted also while the account has it still: the other one gets it in an earlier or in a later batch.
            if claims.belongs_to_another(key, kind, value) {
                tally.note(taken_label(kind), key);
            } else if is_known {
                continue;
            } else if !accepted.is_unchanged {
                is_changed = true;
            } else if kind == ItemKind::Address && !accepted.is_open {
                tally.note(OF_CLOSED, key);
            } else if kind != ItemKind::Group && !claims.gets(key, &item) {
                tally.note(taken_label(kind), key);
            } else {
                new.push(item);
            }
        }
    }
    if is_changed {
        tally.note(CHANGED, key);
    }
    new
}

/// The items that are added, and those that other accounts lose to them. The others are noted.
pub(super) fn without_conflicts(
    items: Vec<ImportItem>,
    here: &ItemConflicts,
    (accepted, claims): (&[AcceptedRow<'_>], &ItemClaims),
    tally: &mut ImportTally,
) -> (Vec<ImportItem>, Vec<ImportItem>) {
    const SECOND: CountLabel = (
        "second identities at a provider, not imported",
        "second identity at a provider, not imported",
    );
    const UNVERIFIED: CountLabel = (
        "own email addresses of closed accounts that open accounts have verified as further ones, so that they count as not verified",
        "own email address of a closed account that an open account has verified as a further one, so that it counts as not verified",
    );
    let mut issuers = HashSet::new();
    let (mut added, mut taken) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        let id = item.user_id;
        let row = accepted.iter().find(|accepted| accepted.user_id == id);
        let keeps_email = row.is_some_and(|row| !row.changes_email);
        let holder = here.holder(&item).filter(|holder| *holder != id);
        let owner = here.owner(&item).filter(|owner| *owner != id);
        let released = owner.map(|owner| claims.releases(owner, &item));
        let problem = match item.kind {
            ItemKind::Group if here.is_in_group(&item) => continue,
            // It is the own address of the account here.
            ItemKind::Address if keeps_email && here.owner(&item) == Some(id) => continue,
            _ if holder.is_some_and(|holder| !claims.loses(holder, &item)) => {
                Some(taken_label(item.kind))
            }
            _ if released == Some(None) => Some(taken_label(item.kind)),
            ItemKind::Identity if !here.is_theirs(&item) => {
                let issuer = item.identity().map_or("", |(issuer, _)| issuer);
                let place = (id, issuer.to_owned());
                (here.has_identity(&place) || !issuers.insert(place)).then_some(SECOND)
            }
            _ => None,
        };
        if let Some(problem) = problem {
            if let Some(row) = row {
                tally.note(problem, &row.row.key);
            }
            continue;
        }
        if let Some(Some(Some(closed))) = released {
            tally.note(UNVERIFIED, closed);
        }
        taken.extend(holder.map(|holder| ImportItem {
            user_id: holder,
            ..item.clone()
        }));
        added.push(item);
    }
    (added, taken)
}
