//! Ends sessions that were not used for `SESSION_IDLE_TIMEOUT`, and records the use of the others.
//!
//! A sign-in that starts with the cookie of such a session ends it too, and must then ask for credentials:
//! WorkOS may still have its own session.

use super::context::RenewalContext;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::ids::SessionId;
use crate::sessions::{SessionRow, WorkosRevocation};
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
        if timeout.is_over(row, now) {
            return self.end_idle(row.clone(), device.clone(), now).await;
        }
        if timeout.is_record_due(row, now) {
            let id = row.id.clone();
            let record = move |conn: &mut Conn| SessionRow::record_use(conn, &id, now);
            self.database
                .queued_by(row.user_id)
                .write(move |conn| record(conn).map_err(DbError::from))
                .await?;
        }
        Ok(false)
    }

    /// Ends this session if it was not used for too long. Returns its row if that is the reason of its end,
    /// now or before.
    pub(super) async fn end_idle_session(
        &self,
        id: &SessionId,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<Option<SessionRow>, DbError> {
        let Some(row) = self.find_idle(id, now).await? else {
            return Ok(None);
        };
        if row.revoked_at.is_some() {
            return Ok(Some(row));
        }
        self.end_idle(row, device, now).await?;
        // Another request may have used or ended it meanwhile.
        self.find_idle(id, now).await
    }

    /// The session, if it had not been used for too long at `now`, or when it ended.
    async fn find_idle(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionRow>, DbError> {
        let Some(timeout) = self.idle_timeout else {
            return Ok(None);
        };
        let id = id.clone();
        let find = move |conn: &mut Conn| SessionRow::by_id(conn, &id).map_err(DbError::from);
        let row = self.database.read(find).await?;
        Ok(row.filter(|row| timeout.is_over(row, row.revoked_at.unwrap_or(now))))
    }

    async fn end_idle(
        &self,
        row: SessionRow,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let (id, expires_at) = (row.id.clone(), row.expires_at);
        let database = self.database.queued_by(row.user_id);
        let ended = database.write(move |conn| {
            if !row.revoke_unused(conn, now)? {
                return Ok::<_, DbError>(false);
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
