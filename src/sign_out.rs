//! Signing out: ends sessions and revokes the tokens that depend on them.

mod at_workos;
mod request;

use std::sync::Arc;

use diesel::QueryResult;

use crate::account_queue::AccountReference;
use crate::accounts::revoke_all_sessions;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError};
use crate::ids::{SessionId, WorkosSid};
use crate::sessions::{RevocationCache, SessionRow, WorkosRevocation};
use crate::tokens::{RefreshTokenRow, Tokens};
use crate::workos::ClientDevice;

pub use at_workos::{RevocationError, WorkosRevocations};
pub(crate) use request::unused_sids;
pub use request::{SignOutRequest, WorkosLogOut};

/// Ends sessions and their tokens, here and at WorkOS. Cheap to clone.
#[derive(Clone)]
pub struct SignOutService {
    database: Database,
    at_workos: WorkosRevocations,
    tokens: Arc<Tokens>,
    revocations: Arc<RevocationCache>,
}

/// The result of a sign-out.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The WorkOS session, which WorkOS's own log-out should end too.
    pub workos_sid: Option<WorkosSid>,
    /// Whether the ended session began at WorkOS. This can be true without a `workos_sid`.
    pub by_workos: bool,
}

impl SignOutService {
    /// Creates the service.
    pub fn new(
        database: Database,
        at_workos: WorkosRevocations,
        tokens: Arc<Tokens>,
        revocations: Arc<RevocationCache>,
    ) -> Self {
        Self {
            database,
            at_workos,
            tokens,
            revocations,
        }
    }

    /// Ends the browser session and every session with a WorkOS `sid` named in the request, and
    /// revokes the token families that depend on any of them and the families of the tokens. The ended sessions
    /// are revoked at WorkOS too; that of the result's `workos_sid` as `request.log_out` says.
    pub async fn sign_out(
        &self,
        request: SignOutRequest,
        now: Timestamp,
    ) -> Result<SignedOut, DbError> {
        let (tokens, clock) = (Arc::clone(&self.tokens), self.at_workos.clock());
        let database = self.queue(&request).await?;
        let (row, workos_sid, ended) = database
            .write(move |conn| {
                let row = match &request.session_id {
                    Some(id) => end_session(conn, id, now)?,
                    None => None,
                };
                let claims = request.access_tokens.iter().chain(&request.refresh_tokens);
                let from_tokens = claims.filter_map(|claims| claims.sid.clone());
                let from_row = row.as_ref().and_then(|row| row.workos_sid.clone());
                let sids: Vec<WorkosSid> = from_row.into_iter().chain(from_tokens).collect();
                let mut ended = Vec::new();
                for other in &request.other_sessions {
                    ended.extend(end_open_session(conn, other, now)?);
                }
                for sid in &sids {
                    ended.extend(SessionRow::revoke_sid(conn, sid, now)?);
                    RefreshTokenRow::revoke_sid(conn, sid, now)?;
                }
                request.end_families(conn, &tokens, now)?;
                // The session may have ended before.
                let now_ended = row.iter().filter(|row| row.revoked_at == Some(now));
                for row in now_ended.chain(&ended) {
                    request.event(row).record(conn, &request.device, now)?;
                }
                let workos_sid = sids.into_iter().next();
                let mut unused = unused_sids(conn, &ended, now)?;
                if let Some(sid) = &workos_sid {
                    match request.log_out.is_by_server(conn)? {
                        true => {
                            unused.insert(sid.clone());
                        }
                        false => {
                            unused.remove(sid);
                            WorkosRevocation::request_after_browser(conn, sid, &clock, now)?;
                        }
                    }
                }
                WorkosRevocation::request(conn, &unused, now)?;
                Ok::<_, DbError>((row, workos_sid, ended))
            })
            .await?;
        for row in row.iter().chain(&ended) {
            self.revocations.add_revoked(&row.id, row.expires_at);
        }
        self.at_workos.send_soon();
        Ok(SignedOut {
            by_workos: workos_sid.is_some() || row.is_some_and(|row| row.login_attempt.is_some()),
            workos_sid,
        })
    }

    /// The database, for the writes of the account that a request names.
    async fn queue(&self, request: &SignOutRequest) -> Result<Database, DbError> {
        match request.account() {
            Some(account) => account.queue(&self.database).await,
            None => Ok(self.database.clone()),
        }
    }

    /// Revokes the families of the request's tokens, and ends the sessions that existed only for them, here
    /// and at WorkOS. No browser session ends.
    pub async fn end_families(
        &self,
        request: SignOutRequest,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let tokens = Arc::clone(&self.tokens);
        let database = self.queue(&request).await?;
        database
            .write(move |conn| {
                request.end_families(conn, &tokens, now)?;
                let unused = request.end_sessions_of_tokens(conn, now)?;
                Ok::<_, DbError>(WorkosRevocation::request(conn, &unused, now)?)
            })
            .await?;
        self.at_workos.send_soon();
        Ok(())
    }

