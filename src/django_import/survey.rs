//! Reads the whole table before the first batch of a later import, to decide what depends on several rows.
//!
//! A batch does not know what becomes of an account of another batch: whether Django has closed it, and whether it gives
//! up its email or username. Without this, the result would depend on the batches.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::existing::ExistingRows;
use super::moves::ValueMoves;
use super::row::DjangoUser;
use super::source_keys::SourceKeys;
use crate::accounts::{User, UserKey, key_without_email};
use crate::django_import::ledger::ImportRecord;
use crate::ids::UserId;

/// What a survey of the table has found; empty in a first import.
#[derive(Default)]
pub(super) struct TableSurvey {
    /// The keys of all rows.
    pub(super) keys: SourceKeys,
    pub(super) emails: ValueMoves,
    pub(super) usernames: ValueMoves,
    /// The accounts that Django has closed and that give up their email for an open account.
    closed: HashSet<UserId>,
    /// The accounts closed here that hold the email of another row, and give it up if Django has no row of theirs.
    closed_here: HashMap<UserId, UserKey>,
    hasher: RandomState,
    /// The WorkOS users to whom open accounts are to be linked.
    workos_ids: HashSet<u64>,
    is_complete: bool,
}

impl TableSurvey {
    /// Adds the rows of a batch, whose accounts are in `existing`.
    pub(super) fn add(&mut self, existing: &ExistingRows, rows: &[DjangoUser], source_table: &str) {
        for row in rows {
            let id = existing.account_id(&row.key);
            match (existing.users.get(&id), existing.records.get(&id)) {
                (Some(user), Some(record)) if existing.refusal(id, row, source_table).is_none() => {
                    self.add_known(existing, (user, record), row);
                }
                (None, None) if row.is_active => {
                    if let Ok(email) = &row.email {
                        self.emails.add_new(&email.key);
                        self.add_owner(existing, &email.key, source_table);
                    }
                    if let Some(username) = &row.username {
                        self.usernames.add_new(username);
                    }
                    self.add_workos_id(row);
                }
                _ => {}
            }
            if let (Ok(email), true) = (&row.email, existing.records.contains_key(&id)) {
                self.add_owner(existing, &email.key, source_table);
            }
        }
    }

    fn add_known(
        &mut self,
        existing: &ExistingRows,
        (user, record): (&User, &ImportRecord),
        row: &DjangoUser,
    ) {
        let is_open = record.merged_is_active(user, row);
        if !row.is_active && !is_open && record.can_release_email_of(user) {
            self.closed.insert(user.id);
        }
        if is_open && row.workos_user_id != user.workos_user_id {
            self.add_workos_id(row);
        }
        let account = (user.id, is_open && row.is_active);
        let none = row.lacks_email.then(|| key_without_email(user.id));
        let email = row.email.as_ref().map(|email| &email.key).ok();
        if let Some(email) = email.or(none.as_ref())
            && *email != user.email_key
            && user.workos_user_id.is_none()
            && record.matches_profile_of(user)
        {
            let owner = existing.emails.get(email).copied();
            let change = (Some(user.email_key.as_str()), email.as_str());
            self.emails.add(account, change, owner);
        }
        if let Some(username) = &row.username
            && user.username.as_ref() != Some(username)
        {
            let owner = existing.usernames.get(username).copied();
            let change = (user.username.as_deref(), username.as_str());
            self.usernames.add(account, change, owner);
        }
    }

    fn add_workos_id(&mut self, row: &DjangoUser) {
        if let Some(id) = &row.workos_user_id {
            self.workos_ids.insert(self.hasher.hash_one(id.as_str()));
        }
    }

    fn add_owner(&mut self, existing: &ExistingRows, email_key: &str, source_table: &str) {
        let owner = existing.emails.get(email_key);
        let owner = owner.and_then(|owner| existing.email_owners.get(owner));
        if let Some((owner, record)) = owner
            && !owner.is_active
            && record.is_of_table(source_table)
            && record.can_release_email_of(owner)
        {
            self.closed_here.insert(owner.id, owner.key());
        }
    }

    /// Decides, after the last row was added.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
        let mut emails = std::mem::take(&mut self.emails);
        emails.resolve(|owner| self.gives_way(owner));
        self.emails = emails;
        self.usernames.resolve(|_| false);
    }

    /// Whether the account gives up its email for an open one: Django has closed it, or has it no longer and it is closed
    /// here. One that was closed here alone keeps its email, because Django still has its owner.
    pub(super) fn gives_way(&self, owner: UserId) -> bool {
        let closed_here = self.closed_here.get(&owner);
        self.is_closed(owner) || closed_here.is_some_and(|key| self.is_gone(key))
    }

    /// Whether Django has closed the account, and an import may take its email away.
    pub(super) fn is_closed(&self, id: UserId) -> bool {
        self.closed.contains(&id)
    }

    /// Whether Django has no row with this key.
    pub(super) fn is_gone(&self, key: &UserKey) -> bool {
        self.is_complete && !self.keys.contains(key)
    }

    /// Whether the row of an open account names this WorkOS user, to whom the account is not linked yet.
    pub(super) fn links_open_account(&self, workos_user_id: &str) -> bool {
        let hash = self.hasher.hash_one(workos_user_id);
        self.workos_ids.contains(&hash)
    }

    /// Notes the accounts that keep their email, and those that keep their username.
    pub(super) fn keep(&mut self, [emails, usernames]: [Vec<UserId>; 2]) {
        emails.into_iter().for_each(|id| self.emails.keep(id));
        usernames.into_iter().for_each(|id| self.usernames.keep(id));
    }

    /// Whether the table was read.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }
}
