//! Request extractors, forms and encrypted cookies that the pages ([`crate::web`]) and the JSON API ([`crate::api`]) share.

pub mod accepts;
pub mod charset;
pub mod encrypted_cookie;
pub mod form_data;
pub mod known_browser;
pub mod recent_session;
pub mod require;
pub mod session_user;
pub mod site;
pub mod throttled;
