//! Plans and executes the import of users, batch by batch.

mod emails;
mod update;

use super::ambiguous_names::AmbiguousNames;
use super::error::ImportError;
use super::existing::{ExistingRows, SimulatedValues};
use super::item::AcceptedRow;
use super::items::ItemImport;
use super::key::{KeyColumn, WITHOUT_HYPHENS, is_uuid_without_hyphens};
use super::ledger::ImportRecord;
use super::options::ImportOptions;
use super::pass::ImportPass;
use super::plan::{BatchPlan, ImportedUser};
use super::report::{ImportTally, RefusalReason, RefusedRow};
use super::row::{CheckedEmail, DjangoUser, RawUser};
use super::second_factor::DjangoFactor;
use super::source::DjangoUserTable;
use super::source_keys::SourceKeys;
use super::transaction::write_retrying_conflicts;
use super::usernames::{absent_email, new_username, note_absent_email};
use super::withheld::WithheldPasswords;
use crate::accounts::passwords::is_usable;
use crate::accounts::unusable_password;
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::settings::LoginField;

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
    ambiguous_names: AmbiguousNames,
    source_keys: SourceKeys,
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
            ambiguous_names: AmbiguousNames::default(),
            source_keys: SourceKeys::default(),
            simulated: options.dry_run.then(SimulatedValues::default),
            clock: clock.clone(),
            now: clock.now(),
        }
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
        let mut rows = Vec::with_capacity(batch.len());
        for raw in batch {
            if pass != ImportPass::ClosedNew
                && let Ok(key) = self.keys.read(raw.c_key.clone())
            {
                self.source_keys.add(&key);
            }
            match raw.check(self.keys) {
                Ok(mut row) => {
                    row.password.convert_legacy(self.legacy_hashers);
                    let has_other_factor = matches!(row.related.factor, DjangoFactor::Other(_));
                    if self.items.keys.is_some() && has_other_factor {
                        row.password.withhold();
                    }
                    if self.login_field == LoginField::Username {
                        self.ambiguous_names.add(&row);
                    }
                    rows.push(row);
                }
                // The last pass reads the row again.
                Err(_) if pass == ImportPass::ClosedKnown => {}
                Err(refusal) => tally.refuse(refusal),
            }
        }
        let done = if self.simulated.is_some() {
            let (plan, items) = target.read_blocking(|conn| {
                let plan = self.plan(conn, pass, &rows)?;
                let items = self.items.sync(conn, &plan.accepted, self.now, true)?;
                Ok::<_, DbError>((plan, items))
            })?;
            if let Some(simulated) = &mut self.simulated {
                plan.remember(simulated);
            }
            tally.add(items);
            plan.simulate()
        } else {
            write_retrying_conflicts(target, |conn| {
                let mut plan = self.plan(conn, pass, &rows)?;
                let accepted = std::mem::take(&mut plan.accepted);
                let mut tally = plan.execute(
                    conn,
                    self.items.keys.as_ref(),
                    (&self.source_table, self.now),
                )?;
                tally.add(self.items.sync(conn, &accepted, self.now, false)?);
                Ok(tally)
            })?
        };
        tally.add(done);
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
            self.source_keys
                .note_absent(conn, &self.source_table, tally)?;
            Ok(())
        })
    }

    fn plan<'a>(
        &self,
        conn: &mut Conn,
        pass: ImportPass,
        rows: &'a [DjangoUser],
    ) -> Result<BatchPlan<'a>, DbError> {
        let mut existing = ExistingRows::load(conn, rows)?;
        if pass.takes(false) && self.simulated.is_none() {
            existing.assign_ids(conn, rows)?;
        }
        if let Some(old) = &self.renamed_from {
            existing.rename_source(old, &self.source_table);
        }
        existing.free_moved_values(rows, &self.source_table);
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
                    let imports = (&self.items.factor_tables, self.items.keys.is_some());
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
        Ok(plan)
    }

    /// Plans the insert of a row whose id does not exist here. Returns why it is refused, if it is.
    fn plan_insert<'a>(
        &self,
        plan: &mut BatchPlan<'a>,
        existing: &mut ExistingRows,
        id: UserId,
        row: &'a DjangoUser,
    ) -> Result<Option<RefusedRow>, DbError> {
        let mut absent = absent_email(id, row, self.login_field);
        if let Ok(email) = &row.email
            && self.login_field == LoginField::Username
            && row.username.is_some()
            && self
                .email_conflict(plan, existing, &email.key, row.is_active)
                .is_some()
        {
            absent = Some(CheckedEmail::none(id));
        }
        let email = match (&row.email, &absent) {
            (_, Some(email)) | (Ok(email), None) => email,
            (Err(reason), None) => return Ok(Some(RefusedRow::new(&row.key, *reason))),
        };
        if absent.is_none()
            && let Some(other) = self.email_conflict(plan, existing, &email.key, row.is_active)
        {
            return Ok(Some(
                RefusedRow::email_taken(&row.key, row.is_active).conflicting_with(other),
            ));
        }
        if let Some(workos_user_id) = &row.workos_user_id
            && let Some(other) = self.owner(&existing.workos_ids, workos_user_id)
        {
            return Ok(Some(
                RefusedRow::new(&row.key, RefusalReason::WorkosIdTaken).conflicting_with(other),
            ));
        }
        let (field, simulated) = (self.login_field, self.simulated.as_ref());
        let username = match new_username(id, row, field, existing, simulated, &mut plan.tally) {
            Ok(username) => username,
            Err(refusal) => return Ok(Some(refusal)),
        };
        if absent.is_some() {
            note_absent_email(&mut plan.tally, row);
        }
        let password = match &row.password.stored {
            Some(password) => password.clone(),
            None => unusable_password()?,
        };
        existing.emails.insert(email.key.clone(), id);
        if let Some(workos_user_id) = &row.workos_user_id {
            existing.workos_ids.insert(workos_user_id.clone(), id);
        }
        let record = ImportRecord::new(
            id,
            row,
            (&password, &email.text),
            &self.source_table,
            self.now,
        );
        plan.accept(AcceptedRow {
            user_id: id,
            row,
            is_new: true,
            is_email_verified: self.is_verified(row) && (row.email.is_err() || absent.is_none()),
            is_unchanged: true,
            is_withheld: false,
            has_password: is_usable(&password),
        });
        let account = ImportedUser {
            username,
            ..self.account(id, row, email, password)
        };
        plan.tally.count_account(account.is_active);
        plan.new.push((account, record));
        Ok(None)
    }

    fn is_verified(&self, row: &DjangoUser) -> bool {
        self.emails_verified || row.email_is_verified()
    }

    fn account(
        &self,
        id: UserId,
        row: &DjangoUser,
        email: &CheckedEmail,
        password: String,
    ) -> ImportedUser {
        ImportedUser {
            id,
            django_id: row.key.django_id().map(str::to_owned),
            email: email.text.clone(),
            email_key: email.key.clone(),
            email_verified: self.is_verified(row) && !email.text.is_empty(),
            username: None,
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
}
