//! A right password, and what it begins: a browser session, or a family of tokens.

use std::sync::Arc;

use secrecy::SecretString;

use super::{begin, forget, state};
use crate::accounts::{CredentialError, User, authenticate};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::random::random_text;
use crate::sessions::{NewSession, SessionState, truncate_user_agent};
use crate::state::AppState;
use crate::tokens::{IssueError, TokenGrant, TokenPair};
use crate::workos::ClientDevice;

/// A round is lost only when the account changed between a check of its password and the sign-in.
const ROUNDS: usize = 3;
/// The `authentication_method` of a session that a password of ours began; WorkOS's begin with a
/// capital letter.
pub const LOCAL_PASSWORD: &str = "local_password";

/// Why a password gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokensRefused {
    /// The e-mail and the password.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Ours to mend.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<DbError> for TokensRefused {
    fn from(error: DbError) -> Self {
        Self::Credentials(error.into())
    }
}

impl From<diesel::result::Error> for TokensRefused {
    fn from(error: diesel::result::Error) -> Self {
        Self::Credentials(error.into())
    }
}

/// Checks an e-mail and a password and writes the session's row; gives what the cookie is to say.
pub async fn with_password(
    app: &AppState,
    email: &str,
    password: &SecretString,
    previous: Option<String>,
    device: ClientDevice,
    now: Timestamp,
) -> Result<SessionState, CredentialError> {
    let id = random_text().map_err(|error| DbError::Unavailable(error.to_string()))?;
    let expires_at = now.plus(app.settings.session_cookie_age);
    let row = move |user_id| NewSession {
        id: id.clone(),
        user_id,
        login_attempt: None,
        workos_sid: None,
        workos_refresh_token: None,
        confirmed_until: None,
        created_at: now,
        expires_at,
        organization_id: None,
        role: None,
        ip_address: device.ip_address.clone(),
        user_agent: truncate_user_agent(device.user_agent.as_deref()),
        impersonator: None,
    };
    let ending = previous.clone();
    let (user, row) = by_password(app, email, password, now, move |conn, user| {
        let row = begin(conn, user, row.clone(), ending.as_deref())?;
        // No attempt of WorkOS's is noted, so none can have been used before.
        row.ok_or(CredentialError::Refused)
    })
    .await?;
    forget(app, previous.as_deref(), now);
    log::info!("account {} signed in with a password", user.id);
    Ok(SessionState {
        authentication_method: Some(LOCAL_PASSWORD.to_owned()),
        ..state(user, &row)
    })
}

/// Checks an e-mail and a password and gives out a pair of tokens.
pub async fn tokens_for_password(
    app: &AppState,
    email: &str,
    password: &SecretString,
    now: Timestamp,
) -> Result<TokenPair, TokensRefused> {
    let tokens = Arc::clone(&app.tokens);
    let (user, pair) = by_password(app, email, password, now, move |conn, user| {
        Ok::<_, TokensRefused>(tokens.issue(conn, user, TokenGrant::default(), now)?)
    })
    .await?;
    log::info!("account {} got tokens for a password", user.id);
    Ok(pair)
}

/// Checks an e-mail and a password, and signs in inside the transaction that settles them.
async fn by_password<T, E>(
    app: &AppState,
    email: &str,
    password: &SecretString,
    now: Timestamp,
    sign_in: impl Fn(&mut Conn, &User) -> Result<T, E> + Clone + Send + 'static,
) -> Result<(User, T), E>
where
    T: Send + 'static,
    E: From<CredentialError> + From<DbError> + From<diesel::result::Error> + Send + 'static,
{
    let policy = app.settings.password_login;
    for _ in 0..ROUNDS {
        let password = password.clone();
        let authenticated =
            authenticate(&app.database, &app.hasher, policy, email, password).await?;
        let sign_in = sign_in.clone();
        let done = app
            .database
            .write(move |conn| {
                let Some(user) = authenticated.confirm(conn)? else {
                    return Ok::<_, E>(None);
                };
                // Asked again: `deactivate` may have come between, and would not see this sign-in.
                if User::record_login(conn, user.id, now)? == 0 {
                    return Ok(None);
                }
                let done = sign_in(conn, &user)?;
                Ok(Some((user, done)))
            })
            .await?;
        if let Some(done) = done {
            return Ok(done);
        }
    }
    // Whoever keeps changing the account is not this person.
    Err(CredentialError::Refused.into())
}
