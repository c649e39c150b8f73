//! A renewal as the breaker sees it.

use crate::ids::UserId;
use crate::workos::error::WorkosError;

/// What WorkOS may have done with the refresh token of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// It was not sent, or WorkOS answered that it was not consumed.
    Fresh,
    /// The response was lost, and WorkOS repeats it.
    Repeatable,
    /// The response was lost, and WorkOS does not repeat it any more.
    Lost,
}

/// A renewal that was admitted.
#[derive(Clone, Copy)]
pub(super) struct AdmittedRenewal {
    pub(super) account: UserId,
    pub(super) token: RefreshTokenState,
    /// The number of the probe, if the renewal is one, for all accounts or for its own.
    pub(super) probe: Option<u64>,
    /// Whether it is a probe a short time after a failure.
    pub(super) is_likely_to_fail: bool,
}

/// A request to which WorkOS gave no usable answer.
pub(in crate::workos::client) struct FailedRequest<'a> {
    pub(in crate::workos::client) error: &'a WorkosError,
    /// An attempt of the same request has failed before, so that it is no further failure.
    pub(in crate::workos::client) is_repeated: bool,
    /// Whether the answer may concern this request alone, such as 429, and not the server, such as 503.
    pub(in crate::workos::client) is_own: bool,
}
