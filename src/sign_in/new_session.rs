//! The row and the cookie of a new session.

use chrono::TimeDelta;
use diesel::QueryResult;
use secrecy::ExposeSecret;

use super::account_limits::end_surplus_sessions;
use crate::accounts::User;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::{CLOCK_TOLERANCE, Clock, Timestamp};
use crate::db::{Conn, database_time};
use crate::ids::{OrganizationId, SessionId, UserId, WorkosSid};
use crate::keys::Keys;
use crate::random::{RandomnessError, random_text};
use crate::renewal;
use crate::sealing::SealError;
use crate::sessions::{
    NewSession, SessionRow, SessionState, WorkosRevocation, truncate_user_agent,
};
use crate::sign_out::{end_open_session, unused_sids};
use crate::tokens::LONGEST_IMPERSONATION;
use crate::workos::{Authentication, ClientDevice};
use crate::workos_facts::WorkosFacts;

/// The values of a new session that are known before its account is.
#[derive(Clone, Debug)]
pub(super) struct SessionDraft {
    pub(super) id: SessionId,
    /// The fingerprint of the login attempt; one attempt creates one session.
    pub(super) login_attempt: Option<String>,
    /// See [`NewSession::callback_proof`].
    pub(super) callback_proof: Option<String>,
    pub(super) workos: WorkosValues,
    pub(super) created_at: Timestamp,
    /// When the user last entered credentials; `None` if WorkOS does not say.
    pub(super) auth_time: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    pub(super) device: ClientDevice,
    /// The clock of `created_at`.
    pub(super) clock: Clock,
}

/// The values of a session that WorkOS gives. All are empty in a session that began with a password.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkosValues {
    pub(super) sid: Option<WorkosSid>,
    /// The encrypted refresh token.
    pub(super) refresh_token: Option<Vec<u8>>,
    /// The encrypted access token, with `WORKOS_TOKEN_ROUTE` only.
    pub(super) access_token: Option<Vec<u8>>,
    pub(super) confirmed_until: Option<Timestamp>,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) role: Option<String>,
    pub(super) facts: Option<WorkosFacts>,
    /// The email address of the impersonator.
    pub(super) impersonator: Option<String>,
}

impl SessionDraft {
    /// A session that begins `now`, without values of WorkOS's.
    pub(super) fn new(
        device: ClientDevice,
        (clock, now): (&Clock, Timestamp),
        lifetime: TimeDelta,
    ) -> Result<Self, RandomnessError> {
        Ok(Self {
            id: random_text()?.into(),
            login_attempt: None,
            callback_proof: None,
            workos: WorkosValues::default(),
            created_at: now,
            auth_time: Some(now),
            expires_at: now.plus(lifetime),
            device,
            clock: clock.clone(),
        })
    }

    /// Takes over WorkOS's session with its refresh token, with which the session is renewed. WorkOS has
    /// confirmed it until its access token expires.
    pub(super) fn keep_workos_session(
        &mut self,
        keys: &Keys,
        authentication: &Authentication,
        stores_access_token: bool,
    ) -> Result<(), SealError> {
        let access_token = match stores_access_token {
            true => {
                let token = authentication.access_token.expose_secret().as_bytes();
                Some(keys.seal_row(&SessionRow::access_token_place(&self.id), token)?)
            }
            false => None,
        };
        let token = authentication.refresh_token.expose_secret().as_bytes();
        let place = SessionRow::refresh_token_place(&self.id);
        self.workos = WorkosValues {
            refresh_token: Some(keys.seal_row(&place, token)?),
            access_token,
            confirmed_until: Some(confirmed_until(authentication, self.created_at)),
            ..WorkosValues::of(authentication)
        };
        Ok(())
    }

    /// The row of the session for this account.
    pub(super) fn for_user(self, user_id: UserId) -> NewSession {
        let WorkosValues {
            sid,
            refresh_token,
            access_token: _,
            confirmed_until,
            organization_id,
            role,
            facts,
            impersonator,
        } = self.workos;
        NewSession {
            id: self.id,
            user_id,
            login_attempt: self.login_attempt,
            callback_proof: self.callback_proof,
            workos_sid: sid,
            workos_refresh_token: refresh_token,
            confirmed_until,
            created_at: self.created_at,
            auth_time: self.auth_time,
            expires_at: self.expires_at,
            organization_id,
            role,
            workos_facts: facts.as_ref().map(WorkosFacts::to_json),
            ip_address: self.device.ip_address,
            user_agent: truncate_user_agent(self.device.user_agent.as_deref()),
            impersonator,
        }
    }

