//! What the limits count: networks, known browsers and sessions, as hashes of the same size.

use std::net::IpAddr;

use aws_lc_rs::digest::{self, SHA256};

use super::bounded_map::KeyHash;
use crate::accounts::email_key;
use crate::client_network::ClientNetwork;
use crate::ids::{SessionId, UserId};

/// What a limit counts, and how many times the limit it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitKey {
    pub(super) hash: KeyHash,
    pub(super) factor: u32,
}

/// The networks of a client, for one account or for all of them, the smallest first.
pub(super) fn network_keys(client: IpAddr, account: &str) -> Vec<LimitKey> {
    let account = email_key(account);
    let key = |network: ClientNetwork| LimitKey {
        hash: key_hash(&[&network.octets(), account.as_bytes()]),
        factor: network.limit_factor(),
    };
    let networks = ClientNetwork::containing(client).into_iter();
    networks.map(key).collect()
}

/// A login attempt, by its fingerprint.
pub(super) fn attempt_hash(fingerprint: &str) -> KeyHash {
    key_hash(&[b"attempt", fingerprint.as_bytes()])
}

/// A browser in which an account has signed in before.
pub(super) fn known_browser_key(account: &str, browser: &str) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"known browser", account.as_bytes(), browser.as_bytes()]),
        factor: 1,
    }
}

/// A pending sign-in, by the id of its row.
pub(super) fn step_key(id: &str) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"step", id.as_bytes()]),
        factor: 1,
    }
}

/// All sessions of an account.
pub(super) fn account_key(id: UserId) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"account", &i64::from(id).to_be_bytes()]),
        factor: 1,
    }
}

/// A browser session.
pub(super) fn session_key(id: &SessionId) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"session", id.as_bytes()]),
        factor: 1,
    }
}

/// A hash of the parts, so that all keys have the same size.
fn key_hash(parts: &[&[u8]]) -> KeyHash {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
        context.update(&[0]);
    }
    let mut half = KeyHash::default();
    half.copy_from_slice(&context.finish().as_ref()[..16]);
    half
}
