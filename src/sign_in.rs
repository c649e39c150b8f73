//! From WorkOS's yes to a session here: the account and the session's row, in one transaction.

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use crate::accounts::{Profile, User, provision};
use crate::clock::Timestamp;
use crate::error::SignInFailure;
use crate::keys::random_text;
use crate::sessions::{Impersonator, NewSession, SessionRow, SessionState};
use crate::state::AppState;
use crate::workos::{self, Authentication};

/// An impersonator's e-mail stands in the cookie and in the banner; longer ones are cut.
const LONGEST_EMAIL: usize = 254;
/// WorkOS ends an impersonation after an hour; a cookie of two weeks must not carry it on.
const LONGEST_IMPERSONATION: TimeDelta = TimeDelta::minutes(60);

/// A sign-in that WorkOS has authenticated.
pub struct SignIn {
    /// What WorkOS answered.
    pub authentication: Authentication,
    /// The attempt's fingerprint: one attempt makes one session.
    pub attempt: String,
    /// The session that this browser had until now, which ends.
    pub previous: Option<String>,
    /// The moment.
    pub now: Timestamp,
}

/// Provisions the account and writes the session's row; gives what the cookie is to say.
pub async fn complete(app: &AppState, sign_in: SignIn) -> Result<SessionState, SignInFailure> {
    let SignIn {
        authentication,
        attempt,
        previous,
        now,
    } = sign_in;
    let id = random_text().map_err(|_| SignInFailure::Internal("no randomness".to_owned()))?;
    let expires_at = now.plus(lifetime(&authentication, app.settings.session_cookie_age));
    let confirmed_until = authentication.access_token_expires_at.map(Timestamp::from);
    let refresh_token = authentication.refresh_token.expose_secret().as_bytes();
    let sealed = app
        .keys
        .seal_row(&format!("sessions:{id}"), refresh_token)?;
    let profile = Profile::from(&authentication.user);
    let sid = authentication.sid.clone();
    let session_id = id.clone();
    let user = app
        .database
        .write(move |conn| {
            let user = provision(conn, &profile, now)?;
            User::record_login(conn, user.id, now)?;
            if let Some(previous) = previous {
                SessionRow::revoke(conn, &previous, now)?;
            }
            let row = NewSession {
                id,
                user_id: user.id,
                login_attempt: Some(attempt),
                workos_sid: sid,
                workos_refresh_token: Some(sealed),
                confirmed_until,
                created_at: now,
                expires_at,
            };
            if row.insert(conn)? {
                Ok(user)
            } else {
                Err(SignInFailure::UnknownAttempt)
            }
        })
        .await?;
    log::info!("account {} signed in through WorkOS", user.id);
    Ok(SessionState {
        session_id,
        user_id: user.id,
        workos_user_id: user.workos_user_id,
        email: user.email,
        email_verified: user.email_verified,
        first_name: user.first_name,
        last_name: user.last_name,
        picture_url: user.picture_url,
        organization_id: authentication.organization_id,
        role: authentication.role,
        authentication_method: authentication.authentication_method,
        impersonator: authentication.impersonator.map(Impersonator::from),
        signed_in_at: now,
        expires_at,
        renew_after: confirmed_until.unwrap_or(now),
    })
}

/// How long the session lasts: as its cookie, and no longer than an impersonation may.
fn lifetime(authentication: &Authentication, cookie_age: TimeDelta) -> TimeDelta {
    match authentication.impersonator {
        Some(_) => cookie_age.min(LONGEST_IMPERSONATION),
        None => cookie_age,
    }
}

impl From<&workos::User> for Profile {
    fn from(user: &workos::User) -> Self {
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

impl From<workos::Impersonator> for Impersonator {
    fn from(impersonator: workos::Impersonator) -> Self {
        let email = impersonator.email.chars().take(LONGEST_EMAIL).collect();
        Self {
            email,
            reason: impersonator.reason,
        }
    }
}
