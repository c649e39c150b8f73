//! Which account gets an email that several want.

use std::collections::HashMap;

use super::ImportPlanner;
use crate::accounts::User;
use crate::django_import::existing::ExistingRows;
use crate::django_import::ledger::ImportRecord;
use crate::django_import::plan::BatchPlan;
use crate::ids::UserId;

impl ImportPlanner {
    /// The account that has this email or WorkOS id, in the database or in the dry run.
    pub(super) fn owner(&self, existing: &HashMap<String, UserId>, value: &str) -> Option<UserId> {
        let owner = existing.get(value).copied();
        owner.or_else(|| {
            self.simulated
                .as_ref()
                .and_then(|simulated| simulated.owner(value))
        })
    }

    /// The account that keeps the row's account from having this email. An open account gets it from a
    /// closed one that was imported, has not changed here and is not linked to WorkOS.
    pub(super) fn email_conflict(
        &self,
        plan: &mut BatchPlan<'_>,
        existing: &mut ExistingRows,
        key: &str,
        is_open: bool,
    ) -> Option<UserId> {
        let other = self.owner(&existing.emails, key)?;
        let can_release = |(owner, record): &(User, ImportRecord)| {
            let simulated = self.simulated.as_ref();
            let closes = simulated.is_some_and(|simulated| simulated.is_closed(owner.id));
            let is_closed = closes || !owner.is_active;
            is_closed && owner.workos_user_id.is_none() && record.matches_profile_of(owner)
        };
        let owner = existing.email_owners.remove(&other);
        match owner.filter(|owner| is_open && can_release(owner)) {
            Some(owner) => {
                existing.emails.remove(key);
                plan.released.push(owner);
                None
            }
            None => Some(other),
        }
    }
}
