//! The second step of a sign-in with a local password: the code of an authenticator app, or a recovery
//! code.
//!
//! The client keeps the state between the steps, encrypted. It is bound to the account and to its
//! `token_version`, so a new password ends it.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::account_limits::TooManySignIns;
use super::audit::SignInRecord;
use super::service::SignInService;
use crate::accounts::second_factor::{CodeRejection, check_code, has_second_factor, lock_account};
use crate::accounts::{RememberedAccount, User, has_password};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::ids::{SessionId, UserId};
use crate::sessions::SessionState;
use crate::tokens::{IssueError, TokenPair};
use crate::workos::ClientDevice;

/// How long the code may follow the password, as for the steps of WorkOS.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// The purpose of the encrypted state.
const PURPOSE: &str = "password that a code must follow";

/// What a right password leads to.
#[derive(Clone, Debug)]
pub enum PasswordOutcome<T> {
    /// A session or tokens.
    SignedIn(T),
    /// The account has a second factor, so its code must follow.
    CodeRequired(PendingPassword),
}

/// A right password of an account with a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPassword {
    user_id: UserId,
    token_version: i64,
    /// When it expires, in seconds since the Unix epoch.
    until: i64,
}

/// Why a code did not end in a session or in tokens.
#[derive(Debug, thiserror::Error)]
pub enum CodeSignInError {
    /// The account has changed since its password was checked.
    #[error("the password must be checked again")]
    Expired,
    /// The code was not accepted.
    #[error("the code was not accepted: {0:?}")]
    Rejected(CodeRejection),
    /// The account has signed in too often.
    #[error(transparent)]
    TooManySignIns(#[from] TooManySignIns),
    /// Issuing tokens failed.
    #[error(transparent)]
    NotIssued(#[from] IssueError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<diesel::result::Error> for CodeSignInError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<CodeRejection> for CodeSignInError {
    fn from(rejection: CodeRejection) -> Self {
        match rejection {
            CodeRejection::NoFactor => Self::Expired,
            rejection => Self::Rejected(rejection),
        }
    }
}

impl CodeSignInError {
    /// Whether the code was compared, and counts as a guess.
    pub fn is_guess(&self) -> bool {
        matches!(self, Self::Rejected(rejection) if rejection.is_guess())
    }
}

impl PendingPassword {
    /// The lifetime of the client's state.
    pub const MAX_AGE: TimeDelta = LIFETIME;

    /// The state after the password of this account was checked; `None` if the account has no second
    /// factor. To be called in the transaction that signs in.
    pub(super) fn of(
        conn: &mut Conn,
        user: &User,
        now: Timestamp,
    ) -> diesel::QueryResult<Option<Self>> {
        let required = has_second_factor(conn, user.id)?;
        Ok(required.then(|| Self {
            user_id: user.id,
            token_version: user.token_version,
            until: now.plus(LIFETIME).seconds(),
        }))
    }

    /// The account.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The account's `token_version` when its password was checked.
    pub fn token_version(&self) -> i64 {
        self.token_version
    }
}

impl SignInService {
    /// Encrypts the state between password and code for the client.
    pub fn seal_pending_password(&self, pending: &PendingPassword) -> Option<String> {
        let plain = serde_json::to_vec(pending).ok()?;
        self.services.keys.seal_text(PURPOSE, &plain).ok()
    }

    /// Decrypts the client's state; `None` if it is not genuine or has expired.
    pub fn open_pending_password(&self, sealed: &str, now: Timestamp) -> Option<PendingPassword> {
        let plain = self.services.keys.open_text(PURPOSE, sealed)?;
        let pending: PendingPassword = serde_json::from_slice(&plain).ok()?;
        (now.seconds() < pending.until).then_some(pending)
    }

    /// Checks a code and creates a session, which replaces the browser's `previous` one. Returns the
    /// cookie's state, and the account.
    pub async fn session_for_code(
        &self,
        pending: PendingPassword,
        code: String,
        previous: Option<SessionId>,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<(SessionState, RememberedAccount), CodeSignInError> {
        let record = SignInRecord::by_password(true, &device, now, self.account_rate);
        let insert = self.insert_session(previous.clone(), record)?;
        let (user, row) = self.with_code(pending, code, device, now, insert).await?;
        self.previous_has_ended(previous.as_ref(), now);
        let account = RememberedAccount::from(&user);
        Ok((self.password_state(user, &row), account))
    }

    /// Checks a code and issues tokens. The browser's `previous` session ends.
    pub async fn tokens_for_code(
        &self,
        pending: PendingPassword,
        code: String,
        previous: Option<SessionId>,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<TokenPair, CodeSignInError> {
        let record = SignInRecord::by_password(true, &device, now, self.account_rate);
        let issue = self.issue_tokens(previous.clone(), record);
        let (_, pair) = self.with_code(pending, code, device, now, issue).await?;
        self.previous_has_ended(previous.as_ref(), now);
        Ok(pair)
    }

    /// Checks a code, and calls `sign_in` in the same transaction. A rejection is committed, because it
    /// counts.
    async fn with_code<T: Send + 'static>(
        &self,
        pending: PendingPassword,
        code: String,
        device: ClientDevice,
        now: Timestamp,
        sign_in: impl FnOnce(&mut Conn, &User) -> Result<T, CodeSignInError> + Clone + Send + 'static,
    ) -> Result<(User, T), CodeSignInError> {
        let policy = self.password_login;
        let keys = self.services.keys.clone();
        let (user_id, client) = (pending.user_id, device.clone());
        let database = self.services.database.queued_by(user_id);
        let signed_in = database.write(move |conn| {
            let user = lock_account(conn, pending.user_id, pending.token_version)?;
            let Some(user) = user.filter(|user| has_password(user, policy)) else {
                return Ok(Err(CodeSignInError::Expired));
            };
            if let Err(rejection) = check_code(conn, &keys, user.id, &code, (&device, now))? {
                return Ok(Err(rejection.into()));
            }
            User::record_login(conn, user.id, now)?;
            let result = sign_in(conn, &user)?;
            Ok::<_, CodeSignInError>(Ok((user, result)))
        });
        let signed_in = signed_in.await?;
        if let Err(CodeSignInError::Rejected(rejection)) = &signed_in {
            let failed = rejection.audit_event(user_id);
            self.services.failures.count_any(failed, &client, now);
        }
        signed_in
    }
}
