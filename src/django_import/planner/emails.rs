//! Which account gets an email that several want.

use std::collections::HashMap;

use super::ImportPlanner;
use crate::django_import::existing::{ExistingRows, ValueClaim};
use crate::django_import::plan::BatchPlan;
use crate::ids::UserId;

impl ImportPlanner {
    /// The account that has this email or WorkOS id, in the dry run or in the database.
    pub(super) fn owner(&self, existing: &HashMap<String, UserId>, value: &str) -> Option<UserId> {
        let simulated = self.simulated.as_ref();
        let owner = simulated.and_then(|simulated| simulated.owner(value));
        owner.or_else(|| {
            let owner = existing.get(value).copied();
            owner.filter(|owner| {
                !simulated.is_some_and(|simulated| simulated.has_given_up(value, *owner))
            })
        })
    }

    /// How the account gets this email, or the account that keeps it from having it. An open account gets it from a
    /// closed one that Django has closed too, or no longer has.
    pub(super) fn claim_email(
        &self,
        plan: &BatchPlan<'_>,
        existing: &ExistingRows,
        (id, key): (UserId, &str),
        is_open: bool,
    ) -> Result<ValueClaim, UserId> {
        let owner = self.owner(&existing.emails, key);
        let claim = existing.claim(&self.survey.emails, &plan.kept_emails, owner, (id, key));
        claim.or_else(|other| {
            let simulated = self.simulated.as_ref();
            let is_closed = existing
                .email_owners
                .get(&other)
                .is_some_and(|(owner, record)| {
                    let closes = simulated.is_some_and(|simulated| simulated.is_closed(owner.id));
                    (closes || !owner.is_active) && record.can_release_email_of(owner)
                });
            match is_open && is_closed && self.survey.gives_way(other) {
                true => Ok(ValueClaim::ReleasedBy(other)),
                false => Err(other),
            }
        })
    }

    /// Plans that the account gets the email.
    pub(super) fn take_email(
        plan: &mut BatchPlan<'_>,
        existing: &mut ExistingRows,
        (id, key): (UserId, &str),
        claim: ValueClaim,
    ) {
        match claim {
            ValueClaim::Free => {}
            ValueClaim::FreedBy(owner) => {
                plan.freed.extend(existing.email_owners.remove(&owner));
            }
            ValueClaim::ReleasedBy(owner) => {
                plan.released.extend(existing.email_owners.remove(&owner));
            }
        }
        existing.emails.insert(key.to_owned(), id);
    }
}
