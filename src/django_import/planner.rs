//! Brings one batch of users after another into our table.

use std::collections::HashMap;

use super::existing::{ExistingRows, SimulatedValues};
use super::ledger::ImportRecord;
use super::merge::UserMerge;
use super::plan::{BatchPlan, ImportedUser, PlannedUpdate};
use super::report::{ImportTally, RefusalReason, RefusedRow};
use super::row::{CheckedEmail, DjangoUser, RawUser};
use super::{ImportError, ImportOptions, write_again_when_taken};
use crate::accounts::{User, unusable_password};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};

/// Brings users, batch by batch.
pub(super) struct ImportPlanner {
    emails_verified: bool,
    /// What a dry run would have taken so far; `None`: this is none, and the table itself knows.
    would_have: Option<SimulatedValues>,
    clock: Clock,
    /// Of the batch: an import lasts longer than replicas look back for ended sessions.
    now: Timestamp,
}

impl ImportPlanner {
    pub(super) fn new(options: &ImportOptions, clock: &Clock) -> Self {
        Self {
            emails_verified: options.emails_verified,
            would_have: options.dry_run.then(SimulatedValues::default),
            clock: clock.clone(),
            now: clock.now(),
        }
    }

    /// Brings a batch in one transaction, or only looks what it would do, and counts.
    pub(super) fn batch(
        &mut self,
        target: &Database,
        batch: Vec<RawUser>,
        tally: &mut ImportTally,
    ) -> Result<(), ImportError> {
        self.now = self.clock.now();
        let mut rows = Vec::with_capacity(batch.len());
        for cells in batch {
            match cells.check() {
                Ok(row) => rows.push(row),
                Err(refusal) => tally.refuse(refusal),
            }
        }
        let done = if self.would_have.is_some() {
            let plan = target.read_blocking(|conn| self.plan(conn, &rows))?;
            self.remember(&plan);
            plan.would_do()
        } else {
            write_again_when_taken(target, |conn| {
                self.plan(conn, &rows)?.carry_out(conn, self.now)
            })?
        };
        tally.add(done);
        Ok(())
    }

    fn plan(&self, conn: &mut Conn, rows: &[DjangoUser]) -> Result<BatchPlan, DbError> {
        let mut here = ExistingRows::load(conn, rows)?;
        let mut plan = BatchPlan::default();
        for row in rows {
            let known = (here.users.remove(&row.id), here.records.remove(&row.id));
            let refusal = match known {
                (None, Some(_)) => Some(RefusedRow::new(row.id, RefusalReason::DeletedHere)),
                (None, None) => self.newcomer(&mut plan, &mut here, row)?,
                (Some(user), Some(record)) if !is_somebody_else(&user, row) => {
                    self.meet(&mut plan, &mut here, user, &record, row)?
                }
                (Some(_), _) => Some(RefusedRow::new(row.id, RefusalReason::IdTaken)),
            };
            if let Some(refusal) = refusal {
                plan.tally.refuse(refusal);
            }
        }
        Ok(plan)
    }

    /// A row whose id nobody has here.
    fn newcomer(
        &self,
        plan: &mut BatchPlan,
        here: &mut ExistingRows,
        row: &DjangoUser,
    ) -> Result<Option<RefusedRow>, DbError> {
        let email = match &row.email {
            Ok(email) => email,
            Err(reason) => return Ok(Some(RefusedRow::new(row.id, *reason))),
        };
        if let Some(other) = self.holder(&here.emails, &email.key) {
            return Ok(Some(
                RefusedRow::new(row.id, RefusalReason::EmailTaken).by(other),
            ));
        }
        if let Some(id) = &row.workos_user_id
            && let Some(other) = self.holder(&here.workos_ids, id)
        {
            return Ok(Some(
                RefusedRow::new(row.id, RefusalReason::WorkosIdTaken).by(other),
            ));
        }
        let password = match &row.password {
            Some(password) => password.clone(),
            None => unusable_password()?,
        };
        here.emails.insert(email.key.clone(), row.id);
        if let Some(id) = &row.workos_user_id {
            here.workos_ids.insert(id.clone(), row.id);
        }
        let record = ImportRecord::new(row, &password, &email.text, self.now);
        plan.new.push((self.account(row, email, password), record));
        Ok(None)
    }

    /// A row that is here already.
    fn meet(
        &self,
        plan: &mut BatchPlan,
        here: &mut ExistingRows,
        user: User,
        record: &ImportRecord,
        row: &DjangoUser,
    ) -> Result<Option<RefusedRow>, DbError> {
        let unusable = unusable_password()?;
        let mut merge = UserMerge::of(&user, record.clone(), row, &unusable, self.emails_verified);
        let mut refusal = row
            .email
            .as_ref()
            .err()
            .map(|reason| RefusedRow::new(row.id, *reason));
        if let Some(key) = &merge.changes.email_key {
            match self.holder(&here.emails, key) {
                Some(other) => {
                    refusal = Some(RefusedRow::new(row.id, RefusalReason::EmailTaken).by(other));
                    merge.without_profile(record);
                }
                None => {
                    here.emails.remove(&user.email_key);
                    here.emails.insert(key.clone(), row.id);
                }
            }
        }
        if let Some(id) = &merge.changes.workos_user_id {
            match self.holder(&here.workos_ids, id) {
                Some(other) => {
                    refusal = Some(RefusedRow::new(row.id, RefusalReason::WorkosIdTaken).by(other));
                    merge.without_workos_user_id(record);
                }
                None => {
                    here.workos_ids.insert(id.clone(), row.id);
                }
            }
        }
        plan.changed.push(PlannedUpdate {
            user,
            merge,
            refused: refusal.is_some(),
        });
        Ok(refusal)
    }

    fn account(&self, row: &DjangoUser, email: &CheckedEmail, password: String) -> ImportedUser {
        ImportedUser {
            id: row.id,
            email: email.text.clone(),
            email_key: email.key.clone(),
            email_verified: self.emails_verified,
            first_name: row.first_name.clone(),
            last_name: row.last_name.clone(),
            password,
            workos_user_id: row.workos_user_id.clone(),
            is_active: row.is_active,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            imported: true,
            date_joined: row.date_joined.unwrap_or(self.now),
            last_login: row.last_login,
        }
    }

    /// Which account has this e-mail or WorkOS id: here, or after this dry run.
    fn holder(&self, here: &HashMap<String, i64>, value: &str) -> Option<i64> {
        let here = here.get(value).copied();
        here.or_else(|| self.would_have.as_ref().and_then(|seen| seen.holder(value)))
    }

    fn remember(&mut self, plan: &BatchPlan) {
        let Some(seen) = &mut self.would_have else {
            return;
        };
        for (user, _) in &plan.new {
            seen.note(&user.email_key, user.id);
            if let Some(id) = &user.workos_user_id {
                seen.note(id, user.id);
            }
        }
    }
}

/// Whether the account was imported from another row, of another Django perhaps: e-mails change, and
/// the day somebody joined does not.
fn is_somebody_else(user: &User, row: &DjangoUser) -> bool {
    let other_email = row
        .email
        .as_ref()
        .is_ok_and(|email| email.key != user.email_key);
    other_email
        && row
            .date_joined
            .is_some_and(|joined| joined != user.date_joined)
}
