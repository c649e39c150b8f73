//! Plans and executes the import of users, batch by batch.

mod closed_rows;
mod emails;
mod insert;
mod reading;
mod removals;
mod update;

use super::ambiguous_names::AmbiguousNames;
use super::error::ImportError;
use super::existing::{ExistingRows, SimulatedValues};
use super::item::ItemKind;
use super::item_claims::ItemClaims;
use super::items::ItemImport;
use super::key::{KeyColumn, WITHOUT_HYPHENS, is_uuid_without_hyphens};
use super::options::ImportOptions;
use super::pass::ImportPass;
use super::plan::BatchPlan;
use super::report::{CountLabel, ImportTally, RefusalReason, RefusedRow};
use super::row::{ClosedUser, DjangoUser, RawUser, RefusedUser};
use super::second_factor::DjangoFactor;
use super::source::DjangoUserTable;
use super::survey::TableSurvey;
use super::transaction::write_retrying_conflicts;
use super::usernames::{UsernameContext, needs_no_email};
use super::withheld::WithheldPasswords;
use crate::accounts::passwords::is_usable;
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::settings::{LoginField, PasswordLogin};

/// Imports users, batch by batch.
pub(super) struct ImportPlanner {
    emails_verified: bool,
    keys: KeyColumn,
    /// The name of Django's table, and, in a dry run, the name of which `--renamed-from` says that it is the same.
    source_table: String,
    renamed_from: Option<String>,
    /// The fields that the source lacks. An update leaves them as they are.
    unread_fields: Vec<&'static str>,
    legacy_hashers: bool,
    items: ItemImport,
    login_field: LoginField,
    password_login: PasswordLogin,
    ambiguous_names: AmbiguousNames,
    survey: TableSurvey,
    claims: ItemClaims,
    /// What a dry run would have written so far; `None` outside a dry run.
    simulated: Option<SimulatedValues>,
    clock: Clock,
    /// The time of the current batch. One time for the whole import would be too old: an import can
    /// last longer than the interval in which replicas look for revoked sessions.
    now: Timestamp,
}

impl ImportPlanner {
    pub(super) fn new(
        options: &ImportOptions,
        table: &DjangoUserTable,
        items: ItemImport,
        clock: &Clock,
    ) -> Self {
        Self {
            emails_verified: options.emails_verified,
            keys: table.key_column(),
            source_table: table.source_name(),
            renamed_from: options.renamed_from.clone(),
            unread_fields: table.unread_fields(),
            legacy_hashers: options.legacy_hashers,
            items,
            login_field: options.login_field,
            password_login: options.password_login,
            ambiguous_names: AmbiguousNames::default(),
            survey: TableSurvey::default(),
            claims: ItemClaims::default(),
            simulated: options.dry_run.then(SimulatedValues::default),
            clock: clock.clone(),
            now: clock.now(),
        }
    }

    /// The rows that can be imported, and the others.
    fn check(&self, batch: Vec<RawUser>) -> (Vec<DjangoUser>, Vec<RefusedUser>) {
        let (mut rows, mut refused) = (Vec::with_capacity(batch.len()), Vec::new());
        for raw in batch {
            match raw.check(self.keys) {
                Ok(mut row) => {
                    row.password.convert_legacy(self.legacy_hashers);
                    let reads_emails = !self.unread_fields.contains(&"email");
                    row.lacks_email = reads_emails && needs_no_email(&row, self.login_field);
                    let has_other_factor = matches!(row.related.factor, DjangoFactor::Other(_));
                    if self.items.keys.is_some() && has_other_factor {
                        row.password.withhold();
                    }
                    rows.push(row);
                }
                Err(refusal) => refused.push(refusal),
            }
        }
        (rows, refused)
    }

    /// What this database holds of the values in a batch.
    fn load(&self, conn: &mut Conn, rows: &[DjangoUser]) -> Result<ExistingRows, DbError> {
        let mut existing = ExistingRows::load(conn, rows)?;
        if let Some(old) = &self.renamed_from {
            existing.rename_source(old, &self.source_table);
        }
        Ok(existing)
    }

    /// Imports a batch in one transaction, or simulates it in a dry run, and adds to the counts.
    pub(super) fn import_batch(
        &mut self,
        target: &Database,
        pass: ImportPass,
        batch: Vec<RawUser>,
        tally: &mut ImportTally,
    ) -> Result<(), ImportError> {
        self.now = self.clock.now();
        let (rows, refused) = self.check(batch);
        let mut closed = Vec::new();
        for RefusedUser {
            refusal,
            closed: row,
        } in refused
        {
            // The last pass reads the rows of closed accounts again.
            if pass != ImportPass::ClosedKnown {
                tally.refuse(refusal);
            }
            if pass.takes(true) {
                closed.extend(row.map(|row| *row));
            }
        }
        if self.login_field == LoginField::Username {
            rows.iter().for_each(|row| self.ambiguous_names.add(row));
        }
        let (done, kept) = if self.simulated.is_some() {
            let mut plan = target.read_blocking(|conn| self.plan(conn, pass, (&rows, &closed)))?;
            tally.add(target.read_blocking(|conn| {
                let simulated = self.simulated.as_mut();
                let claims = &self.claims;
                self.items
                    .sync(conn, &plan.accepted, claims, self.now, simulated)
            })?);
            if let Some(simulated) = &mut self.simulated {
                plan.remember(simulated);
            }
            let kept = plan.take_kept();
            (plan.simulate(), kept)
        } else {
            write_retrying_conflicts(target, |conn| {
                let mut plan = self.plan(conn, pass, (&rows, &closed))?;
                let accepted = std::mem::take(&mut plan.accepted);
                let kept = plan.take_kept();
                let mut tally = plan.execute(
                    conn,
                    self.items.keys.as_ref(),
                    (&self.source_table, self.now),
                )?;
                let claims = &self.claims;
                tally.add(self.items.sync(conn, &accepted, claims, self.now, None)?);
                Ok((tally, kept))
            })?
        };
        tally.add(done);
        self.survey.keep(kept);
        Ok(())
    }

