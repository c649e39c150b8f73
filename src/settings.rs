//! Settings: read once, typed, and the only reader of the environment.
//!
//! Every mistake is collected, so that one start shows all of them; each names its variable, what
//! was read (never a secret) and what is wanted.

mod api;
mod kinds;
mod oidc;
mod reader;
mod source;
mod superuser;
mod tokens;
mod workos;

use std::fmt;
use std::net::SocketAddr;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;

pub use api::{ApiSettings, Rate};
pub use kinds::{DatabaseUrl, HostPattern, PasswordLogin, parse_bind};
pub use oidc::{OidcSettings, ProviderSettings};
use reader::Reader;
pub use source::Source;
pub use superuser::SuperuserSettings;
pub use tokens::{JwtAlgorithm, TokenSettings};
pub use workos::WorkosSettings;

use crate::origin::{Origin, is_local_path};

/// Django's `SESSION_COOKIE_AGE`: two weeks, in seconds.
const SESSION_COOKIE_AGE: i64 = 1_209_600;
/// Browsers cut a cookie's life at 400 days (RFC 6265bis), in seconds.
const LONGEST_COOKIE_AGE: i64 = 34_560_000;
/// An hour, in seconds.
const SESSION_STALE_GRACE: i64 = 3_600;
/// A week, in seconds: nobody is served for longer without WorkOS's word.
const LONGEST_STALE_GRACE: i64 = 604_800;
/// The least a key for HMAC-SHA-256 may be, in bytes (RFC 7518, 3.2).
const SHORTEST_SECRET_KEY: usize = 32;
const SECRET_KEY_WANTED: &str =
    "at least 32 bytes, better 50 or more, at random, such as `openssl rand -base64 48` prints";

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that can be set from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// WorkOS: who we are there and where it is.
    pub workos: WorkosSettings,
    /// The key that every derived key comes from.
    pub secret_key: SecretString,
    /// Older keys that still open what they sealed.
    pub secret_key_fallbacks: Vec<SecretString>,
    /// Where the user table lives.
    pub database: DatabaseSettings,
    /// The address to listen on.
    pub bind: SocketAddr,
    /// The origin that browsers see.
    pub public_url: Origin,
    /// The `Host` headers that are answered.
    pub allowed_hosts: Vec<HostPattern>,
    /// The session cookie's name.
    pub session_cookie_name: String,
    /// How long a session lasts.
    pub session_cookie_age: TimeDelta,
    /// How long a session is served while WorkOS cannot be reached to renew it.
    pub session_stale_grace: TimeDelta,
    /// Where a sign-in lands without `next`.
    pub login_redirect_url: String,
    /// First-party tokens.
    pub tokens: TokenSettings,
    /// Google and Okta.
    pub oidc: OidcSettings,
    /// The JSON API.
    pub api: ApiSettings,
    /// Who may use a password.
    pub password_login: PasswordLogin,
    /// Other origins whose pages may use the API, and send unsafe requests with cookies.
    pub cors_allowed_origins: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What is logged.
    pub log: LogSettings,
    /// Variables of `.env` in which dotenvy expanded a `$` (a hint for `check`).
    pub expanded_dollars: Vec<String>,
}

/// Where the user table lives.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// SQLite's file or PostgreSQL's address.
    pub url: DatabaseUrl,
    /// PostgreSQL connections.
    pub pool_size: u32,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// `RUST_LOG`'s directives.
    pub filter: String,
    /// `LOG_FORMAT`.
    pub format: LogFormat,
}

