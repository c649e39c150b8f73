//! The renewal of sessions with WorkOS.

mod at_once;
mod breaker;
mod closed;
mod killed;
pub(crate) mod late;
mod local;
mod month;
mod one_account;
mod outage;
mod refusal;
mod row;
mod stopping;
mod tokens;
mod workos_emulate;
