//! Sends a request, and repeats it after a failure if that is safe.

use std::time::Duration;

use reqwest::RequestBuilder;

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

/// Sends a request, repeats it as the policy allows, and returns the body of the successful
/// response. All attempts together take at most the total time-out.
pub(super) async fn send(
    request: RequestBuilder,
    policy: RetryPolicy,
) -> Result<Vec<u8>, WorkosError> {
    let attempts = tokio::time::timeout(TOTAL_TIMEOUT, send_repeatedly(request, policy));
    let late = |_| WorkosError::unavailable(format!("no answer within {TOTAL_TIMEOUT:?}"));
    attempts.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

/// All attempts have the same idempotency key.
async fn send_repeatedly(
    request: RequestBuilder,
    policy: RetryPolicy,
) -> Result<Vec<u8>, WorkosError> {
    let key = random_text().map_err(|error| WorkosError::unavailable(error.to_string()))?;
    let request = request.header("Idempotency-Key", key);
    let mut delay = FIRST_DELAY;
    let mut lost = false;
    for _ in 1..ATTEMPTS {
        let Some(copy) = request.try_clone() else {
            break;
        };
        match send_once(copy).await {
            Err(failed) if failed.may_be_repeated(policy) => {
                log::info!("repeating a request to WorkOS: {}", failed.error);
                lost |= failed.error.is_lost();
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
            result => return result.map_err(|failed| failed.error.or_lost(lost)),
        }
    }
    let last = send_once(request).await;
    last.map_err(|failed| failed.error.or_lost(lost))
}

/// An attempt that failed.
struct FailedAttempt {
    error: WorkosError,
    /// The request was not sent.
    unsent: bool,
    /// There was a response.
    answered: bool,
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

async fn send_once(request: RequestBuilder) -> Result<Vec<u8>, FailedAttempt> {
    let sent = http_client::send(request).await;
    sent.map_err(|error| FailedAttempt {
        unsent: error.is_unsent(),
        answered: matches!(error, RequestError::Status(_)),
        error: error.into(),
    })
}
