//! A browser session or tokens for an email address and a password.

use std::sync::Arc;

use secrecy::SecretString;

use super::audit::SignInRecord;
use super::new_session::{SessionDraft, end_replaced, local_state};
use super::service::SignInService;
use crate::accounts::passwords::PasswordSource;
use crate::accounts::{CredentialError, SignInMethod, User, authenticate};
use crate::audit::AuditEvent;
use crate::authentication_method::AuthenticationMethod;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::ids::SessionId;
use crate::sessions::SessionState;
use crate::tokens::{IssueError, TokenGrant, TokenPair};
use crate::workos::ClientDevice;

/// How many times a sign-in is tried. An attempt is repeated only if the account changed between the
/// check of its password and the transaction.
const ATTEMPTS: usize = 3;

/// Why no tokens were issued for a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordTokenError {
    /// The email address or the password.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Issuing the tokens.
    #[error(transparent)]
    NotIssued(#[from] IssueError),
}

impl From<DbError> for PasswordTokenError {
    fn from(error: DbError) -> Self {
        Self::Credentials(error.into())
    }
}

impl From<diesel::result::Error> for PasswordTokenError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Credentials(error.into())
    }
}

impl SignInService {
    /// Checks a password and creates a session, which replaces the browser's `previous` one. Returns
    /// the cookie's state.
    pub async fn session_for_password(
        &self,
        email: &str,
        (password, source): (&SecretString, PasswordSource),
        previous: Option<SessionId>,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<SessionState, CredentialError> {
        let client = device.clone();
        let record = SignInRecord::new(AuthenticationMethod::LocalPassword.as_str(), &device, now);
        let draft = SessionDraft::new(device, now, self.session_age);
        let draft = draft.map_err(|error| DbError::Unavailable(error.to_string()))?;
        let ending = previous.clone();
        let insert = move |conn: &mut Conn, user: &User| {
            let row = draft.clone().insert(conn, user, ending.as_ref())?;
            // Without a login attempt the row is always new.
            let row = row.ok_or(CredentialError::Refused(Some(user.id)))?;
            record.write(conn, user.id, Some(&row.id))?;
            Ok::<_, CredentialError>(row)
        };
        let password = (password, source);
        let (user, row) = self
            .with_password(email, password, &client, now, insert)
            .await?;
        self.cache_end_of(previous.as_ref(), now);
        Ok(SessionState {
            authentication_method: Some(AuthenticationMethod::LocalPassword),
            ..local_state(user, &row)
        })
    }

    /// Checks a password and issues tokens. The browser's `previous` session ends.
    pub async fn tokens_for_password(
        &self,
        email: &str,
        password: (&SecretString, PasswordSource),
        previous: Option<SessionId>,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<TokenPair, PasswordTokenError> {
        let tokens = Arc::clone(&self.services.tokens);
        let record = SignInRecord::new(AuthenticationMethod::LocalPassword.as_str(), device, now);
        let (ending, at) = (previous.clone(), device.clone());
        let issue = move |conn: &mut Conn, user: &User| {
            if let Some(ending) = &ending {
                end_replaced(conn, ending, None, &at, now)?;
            }
            record.write(conn, user.id, None)?;
            let grant = TokenGrant {
                sign_in_method: Some(SignInMethod::Password),
                ..TokenGrant::default()
            };
            Ok::<_, PasswordTokenError>(tokens.issue(conn, user, grant, now)?)
        };
        let (_, pair) = self
            .with_password(email, password, device, now, issue)
            .await?;
        self.cache_end_of(previous.as_ref(), now);
        Ok(pair)
    }

    /// Checks a password, and calls `sign_in` in the transaction that confirms the check.
    async fn with_password<T, E>(
        &self,
        email: &str,
        (password, source): (&SecretString, PasswordSource),
        device: &ClientDevice,
        now: Timestamp,
        sign_in: impl Fn(&mut Conn, &User) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<(User, T), E>
    where
        T: Send + 'static,
        E: From<CredentialError> + From<DbError> + From<diesel::result::Error> + Send + 'static,
    {
        let (database, hasher) = (&self.services.database, &self.services.hasher);
        for _ in 0..ATTEMPTS {
            let (password, source) = (password.clone(), source.clone());
            let policy = self.password_login;
            let checked = authenticate(database, hasher, policy, email, password, source).await;
            let checked = checked.inspect_err(|error| self.count_refusal(error, device, now))?;
            let sign_in = sign_in.clone();
            let signed_in = database
                .write(move |conn| {
                    let Some(user) = checked.confirm(conn)? else {
                        return Ok::<_, E>(None);
                    };
                    // `record_login` checks again that the account is active: if it is deactivated in
                    // between, the deactivation does not see this sign-in.
                    if User::record_login(conn, user.id, now)? == 0 {
                        return Ok(None);
                    }
                    let result = sign_in(conn, &user)?;
                    Ok(Some((user, result)))
                })
                .await?;
            if let Some(signed_in) = signed_in {
                return Ok(signed_in);
            }
        }
        // The account changed during every attempt.
        Err(CredentialError::Refused(None).into())
    }

    /// Counts a refused password for the audit trail.
    fn count_refusal(&self, error: &CredentialError, device: &ClientDevice, now: Timestamp) {
        if let CredentialError::Refused(user_id) = error {
            let failed = AuditEvent::SignInFailed {
                user_id: *user_id,
                method: AuthenticationMethod::LocalPassword.into(),
                reason: "refused password".to_owned(),
            };
            self.services.failures.count(failed, device, now);
        }
    }
}
