//! From WorkOS's yes, another provider's, or a right password, to a session or to tokens: the account,
//! the session's row and the tokens' in one transaction.

mod answer;
mod exchange;
mod once;
mod password;
mod session;
mod turn;
mod unfinished;

use chrono::TimeDelta;
use diesel::QueryResult;
use secrecy::ExposeSecret;

use crate::accounts::{ProvisionError, User, WorkosProfile, provision};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::error::SignInFailure;
use crate::random::random_text;
use crate::renewal;
use crate::sessions::{Impersonator, NewSession, SessionRow, SessionState, truncate_user_agent};
use crate::sign_out::end_session;
use crate::state::AppState;
use crate::workos::{self, Authentication, ClientDevice};

pub use answer::{Slip, answer, code, is_no_membership};
pub use exchange::{ExchangeFailure, SignedIn, tokens_for_identity, tokens_for_workos};
pub use once::{Callbacks, once};
pub use password::{LOCAL_PASSWORD, TokensRefused, tokens_for_password, with_password};
pub use session::tokens_for_session;
pub use turn::{Outcome, Turn, settle};
pub use unfinished::{End, Ended, Kept, Unfinished, UnfinishedRow};

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
    /// What the person signs in with.
    pub device: ClientDevice,
    /// The moment.
    pub now: Timestamp,
}

/// Provisions the account and writes the session's row; gives what the cookie is to say.
pub async fn complete(app: &AppState, sign_in: SignIn) -> Result<SessionState, SignInFailure> {
    let SignIn {
        authentication,
        attempt,
        previous,
        device,
        now,
    } = sign_in;
    let id = random_text()?;
    let expires_at = now.plus(lifetime(&authentication, app.settings.session_cookie_age));
    let word_ends = authentication.access_token_expires_at.map(Timestamp::from);
    let confirmed_until = renewal::confirmed_until(word_ends, now);
    let refresh_token = authentication.refresh_token.expose_secret().as_bytes();
    let sealed = app
        .keys
        .seal_row(&SessionRow::refresh_token_place(&id), refresh_token)?;
    let profile = WorkosProfile::from(&authentication.user);
    let sid = authentication.sid.clone();
    let organization_id = authentication.organization_id.clone();
    let role = authentication.role.clone();
    let impersonator = authentication.impersonator.as_ref();
    let impersonator = impersonator.map(|who| who.email.clone());
    let row = move |user_id| NewSession {
        id,
        user_id,
        login_attempt: Some(attempt),
        workos_sid: sid,
        workos_refresh_token: Some(sealed),
        confirmed_until: Some(confirmed_until),
        created_at: now,
        expires_at,
        organization_id,
        role,
        ip_address: device.ip_address,
        user_agent: truncate_user_agent(device.user_agent.as_deref()),
        impersonator,
    };
    let ending = previous.clone();
    let (user, row) = app
        .database
        .write(move |conn| {
            let user = provision(conn, &profile, now)?;
            // Asked again: `deactivate` may have come between, and would not see this session.
            if User::record_login(conn, user.id, now)? == 0 {
                return Err(ProvisionError::Inactive { user_id: user.id }.into());
            }
            let row = begin(conn, &user, row, ending.as_deref())?;
            Ok::<_, SignInFailure>((user, row.ok_or(SignInFailure::AttemptAlreadyUsed)?))
        })
        .await?;
    forget(app, previous.as_deref(), now);
    log::info!("account {} signed in through WorkOS", user.id);
    Ok(SessionState {
        organization_id: authentication.organization_id,
        role: authentication.role,
        authentication_method: authentication.authentication_method,
        impersonator: authentication.impersonator.map(Impersonator::from),
        renew_after: renewal::renew_after(confirmed_until, now),
        ..state(user, &row)
    })
}

/// Inserts the session's row in place of the browser's previous one; `None`
/// when this login attempt has made a session before.
fn begin(
    conn: &mut Conn,
    user: &User,
    row: impl FnOnce(i64) -> NewSession,
    previous: Option<&str>,
) -> QueryResult<Option<NewSession>> {
    let row = row(user.id);
    if let Some(previous) = previous {
        replace(conn, previous, &row)?;
    }
    Ok(row.insert(conn)?.then_some(row))
}

/// Ends the browser's previous session, with its tokens; those of a session of WorkOS's that goes on
/// in the new one live on.
fn replace(conn: &mut Conn, previous: &str, next: &NewSession) -> QueryResult<()> {
    let now = next.created_at;
    let goes_on = match &next.workos_sid {
        Some(sid) => SessionRow::by_id(conn, previous)?
            .is_some_and(|row| row.workos_sid.as_ref() == Some(sid)),
        None => false,
    };
    if goes_on {
        SessionRow::revoke(conn, previous, now)?;
    } else {
        end_session(conn, previous, now)?;
    }
    Ok(())
}

/// Has this replica know at once that the browser's previous session has ended.
fn forget(app: &AppState, previous: Option<&str>, now: Timestamp) {
    if let Some(previous) = previous {
        let until = now.plus(app.settings.session_cookie_age);
        app.revocations.add_revoked(previous, until);
    }
}

/// What the cookie says of an account, without what only WorkOS knows.
fn state(user: User, row: &NewSession) -> SessionState {
    SessionState {
        session_id: row.id.clone(),
        user_id: user.id,
        workos_user_id: user.workos_user_id,
        email: user.email,
        email_verified: user.email_verified,
        first_name: user.first_name,
        last_name: user.last_name,
        picture_url: user.picture_url,
        organization_id: None,
        role: None,
        authentication_method: None,
        impersonator: None,
        signed_in_at: row.created_at,
        expires_at: row.expires_at,
        renew_after: row.created_at.plus(renewal::LOCAL_CHECK_INTERVAL),
        generation: 0,
    }
}

/// How long the session lasts: as its cookie, and no longer than an impersonation may.
fn lifetime(authentication: &Authentication, cookie_age: TimeDelta) -> TimeDelta {
    match authentication.impersonator {
        Some(_) => cookie_age.min(LONGEST_IMPERSONATION),
        None => cookie_age,
    }
}

impl From<&workos::WorkosUser> for WorkosProfile {
    fn from(user: &workos::WorkosUser) -> Self {
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

impl From<workos::WorkosImpersonator> for Impersonator {
    fn from(impersonator: workos::WorkosImpersonator) -> Self {
        let email = impersonator.email.chars().take(LONGEST_EMAIL).collect();
        Self {
            email,
            reason: impersonator.reason,
        }
    }
}
