//! Ends sessions that were not used for `SESSION_IDLE_TIMEOUT`, and records the use of the others.
//!
//! A sign-in that starts with the cookie of such a session ends it too, and must then ask for credentials:
//! WorkOS may still have its own session.

use super::context::RenewalContext;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError, database_time};
use crate::ids::SessionId;
use crate::sessions::{IdleTimeout, SessionRow, WorkosRevocation};
use crate::sign_out::end_session;
use crate::workos::ClientDevice;

impl RenewalContext {
    /// Records that the session is in use, or ends it if it was not used for too long. Returns whether
    /// it has ended.
    pub(super) async fn end_if_idle(
        &self,
        row: &SessionRow,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let Some(timeout) = self.idle_timeout else {
            return Ok(false);
        };
        if timeout.is_over(row, now) || timeout.is_record_due(row, now) {
            return self
                .end_or_record(timeout, row.clone(), device.clone())
                .await;
        }
        Ok(false)
    }

    /// Ends this session if it was not used for too long. Returns its row if that is the reason of its end,
    /// now or before.
    pub(super) async fn end_idle_session(
        &self,
        id: &SessionId,
        device: ClientDevice,
    ) -> Result<Option<SessionRow>, DbError> {
        let Some(timeout) = self.idle_timeout else {
            return Ok(None);
        };
        let Some(row) = self.find_idle(timeout, id).await? else {
            return Ok(None);
        };
        if row.revoked_at.is_some() {
            return Ok(Some(row));
        }
        self.end_or_record(timeout, row, device).await?;
        // Another request may have used or ended it meanwhile.
        self.find_idle(timeout, id).await
    }

    /// The session, if it has not been used for too long, or had not been when it ended.
    async fn find_idle(
        &self,
        timeout: IdleTimeout,
        id: &SessionId,
    ) -> Result<Option<SessionRow>, DbError> {
        let (id, clock) = (id.clone(), self.clock.clone());
        let find = move |conn: &mut Conn| {
            let Some(row) = SessionRow::by_id(conn, &id)? else {
                return Ok(None);
            };
            let at = match row.revoked_at {
                Some(revoked_at) => revoked_at,
                None => database_time(conn, &clock)?,
            };
            Ok::<_, DbError>(Some(row).filter(|row| timeout.is_over(row, at)))
        };
        self.database.read(find).await
    }

    /// Decides by the database's clock: the one of this machine may be wrong, and what it ended would stay ended.
    async fn end_or_record(
        &self,
        timeout: IdleTimeout,
        row: SessionRow,
        device: ClientDevice,
    ) -> Result<bool, DbError> {
        let (id, expires_at) = (row.id.clone(), row.expires_at);
        let clock = self.clock.clone();
        let database = self.database.queued_by(row.user_id);
        let ended = database.write(move |conn| {
            let now = database_time(conn, &clock)?;
            if !timeout.is_over(&row, now) {
                if timeout.is_record_due(&row, now) {
                    SessionRow::record_use(conn, &row.id, now)?;
                }
                return Ok::<_, DbError>(false);
            }
            if !row.revoke_unused(conn, now)? {
                return Ok(false);
            }
            end_session(conn, &row.id, now)?;
            // Otherwise WorkOS would sign the user in again from its own session, without credentials.
            WorkosRevocation::request(conn, &row.workos_sid, now)?;
            let event = AuditEvent::SessionRevoked {
                user_id: row.user_id,
                session_id: row.id.clone(),
                reason: RevocationReason::Idle,
            };
            event.record(conn, &device, now)?;
            Ok(true)
        });
        let ended = ended.await?;
        if ended {
            self.revocations.add_revoked(&id, expires_at);
            self.at_workos.send_soon();
        }
        Ok(ended)
    }
}
