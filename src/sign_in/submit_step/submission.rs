//! An answer to a step of a pending sign-in, and its result.

use std::net::IpAddr;

use crate::error::SignInFailure;
use crate::ids::{OrganizationId, SessionId};
use crate::sessions::SessionState;
use crate::sign_in::pending::{PendingSignIn, PendingSignInRow};
use crate::sign_in::step_answer::StepRejection;
use crate::workos::{ClientDevice, HostedStep};

/// An answer to the question in a row.
pub struct StepSubmission {
    /// The row, as it was read.
    pub row: PendingSignInRow,
    /// The sign-in in the row.
    pub pending: PendingSignIn,
    /// The answer.
    pub answer: String,
    /// The browser's previous session, which the new one replaces.
    pub previous: Option<SessionId>,
    /// The client's device.
    pub device: ClientDevice,
    /// The client's address.
    pub client: IpAddr,
}

/// The result of a submission.
pub enum StepOutcome {
    /// The user is signed in.
    SignedIn(Box<SessionState>),
    /// WorkOS asked another question, which the row now holds.
    NextQuestion,
    /// The sign-in continues at WorkOS, in this organisation if one was requested.
    ContinueAtWorkos(HostedStep, Option<OrganizationId>),
    /// WorkOS rejected the answer. The question is open.
    Rejected(StepRejection),
    /// WorkOS may not have received the answer. The question is open.
    RetryLater(SignInFailure),
    /// The sign-in failed.
    Failed(SignInFailure),
}
