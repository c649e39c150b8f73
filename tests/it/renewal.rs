//! A session follows WorkOS: renewed once, whoever asks and whatever is lost on the way.

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
