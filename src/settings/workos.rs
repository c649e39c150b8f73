//! The settings of WorkOS.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::application_claim::read_workos_claims;
use super::reader::Reader;
use super::values::{parse_bool, parse_http_url, parse_whole_url};
use crate::origin::{Origin, is_https_or_loopback};

/// The default: projects with a custom authentication domain set another host.
const WORKOS_API: &str = "https://api.workos.com";
/// An hour, in seconds: by then most sessions have been renewed anyway.
const LONGEST_EVENTS_POLL: u64 = 3_600;

/// The application's identity at WorkOS, and WorkOS's address.
#[derive(Clone, Debug)]
pub struct WorkosSettings {
    /// The API key, `sk_…`.
    pub api_key: SecretString,
    /// The client id, `client_…`.
    pub client_id: String,
    /// The URL of WorkOS's API, a custom authentication domain, or an emulator; no slash at the end.
    pub api_base_url: String,
    /// The redirect URI that is registered with WorkOS, on `PUBLIC_URL`.
    pub redirect_uri: String,
    /// Further ones, each of a host that signs people in by itself.
    pub redirect_uris: Vec<RedirectUri>,
    /// The accepted values of `iss` in WorkOS's access tokens; no slash at the end.
    pub jwt_issuers: Vec<String>,
    /// The `return_to` that is sent to WorkOS's logout; `None` sends none.
    pub logout_return_to: Option<String>,
    /// The secret that WorkOS signs webhooks with; without one, webhooks are not accepted.
    pub webhook_secret: Option<SecretString>,
    /// The time between two polls of WorkOS's Events API; `None` if the server does not poll.
    pub events_poll: Option<Duration>,
    /// Whether `GET /api/auth/workos/token` answers WorkOS's access tokens, which are then stored.
    pub token_route: bool,
    /// The claims of access tokens that are kept and passed on.
    pub claims: Vec<String>,
}

/// One entry of `WORKOS_REDIRECT_URIS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri {
    /// As it is registered with WorkOS, which compares it letter by letter.
    pub uri: String,
    /// Where the pages and the cookies of its sign-ins are.
    pub origin: Origin,
}

impl RedirectUri {
    fn parse(text: &str) -> Option<Self> {
        let url = parse_http_url(text)?;
        Some(Self {
            uri: text.to_owned(),
            origin: Origin::of(&url)?,
        })
    }
}

impl WorkosSettings {
    pub(super) fn read(reader: &mut Reader<'_>, public_url: &Origin) -> Self {
        let public_url = public_url.as_str();
        let api_key = reader.secret(
            "WORKOS_API_KEY",
            "a key that starts with `sk_`, from the page \"API Keys\" of WorkOS's dashboard",
            |text| parse_prefixed(text, "sk_").map(SecretString::from),
        );
        let client_id = reader.required(
            "WORKOS_CLIENT_ID",
            "one id that starts with `client_`, from the page \"API Keys\" of WorkOS's dashboard",
            |text| parse_prefixed(text, "client_").filter(|id| !id.contains(',')),
        );
        let api_base_url = reader.value(
            "WORKOS_API_BASE_URL",
            WORKOS_API,
            "an https URL, such as https://api.workos.com (http only on this machine)",
            parse_api_url,
        );
        Self {
            redirect_uri: reader.value(
                "WORKOS_REDIRECT_URI",
                &format!("{public_url}/auth/callback"),
                "the whole http(s) URL that is registered with WorkOS",
                parse_whole_url,
            ),
            redirect_uris: reader.list(
                "WORKOS_REDIRECT_URIS",
                "",
                "whole http(s) URLs between commas that are registered with WorkOS, such as https://b.example.com/auth/callback",
                RedirectUri::parse,
            ),
            logout_return_to: reader.or_nothing(
                "WORKOS_LOGOUT_RETURN_TO",
                &format!("{public_url}/"),
                "the whole http(s) URL that is registered with WorkOS as a sign-out redirect, or nothing",
                parse_whole_url,
            ),
            webhook_secret: reader.optional_secret(
                "WORKOS_WEBHOOK_SECRET",
                "the secret of the webhook endpoint, from the page \"Webhooks\" of WorkOS's dashboard",
                |text| Some(SecretString::from(text)),
            ),
            jwt_issuers: reader.list(
                "WORKOS_JWT_ISSUERS",
                &format!("{api_base_url},{api_base_url}/user_management/{client_id}"),
                "http(s) URLs between commas, such as https://api.workos.com",
                parse_base_url,
            ),
            events_poll: events_poll(reader),
            token_route: reader.value(
                "WORKOS_TOKEN_ROUTE",
                "false",
                "true or false",
                parse_bool,
            ),
            claims: read_workos_claims(reader),
            api_key,
            client_id,
            api_base_url,
        }
    }
}

fn events_poll(reader: &mut Reader<'_>) -> Option<Duration> {
    let seconds = reader.number("WORKOS_EVENTS_POLL", &0, 0..=LONGEST_EVENTS_POLL);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn parse_prefixed(text: &str, prefix: &str) -> Option<String> {
    let rest = text.strip_prefix(prefix)?;
    let plain = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

/// Accepts an address to which the API key can be sent: whoever reads it can act for the application.
fn parse_api_url(text: &str) -> Option<String> {
    let url = parse_base_url(text)?;
    Url::parse(&url)
        .is_ok_and(|url| is_https_or_loopback(&url))
        .then_some(url)
}

fn parse_base_url(text: &str) -> Option<String> {
    let url = parse_http_url(text)?;
    url.query()
        .is_none()
        .then(|| url.as_str().trim_end_matches('/').to_owned())
}
