//! The changes that a batch makes, and their execution.

use diesel::prelude::*;

use super::existing::{SimulatedValues, simulated_username};
use super::item::AcceptedRow;
use super::ledger::{ImportRecord, profile_digest};
use super::merge::UserChanges;
use super::planned_update::PlannedUpdate;
use super::report::{CountLabel, ImportTally};
use crate::accounts::{User, key_without_email};
use crate::clock::Timestamp;
use crate::db::schema::users;
use crate::db::{Conn, DbError, insert_all};
use crate::ids::UserId;
use crate::keys::Keys;

/// Values for the insert of an imported account.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(super) struct ImportedUser {
    pub(super) id: UserId,
    pub(super) email: String,
    pub(super) email_key: String,
    pub(super) email_verified: bool,
    pub(super) username: Option<String>,
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
    pub(super) django_id: Option<String>,
}

/// The changes that a batch makes, and the rows that it refuses.
#[derive(Default)]
pub(super) struct BatchPlan<'a> {
    pub(super) new: Vec<(ImportedUser, ImportRecord)>,
    pub(super) changed: Vec<PlannedUpdate>,
    /// Accounts that give up their email before they get another one, in a later batch.
    pub(super) freed: Vec<(User, ImportRecord)>,
    /// The same for usernames.
    pub(super) freed_usernames: Vec<(UserId, String)>,
    /// The accounts that keep their email, because the one that they were to get has been taken since the survey.
    pub(super) kept_emails: Vec<UserId>,
    /// The same for usernames.
    pub(super) kept_usernames: Vec<UserId>,
    /// Closed accounts whose email an active account of the batch gets.
    pub(super) released: Vec<(User, ImportRecord)>,
    /// The accounts of which only now is known from which table they were imported.
    pub(super) found: Vec<UserId>,
    /// The rows whose accounts exist after the batch.
    pub(super) accepted: Vec<AcceptedRow<'a>>,
    pub(super) tally: ImportTally,
}

impl<'a> BatchPlan<'a> {
    /// The accounts that keep their email, and those that keep their username.
    pub(super) fn take_kept(&mut self) -> [Vec<UserId>; 2] {
        [&mut self.kept_emails, &mut self.kept_usernames].map(std::mem::take)
    }

    /// Notes that the row's account exists after the batch.
    pub(super) fn accept(&mut self, accepted: AcceptedRow<'a>) {
        // In a dry run, new accounts whose key is no integer have no id. They are told apart by numbers
        // that no account has.
        let user_id = match accepted.user_id == UserId::default() {
            true => UserId::from(-1 - i64::try_from(self.accepted.len()).unwrap_or(i64::MAX)),
            false => accepted.user_id,
        };
        self.accepted.push(AcceptedRow {
            user_id,
            ..accepted
        });
    }

    fn add_notes(&mut self) {
        const REHASHED: CountLabel = (
            "hashes replaced in Django, perhaps for the same passwords; the sessions of these accounts stay",
            "hash replaced in Django, perhaps for the same password; the sessions of this account stay",
        );
        for update in self.changed.iter().filter(|update| update.merge.rehashed) {
            self.tally.note(REHASHED, update.user.key());
        }
        const REOPENED: CountLabel = (
            "accounts opened that an earlier import closed",
            "account opened that an earlier import closed",
        );
        let opens = |update: &&PlannedUpdate| update.merge.changes.is_active == Some(true);
        for update in self.changed.iter().filter(opens) {
            self.tally.note(REOPENED, update.user.key());
        }
        const CLOSED: CountLabel = (
            "accounts closed although other values of their rows cannot be imported",
            "account closed although other values of its row cannot be imported",
        );
        let closes = |update: &&PlannedUpdate| update.only_closes;
        for update in self.changed.iter().filter(closes) {
            self.tally.note(CLOSED, update.user.key());
        }
        const RELEASED: CountLabel = (
            "closed accounts gave up their emails for active ones",
            "closed account gave up its email for an active one",
        );
        for (owner, _) in &self.released {
            self.tally.note(RELEASED, owner.key());
        }
    }

