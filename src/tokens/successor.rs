//! The encrypted successor of a rotated refresh token, which the row keeps for the replay window.

use aws_lc_rs::digest::{self, SHA256};

use super::pair::TokenPair;
use crate::sealing::{SealError, SealingKey};

const PURPOSE: &[u8] = b"vestibule: successor of a refresh token, version 1";

/// Encrypts the successor under a key that only the rotated token gives, so that a copy of the database
/// does not reveal it.
pub(super) fn seal(token: &str, pair: &TokenPair) -> Result<Vec<u8>, SealError> {
    let text = format!("{} {}", pair.access, pair.refresh);
    key(token).seal("", text.as_bytes())
}

/// Decrypts the successor of this token.
pub(super) fn open(token: &str, sealed: &[u8]) -> Option<TokenPair> {
    let plain = key(token).open("", sealed)?;
    let (access, refresh) = std::str::from_utf8(&plain).ok()?.split_once(' ')?;
    Some(TokenPair {
        access: access.to_owned(),
        refresh: refresh.to_owned(),
    })
}

/// A key derived from a signed token, which nobody can guess.
fn key(token: &str) -> SealingKey {
    let mut context = digest::Context::new(&SHA256);
    context.update(PURPOSE);
    context.update(token.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    SealingKey::new(&bytes)
}
