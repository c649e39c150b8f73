//! The renewal of sessions with WorkOS.

mod at_once;
mod closed;
mod late;
mod local;
mod month;
mod outage;
mod refusal;
mod row;
mod tokens;
mod workos_emulate;
