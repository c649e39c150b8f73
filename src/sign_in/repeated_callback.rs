//! A callback that is sent again after its session was created: the process ended, or the response was lost,
//! before the browser had its cookie. WorkOS refuses the code, which has been used.

use chrono::TimeDelta;

use super::new_session::local_state;
use super::service::SignInService;
use super::workos_session::WorkosCallback;
use crate::accounts::User;
use crate::audit::AuditEvent;
use crate::client_network::client_hash;
use crate::db::{Conn, DbError};
use crate::hex::sha256_hex;
use crate::sessions::{Impersonator, NewSession, SessionRow, SessionState};

/// For how long a sign-in is answered again: time to start another process and to reload the page.
const REPLAY_WINDOW: TimeDelta = TimeDelta::minutes(5);

impl WorkosCallback {
    /// What a request must show to get the session of this callback again: the secret of the attempt, the code, and
    /// the same client. The attempt's cookie alone proves nothing, because it can be set in another person's browser
    /// by whoever began the attempt; the code was sent to the browser of the user who signed in, and to no other.
    pub(super) fn proof(&self) -> String {
        let client = client_hash(&self.device);
        sha256_hex(&format!("{} {client} {}", self.code_verifier, self.code))
    }
}

impl SignInService {
    /// The session that this callback has created, on any replica, if it is still open. `None` if the code or the
    /// client is another one, or if the browser has another open session, which has begun since.
    pub(super) async fn session_of_callback(
        &self,
        callback: &WorkosCallback,
    ) -> Result<Option<SessionState>, DbError> {
        let now = self.services.clock.now();
        let (attempt, previous) = (callback.attempt.clone(), callback.previous.clone());
        let proof = callback.proof();
        let find = move |conn: &mut Conn| {
            let session = NewSession::open_of_callback(conn, &attempt, &proof, now)?
                .filter(|session| now < session.created_at.plus(REPLAY_WINDOW));
            let Some(session) = session else {
                return Ok(None);
            };
            if let Some(previous) = previous.filter(|previous| *previous != session.id)
                && SessionRow::by_id(conn, &previous)?
                    .is_some_and(|row| row.revoked_at.is_none() && now < row.expires_at)
            {
                return Ok(None);
            }
            let user = User::by_id(conn, session.user_id)?.filter(|user| user.is_active);
            Ok::<_, DbError>(user.map(|user| (session, user)))
        };
        let found = self.services.database.read(find).await?;
        if let Some((session, user)) = &found {
            let repeated = AuditEvent::SignInRepeated {
                user_id: user.id,
                session_id: session.id.clone(),
            };
            let failures = &self.services.failures;
            failures.count(repeated, &callback.device, now);
        }
        Ok(found.map(|(session, user)| SessionState {
            // The row does not have the method and the impersonator's reason.
            impersonator: session.impersonator.clone().map(|email| Impersonator {
                email,
                reason: None,
            }),
            // The next request reads the row, which may have changed since.
            renew_after: now,
            ..local_state(user, &session, self.services.revocations.epoch())
        }))
    }
}
