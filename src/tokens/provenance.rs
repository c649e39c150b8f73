//! Tells the claims of tokens that were issued here from those of a Django project that signs with the same key.
//!
//! The claims `ver`, `sid` and `act` mean something in tokens of this program only: Django's may have claims of
//! these names by accident. Ours also have the claim `vestibule`, a MAC over the three and the user, under a key
//! derived from `SECRET_KEY`. It does not cover the token's id and times, because simplejwt copies all other
//! claims when it exchanges a refresh token of ours.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use diesel::prelude::*;
use serde_json::{Map, Value, json};

use super::claims::TokenClaims;
use crate::clock::Timestamp;
use crate::db::schema::jobs;
use crate::db::{Database, DbError};
use crate::keys::derive_key;
use crate::settings::TokenSettings;

/// The claim with the MAC.
const BINDING: &str = "vestibule";
/// The claims that mean something in tokens of this program only.
const OWN: [&str; 3] = ["ver", "sid", "act"];
/// The length of the MAC in bytes.
const BINDING_LEN: usize = 16;
/// The row of `jobs` that a migration inserts if there are tokens of an earlier version, whose claims have no MAC.
const END_OF_UNBOUND: &str = "refuse unbound token claims";

/// Binds the claims of new tokens, and recognizes bound ones.
pub(super) struct Provenance {
    /// The newest first.
    keys: Vec<hmac::Key>,
    /// Tokens that were issued before this time need no MAC, in seconds since 1970. `None`: all need one.
    unbound_until: Option<i64>,
}

impl Provenance {
    /// With keys derived from `SECRET_KEY` and its fallbacks.
    pub(super) fn new(settings: &TokenSettings) -> Self {
        let keys = settings.binding_secrets.iter().map(|secret| {
            let key = derive_key(secret, b"vestibule: claims of tokens, version 1");
            hmac::Key::new(hmac::HMAC_SHA256, &key)
        });
        Self {
            keys: keys.collect(),
            unbound_until: None,
        }
    }

    /// Also recognizes tokens without a MAC that were issued before this time.
    pub(super) fn accept_unbound_before(&mut self, end: Timestamp) {
        self.unbound_until = Some(end.seconds());
    }

    /// Binds the claims of a token that is issued here.
    pub(super) fn bind(&self, claims: &mut TokenClaims) {
        if claims.ver.is_none() {
            return;
        }
        for name in OWN.into_iter().chain([BINDING]) {
            // They would be written twice.
            claims.other.remove(name);
        }
        let values = [
            json!(claims.user_id),
            json!(claims.ver),
            json!(claims.sid),
            json!(claims.act),
        ];
        let key = self.keys.first();
        claims.binding = key.map(|key| BASE64URL.encode(mac(key, &values)));
    }

    /// Removes our own claims from the payload of a token that was issued here, perhaps exchanged by simplejwt
    /// since. The claims of another token stay in the payload.
    pub(super) fn take_own(&self, payload: &mut Map<String, Value>) -> Map<String, Value> {
        if !self.is_ours(payload) {
            return Map::new();
        }
        payload.remove(BINDING);
        let own = OWN.into_iter();
        own.filter_map(|name| payload.remove_entry(name)).collect()
    }

    fn is_ours(&self, payload: &Map<String, Value>) -> bool {
        let Some(binding) = payload.get(BINDING) else {
            let issued_at = payload.get("iat").and_then(Value::as_i64);
            let is_old = issued_at
                .zip(self.unbound_until)
                .is_some_and(|(issued_at, end)| issued_at < end);
            return is_old && payload.contains_key("ver");
        };
        let binding = binding
            .as_str()
            .and_then(|text| BASE64URL.decode(text).ok());
        let Some(binding) = binding else {
            return false;
        };
        let values = ["user_id", "ver", "sid", "act"]
            .map(|name| payload.get(name).cloned().unwrap_or_default());
        let is_bound_by = |key| verify_slices_are_equal(&mac(key, &values), &binding).is_ok();
        self.keys.iter().any(is_bound_by)
    }
}

/// The MAC of the user's id and our own claims.
fn mac(key: &hmac::Key, values: &[Value; 4]) -> Vec<u8> {
    let tag = hmac::sign(key, json!(values).to_string().as_bytes());
    tag.as_ref().iter().copied().take(BINDING_LEN).collect()
}

/// The time before which tokens were issued whose claims have no MAC: one day after the upgrade of a database
/// with tokens, because servers of the earlier version may run on for a while. `None` if there are no such tokens.
pub fn end_of_unbound_tokens(database: &Database) -> Result<Option<Timestamp>, DbError> {
    database.read_blocking(|conn| {
        let row = jobs::table.find(END_OF_UNBOUND).select(jobs::due_at);
        Ok(row.first(conn).optional()?)
    })
}
