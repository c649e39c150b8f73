//! Checks sessions, one check of a session at a time in this process: two hundred simultaneous
//! requests read the row once and share the result.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::context::RenewalContext;
use super::execute::LeasedRenewal;
use super::last_checks::LastChecks;
use super::policy::{self, PATIENCE, POLL_INTERVAL, RenewalDecision};
use super::refused_sessions::RefusedSessions;
use super::status::{
    RenewalError, RenewalRequest, RenewalResult, RenewedSession, SessionStatus, decided,
};
use super::switch_organization::{OrganizationSwitch, switch_organization};
use super::write_behind::WriteBehind;
use crate::accounts::AllowedSignInMethods;
use crate::audit::FailureCounter;
use crate::clock::Clock;
use crate::db::{Conn, Database, DbError};
use crate::error::{Error, InternalError};
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::known_sessions::KnownSessions;
use crate::sessions::{LeaseCondition, RevocationCache, SessionRow, SessionState};
use crate::settings::Settings;
use crate::sign_out::WorkosRevocations;
use crate::single_flight::{FlightLeader, SingleFlight};
use crate::workos::{ClientDevice, RenewalAdmission, WorkosClient};

/// The longest wait for a renewal by another process: a little more than a lease, so that a process
/// that died while it held the lease is replaced.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// Checks and renews sessions. Cheap to clone.
#[derive(Clone)]
pub struct RenewalService {
    pub(super) context: Arc<RenewalContext>,
    pub(super) checks: SingleFlight<SessionId, CheckProgress>,
    last_checks: Arc<LastChecks>,
}

/// The progress of a check.
#[derive(Clone, Debug, Default)]
pub(super) enum CheckProgress {
    /// The row is being read.
    #[default]
    Reading,
    /// WorkOS is being asked.
    AskingWorkos {
        /// The session and its account as they are now.
        current: Arc<RenewedSession>,
        /// Whether the session is valid meanwhile.
        is_valid: bool,
        /// Whether the session is valid if WorkOS does not answer.
        is_in_grace: bool,
        /// Whether WorkOS is not expected to answer, so that no request should wait for it.
        is_hopeless: bool,
    },
    /// The check is complete.
    Done(RenewalResult),
}

impl CheckProgress {
    /// Whether a request need not wait any longer. The request that began the check receives the new cookie if
    /// WorkOS answers soon; the others need no cookie.
    fn is_settled(&self, is_leader: bool, is_late: bool) -> bool {
        match self {
            Self::Reading => false,
            Self::AskingWorkos {
                is_valid,
                is_in_grace,
                is_hopeless,
                ..
            } => {
                let answers_at_once = *is_valid && !is_leader;
                answers_at_once || *is_in_grace && (*is_hopeless || is_late)
            }
            Self::Done(_) => true,
        }
    }
}

pub(super) type CheckFlight = FlightLeader<SessionId, CheckProgress>;

impl RenewalService {
    /// Creates the service.
    #[expect(clippy::too_many_arguments, reason = "each is a service of its own")]
    pub fn new(
        settings: &Settings,
        database: Database,
        workos: WorkosClient,
        keys: Arc<Keys>,
        clock: Clock,
        revocations: Arc<RevocationCache>,
        failures: FailureCounter,
        at_workos: WorkosRevocations,
        known_sessions: KnownSessions,
    ) -> Self {
        Self {
            context: Arc::new(RenewalContext {
                write_behind: WriteBehind::new(Arc::clone(&revocations), known_sessions),
                database,
                workos,
                keys,
                clock,
                revocations,
                stale_grace: settings.session_stale_grace,
                stores_access_tokens: settings.workos.token_route,
                methods: AllowedSignInMethods::new(settings),
                session_age: settings.session_cookie_age,
                failures,
                answer_lost: Notify::new(),
                at_workos,
                idle_timeout: settings.session_idle_timeout,
                refused: RefusedSessions::default(),
            }),
            checks: SingleFlight::default(),
            last_checks: Arc::default(),
        }
    }

    /// [`check`](Self::check) of a cookie's session, unless the last one still holds. `epoch`: the database's, as
    /// known before the call.
    pub async fn check_cookie(
        &self,
        state: &SessionState,
        epoch: i64,
        device: ClientDevice,
    ) -> Result<SessionStatus, Error> {
        let context = &self.context;
        let now = context.clock.now();
        // With a time-out of unused sessions, each use counts.
        let last = context.idle_timeout.is_none().then(|| {
            let revocations = &context.revocations;
            self.last_checks.find(state, epoch, revocations, now)
        });
        if let Some(found) = last.flatten() {
            return Ok(SessionStatus::Valid(found));
        }
        let request = RenewalRequest {
            session_id: state.session_id.clone(),
            switch_to: None,
            device,
        };
        let status = self.check(request).await?;
        if let SessionStatus::Valid(found) = &status {
            let found = Arc::clone(found);
            self.last_checks.insert(state, epoch, now, found);
        }
        Ok(status)
    }

    /// Checks a session, renews it if it is due, and returns its status.
    ///
    /// The check continues if the client disconnects, because the tokens that WorkOS issues would
    /// be lost otherwise.
    pub async fn check(&self, request: RenewalRequest) -> Result<SessionStatus, Error> {
        if let Some(renewed) = self.context.write_behind.pending(&request.session_id) {
            // The refresh token in the row has been consumed and must not be sent to WorkOS.
            return match self.context.clock.now() < renewed.renew_after {
                true => Ok(SessionStatus::Valid(renewed)),
                false => Err(RenewalError::NotStored.into()),
            };
        }
        let (mut progress, flight) = self.checks.join(request.session_id.clone());
        let is_leader = flight.is_some();
        if let Some(flight) = flight {
            let service = self.clone();
            tokio::spawn(async move {
                let result = service.run(&flight, &request).await;
                flight.complete(CheckProgress::Done(result));
            });
        }
        let settled = progress.wait_for(|progress| progress.is_settled(is_leader, false));
        if let Ok(settled) = tokio::time::timeout(PATIENCE, settled).await {
            return settled_status(settled.as_deref().ok());
        }
        let settled = progress.wait_for(|progress| progress.is_settled(is_leader, true));
        settled_status(settled.await.as_deref().ok())
    }

