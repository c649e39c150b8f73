//! Public keys of identity providers (JWKS, RFC 7517): cached, and fetched again when a key rolls
//! over.
//!
//! Used by [`crate::oidc`] and [`crate::workos`].

mod cache;
mod document_cache;
mod key_set;

pub(crate) use cache::JwksCache;
pub(crate) use document_cache::DocumentCache;
pub(crate) use key_set::KeySet;
