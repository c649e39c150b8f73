//! Plans the update of an account that was imported before.

use super::ImportPlanner;
use crate::accounts::passwords::is_usable;
use crate::accounts::{User, unusable_password};
use crate::db::DbError;
use crate::django_import::existing::ExistingRows;
use crate::django_import::item::AcceptedRow;
use crate::django_import::ledger::ImportRecord;
use crate::django_import::merge::UserMerge;
use crate::django_import::plan::{BatchPlan, PlannedUpdate};
use crate::django_import::report::{RefusalReason, RefusedRow};
use crate::django_import::row::DjangoUser;
use crate::django_import::usernames::{absent_email, merge_username};

impl ImportPlanner {
    /// Plans the update of an account that was imported before. Returns why part of the row is
    /// refused, if it is.
    pub(super) fn plan_update<'a>(
        &self,
        plan: &mut BatchPlan<'a>,
        existing: &mut ExistingRows,
        (user, record): (User, &ImportRecord),
        row: &'a DjangoUser,
        is_withheld: bool,
    ) -> Result<Option<RefusedRow>, DbError> {
        let mut password = row.password.clone();
        if is_withheld {
            password.withhold();
        }
        let unusable = unusable_password()?;
        let password = (&password, unusable.as_str());
        let is_verified = self.is_verified(row);
        let mut merge = UserMerge::new(&user, record.clone(), row, password, is_verified);
        let mut refusal = match (&row.email, absent_email(user.id, row, self.login_field)) {
            (Err(reason), None) => Some(RefusedRow::new(&row.key, *reason)),
            _ => None,
        };
        let simulated = self.simulated.as_ref();
        refusal = merge_username(&user, row, &mut merge, existing, simulated).or(refusal);
        if let Some(key) = &merge.changes.email_key {
            let is_open = row.is_active && user.is_active;
            match self.email_conflict(plan, existing, key, is_open) {
                Some(other) => {
                    refusal = Some(
                        RefusedRow::new(&row.key, RefusalReason::EmailTaken)
                            .conflicting_with(other),
                    );
                    merge.without_profile(record);
                }
                None => {
                    existing.emails.remove(&user.email_key);
                    existing.emails.insert(key.clone(), user.id);
                }
            }
        }
        if let Some(id) = &merge.changes.workos_user_id {
            match self.owner(&existing.workos_ids, id) {
                Some(other) => {
                    refusal = Some(
                        RefusedRow::new(&row.key, RefusalReason::WorkosIdTaken)
                            .conflicting_with(other),
                    );
                    merge.without_workos_user_id(record);
                }
                None => {
                    existing.workos_ids.insert(id.clone(), user.id);
                }
            }
        }
        let merge = merge.complete(&user, password);
        let password = merge.changes.password.as_ref().unwrap_or(&user.password);
        // If the import verifies the email, it has undone what was changed here.
        let is_unchanged = record.matches_password_of(&user) || merge.verifies_email(&user);
        plan.accept(AcceptedRow {
            user_id: user.id,
            row,
            is_new: false,
            is_email_verified: is_verified,
            is_unchanged,
            is_withheld,
            has_password: is_usable(password),
        });
        plan.changed.push(PlannedUpdate {
            merge,
            user,
            refused: refusal.is_some(),
        });
        Ok(refusal)
    }
}
