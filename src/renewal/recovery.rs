//! Repeats renewals whose response was lost, because its connection broke or because the process that was to
//! receive it ended.
//!
//! WorkOS repeats a response for half a minute only, in which the user may send no request. Therefore the server
//! repeats these renewals by itself, the oldest first. While WorkOS is failing they are also the probes: their
//! refresh tokens are the ones that have nothing more to lose.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::execute::LeasedRenewal;
use super::policy::{self, REPLAY_WINDOW, lease_start};
use super::service::{CheckFlight, CheckProgress, RenewalService};
use super::status::{RenewalError, RenewalRequest, RenewalResult, RenewedSession, SessionStatus};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::sessions::{LeaseCondition, SessionRow};
use crate::workos::{ClientDevice, RefreshTokenState, RenewalAdmission, RenewalPermit};

/// How often the rows are read: several times in the ten seconds between the end of a lease and that of
/// [`REPLAY_WINDOW`].
const INTERVAL: Duration = Duration::from_secs(2);
/// How often they are read while a response is missing.
const BUSY_INTERVAL: Duration = Duration::from_millis(200);
/// How many sessions are read at once.
const BATCH: i64 = 100;
/// A session whose response was lost for good is used as a probe for this long.
const PROBE_AGE: TimeDelta = TimeDelta::days(1);

impl RenewalService {
    /// Repeats renewals whose response was lost, for as long as this future is awaited.
    pub async fn recover_periodically(&self) {
        let started_at = self.context.clock.now();
        let mut is_database_failing = false;
        loop {
            let round = self.recover_lost(started_at).await;
            let pause = match &round {
                Ok(true) => BUSY_INTERVAL,
                Ok(false) => INTERVAL,
                Err(error) => {
                    if !is_database_failing {
                        log::error!("failed to read the renewals whose response was lost: {error}");
                    }
                    INTERVAL
                }
            };
            is_database_failing = round.is_err();
            let lost = self.context.answer_lost.notified();
            // An error means that the time is up.
            let _elapsed = tokio::time::timeout(pause, lost).await;
        }
    }

    /// Begins to repeat renewals. Returns `false` if there are none.
    async fn recover_lost(&self, started_at: Timestamp) -> Result<bool, DbError> {
        if self.context.workos.is_probe_early() {
            return Ok(true);
        }
        let now = self.context.clock.now();
        let workos = &self.context.workos;
        let is_outage = workos.is_failing_for_any();
        let find = async |age: TimeDelta| {
            let since = now.plus(-age);
            let find = move |conn: &mut Conn| {
                SessionRow::unanswered_since(conn, since, now, BATCH).map_err(DbError::from)
            };
            self.context.database.read(find).await
        };
        let mut rows = find(REPLAY_WINDOW).await?;
        let mut token = RefreshTokenState::Repeatable;
        if rows.is_empty() && is_outage {
            rows = find(PROBE_AGE).await?;
            rows.retain(|row| workos.is_failing_for(row.user_id));
            token = RefreshTokenState::Lost;
        }
        let is_any_unanswered = !rows.is_empty();
        // A response that the database could not store yet is not lost.
        let write_behind = &self.context.write_behind;
        rows.retain(|row| write_behind.pending(&row.id).is_none());
        // Also while another replica uses them as probes.
        workos.reserve_probes(rows.iter().map(|row| row.user_id).collect());
        // The lease of an earlier process of this replica is not respected: the process has ended. If another
        // replica took it, WorkOS gives both the same response, and one of them stores it.
        let is_free = |row: &SessionRow| match row.renewing_until {
            Some(end) => {
                let began = lease_start(end);
                end <= now || began < started_at || began.is_from_future(now)
            }
            None => {
                workos.is_failing_for(row.user_id) || row.renew_after.is_none_or(|due| due <= now)
            }
        };
        rows.retain(is_free);
        if token == RefreshTokenState::Lost {
            // One of an account is enough to learn whether WorkOS answers, which ends its session.
            let mut accounts = HashSet::new();
            rows.retain(|row| accounts.insert(row.user_id));
        }
        for row in rows {
            // Admitted first: requests would wait for a check that is begun and dropped.
            let permit = match workos.try_admit_repetition(row.user_id, token) {
                Some(RenewalAdmission::Admitted(permit)) => permit,
                // A renewal of another account may be admitted.
                Some(RenewalAdmission::Refused(_)) => continue,
                None => break,
            };
            let Some(flight) = self.checks.join(row.id.clone()).1 else {
                continue;
            };
            let service = self.clone();
            tokio::spawn(async move {
                let result = service.recover(&flight, &row, &permit).await;
                if let Err(error) = &result {
                    log::info!("a repeated renewal of session {} failed: {error}", row.id);
                }
                flight.complete(CheckProgress::Done(result));
            });
        }
        Ok(is_any_unanswered)
    }

    async fn recover(
        &self,
        flight: &CheckFlight,
        row: &SessionRow,
        permit: &RenewalPermit,
    ) -> RenewalResult {
        let context = &self.context;
        let request = RenewalRequest {
            session_id: row.id.clone(),
            switch_to: None,
            device: ClientDevice::default(),
        };
        let now = context.clock.now();
        let Some((open, user)) = context.find_open(&row.id, now).await? else {
            context.end_session(&request, now).await?;
            return Ok(SessionStatus::Ended);
        };
        let grace = context.grace(row);
        let is_in_grace = policy::is_in_grace(row, now, grace);
        let current = Arc::new(RenewedSession::from_row(&open, user.clone(), now));
        flight.report(CheckProgress::AskingWorkos {
            current: Arc::clone(&current),
            is_valid: policy::is_valid(row, now, grace),
            is_in_grace,
            is_hopeless: permit.is_likely_to_fail(),
        });
        let unchanged = LeaseCondition::Unchanged(row.renewing_until);
        let leased = LeasedRenewal::take(context, &request, user, unchanged);
        let status = match leased.await? {
            Some(leased) => leased.renew(permit).await?,
            None => None,
        };
        match status {
            Some(status) => Ok(status),
            None if is_in_grace => Ok(SessionStatus::RenewalInProgress(current)),
            None => Err(RenewalError::WorkosUnavailable(Duration::ZERO)),
        }
    }
}
