//! A callback that is sent again after its session was created: the process ended, or the response was lost,
//! before the browser had its cookie. WorkOS refuses the code, which has been used.

use chrono::TimeDelta;

use super::new_session::local_state;
use super::service::SignInService;
use super::workos_session::WorkosCallback;
use crate::accounts::User;
use crate::db::{Conn, DbError};
use crate::sessions::{Impersonator, NewSession, SessionRow, SessionState};

/// For how long a sign-in is answered again: time to start another process and to reload the page.
const REPLAY_WINDOW: TimeDelta = TimeDelta::minutes(5);

impl SignInService {
    /// The session that the callback's login attempt has created, on any replica, if it is still open. This
    /// reveals nothing: only the browser that signed in has the cookie of the attempt. `None` if the browser
    /// has another open session, which has begun since.
    pub(super) async fn session_of_attempt(
        &self,
        callback: &WorkosCallback,
    ) -> Result<Option<SessionState>, DbError> {
        let now = self.services.clock.now();
        let (attempt, previous) = (callback.attempt.clone(), callback.previous.clone());
        let find = move |conn: &mut Conn| {
            let session = NewSession::open_of_attempt(conn, &attempt, now)?
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
        Ok(found.map(|(session, user)| SessionState {
            // The row does not have the method and the impersonator's reason.
            impersonator: session.impersonator.clone().map(|email| Impersonator {
                email,
                reason: None,
            }),
            organization_id: session.organization_id.clone(),
            role: session.role.clone(),
            // The next request reads the row, which may have changed since.
            renew_after: now,
            ..local_state(user, &session, self.services.revocations.epoch())
        }))
    }
}
