//! Session renewal: checks a session with WorkOS until the session ends, and updates it.
//!
//! A request whose cookie is past its `renew_after`, or older than the latest change to the session's
//! row, checks that row. If the access token of WorkOS on which the session depends is about to expire,
//! one request exchanges the session's refresh token for new ones.
//!
//! - `policy` decides what to do; `service` runs one check of a session at a time in this process;
//! - `last_checks` keeps what a check found for requests with an older cookie;
//! - `execute` renews a session under a lease, so that of several processes one asks WorkOS;
//!   `refresh_grant` is the call to WorkOS;
//! - `recovery` repeats renewals whose response was lost;
//! - `switch_organization` is a renewal into another organisation;
//! - `access_token` is WorkOS's access token of a session;
//! - `token_refresh` renews the session of a refresh token before it exchanges the token; `workos_users` asks
//!   WorkOS about the user of a token without a session;
//! - `write_behind` keeps a renewal that the database could not store yet.
//!
//! No database transaction waits for WorkOS.

mod access_token;
mod context;
mod execute;
mod idle;
mod last_checks;
mod open_session;
mod policy;
mod recovery;
mod refresh_grant;
mod refused_sessions;
mod service;
mod status;
mod switch_organization;
mod token_refresh;
mod workos_users;
mod write_behind;

pub use access_token::{AccessTokenStatus, WorkosAccessToken};
pub use open_session::is_open;
pub use policy::{LOCAL_CHECK_INTERVAL, confirmed_until, renew_after};
pub use service::RenewalService;
pub use status::{RenewalRequest, RenewedSession, SessionStatus};
pub use switch_organization::OrganizationSwitch;
pub use token_refresh::{TokenRefreshError, TokenRefreshRequest, TokenRefreshService};
