//! What a request to sign out names, and its end.

use std::collections::BTreeSet;

use diesel::QueryResult;

use crate::account_queue::AccountReference;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::SessionRow;
use crate::tokens::{RefreshTokenRow, TokenClaims, Tokens, end_family_of_access_token};
use crate::workos::ClientDevice;

/// The session and the tokens that a sign-out request carried.
#[derive(Clone, Debug, Default)]
pub struct SignOutRequest {
    /// The browser session.
    pub session_id: Option<SessionId>,
    /// Further sessions of the browser, of other cookies of the same name.
    pub other_sessions: Vec<SessionId>,
    /// The claims of the access tokens, expired ones included.
    pub access_tokens: Vec<TokenClaims>,
    /// The claims of the refresh tokens.
    pub refresh_tokens: Vec<TokenClaims>,
    /// The client's device.
    pub device: ClientDevice,
    /// Why the session ends, if not by its own log-out.
    pub reason: Option<RevocationReason>,
    /// Who ends the session at WorkOS.
    pub log_out: WorkosLogOut,
}

/// Who ends the session of a sign-out at WorkOS.
#[derive(Clone, Debug, Default)]
pub enum WorkosLogOut {
    /// The browser, which is sent to WorkOS's log-out; this server if the browser has not done it within a minute.
    #[default]
    Browser,
    /// This server.
    Server,
    /// This server, while this session of the browser that sent the request is open. Otherwise both were of one
    /// WorkOS session, and the browser is sent to WorkOS's log-out.
    ServerWhileOpen(SessionId),
}

impl WorkosLogOut {
    /// Whether this server ends the session at WorkOS. Must be called after the sessions have ended, in their
    /// transaction.
    pub(super) fn is_by_server(&self, conn: &mut Conn) -> QueryResult<bool> {
        match self {
            Self::Browser => Ok(false),
            Self::Server => Ok(true),
            Self::ServerWhileOpen(id) => {
                let row = SessionRow::by_id(conn, id)?;
                Ok(row.is_some_and(|row| row.revoked_at.is_none()))
            }
        }
    }
}

impl SignOutRequest {
    /// The account whose session or tokens end. A browser's session and tokens are of one account, apart from
    /// mistakes.
    pub(super) fn account(&self) -> Option<AccountReference> {
        let session = self.session_id.iter().chain(&self.other_sessions).next();
        let session = session.cloned().map(AccountReference::Session);
        let refresh = || {
            let claims = self.refresh_tokens.first()?;
            Some(AccountReference::RefreshToken(claims.jti.clone()))
        };
        let access = || {
            let sid = self.access_tokens.iter().find_map(|it| it.sid.clone())?;
            Some(AccountReference::WorkosSession(sid))
        };
        session.or_else(refresh).or_else(access)
    }

    pub(super) fn end_families(
        &self,
        conn: &mut Conn,
        tokens: &Tokens,
        now: Timestamp,
    ) -> Result<(), DbError> {
        for access in &self.access_tokens {
            end_family_of_access_token(conn, access, self.reason, &self.device, now)?;
        }
        for refresh in &self.refresh_tokens {
            tokens.end_family(conn, refresh, &self.device, now)?;
        }
        Ok(())
    }

    /// Ends the sessions of WorkOS that have a row for the tokens of an exchange, and have no tokens any more.
    /// Returns those to be revoked at WorkOS.
    pub(super) fn end_sessions_of_tokens(
        &self,
        conn: &mut Conn,
        now: Timestamp,
    ) -> Result<BTreeSet<WorkosSid>, DbError> {
        let mut unused = BTreeSet::new();
        let claims = self.access_tokens.iter().chain(&self.refresh_tokens);
        for sid in claims.filter_map(|claims| claims.sid.as_ref()) {
            if RefreshTokenRow::has_live_of_sid(conn, sid, now)? {
                continue;
            }
            let ended = SessionRow::revoke_without_cookie(conn, sid, now)?;
            for row in &ended {
                self.event(row).record(conn, &self.device, now)?;
            }
            unused.extend(unused_sids(conn, &ended, now)?);
        }
        Ok(unused)
    }

    /// The audit event for the end of this session.
    pub(super) fn event(&self, ended: &SessionRow) -> AuditEvent {
        let (user_id, session_id) = (ended.user_id, ended.id.clone());
        match self.reason {
            None => AuditEvent::SignedOut {
                user_id,
                session_id,
            },
            Some(reason) => AuditEvent::SessionRevoked {
                user_id,
                session_id,
                reason,
            },
        }
    }
}

/// The WorkOS sessions of these sessions, which have ended, without those that another session still has.
pub(crate) fn unused_sids(
    conn: &mut Conn,
    ended: &[SessionRow],
    now: Timestamp,
) -> QueryResult<BTreeSet<WorkosSid>> {
    let mut unused = BTreeSet::new();
    for sid in ended.iter().filter_map(|row| row.workos_sid.as_ref()) {
        if SessionRow::active_of_sid(conn, sid, now)?.is_none() {
            unused.insert(sid.clone());
        }
    }
    Ok(unused)
}