    /// Inserts the session's row, which replaces the browser's previous session, withdraws an earlier log-out's request
    /// to end its WorkOS session, and ends the oldest sessions of an account that has too many. Returns `None` if this login attempt has created a session
    /// before.
    pub(super) fn insert(
        self,
        conn: &mut Conn,
        user: &User,
        previous: Option<&SessionId>,
    ) -> QueryResult<Option<NewSession>> {
        let (device, clock) = (self.device.clone(), self.clock.clone());
        let access_token = self.workos.access_token.clone();
        let row = self.for_user(user.id);
        if let Some(previous) = previous {
            end_replaced(
                conn,
                previous,
                row.workos_sid.as_ref(),
                &device,
                row.created_at,
            )?;
        }
        if !row.insert(conn)? {
            return Ok(None);
        }
        if let Some(sealed) = access_token {
            SessionRow::store_access_token(conn, &row.id, &sealed)?;
        }
        // A replica with the right time would take a session that began by a wrong clock for an unused one.
        let now = database_time(conn, &clock)?;
        if (now.utc() - row.created_at.utc()).abs() > CLOCK_TOLERANCE {
            SessionRow::record_use(conn, &row.id, now)?;
        }
        if let Some(sid) = &row.workos_sid {
            WorkosRevocation::withdraw(conn, sid)?;
        }
        end_surplus_sessions(conn, &row, &device)?;
        Ok(Some(row))
    }
}

impl WorkosValues {
    /// The values of this authentication, without its refresh token.
    pub(super) fn of(authentication: &Authentication) -> Self {
        let impersonator = authentication.impersonator.as_ref();
        Self {
            sid: authentication.sid.clone(),
            refresh_token: None,
            access_token: None,
            confirmed_until: authentication.access_token_expires_at.map(Timestamp::from),
            organization_id: authentication.organization_id.clone(),
            role: authentication.role.clone(),
            facts: Some(authentication.facts.clone()),
            impersonator: impersonator.map(|impersonator| impersonator.email.clone()),
        }
    }
}

/// Until when WorkOS has confirmed a session whose authentication was received at `now`.
pub(super) fn confirmed_until(authentication: &Authentication, now: Timestamp) -> Timestamp {
    let expires_at = authentication.access_token_expires_at.map(Timestamp::from);
    renewal::confirmed_until(expires_at, now)
}

/// Limits a lifetime if the authentication is an impersonation.
pub(super) fn limited_lifetime(authentication: &Authentication, usual: TimeDelta) -> TimeDelta {
    match authentication.impersonator {
        Some(_) => usual.min(LONGEST_IMPERSONATION),
        None => usual,
    }
}

/// Ends the browser's previous session and its tokens, and everything else that depends on its WorkOS session,
/// which ends too. If the new sign-in has the same WorkOS session `sid`, what depends on it stays valid. A
/// session that has ended before is left alone.
pub(super) fn end_replaced(
    conn: &mut Conn,
    previous: &SessionId,
    sid: Option<&WorkosSid>,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<()> {
    let row = SessionRow::by_id(conn, previous)?;
    let ended_sid = row.and_then(|row| row.workos_sid);
    let mut ended = Vec::new();
    if sid.is_some() && ended_sid.as_ref() == sid {
        if SessionRow::revoke(conn, previous, now)? > 0 {
            ended.extend(SessionRow::by_id(conn, previous)?);
        }
    } else if let Some(row) = end_open_session(conn, previous, now)? {
        if let Some(sid) = &row.workos_sid {
            ended.extend(SessionRow::revoke_sid(conn, sid, now)?);
        }
        ended.push(row);
        // Otherwise no session here would name it any more: no log-out would reach it, and WorkOS would sign its
        // user in again in this browser, without credentials.
        let sids = unused_sids(conn, &ended, now)?;
        WorkosRevocation::request(conn, &sids, now)?;
    }
    for row in ended {
        let replaced = AuditEvent::SessionRevoked {
            user_id: row.user_id,
            session_id: row.id,
            reason: RevocationReason::Replaced,
        };
        replaced.record(conn, device, now)?;
    }
    Ok(())
}

/// The cookie's state for a new session, without the values that only WorkOS gives.
/// `epoch`: the database's.
pub(super) fn local_state(user: User, row: &NewSession, epoch: i64) -> SessionState {
    SessionState {
        username: user.username_without_email(),
        session_id: row.id.clone(),
        user_id: user.id,
        workos_user_id: user.workos_user_id,
        email: user.email,
        email_verified: user.email_verified,
        first_name: user.first_name,
        last_name: user.last_name,
        picture_url: user.picture_url,
        authentication_method: None,
        impersonator: None,
        signed_in_at: row.created_at,
        auth_time: row.auth_time,
        checked_at: Some(row.created_at),
        expires_at: row.expires_at,
        renew_after: row.created_at.plus(renewal::LOCAL_CHECK_INTERVAL),
        epoch,
        generation: 0,
    }
}
