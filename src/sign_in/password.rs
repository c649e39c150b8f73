//! A browser session or tokens for an email or username and a password. If the account has a second factor,
//! a code must follow.

use std::sync::Arc;

use secrecy::SecretString;

use super::account_limits::TooManySignIns;
use super::audit::SignInRecord;
use super::new_session::{SessionDraft, end_replaced, local_state};
use super::second_factor::{PasswordOutcome, PendingPassword};
use super::service::SignInService;
use crate::accounts::passwords::PasswordSource;
use crate::accounts::{
    CredentialError, LoginName, RememberedAccount, SignInMethod, User, authenticate,
};
use crate::audit::AuditEvent;
use crate::authentication_method::AuthenticationMethod;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::ids::SessionId;
use crate::sessions::{NewSession, SessionState};
use crate::tokens::{IssueError, TokenGrant, TokenPair};
use crate::workos::ClientDevice;

/// How many times a sign-in is tried. An attempt is repeated only if the account changed between the
/// check of its password and the transaction.
const ATTEMPTS: usize = 3;

/// Why no tokens were issued for a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordTokenError {
    /// The login name or the password.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Issuing the tokens.
    #[error(transparent)]
    NotIssued(#[from] IssueError),
}

impl From<TooManySignIns> for PasswordTokenError {
    fn from(refusal: TooManySignIns) -> Self {
        Self::Credentials(refusal.into())
    }
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
    /// the cookie's state, and the account.
    pub async fn session_for_password(
        &self,
        name: &LoginName,
        (password, source): (&SecretString, PasswordSource),
        previous: Option<SessionId>,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<PasswordOutcome<(SessionState, RememberedAccount)>, CredentialError> {
        let record = SignInRecord::by_password(false, &device, now, self.account_rate);
        let insert = self.insert_session::<CredentialError>(previous.clone(), record)?;
        let outcome = self
            .with_password(name, (password, source), &device, now, insert)
            .await?;
        Ok(match outcome {
            PasswordOutcome::SignedIn((user, row)) => {
                self.previous_has_ended(previous.as_ref(), now);
                let account = RememberedAccount::from(&user);
                PasswordOutcome::SignedIn((self.password_state(user, &row), account))
            }
            PasswordOutcome::CodeRequired(pending) => PasswordOutcome::CodeRequired(pending),
        })
    }

    /// Checks a password and issues tokens. The browser's `previous` session ends.
    pub async fn tokens_for_password(
        &self,
        name: &LoginName,
        password: (&SecretString, PasswordSource),
        previous: Option<SessionId>,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<PasswordOutcome<TokenPair>, PasswordTokenError> {
        let record = SignInRecord::by_password(false, device, now, self.account_rate);
        let issue = self.issue_tokens::<PasswordTokenError>(previous.clone(), record);
        let outcome = self
            .with_password(name, password, device, now, issue)
            .await?;
        Ok(match outcome {
            PasswordOutcome::SignedIn((_, pair)) => {
                self.previous_has_ended(previous.as_ref(), now);
                PasswordOutcome::SignedIn(pair)
            }
            PasswordOutcome::CodeRequired(pending) => PasswordOutcome::CodeRequired(pending),
        })
    }

    /// Returns a function that inserts the row of a session which began with a password.
    pub(super) fn insert_session<E>(
        &self,
        previous: Option<SessionId>,
        record: SignInRecord,
    ) -> Result<impl Fn(&mut Conn, &User) -> Result<NewSession, E> + Clone + Send + use<E>, DbError>
    where
        E: From<DbError> + From<diesel::result::Error> + From<TooManySignIns>,
    {
        let begins_at = (&self.services.clock, record.now);
        let draft = SessionDraft::new(record.device.clone(), begins_at, self.session_age);
        let draft = draft.map_err(|error| DbError::Unavailable(error.to_string()))?;
        Ok(move |conn: &mut Conn, user: &User| {
            let row = draft.clone().insert(conn, user, previous.as_ref())?;
            // Without a login attempt the row is always new.
            let row = row.ok_or(DbError::Interrupted)?;
            record.write::<E>(conn, user.id, Some(&row.id))?;
            Ok(row)
        })
    }

    /// Returns a function that issues tokens for a password. The browser's `previous` session ends.
    pub(super) fn issue_tokens<E>(
        &self,
        previous: Option<SessionId>,
        record: SignInRecord,
    ) -> impl Fn(&mut Conn, &User) -> Result<TokenPair, E> + Clone + Send + use<E>
    where
        E: From<IssueError> + From<diesel::result::Error> + From<TooManySignIns>,
    {
        let tokens = Arc::clone(&self.services.tokens);
        move |conn: &mut Conn, user: &User| {
            let now = record.now;
            if let Some(previous) = &previous {
                end_replaced(conn, previous, None, &record.device, now)?;
            }
            record.write::<E>(conn, user.id, None)?;
            let grant = TokenGrant {
                sign_in_method: Some(SignInMethod::Password),
                ..TokenGrant::default()
            };
            Ok(tokens.issue(conn, user, grant, now)?)
        }
    }

    /// The cookie's state of a session that began with a password.
    pub(super) fn password_state(&self, user: User, row: &NewSession) -> SessionState {
        SessionState {
            authentication_method: Some(AuthenticationMethod::LocalPassword),
            ..local_state(user, row, self.services.revocations.epoch())
        }
    }

    /// Checks a password, and calls `sign_in` in the transaction that confirms the check, unless the
    /// account has a second factor.
    async fn with_password<T, E>(
        &self,
        name: &LoginName,
        (password, source): (&SecretString, PasswordSource),
        device: &ClientDevice,
        now: Timestamp,
        sign_in: impl Fn(&mut Conn, &User) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<PasswordOutcome<(User, T)>, E>
    where
        T: Send + 'static,
        E: From<CredentialError> + From<DbError> + From<diesel::result::Error> + Send + 'static,
    {
        let (database, hasher) = (&self.services.database, &self.services.hasher);
        let mut name = name.clone();
        for _ in 0..ATTEMPTS {
            let (password, source) = (password.clone(), source.clone());
            let policy = self.password_login;
            let checked = authenticate(database, hasher, policy, &name, password, source).await;
            let checked = checked.inspect_err(|error| self.count_refusal(error, device, now))?;
            let (sign_in, user_id) = (sign_in.clone(), checked.user_id());
            let outcome = database
                .queued_by(user_id)
                .write(move |conn| {
                    let Some(user) = checked.confirm(conn)? else {
                        return Ok::<_, E>(None);
                    };
                    if let Some(pending) = PendingPassword::of(conn, &user, now)? {
                        return Ok(Some(PasswordOutcome::CodeRequired(pending)));
                    }
                    // `record_login` checks again that the account is active: if it is deactivated in
                    // between, the deactivation does not see this sign-in.
                    if User::record_login(conn, user.id, now)? == 0 {
                        return Ok(None);
                    }
                    let result = sign_in(conn, &user)?;
                    Ok(Some(PasswordOutcome::SignedIn((user, result))))
                })
                .await?;
            if let Some(outcome) = outcome {
                if let PasswordOutcome::CodeRequired(_) = outcome {
                    let asked = AuditEvent::CodeRequired { user_id };
                    self.services.failures.count(asked, device, now);
                }
                return Ok(outcome);
            }
            name = name.unread();
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
