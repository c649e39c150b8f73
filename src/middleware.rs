//! The middleware of every request. [`crate::server`] puts it in order. It is below the pages and the
//! API, and imports neither.

mod allowed_hosts;
mod body;
mod client_ip;
mod connections;
mod cors;
mod credential_cookies;
mod credential_removal;
mod cross_site;
mod error_page_user;
mod request_cookies;
mod request_log;
mod security_headers;
mod session_encryption;
mod settle_throttle;

pub use allowed_hosts::allowed_hosts;
pub use body::bounded_body;
pub use client_ip::{client_ip, device, is_from_trusted_proxy};
pub use connections::{
    ConnectionLimits, OpenConnections, TrackedConnection, TrackedStream, mark_busy,
    raise_descriptor_limit, track_request,
};
pub use cors::cors;
pub use credential_cookies::{
    CONNECTION_ATTEMPT, LOGIN_ATTEMPT, LOGIN_CODE, MOST_REMOVALS, PENDING_SIGN_IN, TokenCookie,
    cookie_claims, pending_sign_in_id,
};
pub use credential_removal::remove_credentials;
pub use cross_site::{cross_site, is_own_link, is_trusted_link, is_typed_address};
pub use error_page_user::{ErrorPageUser, keep_error_page_user};
pub use request_cookies::cookie_parts;
#[cfg(fuzzing)]
pub(crate) use request_cookies::{OpenedCookie, rewrite_cookies};
pub use request_log::{request_id, request_log};
pub use security_headers::security_headers;
pub use session_encryption::{open_with_fallback_keys, other_sessions, reseal, session_middleware};
pub use settle_throttle::settle_throttle;
