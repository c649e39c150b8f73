//! WorkOS's access token of a session, for an application that calls other services with it.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::Instant;

use super::policy::{POLL_INTERVAL, SHORTEST_CONFIRMATION};
use super::service::RenewalService;
use super::status::{RenewalRequest, SessionStatus};
use crate::account_queue::AccountReference;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::Error;
use crate::ids::SessionId;
use crate::sessions::{SessionRow, StoredAccessToken};
use crate::workos::ClientDevice;

/// The longest wait for a renewal that another request has begun.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// When to try again while WorkOS cannot be reached.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// WorkOS's access token, with the time of its end.
#[derive(Clone, Debug)]
pub struct WorkosAccessToken {
    /// The token.
    pub token: SecretString,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The result of a request for WorkOS's access token.
#[derive(Clone, Debug)]
pub enum AccessTokenStatus {
    /// The token is valid.
    Valid(WorkosAccessToken),
    /// The session has ended.
    SessionEnded,
    /// The session was created by a local password sign-in and has no WorkOS session.
    LocalSession,
}

#[derive(Deserialize)]
struct Expiry {
    exp: i64,
}

impl RenewalService {
    /// The access token of a session that has been checked. If none was stored, because `WORKOS_TOKEN_ROUTE` was off, or
    /// a server of an earlier version has renewed the session, it is renewed. Fails if no token is valid and WorkOS
    /// cannot be reached.
    pub async fn access_token(
        &self,
        session_id: &SessionId,
        device: &ClientDevice,
    ) -> Result<AccessTokenStatus, Error> {
        let context = &self.context;
        let began = Instant::now();
        loop {
            let now = context.clock.now();
            let id = session_id.clone();
            let read =
                move |conn: &mut Conn| StoredAccessToken::of(conn, &id, now).map_err(DbError::from);
            let Some(stored) = context.database.read(read).await? else {
                return Ok(AccessTokenStatus::SessionEnded);
            };
            if stored.workos_refresh_token.is_none() {
                return Ok(AccessTokenStatus::LocalSession);
            }
            let token = self.open(session_id, &stored);
            if let Some(valid) = token.clone().filter(|token| now < token.expires_at) {
                return Ok(AccessTokenStatus::Valid(valid));
            }
            let can_be_newer = match token {
                Some(_) => stored.confirmed_until > Some(now.plus(SHORTEST_CONFIRMATION)),
                None => true,
            };
            if !can_be_newer || stored.renewal_failures > 0 || began.elapsed() >= LONGEST_WAIT {
                let retry_after = RETRY_AFTER;
                return Err(Error::SessionUnconfirmed { retry_after });
            }
            match self.renew_now(session_id, stored, device).await? {
                SessionStatus::Refused | SessionStatus::Ended => {
                    return Ok(AccessTokenStatus::SessionEnded);
                }
                SessionStatus::Valid(_) => {}
                SessionStatus::RenewalInProgress(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Renews a session that is not due, because its access token is missing.
    async fn renew_now(
        &self,
        session_id: &SessionId,
        stored: StoredAccessToken,
        device: &ClientDevice,
    ) -> Result<SessionStatus, Error> {
        let now = self.context.clock.now();
        let id = session_id.clone();
        let require = move |conn: &mut Conn| {
            let changed = stored.require_renewal(conn, &id, now);
            changed.map_err(DbError::from)
        };
        let account = AccountReference::Session(session_id.clone());
        let database = account.queue(&self.context.database).await?;
        database.write(require).await?;
        self.check(RenewalRequest {
            session_id: session_id.clone(),
            switch_to: None,
            device: device.clone(),
        })
        .await
    }

    fn open(
        &self,
        session_id: &SessionId,
        stored: &StoredAccessToken,
    ) -> Option<WorkosAccessToken> {
        let sealed = stored.workos_access_token.as_ref()?;
        let place = SessionRow::access_token_place(session_id);
        let opened = self.context.keys.open_row(&place, sealed)?;
        let token = String::from_utf8(opened.plain).ok()?;
        // A token without an expiry time counts as expired.
        let expiry = jsonwebtoken::dangerous::insecure_decode_claims::<Expiry>(&token);
        let expires_at = expiry.ok().and_then(|it| Timestamp::from_seconds(it.exp));
        Some(WorkosAccessToken {
            token: SecretString::from(token),
            expires_at: expires_at.unwrap_or_else(|| {
                let now = self.context.clock.now();
                now.plus(-TimeDelta::seconds(1))
            }),
        })
    }
}
