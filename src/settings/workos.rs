//! Who we are at WorkOS.

use secrecy::SecretString;

use super::{kinds, parse_whole_url, reader::Reader};
use crate::origin::Origin;

/// WorkOS's own host, for projects without a custom authentication domain.
const WORKOS_API: &str = "https://api.workos.com";

/// Who we are at WorkOS, and where WorkOS is.
#[derive(Clone, Debug)]
pub struct WorkosSettings {
    /// `sk_…`.
    pub api_key: SecretString,
    /// `client_…`.
    pub client_id: String,
    /// WorkOS's API, an emulator, or a custom authentication domain; no slash at the end.
    pub api_base_url: String,
    /// The redirect URI that is registered with WorkOS.
    pub redirect_uri: String,
    /// The `iss` of access tokens that are WorkOS's; no slash at the end.
    pub jwt_issuers: Vec<String>,
    /// Sent to WorkOS's logout as `return_to`; `None`: not sent.
    pub logout_return_to: Option<String>,
    /// What WorkOS signs its webhooks with; `None`: none are taken.
    pub webhook_secret: Option<SecretString>,
}

impl WorkosSettings {
    pub(super) fn read(reader: &mut Reader<'_>, public_url: &Origin) -> Self {
        let public_url = public_url.as_str();
        let api_key = reader.secret(
            "WORKOS_API_KEY",
            "a key that starts with `sk_`, from the page API Keys of WorkOS's dashboard",
            |text| parse_prefixed(text, "sk_").map(SecretString::from),
        );
        let client_id = reader.required(
            "WORKOS_CLIENT_ID",
            "an id that starts with `client_`, from the page API Keys of WorkOS's dashboard",
            |text| parse_prefixed(text, "client_"),
        );
        let api_base_url = reader.value(
            "WORKOS_API_BASE_URL",
            WORKOS_API,
            "an http(s) URL, such as https://api.workos.com",
            parse_base_url,
        );
        Self {
            redirect_uri: reader.value(
                "WORKOS_REDIRECT_URI",
                &format!("{public_url}/auth/callback"),
                "the whole http(s) URL that is registered with WorkOS",
                parse_whole_url,
            ),
            logout_return_to: reader.or_nothing(
                "WORKOS_LOGOUT_RETURN_TO",
                &format!("{public_url}/"),
                "the whole http(s) URL that is registered with WorkOS as a sign-out redirect, or nothing",
                parse_whole_url,
            ),
            webhook_secret: reader.optional_secret(
                "WORKOS_WEBHOOK_SECRET",
                "the secret of the webhook endpoint, from the page Webhooks of WorkOS's dashboard",
                |text| Some(SecretString::from(text)),
            ),
            jwt_issuers: reader.list(
                "WORKOS_JWT_ISSUERS",
                &format!("{api_base_url},{api_base_url}/user_management/{client_id}"),
                "http(s) URLs between commas, such as https://api.workos.com",
                parse_base_url,
            ),
            api_key,
            client_id,
            api_base_url,
        }
    }
}

fn parse_prefixed(text: &str, prefix: &str) -> Option<String> {
    let rest = text.strip_prefix(prefix)?;
    let plain = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

fn parse_base_url(text: &str) -> Option<String> {
    let url = kinds::parse_http_url(text)?;
    url.query()
        .is_none()
        .then(|| url.as_str().trim_end_matches('/').to_owned())
}