impl Settings {
    /// Reads every setting from `source`, or tells every mistake at once.
    pub fn read(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let bind = reader.value(
            "BIND",
            "127.0.0.1:8000",
            "an address and a port, such as 127.0.0.1:8000",
            parse_bind,
        );
        let public_url = reader.value(
            "PUBLIC_URL",
            &format!("http://localhost:{}", bind.port()),
            "the origin that browsers see, such as https://app.example.com, without a path",
            Origin::parse,
        );
        let workos = WorkosSettings::read(&mut reader, &public_url);
        let secret_key = reader.secret("SECRET_KEY", SECRET_KEY_WANTED, parse_secret_key);
        let fallbacks = reader.secrets("SECRET_KEY_FALLBACKS", SECRET_KEY_WANTED, parse_secret_key);
        let settings = Self {
            workos,
            tokens: TokenSettings::read(&mut reader, &secret_key, &fallbacks),
            oidc: OidcSettings::read(&mut reader),
            api: ApiSettings::read(&mut reader),
            secret_key,
            secret_key_fallbacks: fallbacks,
            database: DatabaseSettings::read(&mut reader),
            bind,
            allowed_hosts: allowed_hosts(&mut reader, &public_url),
            session_cookie_name: reader.value(
                "SESSION_COOKIE_NAME",
                "sessionid",
                "a cookie's name: letters, digits, `-` and `_`, 64 at most",
                parse_cookie_name,
            ),
            session_cookie_age: TimeDelta::seconds(reader.number(
                "SESSION_COOKIE_AGE",
                &SESSION_COOKIE_AGE,
                1..=LONGEST_COOKIE_AGE,
            )),
            session_stale_grace: TimeDelta::seconds(reader.number(
                "SESSION_STALE_GRACE",
                &SESSION_STALE_GRACE,
                0..=LONGEST_STALE_GRACE,
            )),
            login_redirect_url: reader.value(
                "LOGIN_REDIRECT_URL",
                "/",
                "a path of this site, such as /welcome, or a whole https:// URL",
                parse_landing,
            ),
            password_login: reader.value(
                "PASSWORD_LOGIN",
                "unlinked",
                "unlinked, superusers, all or off",
                PasswordLogin::parse,
            ),
            cors_allowed_origins: reader.list(
                "CORS_ALLOWED_ORIGINS",
                "",
                "origins between commas, such as https://app.example.com",
                Origin::parse,
            ),
            trusted_proxies: reader.list(
                "TRUSTED_PROXIES",
                "",
                "addresses or networks between commas, such as 10.0.0.0/8",
                kinds::parse_network,
            ),
            log: LogSettings::read(&mut reader),
            expanded_dollars: source.expanded_dollars().to_vec(),
            public_url,
        };
        reader.finish(settings)
    }
}

impl LogSettings {
    /// Reads `RUST_LOG` and `LOG_FORMAT` alone, for commands that need no other setting.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            filter: reader.value(
                "RUST_LOG",
                "info",
                "levels as env_logger reads them, such as info or vestibule=debug",
                |text| {
                    env_filter::Builder::new()
                        .try_parse(text)
                        .is_ok()
                        .then(|| text.to_owned())
                },
            ),
            format: reader.value("LOG_FORMAT", "text", "text or json", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
        }
    }
}

impl DatabaseSettings {
    /// Reads `DATABASE_URL` and `DATABASE_POOL_SIZE` alone: `migrate` needs no key of WorkOS's.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            url: reader.database_url("DATABASE_URL", "sqlite:vestibule.sqlite3"),
            pool_size: reader.number("DATABASE_POOL_SIZE", &10, 1..=1000),
        }
    }
}

fn allowed_hosts(reader: &mut Reader<'_>, public_url: &Origin) -> Vec<HostPattern> {
    let mut hosts = reader.list(
        "ALLOWED_HOSTS",
        public_url.host(),
        "host names between commas, such as example.com or .example.com, without a port",
        HostPattern::parse,
    );
    if public_url.is_loopback() {
        // A developer's machine answers by every name it has for itself.
        let names = ["localhost", "127.0.0.1", "[::1]"]
            .map(str::to_owned)
            .map(HostPattern::Exact);
        hosts.extend(names);
        hosts.push(HostPattern::Domain("localhost".to_owned()));
    }
    hosts
}

fn parse_secret_key(text: &str) -> Option<SecretString> {
    (text.len() >= SHORTEST_SECRET_KEY).then(|| SecretString::from(text))
}

fn parse_whole_url(text: &str) -> Option<String> {
    // Kept as written: WorkOS compares the registered form letter by letter.
    kinds::parse_http_url(text).map(|_| text.to_owned())
}

fn parse_cookie_name(text: &str) -> Option<String> {
    kinds::is_cookie_name(text).then(|| text.to_owned())
}

fn parse_landing(text: &str) -> Option<String> {
    (is_local_path(text) || kinds::parse_http_url(text).is_some()).then(|| text.to_owned())
}

/// One wrong setting: which, what about it, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The variable.
    pub name: &'static str,
    /// What was read; never a secret's value.
    pub problem: String,
    /// What is wanted.
    pub hint: String,
}

impl SettingError {
    fn new(name: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// Whether a required variable is absent, as when nothing has been set up yet.
    pub fn is_not_set(&self) -> bool {
        self.problem == reader::NOT_SET
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.name, self.problem, self.hint)
    }
}

/// Every wrong setting of one reading.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(SettingError::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SettingsError(pub Vec<SettingError>);

impl From<SettingError> for SettingsError {
    fn from(error: SettingError) -> Self {
        Self(vec![error])
    }
}

#[cfg(test)]
mod tests;
