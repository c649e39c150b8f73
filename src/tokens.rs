//! Tokens: what is known of those that were given out.

mod refresh_token;

pub use refresh_token::RefreshTokenRow;