    /// Waits until no check is running and every renewal is stored: the tasks end with the server.
    pub async fn finish(&self) {
        while !(self.checks.is_idle() && self.context.write_behind.is_idle()) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Ends the session of a sign-in's cookie if it was not used for `SESSION_IDLE_TIMEOUT`. Returns its row
    /// if that is the reason of its end, now or before.
    pub async fn end_idle_session(
        &self,
        state: &SessionState,
        device: ClientDevice,
    ) -> Result<Option<SessionRow>, DbError> {
        let context = &self.context;
        let now = context.clock.now();
        let timeout = context.idle_timeout;
        if !timeout.is_some_and(|timeout| timeout.is_check_due(state.checked_at, now)) {
            return Ok(None);
        }
        let ending = context.end_idle_session(&state.session_id, device);
        ending.await
    }

    /// Ends the session of a cookie if it was not used for `SESSION_IDLE_TIMEOUT`, and records its use otherwise, for
    /// requests that neither check nor renew it. Returns whether it has ended.
    pub async fn record_use(
        &self,
        state: &SessionState,
        device: ClientDevice,
    ) -> Result<bool, DbError> {
        let context = &self.context;
        let now = context.clock.now();
        let timeout = context.idle_timeout;
        if !timeout.is_some_and(|timeout| timeout.is_check_due(state.checked_at, now)) {
            return Ok(false);
        }
        let id = state.session_id.clone();
        let find = move |conn: &mut Conn| SessionRow::by_id(conn, &id).map_err(DbError::from);
        let row = context.database.read(find).await?;
        let Some(row) = row.filter(|row| row.revoked_at.is_none()) else {
            return Ok(false);
        };
        context.end_if_idle(&row, &device, now).await
    }

    /// Moves a session into the organisation `request.switch_to`. If WorkOS does not allow it, the
    /// session stays as it was.
    ///
    /// The switch continues if the client goes away, because the tokens that WorkOS gives out would
    /// be lost otherwise.
    pub async fn switch_organization(
        &self,
        request: RenewalRequest,
    ) -> Result<OrganizationSwitch, Error> {
        let service = self.clone();
        let switching =
            tokio::spawn(async move { switch_organization(&service.context, &request).await });
        match switching.await {
            Ok(result) => result.map_err(Error::from),
            Err(_) => {
                Err(InternalError::new("switch the organisation", "the task ended early").into())
            }
        }
    }

    async fn run(&self, flight: &CheckFlight, request: &RenewalRequest) -> RenewalResult {
        let context = &self.context;
        let began = Instant::now();
        while began.elapsed() < LONGEST_WAIT {
            let now = context.clock.now();
            let Some((row, user)) = context.find_open(&request.session_id, now).await? else {
                context.end_session(request, now).await?;
                return Ok(SessionStatus::Ended);
            };
            if context.end_if_idle(&row, &request.device, now).await? {
                return Ok(SessionStatus::Ended);
            }
            let grace = context.grace(&row);
            let is_valid = policy::is_valid(&row, now, grace);
            let current = Arc::new(RenewedSession::from_row(&row, user.clone(), now));
            let report = |is_hopeless| {
                flight.report(CheckProgress::AskingWorkos {
                    current: Arc::clone(&current),
                    is_valid,
                    is_in_grace: policy::is_in_grace(&row, now, grace),
                    is_hopeless,
                });
            };
            match policy::decide(&row, now, grace) {
                RenewalDecision::Renew => {
                    report(false);
                    match context.workos.admit_renewal(user.id).await {
                        RenewalAdmission::Refused(retry_in) => {
                            let decision = policy::decide_in_outage(&row, now, grace, retry_in);
                            return decided(decision, &row, user, now);
                        }
                        RenewalAdmission::Admitted(permit) => {
                            report(permit.is_likely_to_fail());
                            let condition = match policy::is_from_future(&row, now) {
                                true => LeaseCondition::Free,
                                false => LeaseCondition::Due,
                            };
                            let leased = LeasedRenewal::take(context, request, user, condition);
                            if let Some(leased) = leased.await?
                                && let Some(status) = leased.renew(&permit).await?
                            {
                                return Ok(status);
                            }
                        }
                    }
                }
                RenewalDecision::Wait if is_valid => {
                    return Ok(SessionStatus::RenewalInProgress(current));
                }
                RenewalDecision::Wait => {
                    report(false);
                    let id = &request.session_id;
                    log::debug!("a check of session {id} waits for a renewal");
                }
                decision => return decided(decision, &row, user, now),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Err(RenewalError::WorkosUnavailable(Duration::ZERO))
    }
}

/// The status for a request that need not wait any longer.
fn settled_status(progress: Option<&CheckProgress>) -> Result<SessionStatus, Error> {
    match progress {
        Some(CheckProgress::Done(result)) => result.clone().map_err(Error::from),
        Some(CheckProgress::AskingWorkos { current, .. }) => {
            Ok(SessionStatus::RenewalInProgress(Arc::clone(current)))
        }
        Some(CheckProgress::Reading) | None => {
            Err(InternalError::new("renew a session", "the task ended early").into())
        }
    }
}