    /// Names the accounts whose username is the email of another account, and those that Django no longer has.
    pub(super) fn note_accounts(
        &self,
        target: &Database,
        tally: &mut ImportTally,
    ) -> Result<(), DbError> {
        let simulated = self.simulated.as_ref();
        target.read_blocking(|conn| {
            self.ambiguous_names.note(conn, simulated, tally)?;
            if self.survey.is_complete() {
                let keys = &self.survey.keys;
                keys.note_absent(conn, &self.source_table, tally)?;
            }
            Ok(())
        })
    }

    fn plan<'a>(
        &self,
        conn: &mut Conn,
        pass: ImportPass,
        (rows, closed): (&'a [DjangoUser], &[ClosedUser]),
    ) -> Result<BatchPlan<'a>, DbError> {
        let mut existing = self.load(conn, rows)?;
        if pass.takes(false) && self.simulated.is_none() {
            existing.assign_ids(conn, rows)?;
        }
        let withheld = WithheldPasswords::load(conn, existing.users.keys())?;
        let mut plan = BatchPlan::default();
        for row in rows {
            let id = existing.account_id(&row.key);
            if !pass.takes(existing.records.contains_key(&id)) {
                continue;
            }
            row.password.count(&mut plan.tally, &row.key);
            if row.key.django_id().is_some_and(is_uuid_without_hyphens) {
                plan.tally.note(WITHOUT_HYPHENS, &row.key);
            }
            if let Some(refusal) = existing.refusal(id, row, &self.source_table) {
                Self::name_still_open(&mut plan, &existing, (id, row), refusal.reason, true);
                plan.tally.refuse(refusal);
                continue;
            }
            let found = (existing.users.remove(&id), existing.records.remove(&id));
            let refusal = match found {
                (None, Some(_)) => Some(RefusedRow::new(&row.key, RefusalReason::DeletedHere)),
                (None, None) => self.plan_insert(&mut plan, &mut existing, id, row)?,
                (Some(user), Some(mut record)) => {
                    if record
                        .source_table
                        .replace(self.source_table.clone())
                        .is_none()
                    {
                        plan.found.push(user.id);
                    }
                    let factor = &row.related.factor;
                    let read = [&self.items.factor_tables, &self.items.no_factors];
                    let imports = (read, self.items.keys.is_some());
                    let keeps = withheld.keeps(conn, (&user, &record), factor, imports)?;
                    let account = (user, &record);
                    self.plan_update(&mut plan, &mut existing, account, row, keeps)?
                }
                (Some(_), None) => Some(RefusedRow::new(&row.key, RefusalReason::IdTaken)),
            };
            if let Some(refusal) = refusal {
                plan.tally.refuse(refusal);
            }
        }
        self.note_removals(conn, &mut plan)?;
        self.plan_closed_rows(conn, &mut plan, closed)?;
        Ok(plan)
    }

    /// Whether the row's email counts as verified for its account. A closed account takes no address away from the one
    /// that has it, or gets it, as a further one.
    fn verifies_email(
        &self,
        existing: &ExistingRows,
        id: UserId,
        row: &DjangoUser,
        is_open: bool,
    ) -> bool {
        let is_free = |key: &str| {
            let holder = existing.further_of_another(id, key);
            holder.is_none_or(|holder| self.claims.drops(holder, key))
                && !self
                    .claims
                    .belongs_to_another(&row.key, ItemKind::Address, key)
        };
        (self.emails_verified || row.email_is_verified())
            && (is_open || row.email.as_ref().is_ok_and(|email| is_free(&email.key)))
    }

    /// Notes an account that the import links to WorkOS, and whose password the server will refuse for that.
    fn note_link(
        &self,
        tally: &mut ImportTally,
        row: &DjangoUser,
        password: &str,
        superuser: bool,
    ) {
        const LINKED: CountLabel = (
            "passwords that PASSWORD_LOGIN=unlinked refuses from now on, because the import links these accounts to WorkOS",
            "password that PASSWORD_LOGIN=unlinked refuses from now on, because the import links this account to WorkOS",
        );
        let ends = self.password_login == PasswordLogin::Unlinked && !superuser;
        if ends && is_usable(password) {
            tally.note(LINKED, &row.key);
        }
    }

    fn usernames(&self) -> UsernameContext<'_> {
        UsernameContext {
            moves: &self.survey.usernames,
            simulated: self.simulated.as_ref(),
            field: self.login_field,
        }
    }
}
