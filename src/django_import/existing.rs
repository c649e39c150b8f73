//! Loads what this database already holds of the values in a batch.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use diesel::prelude::*;

use super::ledger::ImportRecord;
use super::row::DjangoUser;
use crate::accounts::User;
use crate::db::schema::users;
use crate::db::{Conn, DbError};
use crate::ids::UserId;

/// The accounts and records with the ids of a batch, and the accounts that hold its emails and
/// WorkOS ids.
pub(super) struct ExistingRows {
    pub(super) users: HashMap<UserId, User>,
    pub(super) records: HashMap<UserId, ImportRecord>,
    /// Email key → account.
    pub(super) emails: HashMap<String, UserId>,
    /// WorkOS user id → account.
    pub(super) workos_ids: HashMap<String, UserId>,
}

/// The emails and WorkOS ids that a dry run would have written so far, and the row of each. A dry
/// run has to notice that two rows of the source collide. Values are kept as hashes of eight bytes,
/// since a million emails would need too much memory.
#[derive(Default)]
pub(super) struct SimulatedValues {
    hasher: RandomState,
    owners: HashMap<u64, UserId>,
}

impl SimulatedValues {
    pub(super) fn insert(&mut self, value: &str, id: UserId) {
        self.owners.insert(self.hasher.hash_one(value), id);
    }

    pub(super) fn owner(&self, value: &str) -> Option<UserId> {
        self.owners.get(&self.hasher.hash_one(value)).copied()
    }
}

impl ExistingRows {
    pub(super) fn load(conn: &mut Conn, rows: &[DjangoUser]) -> Result<Self, DbError> {
        let ids: Vec<UserId> = rows.iter().map(|row| row.id).collect();
        let emails: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.email.as_ref().ok())
            .map(|email| email.key.as_str())
            .collect();
        let workos_ids: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.workos_user_id.as_deref())
            .collect();
        let with_id = users::table.filter(users::id.eq_any(&ids));
        let found: Vec<User> = with_id.select(User::as_select()).load(conn)?;
        let with_email = users::table.filter(users::email_key.eq_any(&emails));
        let emails: Vec<(String, UserId)> = with_email
            .select((users::email_key, users::id))
            .load(conn)?;
        let mut existing = Self {
            users: found.into_iter().map(|user| (user.id, user)).collect(),
            records: ImportRecord::with_ids(conn, &ids)?
                .into_iter()
                .map(|record| (record.user_id, record))
                .collect(),
            emails: emails.into_iter().collect(),
            workos_ids: HashMap::new(),
        };
        if !workos_ids.is_empty() {
            let linked = users::table.filter(users::workos_user_id.eq_any(&workos_ids));
            let linked: Vec<(Option<String>, UserId)> = linked
                .select((users::workos_user_id, users::id))
                .load(conn)?;
            let linked = linked.into_iter();
            existing.workos_ids = linked.filter_map(|(key, id)| Some((key?, id))).collect();
        }
        Ok(existing)
    }
}
