//! What the limits count: networks, known browsers and sessions, as hashes of the same size.

use std::net::IpAddr;

use aws_lc_rs::digest::{self, SHA256};

use super::bounded_map::KeyHash;
use crate::accounts::email_key;
use crate::client_network::ClientNetwork;
use crate::ids::{SessionId, UserId};

/// All known browsers of an account together have this many times the limit of one.
const KNOWN_BROWSERS_FACTOR: u32 = 10;

/// What a limit counts, and how many times the limit it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitKey {
    pub(super) hash: KeyHash,
    pub(super) factor: u32,
}

/// The networks of a client, for one login name or for all of them, the smallest first. Names are counted as
/// they are entered but for their case, whether or not an account has them.
pub(super) fn network_keys(client: IpAddr, name: &str) -> Vec<LimitKey> {
    keys_of_networks(client, &[email_key(name).as_bytes()])
}

/// The networks of a client, for one account by all its names.
pub(super) fn network_account_keys(client: IpAddr, id: UserId) -> Vec<LimitKey> {
    keys_of_networks(client, &[b"account", &i64::from(id).to_be_bytes()])
}

/// The networks of a client, for the codes of one account.
pub(super) fn network_code_keys(client: IpAddr, id: UserId) -> Vec<LimitKey> {
    keys_of_networks(client, &[b"code", &i64::from(id).to_be_bytes()])
}

fn keys_of_networks(client: IpAddr, subject: &[&[u8]]) -> Vec<LimitKey> {
    let networks = ClientNetwork::containing(client).into_iter();
    let key = |network: ClientNetwork| {
        let octets = network.octets();
        let parts: Vec<&[u8]> = [&[octets.as_slice()], subject].concat();
        LimitKey {
            hash: key_hash(&parts),
            factor: network.limit_factor(),
        }
    };
    networks.map(key).collect()
}

/// A login attempt, by its fingerprint.
pub(super) fn attempt_hash(fingerprint: &str) -> KeyHash {
    key_hash(&[b"attempt", fingerprint.as_bytes()])
}

/// An authorization code.
pub(super) fn code_hash(code: &str) -> KeyHash {
    key_hash(&[b"code", code.as_bytes()])
}

/// A browser in which an account has signed in before, and all such browsers of the account. One that others use
/// too cannot use up the limit of all of them.
pub(super) fn known_browser_keys(account: &str, browser: &str) -> Vec<LimitKey> {
    let account = account.as_bytes();
    let this = LimitKey {
        hash: key_hash(&[b"known browser", account, browser.as_bytes()]),
        factor: 1,
    };
    let all = LimitKey {
        hash: key_hash(&[b"known browsers", account]),
        factor: KNOWN_BROWSERS_FACTOR,
    };
    vec![this, all]
}

/// The tokens of one sign-in.
pub(super) fn family_key(family: &str) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"family", family.as_bytes()]),
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

/// The changes of an account's credentials.
pub(super) fn account_change_key(id: UserId) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"account change", &i64::from(id).to_be_bytes()]),
        factor: 1,
    }
}

/// The pending sign-ins of a user of WorkOS.
pub(super) fn pending_key(subject: &str) -> LimitKey {
    LimitKey {
        hash: key_hash(&[b"pending", subject.as_bytes()]),
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
        // The length keeps apart what a client enters and what follows it.
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut half = KeyHash::default();
    half.copy_from_slice(&context.finish().as_ref()[..16]);
    half
}
