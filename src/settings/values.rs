//! The types of settings that are more than a number or a string, and the functions that parse them.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use env_filter::Builder;
use ipnet::IpNet;
use secrecy::SecretString;
use url::{Host, Url};

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;
use crate::origin::is_local_path;

/// The least length of a key of our own for HMAC-SHA-256, in bytes (RFC 7518, 3.2).
const SHORTEST_SECRET_KEY: usize = 32;
/// The fewest different characters of a secret key. 32 random digits have at least eight almost always,
/// and any other notation has more.
const FEWEST_DIFFERENT_CHARACTERS: usize = 8;
/// A key that repeats a unit of at most this many bytes is no more secret than the unit.
const LONGEST_REPEATED_UNIT: usize = 16;
/// How Django marks the keys that `startproject` writes into a file under version control.
const DJANGO_INSECURE: &str = "django-insecure-";
/// What a secret key has to be.
pub(super) const WANTED_SECRET_KEY: &str = "at least 32 random bytes, better 50 or more, such as `openssl rand -base64 48` prints; repeated characters and Django's `django-insecure-` keys are refused";
/// What a cookie's name has to be.
pub(super) const WANTED_COOKIE_NAME: &str =
    "a cookie's name: letters, digits, `-` and `_`, 64 at most";
/// Crates whose name alone is a `RUST_LOG` directive without `_` or `::`.
const LOGGING_CRATES: [&str; 7] = [
    "diesel",
    "h2",
    "hyper",
    "mio",
    "reqwest",
    "rustls",
    "vestibule",
];
const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Who may sign in with a password, at `/login` and for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordLogin {
    /// Accounts without a WorkOS user, and superusers: a password must not bypass single sign-on.
    Unlinked,
    /// Superusers only.
    Superusers,
    /// Everybody who has a password, as in Django.
    All,
    /// Nobody.
    Off,
}

impl PasswordLogin {
    /// Reads `PASSWORD_LOGIN` alone, for commands that need few settings.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let policy = Self::read(&mut reader);
        reader.finish(policy)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.value(
            "PASSWORD_LOGIN",
            "unlinked",
            "unlinked, superusers, all or off",
            Self::parse,
        )
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "unlinked" => Self::Unlinked,
            "superusers" => Self::Superusers,
            "all" => Self::All,
            "off" => Self::Off,
            _ => return None,
        })
    }
}

/// Parses the address to listen on: `ADDRESS:PORT`, or `localhost:PORT`.
pub fn parse_bind(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .ok()
            .map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port))),
        None => text.parse().ok(),
    }
}

/// Parses a network (`10.0.0.0/8`) or a single address.
pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Parses an absolute `http` or `https` URL without credentials or fragment.
pub(super) fn parse_http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

/// Accepts an absolute URL and returns it unchanged: WorkOS compares it letter by letter.
pub(super) fn parse_whole_url(text: &str) -> Option<String> {
    parse_http_url(text).map(|_| text.to_owned())
}

/// Accepts the address that a sign-in or a log-out leads to: a path of this site, or an absolute URL.
pub(super) fn parse_redirect_target(text: &str) -> Option<String> {
    (is_local_path(text) || parse_http_url(text).is_some()).then(|| text.to_owned())
}

