//! Ends sessions that were not used for `SESSION_IDLE_TIMEOUT`, and records the use of the others.

use super::context::RenewalContext;
use super::status::RenewalRequest;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::sessions::SessionRow;
use crate::sign_out::{end_session, revoke_in_background};

impl RenewalContext {
    /// Records that the session is in use, or ends it if it was not used for too long. Returns whether
    /// it has ended.
    pub(super) async fn end_if_idle(
        &self,
        request: &RenewalRequest,
        row: &SessionRow,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let Some(timeout) = self.idle_timeout else {
            return Ok(false);
        };
        let (row, device) = (row.clone(), request.device.clone());
        if !timeout.is_over(&row, now) {
            // The server repeats a request by itself after a lost response. Nobody uses the session.
            if request.follow_ups == 0 && timeout.is_record_due(&row, now) {
                let record = move |conn: &mut Conn| SessionRow::record_use(conn, &row.id, now);
                self.database
                    .write(move |conn| record(conn).map_err(DbError::from))
                    .await?;
            }
            return Ok(false);
        }
        let (id, expires_at, sid) = (row.id.clone(), row.expires_at, row.workos_sid.clone());
        let ended = self.database.write(move |conn| {
            if !row.revoke_unused(conn, now)? {
                return Ok::<_, DbError>(false);
            }
            end_session(conn, &row.id, now)?;
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
            // Otherwise WorkOS would sign the user in again from its own session, without credentials.
            revoke_in_background(self.workos.clone(), sid.into_iter().collect());
        }
        Ok(ended)
    }
}
