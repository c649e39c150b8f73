//! Sends a request, repeats it after a failure if that is safe, and reports the results of renewals and sign-ins to
//! the circuit breaker.

use std::time::Duration;

use reqwest::RequestBuilder;

use super::breaker::{CircuitBreaker, FailedRequest, RenewalPermit};
use crate::http_client::{self, RequestError, TOTAL_TIMEOUT};
use crate::random::random_text;
use crate::workos::error::WorkosError;

/// The number of attempts, where a request may be repeated.
const ATTEMPTS: u32 = 3;
/// The delay before the second attempt. It doubles for the third.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Whether a request may be repeated after a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryPolicy {
    /// Always: the request is idempotent.
    Safe,
    /// Only if the request was not sent. An authorization code, for example, can be used only once.
    IfUnsent,
    /// Only if there was no response. A response that says that WorkOS is overloaded is respected.
    IfUnanswered,
}

/// Sends requests. No request is repeated while the breaker is open.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) breaker: &'a CircuitBreaker,
    /// Whether the request is a renewal or a sign-in, whose results tell the breaker whether renewals are answered.
    pub(super) is_authentication: bool,
    /// The permission, if the request renews a session.
    pub(super) permit: Option<&'a RenewalPermit>,
    /// The same request without the client's data, which is sent if a firewall refuses the request: it may have
    /// judged what the client sent.
    pub(super) without_device: Option<&'a RequestBuilder>,
}

impl Sender<'_> {
    /// Sends a request, repeats it as the policy allows, and returns what `read` reads from the body of the
    /// successful response. All attempts together take at most the total time-out.
    pub(super) async fn send<T>(
        self,
        request: RequestBuilder,
        policy: RetryPolicy,
        read: impl FnOnce(&[u8]) -> Result<T, WorkosError>,
    ) -> Result<T, WorkosError> {
        let mut has_failed = false;
        let attempts = self.send_repeatedly(request, policy, &mut has_failed);
        let result = match tokio::time::timeout(TOTAL_TIMEOUT, attempts).await {
            Ok(Ok(body)) => read(&body),
            Ok(Err(failed)) => return Err(failed),
            Err(_) => Err(WorkosError::unavailable(format!(
                "no answer within {TOTAL_TIMEOUT:?}"
            ))),
        };
        self.report(result.as_ref().err(), false, &mut has_failed);
        result
    }

    /// All attempts of a request have the same idempotency key; a repetition without the client's data is another
    /// request and has none. Failures are reported, successes are not. `has_failed` becomes `true` with the first
    /// failure.
    async fn send_repeatedly(
        self,
        request: RequestBuilder,
        policy: RetryPolicy,
        has_failed: &mut bool,
    ) -> Result<Vec<u8>, WorkosError> {
        let key = random_text().map_err(|error| WorkosError::unavailable(error.to_string()))?;
        let request = request.header("Idempotency-Key", key);
        let mut delay = FIRST_DELAY;
        let mut lost = false;
        for _ in 1..ATTEMPTS {
            let Some(copy) = request.try_clone() else {
                break;
            };
            match self.send_once(copy, has_failed).await {
                Err(failed) if failed.may_be_repeated(policy) => {
                    lost |= failed.error.is_lost();
                    tokio::time::sleep(delay).await;
                    if self.is_breaker_open() {
                        return Err(failed.error.or_lost(lost));
                    }
                    log::info!("repeating a request to WorkOS: {}", failed.error);
                    delay *= 2;
                }
                result => return result.map_err(|failed| failed.error.or_lost(lost)),
            }
        }
        let last = self.send_once(request, has_failed).await;
        last.map_err(|failed| failed.error.or_lost(lost))
    }

    async fn send_once(
        self,
        request: RequestBuilder,
        has_failed: &mut bool,
    ) -> Result<Vec<u8>, FailedAttempt> {
        let mut sent = attempt(request).await;
        if let Err(refused) = &sent
            && refused.error.is_foreign()
            && let Some(request) = self.without_device.and_then(RequestBuilder::try_clone)
        {
            log::info!(
                "repeating a renewal without the client's data: {}",
                refused.error
            );
            sent = attempt(request).await;
        }
        sent.inspect_err(|failed| {
            // WorkOS limits the sign-ins of one user, and a firewall those of one client: anybody can cause these
            // answers, which say nothing of renewals.
            if !failed.is_own || self.permit.is_some() || is_answer(&failed.error) {
                self.report(Some(&failed.error), failed.is_own, has_failed);
            }
        })
    }

    /// Whether the breaker is open for this request.
    fn is_breaker_open(self) -> bool {
        match self.permit {
            Some(permit) => self.breaker.is_open_for(permit.account()),
            None => self.breaker.is_open(),
        }
    }

    /// Reports a result. A refusal is an answer, unless a firewall sent it or it concerns our API key. All failed
    /// attempts of a request are one failure, which is reported with the first one: the others may take seconds.
    /// `is_own`: the answer may concern this request alone.
    fn report(self, error: Option<&WorkosError>, is_own: bool, has_failed: &mut bool) {
        if !self.is_authentication {
            return;
        }
        match error {
            Some(error) if !is_answer(error) => {
                let is_repeated = std::mem::replace(has_failed, true);
                let failed = FailedRequest {
                    error,
                    is_repeated,
                    is_own,
                };
                self.breaker.record_failure(self.permit, &failed);
            }
            _ => self.breaker.record_answer(self.permit),
        }
    }
}

async fn attempt(request: RequestBuilder) -> Result<Vec<u8>, FailedAttempt> {
    let sent = http_client::send(request).await;
    sent.map_err(|error| FailedAttempt {
        unsent: error.is_unsent(),
        answered: matches!(error, RequestError::Status(_)),
        is_own: matches!(&error, RequestError::Status(answer) if !answer.status.is_server_error()),
        error: error.into(),
    })
}

/// Whether WorkOS has answered, and not a firewall, nor about our API key.
fn is_answer(error: &WorkosError) -> bool {
    let is_refusal = matches!(error, WorkosError::Refused { .. });
    is_refusal && !error.is_foreign() && !error.is_misconfiguration()
}

/// An attempt that failed.
struct FailedAttempt {
    error: WorkosError,
    /// The request was not sent.
    unsent: bool,
    /// There was a response.
    answered: bool,
    /// The response may concern this request alone: no 5xx.
    is_own: bool,
}

impl FailedAttempt {
    fn may_be_repeated(&self, policy: RetryPolicy) -> bool {
        let transient = matches!(self.error, WorkosError::Unavailable { .. });
        let allowed = match policy {
            RetryPolicy::Safe => true,
            RetryPolicy::IfUnsent => self.unsent,
            RetryPolicy::IfUnanswered => !self.answered,
        };
        transient && allowed
    }
}

/// Ignores the body of a response.
pub(super) fn ignore_body(_body: &[u8]) -> Result<(), WorkosError> {
    Ok(())
}
