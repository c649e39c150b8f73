//! Checks sessions, one check of a session at a time in this process: two hundred simultaneous
//! requests read the row once and share the result.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::RenewalContext;
use super::execute::LeasedRenewal;
use super::policy::{self, POLL_INTERVAL, RenewalDecision, duration_until};
use super::status::{RenewalError, RenewalRequest, RenewalResult, RenewedSession, SessionStatus};
use super::switch_organization::{OrganizationSwitch, switch_organization};
use super::write_behind::WriteBehind;
use crate::accounts::AllowedSignInMethods;
use crate::audit::FailureCounter;
use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::error::{Error, InternalError};
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::sessions::{RevocationCache, SessionRow, SessionState};
use crate::settings::Settings;
use crate::single_flight::{FlightLeader, SingleFlight};
use crate::workos::{ClientDevice, WorkosClient};

/// The longest wait for a renewal by another process: a little more than a lease, so that a process
/// that died while it held the lease is replaced.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// How many times the server itself repeats a renewal whose response was lost. With the pauses in
/// between, this covers the half minute in which WorkOS repeats the response.
const FOLLOW_UPS: u32 = 2;

/// Checks and renews sessions. Cheap to clone.
#[derive(Clone)]
pub struct RenewalService {
    context: Arc<RenewalContext>,
    checks: SingleFlight<SessionId, CheckProgress>,
}

/// The progress of a check.
#[derive(Clone, Debug, Default)]
enum CheckProgress {
    /// The row is being read.
    #[default]
    Reading,
    /// WorkOS is being asked.
    AskingWorkos {
        /// Whether the session is valid meanwhile.
        is_valid: bool,
    },
    /// The check is complete.
    Done(RenewalResult),
}

type CheckFlight = FlightLeader<SessionId, CheckProgress>;

impl RenewalService {
    /// Creates the service.
    pub fn new(
        settings: &Settings,
        database: Database,
        workos: WorkosClient,
        keys: Arc<Keys>,
        clock: Clock,
        revocations: Arc<RevocationCache>,
        failures: FailureCounter,
    ) -> Self {
        Self {
            context: Arc::new(RenewalContext {
                write_behind: WriteBehind::new(database.clone(), Arc::clone(&revocations)),
                database,
                workos,
                keys,
                clock,
                revocations,
                stale_grace: settings.session_stale_grace,
                methods: AllowedSignInMethods::new(settings),
                session_age: settings.session_cookie_age,
                failures,
                idle_timeout: settings.session_idle_timeout,
            }),
            checks: SingleFlight::default(),
        }
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
        let settled = progress.wait_for(|progress| match progress {
            CheckProgress::Reading => false,
            // The request that began the check receives the new cookie; the others need not wait.
            CheckProgress::AskingWorkos { is_valid } => *is_valid && !is_leader,
            CheckProgress::Done(_) => true,
        });
        match settled.await.as_deref() {
            Ok(CheckProgress::Done(result)) => result.clone().map_err(Error::from),
            Ok(CheckProgress::Reading | CheckProgress::AskingWorkos { .. }) => {
                Ok(SessionStatus::RenewalInProgress)
            }
            Err(_) => Err(InternalError::new("renew a session", "the task ended early").into()),
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
        let ending = context.end_idle_session(&state.session_id, device, now);
        ending.await
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
        let switching = tokio::spawn(async move {
            let follow_up = |delay| service.follow_up(&request, delay);
            switch_organization(&service.context, &request, &follow_up).await
        });
        match switching.await {
            Ok(result) => result.map_err(Error::from),
            Err(_) => {
                Err(InternalError::new("switch the organisation", "the task ended early").into())
            }
        }
    }

    async fn run(&self, flight: &CheckFlight, request: &RenewalRequest) -> RenewalResult {
        let context = &self.context;
        let grace = context.stale_grace;
        let follow_up = |delay| self.follow_up(request, delay);
        let began = Instant::now();
        while began.elapsed() < LONGEST_WAIT {
            let now = context.clock.now();
            let Some((row, user)) = context.find_open(&request.session_id, now).await? else {
                context.end_session(request, now).await?;
                return Ok(SessionStatus::Ended);
            };
            if context.end_if_idle(request, &row, now).await? {
                return Ok(SessionStatus::Ended);
            }
            let is_valid = policy::is_valid(&row, now, grace);
            match policy::decide(&row, now, grace) {
                RenewalDecision::Continue { check_again_at } => {
                    let current = RenewedSession::from_row(request, row, user, check_again_at);
                    return Ok(SessionStatus::Valid(Arc::new(current)));
                }
                RenewalDecision::Unavailable { until } => {
                    return Err(RenewalError::WorkosUnavailable(duration_until(until, now)));
                }
                RenewalDecision::Renew => {
                    let leased = LeasedRenewal::take(context, request, &follow_up, user, now);
                    if let Some(leased) = leased.await? {
                        flight.report(CheckProgress::AskingWorkos { is_valid });
                        if let Some(status) = leased.renew().await? {
                            return Ok(status);
                        }
                    }
                }
                RenewalDecision::Wait if is_valid => return Ok(SessionStatus::RenewalInProgress),
                RenewalDecision::Wait => {
                    let id = &request.session_id;
                    log::debug!("a check of session {id} waits for a renewal");
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Err(RenewalError::WorkosUnavailable(Duration::ZERO))
    }

    /// Repeats a check after `delay` because the response of WorkOS was lost. If no request of the
    /// browser arrived before WorkOS stops repeating the response, the session would end.
    fn follow_up(&self, request: &RenewalRequest, delay: Duration) {
        if request.follow_ups >= FOLLOW_UPS {
            return;
        }
        let request = RenewalRequest {
            switch_to: None,
            follow_ups: request.follow_ups + 1,
            ..request.clone()
        };
        let service = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay + POLL_INTERVAL).await;
            let id = request.session_id.clone();
            if let Err(error) = service.check(request).await {
                log::warn!(
                    "failed to repeat the renewal of session {id} after a lost response: {error}"
                );
            }
        });
    }
}
