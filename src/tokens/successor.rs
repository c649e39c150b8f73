//! The pair that follows a rotated token, as it waits for a replay.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{self, SHA256};

use super::{IssueError, Pair};

const PURPOSE: &[u8] = b"vestibule: successor of a refresh token, version 1";

/// Seals the successor for whoever holds the token that it follows: a copy of the database does not.
pub(super) fn seal(token: &str, pair: &Pair) -> Result<Vec<u8>, IssueError> {
    let mut text = format!("{} {}", pair.access, pair.refresh).into_bytes();
    let nonce = key(token)?
        .seal_in_place_append_tag(Aad::empty(), &mut text)
        .map_err(|_| IssueError::Sealing)?;
    Ok([nonce.as_ref().as_slice(), &text].concat())
}

/// The pair, for the token that it was sealed for.
pub(super) fn open(token: &str, sealed: &[u8]) -> Option<Pair> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let plain = key(token)
        .ok()?
        .open_in_place(nonce, Aad::empty(), &mut text)
        .ok()?;
    let (access, refresh) = std::str::from_utf8(plain).ok()?.split_once(' ')?;
    Some(Pair {
        access: access.to_owned(),
        refresh: refresh.to_owned(),
    })
}

/// A key from a signed token, which nobody can guess.
fn key(token: &str) -> Result<RandomizedNonceKey, IssueError> {
    let mut context = digest::Context::new(&SHA256);
    context.update(PURPOSE);
    context.update(token.as_bytes());
    RandomizedNonceKey::new(&AES_256_GCM, context.finish().as_ref())
        .map_err(|_| IssueError::Sealing)
}
