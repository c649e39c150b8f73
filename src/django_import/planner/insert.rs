//! Plans the insert of an account that does not exist here.

use std::borrow::Cow;

use super::ImportPlanner;
use crate::accounts::passwords::is_usable;
use crate::accounts::unusable_password;
use crate::db::DbError;
use crate::django_import::existing::{ExistingRows, ValueClaim};
use crate::django_import::item::AcceptedRow;
use crate::django_import::ledger::ImportRecord;
use crate::django_import::plan::{BatchPlan, ImportedUser};
use crate::django_import::report::{RefusalReason, RefusedRow};
use crate::django_import::row::{CheckedEmail, DjangoUser};
use crate::django_import::usernames::{absent_email, note_absent_email};
use crate::ids::UserId;
use crate::settings::LoginField;

impl ImportPlanner {
    /// Plans the insert of a row whose id does not exist here. Returns why it is refused, if it is.
    pub(super) fn plan_insert<'a>(
        &self,
        plan: &mut BatchPlan<'a>,
        existing: &mut ExistingRows,
        id: UserId,
        row: &'a DjangoUser,
    ) -> Result<Option<RefusedRow>, DbError> {
        let signs_in_by_name = self.login_field == LoginField::Username && row.username.is_some();
        let (email, claim) = match (&row.email, absent_email(id, row, self.login_field)) {
            (_, Some(none)) => (Cow::Owned(none), ValueClaim::Free),
            (Err(reason), None) => return Ok(Some(RefusedRow::new(&row.key, *reason))),
            (Ok(email), None) => {
                match self.claim_email(plan, existing, (id, &email.key), row.is_active) {
                    Ok(claim) => (Cow::Borrowed(email), claim),
                    Err(_) if signs_in_by_name => {
                        (Cow::Owned(CheckedEmail::none(id)), ValueClaim::Free)
                    }
                    Err(other) => {
                        let refusal = RefusedRow::email_taken(&row.key, row.is_active);
                        return Ok(Some(refusal.conflicting_with(other)));
                    }
                }
            }
        };
        let is_absent = email.text.is_empty();
        if let Some(workos_user_id) = &row.workos_user_id
            && let Some(other) = self.owner(&existing.workos_ids, workos_user_id)
        {
            return Ok(Some(
                RefusedRow::new(&row.key, RefusalReason::WorkosIdTaken).conflicting_with(other),
            ));
        }
        let username = match self.usernames().new_username(id, row, existing, plan) {
            Ok(username) => username,
            Err(refusal) => return Ok(Some(refusal)),
        };
        if is_absent {
            note_absent_email(&mut plan.tally, row);
        }
        Self::take_email(plan, existing, (id, &email.key), claim);
        let password = match &row.password.stored {
            Some(password) => password.clone(),
            None => unusable_password()?,
        };
        if let Some(workos_user_id) = &row.workos_user_id {
            existing.workos_ids.insert(workos_user_id.clone(), id);
        }
        let is_verified = !is_absent && self.verifies_email(existing, id, row, row.is_active);
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
            is_open: row.is_active,
            verifies_email: false,
            loses_factor: false,
            changes_email: false,
            has_verified_email: is_verified,
            is_unchanged: true,
            is_withheld: false,
            has_password: is_usable(&password),
        });
        let account = ImportedUser {
            username,
            email_verified: is_verified,
            ..self.account(id, row, &email, password)
        };
        if account.workos_user_id.is_some() {
            let (password, superuser) = (&account.password, account.is_superuser);
            self.note_link(&mut plan.tally, row, password, superuser);
        }
        plan.tally.count_account(account.is_active);
        plan.new.push((account, record));
        Ok(None)
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
            email_verified: false,
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
