//! Signing in: turns an authentication by WorkOS, Google, Okta or a password into a session or into
//! tokens. The account, the session's row and the tokens' rows are written in one transaction.
//!
//! - `workos_session`: a browser session after WorkOS's callback; `callback_dedup` exchanges each code
//!   only once;
//! - `submit_step`, `step_answer`, `pending`: the steps of a sign-in that WorkOS has not completed;
//! - `password`: a session or tokens for a password; `second_factor`: for the code that follows it;
//! - `provider_tokens`: tokens for a provider's code; `session_tokens`: tokens for a browser session;
//! - `requirement`: what a sign-in must show, for a re-authentication;
//! - `connection`: connects a signed-in user's identities at Google and Okta;
//! - `stale_email`: asks WorkOS for the current address of a linked user;
//! - `new_session`: the row and the cookie of a new session; `audit`: its audit events;
//! - `account_limits`: how often an account can sign in, and how many sessions it can have open.

mod account_limits;
mod audit;
mod callback_dedup;
mod connection;
mod conversions;
mod new_session;
mod password;
mod pending;
mod provider_tokens;
mod refused;
mod repeated_callback;
mod requirement;
mod second_factor;
mod service;
mod session_tokens;
mod stale_email;
mod step_answer;
mod submit_step;
mod workos_session;

pub use conversions::{oidc_outcome, workos_outcome};
pub use password::PasswordTokenError;
pub use pending::{EndedSignIn, PendingSignIn, PendingSignInRow, PendingState, SignInEnd};
pub use provider_tokens::{ExchangeFailure, SignedInTokens};
pub use requirement::SignInRequirement;
pub use second_factor::{CodeSignInError, PasswordOutcome, PendingPassword};
pub use service::{SignInDependencies, SignInService};
pub use step_answer::{StepRejection, is_not_a_member_code, normalize_code};
pub use submit_step::{StepOutcome, StepSubmission};
pub use workos_session::WorkosCallback;
