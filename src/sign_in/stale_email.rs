//! Asks WorkOS about the linked user of an account: whether the user still exists, before an identity at
//! Google or Okta signs in to the account, and whether the user still has its email address, before the address
//! decides a sign-in. An account may have its old address until its user signs in again or an event arrives.

use super::service::SignInService;
use crate::account_queue::AccountReference;
use crate::accounts::{ProvisionError, User, WorkosProfile, update_from_workos};
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::error::SignInFailure;
use crate::workos::ClientDevice;

impl SignInService {
    /// After a conflict about an address, updates the account that has it. Returns whether the sign-in
    /// should be tried again.
    pub(super) async fn update_conflicting_account(
        &self,
        refusal: &ProvisionError,
        device: &ClientDevice,
        now: Timestamp,
    ) -> bool {
        let ProvisionError::Conflict {
            user_id, linked, ..
        } = refusal
        else {
            return false;
        };
        let updated = self.update_account(linked, device, now).await;
        updated.unwrap_or_else(|error| {
            log::warn!(
                "failed to ask WorkOS whether account {user_id} still has its email: {error}"
            );
            false
        })
    }

    /// Updates the account of this WorkOS user from WorkOS. Returns `false` if WorkOS does not know the
    /// user.
    pub(super) async fn update_account(
        &self,
        workos_user_id: &str,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<bool, SignInFailure> {
        let user = match self.services.workos.user(workos_user_id).await {
            Ok(user) if user.id == workos_user_id => user,
            Ok(_) => return Ok(false),
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let profile = WorkosProfile::from(&user);
        let device = device.clone();
        let account = AccountReference::WorkosUser(profile.workos_user_id.clone());
        let database = account.queue(&self.services.database).await?;
        database
            .write(move |conn| {
                if let Some(account) = User::by_workos_user_id(conn, &profile.workos_user_id)? {
                    update_from_workos(conn, account, &profile, &device, now)?;
                }
                Ok::<_, DbError>(())
            })
            .await?;
        Ok(true)
    }
}
