//! What a batch is to write, and the writing of it.

use diesel::prelude::*;

use super::ledger::ImportRecord;
use super::merge::{UserChanges, UserMerge};
use super::report::ImportTally;
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::{Conn, DbError, insert_all};
use crate::sessions::SessionRow;

/// A new account as an import writes it.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(super) struct ImportedUser {
    pub(super) id: i64,
    pub(super) email: String,
    pub(super) email_key: String,
    pub(super) email_verified: bool,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) password: String,
    pub(super) workos_user_id: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) imported: bool,
    pub(super) date_joined: Timestamp,
    pub(super) last_login: Option<Timestamp>,
}

/// What a batch writes, and what is told of it.
#[derive(Default)]
pub(super) struct BatchPlan {
    pub(super) new: Vec<(ImportedUser, ImportRecord)>,
    pub(super) changed: Vec<PlannedUpdate>,
    pub(super) tally: ImportTally,
}

/// A row that is here already, and what comes of it.
pub(super) struct PlannedUpdate {
    pub(super) user: User,
    pub(super) merge: UserMerge,
    /// Something of it could not be brought.
    pub(super) refused: bool,
}

impl BatchPlan {
    pub(super) fn would_do(mut self) -> ImportTally {
        self.tally.taken = count(self.new.len());
        for meeting in self.changed.iter().filter(|meeting| !meeting.refused) {
            if meeting.merge.changes == UserChanges::default() {
                self.tally.unchanged += 1;
            } else {
                self.tally.updated += 1;
            }
        }
        self.tally
    }

    /// Changes before insertions: they may set an e-mail free.
    pub(super) fn carry_out(self, conn: &mut Conn, now: Timestamp) -> Result<ImportTally, DbError> {
        let mut tally = self.tally;
        for meeting in self.changed {
            let changed = meeting.carry_out(conn, now)?;
            match (meeting.refused, changed) {
                (true, _) => {}
                (false, true) => tally.updated += 1,
                (false, false) => tally.unchanged += 1,
            }
        }
        tally.taken = count(self.new.len());
        if !self.new.is_empty() {
            let (new, records): (Vec<_>, Vec<_>) = self.new.into_iter().unzip();
            insert_all!(conn, users::table, &new)?;
            ImportRecord::insert_all(conn, &records)?;
        }
        Ok(tally)
    }
}

impl PlannedUpdate {
    /// Writes what changes, unless the account has changed since it was looked at.
    fn carry_out(&self, conn: &mut Conn, now: Timestamp) -> Result<bool, DbError> {
        let Self { user, merge, .. } = self;
        if merge.changes == UserChanges::default() {
            return Ok(false);
        }
        let as_it_was = users::table
            .find(user.id)
            .filter(users::password.eq(&user.password))
            .filter(users::email.eq(&user.email))
            .filter(users::is_active.eq(user.is_active))
            .filter(users::token_version.eq(user.token_version));
        if diesel::update(as_it_was)
            .set(&merge.changes)
            .execute(conn)?
            == 0
        {
            return Ok(false);
        }
        merge.record.save(conn)?;
        if merge.ends_sessions() {
            SessionRow::revoke_all_of_user(conn, user.id, now)?;
        }
        Ok(true)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
