//! Exchanges refresh tokens. A token that depends on a session passes the same check as a page of that
//! session: the session is renewed with WorkOS if it is due. A token of a sign-in without a session depends
//! on its sign-in method.

use std::sync::Arc;

use super::service::RenewalService;
use super::status::{RenewalRequest, SessionStatus};
use crate::accounts::AllowedSignInMethods;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError};
use crate::error::Error;
use crate::ids::SessionId;
use crate::sessions::{SessionRow, TokenSession};
use crate::tokens::{
    RefreshError, RefreshSubject, RefreshTokenRow, RefreshedTokens, TokenRefresh, Tokens,
};
use crate::workos::ClientDevice;

/// Exchanges refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenRefreshService {
    database: Database,
    tokens: Arc<Tokens>,
    renewal: RenewalService,
    methods: AllowedSignInMethods,
}

/// A request to exchange a refresh token.
pub struct TokenRefreshRequest<'a> {
    /// The refresh token.
    pub token: &'a str,
    /// The browser's session, if the token was in a cookie beside it. The token must belong to it.
    pub browser_session: Option<SessionId>,
    /// The client's device.
    pub device: ClientDevice,
    /// The current time.
    pub now: Timestamp,
}

/// Why a refresh token is refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefreshError {
    /// The token itself.
    #[error(transparent)]
    Token(#[from] RefreshError),
    /// The session of the token has just ended, or its sign-in method is no longer allowed.
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
    ) -> Self {
        Self {
            database,
            tokens,
            renewal,
            methods,
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
            now: request.now,
        };
        let confirm = async |subject| self.confirm(&request, subject).await;
        self.tokens.refresh(&self.database, refresh, confirm).await
    }

    /// Confirms what the token depends on.
    async fn confirm(
        &self,
        request: &TokenRefreshRequest<'_>,
        subject: RefreshSubject,
    ) -> Result<(), TokenRefreshError> {
        let (user_id, family) = (subject.user.id, subject.family.clone());
        let (methods, browser_session) = (self.methods.clone(), request.browser_session.clone());
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
            let device = request.device.clone();
            self.database
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
            return Err(TokenRefreshError::SessionEnded);
        }
        let Some(session_id) = dependencies.session_id else {
            return Ok(());
        };
        let renewal = RenewalRequest {
            session_id,
            organization_id: None,
            switch_to: None,
            device: request.device.clone(),
            follow_ups: 0,
        };
        match self.renewal.check(renewal).await? {
            SessionStatus::Valid(_) | SessionStatus::RenewalInProgress => Ok(()),
            SessionStatus::Refused | SessionStatus::Ended => Err(TokenRefreshError::SessionEnded),
        }
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
