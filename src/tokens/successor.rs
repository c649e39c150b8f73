//! The encrypted successor of a rotated refresh token, which the row keeps for the replay window.

use aws_lc_rs::digest::{self, SHA256};

use super::pair::TokenPair;
use crate::client_network::client_hash;
use crate::sealing::{SealError, SealingKey};
use crate::workos::ClientDevice;

const PURPOSE: &[u8] = b"vestibule: successor of a refresh token, version 1";

/// The pair that replaced a token, and for whom.
pub(super) struct OpenedSuccessor {
    pub(super) pair: TokenPair,
    /// The hash of the client that replaced the token; `None` if an earlier version stored the pair.
    client: Option<String>,
}

impl OpenedSuccessor {
    /// Whether this is the client that replaced the token.
    pub(super) fn is_for(&self, device: &ClientDevice) -> bool {
        let client = self.client.as_ref();
        client.is_none_or(|client| *client == client_hash(device))
    }
}

/// Encrypts the successor under a key that only the rotated token gives, so that a copy of the database
/// does not reveal it.
pub(super) fn seal(
    token: &str,
    pair: &TokenPair,
    device: &ClientDevice,
) -> Result<Vec<u8>, SealError> {
    let text = format!("{} {} {}", pair.access, pair.refresh, client_hash(device));
    key(token).seal("", text.as_bytes())
}

/// Decrypts the successor of this token.
pub(super) fn open(token: &str, sealed: &[u8]) -> Option<OpenedSuccessor> {
    let plain = key(token).open("", sealed)?;
    let mut parts = std::str::from_utf8(&plain).ok()?.split(' ');
    let pair = TokenPair {
        access: parts.next()?.to_owned(),
        refresh: parts.next()?.to_owned(),
    };
    let client = parts.next().map(str::to_owned);
    Some(OpenedSuccessor { pair, client })
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
