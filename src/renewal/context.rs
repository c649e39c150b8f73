//! The parts that checking, renewing and switching a session share.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::open_session::find_open;
use super::refused_sessions::RefusedSessions;
use super::status::RenewalRequest;
use super::write_behind::WriteBehind;
use crate::account_queue::AccountReference;
use crate::accounts::{AllowedSignInMethods, User};
use crate::audit::{AuditEvent, FailureCounter, RevocationReason};
use crate::clock::{Clock, Timestamp};
use crate::database_epoch::warn_of_unknown;
use crate::db::{Conn, Database, DbError, database_time};
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::sessions::{IdleTimeout, RevocationCache, SessionRow};
use crate::sign_out::{WorkosRevocations, end_session};
use crate::workos::WorkosClient;

/// The services and settings that a renewal needs.
pub(super) struct RenewalContext {
    pub(super) database: Database,
    pub(super) workos: WorkosClient,
    pub(super) keys: Arc<Keys>,
    pub(super) clock: Clock,
    pub(super) revocations: Arc<RevocationCache>,
    pub(super) write_behind: WriteBehind,
    pub(super) at_workos: WorkosRevocations,
    /// How long a session stays valid while WorkOS cannot be reached.
    pub(super) stale_grace: TimeDelta,
    /// Whether WorkOS's access tokens are stored.
    pub(super) stores_access_tokens: bool,
    /// The sign-in methods without WorkOS, which a session that used one checks at each renewal.
    pub(super) methods: AllowedSignInMethods,
    /// The longest lifetime of a session.
    pub(super) session_age: TimeDelta,
    /// Counts refusals of the API key.
    pub(super) failures: FailureCounter,
    /// Notified when the response to a refresh token was lost.
    pub(super) answer_lost: Notify,
    /// The time-out of unused sessions.
    pub(super) idle_timeout: Option<IdleTimeout>,
    /// The sessions that a firewall before WorkOS refuses.
    pub(super) refused: RefusedSessions,
}

impl RenewalContext {
    /// How long this session is served after its confirmation has ended, if it cannot be renewed.
    pub(super) fn grace(&self, row: &SessionRow) -> TimeDelta {
        let now = self.clock.elapsed();
        let (refused, grace) = (&self.refused, self.stale_grace);
        refused.grace(row.user_id, &self.workos, grace, now)
    }

    /// Returns the session and its account if both are open, and the session's sign-in method is still
    /// allowed.
    pub(super) async fn find_open(
        &self,
        session_id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<(SessionRow, User)>, DbError> {
        let open = find_open(&self.database, session_id, now).await?;
        Ok(open.filter(|(row, user)| {
            let is_allowed = !row.is_password_session() || self.methods.allow_password(user);
            if !is_allowed {
                log::info!(
                    "account {} signed out: it may no longer sign in with a password",
                    user.id
                );
            }
            is_allowed
        }))
    }

    /// Ends the session of a request that [`find_open`](Self::find_open) did not find: its row is missing, revoked or
    /// expired, or its account is closed or deleted. One that has expired by the clock of this machine alone stays open.
    pub(super) async fn end_session(
        &self,
        request: &RenewalRequest,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let session_id = &request.session_id;
        let (id, device) = (session_id.clone(), request.device.clone());
        let account = AccountReference::Session(id.clone());
        let database = account.queue(&self.database).await?;
        let clock = self.clock.clone();
        let ended = self
            .write_behind
            .write(
                &database,
                Arc::new(move |conn: &mut Conn| {
                    let found = SessionRow::by_id(conn, &id)?;
                    if found.is_none() {
                        warn_of_unknown("a session");
                    }
                    if found.as_ref().is_some_and(|row| row.revoked_at.is_some()) {
                        // Its `sid` may belong to the session that replaced it.
                        return Ok(Some(found));
                    }
                    let was_open = found.as_ref().is_some_and(|row| now < row.expires_at);
                    if let Some(row) = found.filter(|_| !was_open)
                        && database_time(conn, &clock)? < row.expires_at
                    {
                        return Ok(None);
                    }
                    let row = end_session(conn, &id, now)?;
                    if let Some(ended) = row.as_ref().filter(|_| was_open) {
                        let revoked = AuditEvent::SessionRevoked {
                            user_id: ended.user_id,
                            session_id: ended.id.clone(),
                            reason: RevocationReason::NotRenewed,
                        };
                        revoked.record(conn, &device, now)?;
                    }
                    Ok::<_, DbError>(Some(row))
                }),
            )
            .await?;
        let Some(row) = ended else { return Ok(()) };
        let latest_end = now.plus(self.session_age);
        let expires_at = row.map_or(latest_end, |row| row.expires_at);
        self.revocations.add_revoked(session_id, expires_at);
        Ok(())
    }
}