/// Accepts a domain name, with or without Django's leading dot, and returns it without.
pub(super) fn parse_domain(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let name = text.strip_prefix('.').unwrap_or(&text);
    match Host::parse(name).ok()? {
        Host::Domain(parsed) if parsed == name && !name.contains('*') => Some(parsed),
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Accepts a cookie's name that every server and browser takes (RFC 6265 allows more), short enough
/// to leave space for the value.
pub(super) fn parse_cookie_name(text: &str) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let valid = (1..=64).contains(&text.len()) && text.chars().all(is_token);
    valid.then(|| text.to_owned())
}

/// Accepts a key of sufficient length, unless it can be guessed.
pub(super) fn parse_secret_key(text: &str) -> Option<SecretString> {
    parse_django_key(text).filter(|_| text.len() >= SHORTEST_SECRET_KEY)
}

/// Accepts a key that may be a Django project's, unless it can be guessed: a key of few different
/// characters, a short text repeated, or one of Django's `django-insecure-` keys. `check` and `runserver`
/// refuse a short key unless accounts were imported.
pub(super) fn parse_django_key(text: &str) -> Option<SecretString> {
    (!is_guessable_key(text)).then(|| SecretString::from(text))
}

/// Whether a key has few different characters, is a short text repeated, or one of Django's
/// `django-insecure-` keys.
pub fn is_guessable_key(text: &str) -> bool {
    text.starts_with(DJANGO_INSECURE)
        || different_characters(text) < FEWEST_DIFFERENT_CHARACTERS
        || repeats_a_short_unit(text)
}

fn different_characters(text: &str) -> usize {
    text.chars().collect::<HashSet<_>>().len()
}

fn repeats_a_short_unit(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=LONGEST_REPEATED_UNIT).any(|unit| {
        let (front, shifted) = (bytes.iter(), bytes.iter().skip(unit));
        bytes.len() >= 2 * unit && front.zip(shifted).all(|(one, other)| one == other)
    })
}

/// Parses `true` or `false`, or one of their usual synonyms.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Accepts the directives of `RUST_LOG`. env_logger takes a word that is no level for the name of a
/// crate, and then logs nothing of any other crate; such a word has to look like a crate's name.
pub(super) fn parse_log_filter(text: &str) -> Option<String> {
    let is_level = |word: &str| {
        LOG_LEVELS
            .iter()
            .any(|level| word.eq_ignore_ascii_case(level))
    };
    let is_module =
        |word: &str| word.contains('_') || word.contains("::") || LOGGING_CRATES.contains(&word);
    let mut directives = text.split('/').next().unwrap_or_default().split(',');
    let plain = directives.all(|directive| {
        let word = directive.trim();
        word.is_empty() || word.contains('=') || is_level(word) || is_module(word)
    });
    let valid = plain && Builder::new().try_parse(text).is_ok();
    valid.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on() {
        assert_eq!(
            parse_bind("localhost:80"),
            Some(SocketAddr::from(([127, 0, 0, 1], 80)))
        );
        assert!(parse_bind("[::]:80").is_some());
        for bad in ["8000", "localhost", "example.com:80", "127.0.0.1:99999", ""] {
            assert_eq!(parse_bind(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_key_that_can_be_guessed_is_refused() {
        for bad in [
            "short",
            &"a".repeat(64),
            &"ab".repeat(32),
            &"0123456789abcdef".repeat(4),
            "changemechangemechangemechangemechangeme",
            "a-key-a-key-a-key-a-key-a-key-a-key-a-key-",
            "django-insecure-9)x3k!v2q#7w@m5z8&u1t4r6y0p^e*s-l=o+ad",
        ] {
            assert!(parse_secret_key(bad).is_none(), "{bad}");
        }
        for good in [
            "a-key-for-tests-only-with-more-than-fifty-characters-in-it",
            "83b1a09c4dfe72651f0e9d8c7b6a5948",
            "40918273650918273645546372819002",
        ] {
            assert!(parse_secret_key(good).is_some(), "{good}");
        }
    }

    #[test]
    fn a_log_filter_names_levels_or_modules() {
        for good in [
            "info",
            "OFF",
            "warn,vestibule=debug",
            "vestibule",
            "actix_web",
            "vestibule::renewal",
            "debug,",
            "debug/session",
        ] {
            assert!(parse_log_filter(good).is_some(), "{good}");
        }
        for bad in ["loud", "info,loud", "vestibule=loud", "a=b=c", "verbose/x"] {
            assert_eq!(parse_log_filter(bad), None, "{bad}");
        }
    }
}
