//! Exchanges refresh tokens. A token that depends on a session passes the same check as a page of that
//! session: the session is renewed with WorkOS if it is due. A token of a sign-in without a session depends
//! on its sign-in method and, unless that is the password, on the account's user at WorkOS, if there is one.

use std::sync::Arc;

use chrono::TimeDelta;

use super::service::RenewalService;
use super::status::{RenewalRequest, SessionStatus};
use super::workos_users::WorkosUsers;
use crate::accounts::{AllowedSignInMethods, SignInMethod};
use crate::audit::{AuditEvent, FailureCounter, RevocationReason};
use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::sessions::{SessionRow, TokenSession};
use crate::throttle::Throttle;
use crate::tokens::{
    RefreshError, RefreshSubject, RefreshTokenRow, RefreshedTokens, TokenRefresh, Tokens,
};
use crate::workos::{ClientDevice, WorkosClient};

/// Exchanges refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenRefreshService {
    database: Database,
    tokens: Arc<Tokens>,
    renewal: RenewalService,
    methods: AllowedSignInMethods,
    workos_users: WorkosUsers,
    clock: Clock,
}

/// A request to exchange a refresh token.
pub struct TokenRefreshRequest<'a> {
    /// The refresh token.
    pub token: &'a str,
    /// The browser's session, if the token was in a cookie beside it. The token must belong to it.
    pub browser_session: Option<SessionId>,
    /// The client's device.
    pub device: ClientDevice,
    /// The limit of rotations.
    pub throttle: &'a Throttle,
    /// Counts refused requests.
    pub failures: &'a FailureCounter,
    /// The current time.
    pub now: Timestamp,
}

/// Why a refresh token is refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefreshError {
    /// The token itself.
    #[error(transparent)]
    Token(#[from] RefreshError),
    /// The session of the token has just ended, its sign-in method is no longer allowed, or WorkOS has deleted
    /// the user.
    #[error("the session of the refresh token has ended")]
    SessionEnded,
    /// The token does not belong to the browser's session.
    #[error("the refresh token in the cookie is not of the browser's session")]
    OtherSession,
    /// The session could not be checked.
    #[error(transparent)]
    Unchecked(#[from] Error),
}

impl From<DbError> for TokenRefreshError {
    fn from(error: DbError) -> Self {
        RefreshError::from(error).into()
    }
}

/// What the database says about the dependencies of a token.
struct Dependencies {
    /// Whether the token belongs to the browser's session, if there is one.
    is_of_browser: bool,
    is_method_allowed: bool,
    /// The session to renew.
    session_id: Option<SessionId>,
}

impl TokenRefreshService {
    /// Creates the service.
    pub fn new(
        database: Database,
        tokens: Arc<Tokens>,
        renewal: RenewalService,
        methods: AllowedSignInMethods,
        workos: WorkosClient,
        clock: Clock,
        stale_grace: TimeDelta,
    ) -> Self {
        Self {
            database,
            tokens,
            renewal,
            methods,
            workos_users: WorkosUsers::new(workos, clock.clone(), stale_grace),
            clock,
        }
    }

    /// Exchanges a refresh token.
    pub async fn refresh(
        &self,
        request: TokenRefreshRequest<'_>,
    ) -> Result<RefreshedTokens, TokenRefreshError> {
        let refresh = TokenRefresh {
            token: request.token,
            device: &request.device,
            failures: request.failures,
            now: request.now,
            clock: &self.clock,
        };
        let confirm = async |subject| self.confirm(&request, subject).await;
        let admit_rotation = |family: &str| {
            let counted = request.throttle.count_rotation(family);
            counted.map_err(TokenRefreshError::from)
        };
        self.tokens
            .refresh(&self.database, refresh, confirm, admit_rotation)
            .await
    }

    /// Confirms what the token depends on.
    async fn confirm(
        &self,
        request: &TokenRefreshRequest<'_>,
        subject: RefreshSubject,
    ) -> Result<(), TokenRefreshError> {
        let (user_id, family) = (subject.user.id, subject.family.clone());
        let (methods, browser_session) = (self.methods.clone(), request.browser_session.clone());
        let workos_user_id = match &subject.sign_in_method {
            Some(SignInMethod::Password) => None,
            _ => subject.user.workos_user_id.clone(),
        };
        let now = request.now;
        let dependencies = self
            .database
            .read(move |conn| {
                Dependencies::read(conn, &methods, &subject, browser_session.as_ref(), now)
            })
            .await?;
        if !dependencies.is_of_browser {
            return Err(TokenRefreshError::OtherSession);
        }
        if !dependencies.is_method_allowed {
            log::info!(
                "account {user_id} may no longer sign in as it did; revoking the refresh tokens of family {family}"
            );
            return self.revoke(request, user_id, family).await;
        }
        let Some(session_id) = dependencies.session_id else {
            let Some(id) = workos_user_id else {
                return Ok(());
            };
            let is_deleted = self.workos_users.is_deleted(&id).await;
            if !is_deleted.map_err(Error::from)? {
                return Ok(());
            }
            log::info!(
                "WorkOS does not know {id}, the user of account {user_id}; revoking the refresh tokens of family {family}"
            );
            return self.revoke(request, user_id, family).await;
        };
        let renewal = RenewalRequest {
            session_id,
            switch_to: None,
            device: request.device.clone(),
        };
        match self.renewal.check(renewal).await? {
            SessionStatus::Valid(_) | SessionStatus::RenewalInProgress(_) => Ok(()),
            SessionStatus::Refused | SessionStatus::Ended => Err(TokenRefreshError::SessionEnded),
        }
    }

    /// Revokes the family of a refresh token, and refuses the token.
    async fn revoke(
        &self,
        request: &TokenRefreshRequest<'_>,
        user_id: UserId,
        family: String,
    ) -> Result<(), TokenRefreshError> {
        let (device, now) = (request.device.clone(), request.now);
        self.database
            .queued_by(user_id)
            .write(move |conn| {
                if RefreshTokenRow::revoke_family(conn, &family, now)? > 0 {
                    let revoked = AuditEvent::TokensRevoked {
                        user_id: Some(user_id),
                        family,
                        reason: Some(RevocationReason::NotRenewed),
                    };
                    revoked.record(conn, &device, now)?;
                }
                Ok::<_, DbError>(())
            })
            .await?;
        Err(TokenRefreshError::SessionEnded)
    }
}

impl Dependencies {
    fn read(
        conn: &mut Conn,
        methods: &AllowedSignInMethods,
        subject: &RefreshSubject,
        browser_session: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Self, DbError> {
        let browser = match browser_session {
            Some(id) => Some(SessionRow::by_id(conn, id)?),
            None => None,
        };
        let session = TokenSession {
            id: subject.session_id.as_ref(),
            sid: subject.sid.as_ref(),
        };
        Ok(Self {
            is_of_browser: browser.is_none_or(|row| row.is_some_and(|row| is_of(subject, &row))),
            is_method_allowed: match &subject.sign_in_method {
                Some(method) => methods.allow(conn, &subject.user, method)?,
                None => true,
            },
            session_id: session.current_id(conn, now)?,
        })
    }
}

/// Whether a token belongs to a session. Another program's token knows no session, so its account decides.
fn is_of(subject: &RefreshSubject, row: &SessionRow) -> bool {
    let is_of_session = subject.is_foreign
        || match &subject.session_id {
            Some(id) => *id == row.id,
            None => subject.sid == row.workos_sid,
        };
    is_of_session && subject.user.id == row.user_id
}
