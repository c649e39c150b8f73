//! The refresh grant: exchanges a session's refresh token at WorkOS, and sorts the response by what
//! it means for the session.

use std::time::Duration;

use secrecy::SecretString;

use super::context::RenewalContext;
use super::policy;
use super::status::RenewalRequest;
use crate::accounts::User;
use crate::audit::{AuditEvent, RefusedKey};
use crate::sessions::SessionRow;
use crate::workos::{Authentication, RenewalPermit, WorkosError};

/// The time limit for fetching WorkOS's key set. The exchange itself has ten seconds: together they
/// stay within the lease.
const VERIFICATION_TIMEOUT: Duration = Duration::from_secs(8);

/// The outcome of a refresh grant.
pub(super) enum RefreshOutcome {
    /// WorkOS renewed the session, and its access token was verified.
    Confirmed(Box<Authentication>),
    /// WorkOS renewed the session, but its access token could not be verified.
    Unverified(Box<Authentication>, WorkosError),
    /// WorkOS could not be reached or could not process the request.
    Unavailable(WorkosError),
    /// WorkOS refused to renew the session, or to move it to that organisation.
    Declined(WorkosError),
    /// The session must end because of a local check, not because WorkOS refused.
    Invalid(String),
}

/// Exchanges the session's refresh token at WorkOS for tokens of the target organisation.
pub(super) async fn request(
    context: &RenewalContext,
    request: &RenewalRequest,
    row: &SessionRow,
    user: &User,
    permit: &RenewalPermit,
) -> RefreshOutcome {
    let workos = &context.workos;
    let Some(token) = refresh_token(context, row) else {
        // SECRET_KEY was changed without a fallback, so the token can never be decrypted again.
        return RefreshOutcome::Invalid("its refresh token cannot be decrypted".to_owned());
    };
    let organization = request.target_organization(row);
    let renewed = workos.refresh(permit, &token, organization, &request.device);
    let authentication = match renewed.await {
        Ok(authentication) => Box::new(authentication),
        // WorkOS refused the application's credentials, not the session. A replaced API key must not
        // sign everybody out.
        Err(error) if error.is_misconfiguration() => {
            let refused = AuditEvent::KeyRefused {
                key: RefusedKey::WorkosApiKey,
            };
            let now = context.clock.now();
            context.failures.count(refused, &request.device, now);
            log::error!("run `vestibule check --online` to find the wrong setting: {error}");
            return RefreshOutcome::Unavailable(error);
        }
        Err(error) if error.is_foreign() => return RefreshOutcome::Unavailable(error),
        Err(error @ WorkosError::Refused { .. }) => return RefreshOutcome::Declined(error),
        Err(error @ WorkosError::Unavailable { .. }) => return RefreshOutcome::Unavailable(error),
    };
    if user.workos_user_id.as_ref() != Some(&authentication.user.id) {
        return RefreshOutcome::Invalid("WorkOS named another user".to_owned());
    }
    if policy::is_other_session(row, authentication.sid.as_ref(), workos.is_emulated()) {
        return RefreshOutcome::Invalid("WorkOS named another session".to_owned());
    }
    let verification = workos.verify(&authentication, context.clock.now());
    match tokio::time::timeout(VERIFICATION_TIMEOUT, verification).await {
        Ok(Ok(())) => RefreshOutcome::Confirmed(authentication),
        Ok(Err(error)) => RefreshOutcome::Unverified(authentication, error),
        Err(_) => {
            let reason = format!("its key set was not received within {VERIFICATION_TIMEOUT:?}");
            RefreshOutcome::Unverified(authentication, WorkosError::unavailable(reason))
        }
    }
}

fn refresh_token(context: &RenewalContext, row: &SessionRow) -> Option<SecretString> {
    let sealed = row.workos_refresh_token.as_ref()?;
    let place = SessionRow::refresh_token_place(&row.id);
    let opened = context.keys.open_row(&place, sealed)?;
    String::from_utf8(opened.plain).ok().map(SecretString::from)
}
