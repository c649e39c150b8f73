//! Plans the update of an account that was imported before.

use std::borrow::Cow;

use super::ImportPlanner;
use crate::accounts::passwords::is_usable;
use crate::accounts::{User, unusable_password};
use crate::db::DbError;
use crate::django_import::existing::ExistingRows;
use crate::django_import::item::AcceptedRow;
use crate::django_import::ledger::ImportRecord;
use crate::django_import::merge::UserMerge;
use crate::django_import::plan::BatchPlan;
use crate::django_import::planned_update::PlannedUpdate;
use crate::django_import::report::{RefusalReason, RefusedRow};
use crate::django_import::row::DjangoUser;
use crate::django_import::usernames::{absent_email, note_absent_email, note_removed_email};
use crate::ids::UserId;
use crate::settings::LoginField;

impl ImportPlanner {
    /// The row, with the account's own values for fields that the source lacks.
    fn with_unread_fields<'a>(
        &self,
        row: &'a DjangoUser,
        user: &User,
        record: &ImportRecord,
    ) -> Cow<'a, DjangoUser> {
        let mut row = Cow::Borrowed(row);
        for field in &self.unread_fields {
            match *field {
                "username" => row.to_mut().username.clone_from(&user.username),
                "first_name" => row.to_mut().first_name.clone_from(&user.first_name),
                "last_name" => row.to_mut().last_name.clone_from(&user.last_name),
                "is_staff" => row.to_mut().is_staff = record.is_staff,
                "is_superuser" => row.to_mut().is_superuser = record.is_superuser,
                // Without a value, these change nothing.
                _ => {}
            }
        }
        row
    }

    /// Removes a changed email from the merge if another account has it, and returns the refusal, if it is one.
    fn merge_email(
        &self,
        (user, record): (&User, &ImportRecord),
        row: &DjangoUser,
        merge: &mut UserMerge,
        (existing, plan): (&mut ExistingRows, &mut BatchPlan<'_>),
    ) -> Option<RefusedRow> {
        let key = merge.changes.email_key.clone()?;
        let is_open = row.is_active && record.merged_is_active(user, row);
        let moves = &self.survey.emails;
        let claim = match moves.contains(user.id) {
            true => self.claim_email(plan, existing, (user.id, &key), is_open),
            false => {
                let owner = moves
                    .winner(&key)
                    .or_else(|| self.owner(&existing.emails, &key));
                Err(owner.unwrap_or_default())
            }
        };
        let other = match claim {
            Ok(claim) => {
                if existing.emails.get(&user.email_key) == Some(&user.id) {
                    existing.emails.remove(&user.email_key);
                }
                Self::take_email(plan, existing, (user.id, &key), claim);
                return None;
            }
            Err(other) => other,
        };
        plan.kept_emails.push(user.id);
        merge.without_profile(record);
        let holder = existing.emails.get(&user.email_key);
        if holder.is_some_and(|holder| *holder != user.id) {
            merge.without_email(user);
        }
        // An open account needs its email, unless it signs in with its username.
        if user.email.is_empty() && (!is_open || self.login_field == LoginField::Username) {
            note_absent_email(&mut plan.tally, row);
            return None;
        }
        Some(RefusedRow::email_taken(&row.key, row.is_active).conflicting_with(other))
    }

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
        let is_open = record.merged_is_active(&user, row);
        let is_verified = self.verifies_email(existing, user.id, row, is_open);
        let values = self.with_unread_fields(row, &user, record);
        let mut merge = UserMerge::new(&user, record.clone(), &values, password, is_verified);
        let mut refusal = match (&row.email, absent_email(user.id, row, self.login_field)) {
            (Err(reason), None) => Some(RefusedRow::new(&row.key, *reason)),
            _ => None,
        };
        let names = self.usernames();
        refusal = names
            .merge_username(&user, row, &mut merge, (existing, plan))
            .or(refusal);
        refusal = self
            .merge_email((&user, record), row, &mut merge, (existing, plan))
            .or(refusal);
        if let Some(id) = &merge.changes.workos_user_id {
            let other = self.owner(&existing.workos_ids, id);
            // An open account whose row comes later gets it before a closed one.
            let of_open = (!is_open && self.survey.links_open_account(id)).then(UserId::default);
            match other.or(of_open) {
                Some(other) => {
                    refusal = Some(
                        RefusedRow::new(&row.key, RefusalReason::WorkosIdTaken)
                            .conflicting_with(other),
                    );
                    merge.without_workos_user_id(record);
                }
                None => {
                    if let Some(old) = &user.workos_user_id {
                        existing.workos_ids.remove(old);
                    }
                    existing.workos_ids.insert(id.clone(), user.id);
                }
            }
        }
        let gives_up_email = row.lacks_email && self.survey.emails.contains(user.id);
        if gives_up_email {
            note_removed_email(&mut plan.tally, row);
        }
        let merge = merge.complete(&user, password);
        let password = merge.changes.password.as_ref().unwrap_or(&user.password);
        // If the import verifies the email, it has undone what was changed here.
        let is_unchanged = record.matches_password_of(&user) || merge.verifies_email(&user);
        let changes = &merge.changes;
        let email_key = changes.email_key.as_ref().unwrap_or(&user.email_key);
        let has_row_email = row
            .email
            .as_ref()
            .is_ok_and(|email| email.key == *email_key);
        plan.accept(AcceptedRow {
            user_id: user.id,
            row,
            is_new: false,
            is_open,
            verifies_email: merge.verifies_email(&user),
            loses_factor: false,
            changes_email: changes.email_key.is_some(),
            has_verified_email: has_row_email
                && changes.email_verified.unwrap_or(user.email_verified),
            is_unchanged,
            is_withheld,
            has_password: is_usable(password),
        });
        if changes.workos_user_id.is_some() && user.workos_user_id.is_none() {
            let superuser = changes.is_superuser.unwrap_or(user.is_superuser);
            self.note_link(&mut plan.tally, row, password, superuser);
        }
        plan.tally.count_account(is_open);
        plan.changed.push(PlannedUpdate {
            gives_up_email,
            merge,
            user,
            refused: refusal.is_some(),
            only_closes: false,
        });
        Ok(refusal)
    }
}
