//! The cookie of a browser in which accounts have signed in with a password. It signs nobody in: it only
//! keeps the sign-in of these accounts open while others use up the limits and the hashing threads.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::encrypted_cookie;
use crate::accounts::passwords::PasswordSource;
use crate::clock::Timestamp;
use crate::hex::{hex, sha256_hex};
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
    /// A random name of this browser, so that each has limits of its own; empty in a cookie of an earlier
    /// version.
    #[serde(default)]
    id: String,
    accounts: Vec<KnownAccount>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownAccount {
    /// The first half of the SHA-256 hash of the account's first login name, in hex. The limits of the account
    /// in this browser are counted by it.
    account: String,
    /// The same of its other login names; empty in a cookie of an earlier version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_names: Vec<String>,
    /// When it last signed in here, in seconds since 1970.
    signed_in_at: i64,
}

impl KnownBrowser {
    /// Reads the cookie of a request. Without a valid cookie there are no accounts.
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

    /// The source of a password for the login name with this [key](crate::accounts::LoginName::key), if its account
    /// has signed in here.
    pub fn source(&self, name: &str) -> Option<PasswordSource> {
        let name = name_hash(name);
        let mut accounts = self.accounts.iter();
        let known = accounts.find(|one| one.account == name || one.other_names.contains(&name))?;
        Some(PasswordSource::KnownBrowser {
            account: known.account.clone(),
            browser: self.id.clone(),
        })
    }

    /// The cookie after a sign-in of the account whose login names have these keys; `None` if there are none, or if it
    /// cannot be encrypted.
    pub fn cookie_after_sign_in(
        mut self,
        names: &[String],
        keys: &Keys,
        secure: bool,
        now: Timestamp,
    ) -> Option<Cookie<'static>> {
        if self.id.is_empty() {
            self.id = hex(&random_bytes::<16>().ok()?);
        }
        let mut names = names.iter().map(|name| name_hash(name));
        let (account, other_names) = (names.next()?, names.collect::<Vec<_>>());
        let is_same =
            |one: &KnownAccount| one.account == account || other_names.contains(&one.account);
        self.accounts.retain(|one| !is_same(one));
        self.accounts.insert(
            0,
            KnownAccount {
                account,
                other_names,
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

fn name_hash(name_key: &str) -> String {
    let mut hash = sha256_hex(name_key);
    hash.truncate(32);
    hash
}
