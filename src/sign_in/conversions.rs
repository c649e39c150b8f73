//! Converts WorkOS's user and impersonator objects into this application's account and session
//! types.

use crate::accounts::WorkosProfile;
use crate::clock::Timestamp;
use crate::sessions::Impersonator;
use crate::workos::{WorkosImpersonator, WorkosUser};

/// The longest email address of an impersonator that the cookie and the banner hold, in characters.
/// A longer one is truncated.
const MAX_EMAIL: usize = 254;

impl From<&WorkosUser> for WorkosProfile {
    fn from(user: &WorkosUser) -> Self {
        Self {
            workos_user_id: user.id.clone(),
            email: user.email.clone(),
            email_verified: user.email_verified,
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            picture_url: user.profile_picture_url.clone(),
            updated_at: Timestamp::from(user.updated_at),
        }
    }
}

impl From<WorkosImpersonator> for Impersonator {
    fn from(impersonator: WorkosImpersonator) -> Self {
        let email = impersonator.email.chars().take(MAX_EMAIL).collect();
        Self {
            email,
            reason: impersonator.reason,
        }
    }
}
