//! First-party JWTs, letter for letter as simplejwt makes and reads them.
//!
//! [`Tokens`] signs and reads; [`pair`] gives a pair out, [`rotation`] takes a refresh token in.
//! What is stored of a refresh token is its row, never the token.

mod blacklist;
mod claims;
mod keys;
pub mod pair;
mod refresh_token;
pub mod rotation;
mod signing;
mod standing;
mod successor;
#[cfg(test)]
mod tests;

pub use claims::{Actor, Claims, Kind, TokenError};
pub use keys::{KeyError, TokenKeys};
pub use pair::{Grant, Pair};
pub use refresh_token::RefreshTokenRow;
pub use rotation::{RefreshError, Refreshed};
pub use signing::{IssueError, Tokens};
pub use standing::{Behind, Standing, stands_for};
