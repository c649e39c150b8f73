//! WorkOS's side of a renewal: what it answers, sorted by what it means for the session.

use std::time::Duration;

use secrecy::SecretString;

use super::{Ask, rules};
use crate::accounts::User;
use crate::sessions::SessionRow;
use crate::state::AppState;
use crate::workos::{Authentication, WorkosError};

/// The key set is fetched beside the renewal itself, which has ten seconds: together they stay within
/// the lease.
const VERIFIED_WITHIN: Duration = Duration::from_secs(8);

/// What WorkOS said.
pub(super) enum Reply {
    /// The session goes on.
    Confirmed(Box<Authentication>),
    /// It may go on: the token that says so could not be verified.
    Unproven(Box<Authentication>, WorkosError),
    /// WorkOS could not be reached, or could not answer.
    Away(WorkosError),
    /// WorkOS does not carry it on, or not in that organisation.
    Declined(WorkosError),
    /// The session is over, whatever WorkOS says.
    Refused(String),
}

/// Asks WorkOS to carry this session on, in the organisation that it is in or is to go to.
pub(super) async fn ask(app: &AppState, ask: &Ask, row: &SessionRow, user: &User) -> Reply {
    let Some(token) = refresh_token(app, row) else {
        // SECRET_KEY was changed without a fallback; nothing will ever open it again.
        return Reply::Refused("its refresh token does not open".to_owned());
    };
    let organization = organization(ask, row);
    let renewed = app.workos.refresh(&token, organization, &ask.device).await;
    let authentication = match renewed {
        Ok(authentication) => Box::new(authentication),
        // WorkOS refused us, not the session: a key that was replaced must not log everybody out.
        Err(error) if error.is_misconfiguration() => {
            log::error!("`vestibule check --online` tells what is wrong: {error}");
            return Reply::Away(error);
        }
        Err(error) if error.is_foreign() => return Reply::Away(error),
        Err(error @ WorkosError::Refused { .. }) => return Reply::Declined(error),
        Err(error @ WorkosError::Unavailable { .. }) => return Reply::Away(error),
    };
    if user.workos_user_id.as_ref() != Some(&authentication.user.id) {
        return Reply::Refused("it is another user's than the account's".to_owned());
    }
    if rules::is_another(row, authentication.sid.as_deref(), app.workos.is_emulated()) {
        return Reply::Refused("it is another session's than the row's".to_owned());
    }
    let verified = app.workos.verify(&authentication, app.clock.now());
    match tokio::time::timeout(VERIFIED_WITHIN, verified).await {
        Ok(Ok(())) => Reply::Confirmed(authentication),
        Ok(Err(error)) => Reply::Unproven(authentication, error),
        Err(_) => {
            let reason = format!("its key set did not come within {VERIFIED_WITHIN:?}");
            Reply::Unproven(authentication, WorkosError::unavailable(reason))
        }
    }
}

/// The organisation that the session is to be in. A row from before it was kept there has none, its cookie may.
pub(super) fn organization<'a>(ask: &'a Ask, row: &'a SessionRow) -> Option<&'a str> {
    let wanted = ask.switch_to.as_ref();
    let known = wanted.or(row.organization_id.as_ref());
    known.or(ask.organization_id.as_ref()).map(String::as_str)
}

fn refresh_token(app: &AppState, row: &SessionRow) -> Option<SecretString> {
    let sealed = row.workos_refresh_token.as_ref()?;
    let opened = app.keys.open_row(&format!("sessions:{}", row.id), sealed)?;
    String::from_utf8(opened.plain).ok().map(SecretString::from)
}
