//! WorkOS's session of a sign-in that is refused here.

use super::service::SignInService;
use crate::accounts::ProvisionError;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::SignInFailure;
use crate::ids::WorkosSid;
use crate::sessions::{SessionRow, WorkosRevocation};

impl SignInFailure {
    /// Whether the sign-in is refused, whenever it is tried again with this authentication.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Provision(ProvisionError::Database(_)) => false,
            Self::Provision(_) | Self::AnotherUser | Self::AttemptAlreadyUsed => true,
            _ => false,
        }
    }
}

impl SignInService {
    /// Has WorkOS's session revoked if the sign-in is refused, unless it belongs to a session here. Nobody could log
    /// it out otherwise, and WorkOS would go on to sign its user in without asking for credentials.
    pub(super) async fn end_if_refused(
        &self,
        sid: Option<WorkosSid>,
        failure: &SignInFailure,
        now: Timestamp,
    ) {
        let Some(sid) = sid.filter(|_| failure.is_refusal()) else {
            return;
        };
        let request = move |conn: &mut Conn| {
            if SessionRow::is_known_sid(conn, &sid)? {
                return Ok(true);
            }
            Ok::<_, DbError>(WorkosRevocation::request_of_refused(conn, &sid, now)?)
        };
        match self.services.database.write(request).await {
            Ok(true) => self.services.at_workos.send_soon(),
            Ok(false) => log::warn!(
                "WorkOS's session of a refused sign-in goes on there, because too many of them wait to be revoked"
            ),
            Err(error) => {
                log::error!("failed to end WorkOS's session of a refused sign-in: {error}");
            }
        }
    }
}
