//! The cookie of a browser in which accounts have signed in with a password. It signs nobody in: it only
//! keeps the sign-in of these accounts open while others use up the limits and the hashing threads.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::encrypted_cookie;
use crate::accounts::passwords::PasswordSource;
use crate::accounts::{LoginName, RememberedAccount};
use crate::clock::Timestamp;
use crate::hex::{hex, sha256_hex};
use crate::ids::UserId;
use crate::keys::Keys;
use crate::random::random_bytes;

const NAME: &str = "vestibule_browser";
/// The cookie is sent to the log-in form only.
const PATH: &str = "/login";
/// Browsers keep no cookie for longer.
const LIFETIME: TimeDelta = TimeDelta::days(400);
/// The most accounts of a browser. The oldest is forgotten first.
const MAX_ACCOUNTS: usize = 8;

/// The accounts that have signed in with a password in a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBrowser {
    /// A random name of this browser, so that each has limits of its own.
    id: String,
    accounts: Vec<KnownAccount>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownAccount {
    user_id: UserId,
    /// The account's `token_version` when it signed in: a new password ends what the browser is allowed.
    token_version: i64,
    /// The first halves of the SHA-256 hashes of its login names, in hex.
    names: Vec<String>,
    /// When it last signed in here, in seconds since 1970.
    signed_in_at: i64,
}

impl KnownBrowser {
    /// Reads the cookie of a request. Without a valid cookie there are no accounts, nor with one of an earlier
    /// version, which knew accounts by their names only.
    pub fn from_request(request: &HttpRequest, keys: &Keys, now: Timestamp) -> Self {
        let mut browser = request
            .cookie(NAME)
            .and_then(|cookie| encrypted_cookie::decrypt::<Self>(&cookie, keys.known_browser()))
            .unwrap_or_default();
        let oldest = now.plus(-LIFETIME).seconds();
        browser.accounts.retain(|one| one.signed_in_at > oldest);
        browser
    }

    /// Whether no account has signed in here.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether an account has signed in here that had exactly this name. The browser's user knows then that there
    /// was one.
    pub fn knows_name(&self, name: &LoginName) -> bool {
        if self.is_empty() {
            return false;
        }
        let names: Vec<_> = name
            .exact_names()
            .iter()
            .map(|one| name_hash(one))
            .collect();
        let known = |account: &KnownAccount| names.iter().any(|one| account.names.contains(one));
        self.accounts.iter().any(known)
    }

    /// The source of a password or code for this account, if it has signed in here since its `token_version` was
    /// last raised.
    pub fn source(&self, user_id: UserId, token_version: i64) -> Option<PasswordSource> {
        let is_known =
            |one: &KnownAccount| (one.user_id, one.token_version) == (user_id, token_version);
        self.accounts
            .iter()
            .any(is_known)
            .then(|| PasswordSource::KnownBrowser {
                account: user_id.to_string(),
                browser: self.id.clone(),
            })
    }

    /// The cookie after a sign-in of this account; `None` if it cannot be encrypted.
    pub fn cookie_after_sign_in(
        mut self,
        account: &RememberedAccount,
        keys: &Keys,
        secure: bool,
        now: Timestamp,
    ) -> Option<Cookie<'static>> {
        if self.id.is_empty() {
            self.id = hex(&random_bytes::<16>().ok()?);
        }
        self.accounts.retain(|one| one.user_id != account.user_id);
        self.accounts.insert(
            0,
            KnownAccount {
                user_id: account.user_id,
                token_version: account.token_version,
                names: account.names.iter().map(|name| name_hash(name)).collect(),
                signed_in_at: now.seconds(),
            },
        );
        self.accounts.truncate(MAX_ACCOUNTS);
        let mut cookie = encrypted_cookie::encrypt(NAME, &self, keys.known_browser())?;
        cookie.set_path(PATH);
        cookie.set_http_only(true);
        cookie.set_secure(secure);
        cookie.set_same_site(SameSite::Lax);
        cookie.set_max_age(Duration::seconds(LIFETIME.num_seconds()));
        Some(cookie)
    }
}

fn name_hash(exact_name: &str) -> String {
    let mut hash = sha256_hex(exact_name);
    hash.truncate(32);
    hash
}
