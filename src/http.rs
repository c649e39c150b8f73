//! Request extractors and encrypted cookies that the pages ([`crate::web`]) and the JSON API ([`crate::api`]) share.

pub mod encrypted_cookie;
pub mod known_browser;
pub mod recent_session;
pub mod session_user;
pub mod throttled;