    /// Remembers for the next batches what the plan would write.
    pub(super) fn remember(&self, simulated: &mut SimulatedValues) {
        for (user, _) in &self.new {
            simulated.insert(&user.email_key, user.id);
            if !user.is_active && user.id != UserId::default() {
                simulated.close(user.id);
            }
            if let Some(username) = &user.username {
                simulated.insert(&simulated_username(username), user.id);
            }
            if let Some(id) = &user.workos_user_id {
                simulated.insert(id, user.id);
            }
        }
        for update in &self.changed {
            let (id, changes) = (update.user.id, &update.merge.changes);
            if changes.is_active == Some(false) {
                simulated.close(id);
            }
            if let Some(key) = &changes.email_key {
                simulated.insert(key, id);
            }
            if let Some(workos_user_id) = &changes.workos_user_id {
                simulated.insert(workos_user_id, id);
                if let Some(old) = &update.user.workos_user_id {
                    simulated.give_up(old, id);
                }
            }
            if let Some(username) = &changes.username {
                simulated.insert(&simulated_username(username), id);
            }
        }
    }

    /// Counts what the plan would do, without doing it.
    pub(super) fn simulate(mut self) -> ImportTally {
        self.tally.inserted = count(self.new.len());
        self.add_notes();
        for update in self.changed.iter().filter(|update| !update.refused) {
            if update.merge.changes == UserChanges::default() && !update.gives_up_email {
                self.tally.unchanged += 1;
            } else {
                self.tally.updated += 1;
            }
        }
        self.tally
    }

    /// Executes the plan. Updates come before inserts, since an update may free an email.
    pub(super) fn execute(
        mut self,
        conn: &mut Conn,
        keys: Option<&Keys>,
        (source_table, now): (&str, Timestamp),
    ) -> Result<ImportTally, DbError> {
        self.add_notes();
        ImportRecord::set_source_table(conn, &self.found, source_table)?;
        for (owner, record) in self.released {
            release_email(conn, &owner, record, false)?;
        }
        for (owner, record) in self.freed {
            let is_verified = owner.email_verified;
            release_email(conn, &owner, record, is_verified)?;
        }
        for (owner, username) in self.freed_usernames {
            let named = users::table
                .find(owner)
                .filter(users::username.eq(username));
            diesel::update(named)
                .set(users::username.eq(None::<String>))
                .execute(conn)?;
        }
        let mut tally = self.tally;
        for update in &self.changed {
            update.give_up_values(conn)?;
        }
        for update in self.changed {
            let changed = update.execute(conn, keys, now)?;
            match (update.refused, changed || update.gives_up_email) {
                (true, _) => {}
                (false, true) => tally.updated += 1,
                (false, false) => tally.unchanged += 1,
            }
        }
        tally.inserted = count(self.new.len());
        if !self.new.is_empty() {
            let (new, records): (Vec<ImportedUser>, Vec<_>) = self.new.into_iter().unzip();
            insert_all!(conn, users::table, &new)?;
            ImportRecord::insert_all(conn, &records)?;
        }
        Ok(tally)
    }
}

/// Removes the email of an account, and notes it in its record, so that this or a later import can restore Django's
/// once it is free. `email_verified`: whether the account's credentials count as given out for a verified email.
fn release_email(
    conn: &mut Conn,
    owner: &User,
    mut record: ImportRecord,
    email_verified: bool,
) -> QueryResult<()> {
    record.profile_digest = profile_digest("", &owner.first_name, &owner.last_name);
    let as_read = users::table
        .find(owner.id)
        .filter(users::is_active.eq(owner.is_active))
        .filter(users::email.eq(&owner.email));
    let changes = (
        users::email.eq(""),
        users::email_key.eq(key_without_email(owner.id)),
        users::email_verified.eq(email_verified),
    );
    if diesel::update(as_read).set(changes).execute(conn)? == 1 {
        record.save(conn)?;
    }
    Ok(())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
