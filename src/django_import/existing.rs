//! What is here already of what a batch of rows would take.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use diesel::prelude::*;

use super::ledger::ImportRecord;
use super::row::DjangoUser;
use crate::accounts::User;
use crate::db::schema::users;
use crate::db::{Conn, DbError};

/// What is here of what a batch touches.
pub(super) struct ExistingRows {
    pub(super) users: HashMap<i64, User>,
    pub(super) records: HashMap<i64, ImportRecord>,
    pub(super) emails: HashMap<String, i64>,
    pub(super) workos_ids: HashMap<String, i64>,
}

/// E-mails and WorkOS ids by their hash, eight bytes each, and the row that has it: a dry run must
/// see that two rows of the source collide, and cannot keep a million e-mails.
#[derive(Default)]
pub(super) struct SimulatedValues {
    hasher: RandomState,
    taken: HashMap<u64, i64>,
}

impl SimulatedValues {
    pub(super) fn note(&mut self, value: &str, id: i64) {
        self.taken.insert(self.hasher.hash_one(value), id);
    }

    pub(super) fn holder(&self, value: &str) -> Option<i64> {
        self.taken.get(&self.hasher.hash_one(value)).copied()
    }
}

impl ExistingRows {
    pub(super) fn load(conn: &mut Conn, rows: &[DjangoUser]) -> Result<Self, DbError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
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
        let emails: Vec<(String, i64)> = with_email
            .select((users::email_key, users::id))
            .load(conn)?;
        let mut here = Self {
            users: found.into_iter().map(|user| (user.id, user)).collect(),
            records: ImportRecord::of(conn, &ids)?
                .into_iter()
                .map(|record| (record.user_id, record))
                .collect(),
            emails: emails.into_iter().collect(),
            workos_ids: HashMap::new(),
        };
        if !workos_ids.is_empty() {
            let linked = users::table.filter(users::workos_user_id.eq_any(&workos_ids));
            let linked: Vec<(Option<String>, i64)> = linked
                .select((users::workos_user_id, users::id))
                .load(conn)?;
            let linked = linked.into_iter();
            here.workos_ids = linked.filter_map(|(key, id)| Some((key?, id))).collect();
        }
        Ok(here)
    }
}