    /// Ends the session `id` of the user of the session `current_id`. Returns `None` if the user has no session
    /// with this id.
    ///
    /// A session that has already ended is left alone: its `sid` may still belong to the session
    /// that replaced it.
    pub async fn end_one_session(
        &self,
        current_id: &SessionId,
        id: &SessionId,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<Option<SignedOut>, DbError> {
        // Session ids contain only these characters, and PostgreSQL refuses a text with a NUL.
        if !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(None);
        }
        let (current, wanted) = (current_id.clone(), id.clone());
        let rows = self
            .database
            .read(move |conn| {
                let current = SessionRow::by_id(conn, &current)?;
                let wanted = SessionRow::by_id(conn, &wanted)?;
                Ok::<_, DbError>(current.zip(wanted))
            })
            .await?;
        // The user is that of the row: the cookie's number may be another account's since a backup was restored.
        let own = rows.filter(|(current, wanted)| current.user_id == wanted.user_id);
        let Some((_, row)) = own else {
            return Ok(None);
        };
        if row.revoked_at.is_some() || row.expires_at <= now {
            return Ok(Some(SignedOut {
                workos_sid: None,
                by_workos: false,
            }));
        }
        let request = SignOutRequest {
            session_id: Some(row.id),
            device,
            reason: Some(RevocationReason::EndedByUser),
            log_out: WorkosLogOut::ServerWhileOpen(current_id.clone()),
            ..SignOutRequest::default()
        };
        self.sign_out(request, now).await.map(Some)
    }

    /// Ends all sessions and tokens of the user of the session `current_id`, including this session. Ends
    /// nothing if it has no row. Returns the WorkOS session of `current_id`, which WorkOS's own log-out should end.
    pub async fn sign_out_everywhere(
        &self,
        current_id: &SessionId,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<Option<WorkosSid>, DbError> {
        let current_id = current_id.clone();
        let account = AccountReference::Session(current_id.clone());
        let clock = self.at_workos.clock();
        let (ended, current) = account
            .queue(&self.database)
            .await?
            .write(move |conn| {
                let Some(SessionRow { user_id, .. }) = SessionRow::by_id(conn, &current_id)? else {
                    return Ok((Vec::new(), None));
                };
                let ended = revoke_all_sessions(conn, user_id, now)?;
                let current = ended.iter().find(|row| row.id == current_id);
                let current = current.and_then(|row| row.workos_sid.clone());
                let sids = ended.iter().filter_map(|row| row.workos_sid.as_ref());
                let others = sids.filter(|sid| Some(*sid) != current.as_ref());
                WorkosRevocation::request(conn, others, now)?;
                if let Some(sid) = &current {
                    WorkosRevocation::request_after_browser(conn, sid, &clock, now)?;
                }
                let event = AuditEvent::SessionsRevoked {
                    user_id,
                    reason: RevocationReason::SignedOutEverywhere,
                    ended_sessions: ended.len(),
                };
                event.record(conn, &device, now)?;
                Ok::<_, DbError>((ended, current))
            })
            .await?;
        for row in &ended {
            self.revocations.add_revoked(&row.id, row.expires_at);
        }
        self.at_workos.send_soon();
        Ok(current)
    }
}

/// Ends a session and revokes the token families that depend on it. Returns the session's row. Must
/// be called inside a transaction.
pub fn end_session(
    conn: &mut Conn,
    id: &SessionId,
    now: Timestamp,
) -> QueryResult<Option<SessionRow>> {
    // The session row is updated first. Issuing tokens locks that row, so no tokens can be issued
    // for the session between this statement and the commit.
    SessionRow::revoke(conn, id, now)?;
    let row = SessionRow::by_id(conn, id)?;
    RefreshTokenRow::revoke_session(conn, id, now)?;
    if let Some(sid) = row.as_ref().and_then(|row| row.workos_sid.as_ref()) {
        RefreshTokenRow::revoke_sid(conn, sid, now)?;
    }
    Ok(row)
}

/// As [`end_session`], but leaves a session alone that has ended before: its `sid` may belong to the session
/// that replaced it. Returns the row of a session that has now ended.
pub fn end_open_session(
    conn: &mut Conn,
    id: &SessionId,
    now: Timestamp,
) -> QueryResult<Option<SessionRow>> {
    match SessionRow::revoke(conn, id, now)? {
        0 => Ok(None),
        _ => end_session(conn, id, now),
    }
}
