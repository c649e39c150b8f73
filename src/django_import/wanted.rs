//! What an account has in other tables of Django's, as items that can be imported.

use std::collections::{BTreeMap, BTreeSet};

use super::item::{ImportItem, ItemKind};
use super::report::{CountLabel, ImportTally};
use super::row::DjangoUser;
use crate::accounts::{email_key, email_problem};

/// The items that an account has in Django.
pub(super) struct WantedItems {
    items: BTreeSet<(ItemKind, String)>,
    /// The subjects of identities whose issuer is unknown.
    unresolved: BTreeSet<String>,
}

impl WantedItems {
    /// The items of a row. `issuers`: the issuers of providers. What cannot be imported is noted.
    pub(super) fn of(
        row: &DjangoUser,
        issuers: &BTreeMap<String, String>,
        tally: &mut ImportTally,
    ) -> Self {
        const UNVERIFIED: CountLabel = (
            "further email addresses that are not verified, not imported",
            "further email address that is not verified, not imported",
        );
        const NO_ISSUER: CountLabel = (
            "identities at providers whose issuers are unknown, not imported; see --issuer",
            "identity at a provider whose issuer is unknown, not imported; see --issuer",
        );
        const STORED_ISSUER: CountLabel = (
            "identities at providers of which only their own data says who they are, not imported; if one is this issuer, see --issuer",
            "identity at a provider of which only its own data says who it is, not imported; if it is this issuer, see --issuer",
        );
        let (mut items, mut unresolved) = (BTreeSet::new(), BTreeSet::new());
        let own = row.email.as_ref().map(|email| email.key.as_str());
        for address in &row.related.addresses {
            let key = email_key(address.email.trim());
            if own == Ok(key.as_str()) {
                continue;
            }
            match address.verified && email_problem(&key).is_none() {
                true => drop(items.insert((ItemKind::Address, key))),
                false => tally.note(UNVERIFIED, &row.key),
            }
        }
        for identity in &row.related.identities {
            let named = issuers.get(&identity.provider);
            tally.providers.insert(identity.provider.clone());
            match (named, &identity.issuer) {
                (Some(issuer), _) => {
                    let value = format!("{issuer} {}", identity.subject);
                    items.insert((ItemKind::Identity, value));
                }
                (None, stored) => {
                    unresolved.insert(identity.subject.clone());
                    let provider = identity.provider.escape_debug();
                    match stored.as_ref().map(|issuer| issuer.escape_debug()) {
                        Some(issuer) => {
                            let row = format_args!("{} ({provider}: {issuer})", row.key);
                            tally.note(STORED_ISSUER, row);
                        }
                        None => tally.note(NO_ISSUER, format_args!("{} ({provider})", row.key)),
                    }
                }
            }
        }
        let groups = row.related.groups.iter();
        items.extend(groups.map(|name| (ItemKind::Group, name.clone())));
        Self { items, unresolved }
    }

    /// The values of a kind.
    pub(super) fn values(&self, kind: ItemKind) -> impl Iterator<Item = &String> {
        let items = self.items.iter();
        items.filter_map(move |(other, value)| (*other == kind).then_some(value))
    }

    /// Whether the account may have this item in Django: it has it, or an identity whose issuer is unknown in this run
    /// may be it.
    pub(super) fn may_have(&self, item: &ImportItem) -> bool {
        let identity = item.identity();
        self.items.contains(&(item.kind, item.value.clone()))
            || identity.is_some_and(|(_, subject)| self.unresolved.contains(subject))
    }
}
