//! The application's own JWTs, exactly as simplejwt writes and reads them.
//!
//! [`Tokens`] signs and verifies. `pair` issues an access and a refresh token, `rotation` exchanges a
//! refresh token. The database stores the row of a refresh token, never the token itself.

mod application_claims;
mod blacklist;
mod claims;
mod family;
mod forward;
mod jti;
mod keys;
mod pair;
mod provenance;
mod refresh_error;
mod refresh_token;
mod replay;
mod rotation;
mod signing;
mod status;
mod successor;
#[cfg(test)]
mod tests;
mod token_facts;
mod token_record;

pub use claims::{Actor, LONGEST_IMPERSONATION, TokenClaims, TokenError, TokenKind};
pub use family::end_family_of_access_token;
pub use forward::ForwardGrant;
pub use keys::{TokenKeyError, TokenKeys};
pub use pair::{TokenGrant, TokenPair};
pub use provenance::end_of_unbound_tokens;
pub use refresh_error::RefreshError;
pub use refresh_token::RefreshTokenRow;
pub use rotation::{RefreshedTokens, TokenRefresh};
pub use signing::{IssueError, Tokens};
pub use status::{TokenStatus, TokenSubject, token_status};
pub use token_facts::session_of_access_token;
pub use token_record::RefreshSubject;
