//! The settings of sign-in with Google and Okta.

use secrecy::SecretString;

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;
use super::values::{parse_bool, parse_http_url, parse_whole_url};
use crate::origin::is_https_or_loopback;

/// Google's issuer.
const GOOGLE: &str = "https://accounts.google.com";
/// Sent instead of a redirect URI when Google's pop-up passes the code to the page by script.
const POSTMESSAGE: &str = "postmessage";

const WANTED_ISSUER: &str = "the issuer's https URL, such as https://acme.okta.com/oauth2/default (http only on this machine)";

/// The OpenID Connect providers that are set up.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// `POST /api/auth/google`.
    pub google: Option<ProviderSettings>,
    /// `POST /api/auth/okta`.
    pub okta: Option<ProviderSettings>,
    /// How an account is linked to an identity at a provider.
    pub linking: ProviderLinking,
    /// Whether `POST /api/auth/google` and `/api/auth/okta` require `nonce` and `code_verifier`.
    pub require_nonce: bool,
}

/// How an account is linked to an identity at Google or Okta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderLinking {
    /// By an email that the provider has verified, or by a signed-in user.
    Email,
    /// By a signed-in user only.
    SignedIn,
}

impl ProviderLinking {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "email" => Some(Self::Email),
            "signed-in" => Some(Self::SignedIn),
            _ => None,
        }
    }
}

/// The application's identity at an OpenID Connect provider, and the provider's address.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The client id of the application.
    pub client_id: String,
    /// The client secret; without one the application is a public client, which uses PKCE alone.
    pub client_secret: Option<SecretString>,
    /// The provider's issuer URL, without a slash at its end.
    pub issuer: String,
    /// The accepted redirect URIs of a code, compared letter by letter.
    pub redirect_uris: Vec<String>,
    /// The domains of the addresses by which the provider may link an account; all if empty.
    pub domains: Vec<String>,
}

impl ProviderSettings {
    /// Whether the provider may link an account by this address.
    pub fn may_vouch_for(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let mut domains = self.domains.iter();
        self.domains.is_empty() || domains.any(|allowed| allowed.eq_ignore_ascii_case(domain))
    }
}

/// The names of the variables of one provider.
struct ProviderNames {
    client_id: &'static str,
    client_secret: &'static str,
    issuer: &'static str,
    redirect_uris: &'static str,
    domains: &'static str,
}

/// Reads `GOOGLE_ISSUER` and `OKTA_ISSUER` alone, with django-allauth's names of the providers.
pub fn provider_issuers(source: &Source) -> Result<Vec<(&'static str, String)>, SettingsError> {
    let mut reader = Reader::new(source);
    let google = reader.optional("GOOGLE_ISSUER", WANTED_ISSUER, parse_issuer);
    let okta = reader.optional("OKTA_ISSUER", WANTED_ISSUER, parse_issuer);
    let google = google.unwrap_or_else(|| GOOGLE.to_owned());
    let issuers = [
        Some(("google", google)),
        okta.map(|issuer| ("okta", issuer)),
    ];
    reader.finish(issuers.into_iter().flatten().collect())
}

impl OidcSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let google = ProviderNames {
            client_id: "GOOGLE_CLIENT_ID",
            client_secret: "GOOGLE_CLIENT_SECRET",
            issuer: "GOOGLE_ISSUER",
            redirect_uris: "GOOGLE_REDIRECT_URIS",
            domains: "GOOGLE_DOMAINS",
        };
        let okta = ProviderNames {
            client_id: "OKTA_CLIENT_ID",
            client_secret: "OKTA_CLIENT_SECRET",
            issuer: "OKTA_ISSUER",
            redirect_uris: "OKTA_REDIRECT_URIS",
            domains: "OKTA_DOMAINS",
        };
        let mut google = google.read(reader, Some(GOOGLE));
        if let Some(google) = &mut google {
            google.redirect_uris.push(POSTMESSAGE.to_owned());
        }
        Self {
            google,
            okta: okta.read(reader, None),
            linking: reader.value(
                "PROVIDER_LINKING",
                "email",
                "email or signed-in",
                ProviderLinking::parse,
            ),
            require_nonce: reader.value(
                "PROVIDER_REQUIRE_NONCE",
                "false",
                "true or false",
                parse_bool,
            ),
        }
    }
}

impl ProviderNames {
    /// Reads the provider; `None` without a client id. The other variables must be valid even then.
    fn read(&self, reader: &mut Reader<'_>, default: Option<&str>) -> Option<ProviderSettings> {
        let client_id = reader.optional(
            self.client_id,
            "the client id of your application",
            parse_word,
        );
        let client_secret = reader.optional_secret(
            self.client_secret,
            "the client secret of your application",
            |text| parse_word(text).map(SecretString::from),
        );
        let issuer = reader
            .optional(self.issuer, WANTED_ISSUER, parse_issuer)
            .or_else(|| default.map(str::to_owned));
        let redirect_uris = reader.list(
            self.redirect_uris,
            "",
            "whole http(s) URLs between commas, as they are registered with the provider",
            |text| match text {
                POSTMESSAGE => Some(text.to_owned()),
                _ => parse_whole_url(text),
            },
        );
        let domains = reader.list(
            self.domains,
            "",
            "domains of email addresses between commas, such as example.com",
            parse_domain,
        );
        let client_id = client_id?;
        if issuer.is_none() {
            reader.missing(self.issuer, WANTED_ISSUER);
        }
        Some(ProviderSettings {
            client_id,
            client_secret,
            issuer: issuer.unwrap_or_default(),
            redirect_uris,
            domains,
        })
    }
}

/// Accepts a text that a header and a form can hold.
fn parse_word(text: &str) -> Option<String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

/// Accepts the part of an email address after the `@`, in ASCII.
fn parse_domain(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let plain = !text.starts_with('.') && text.chars().all(allowed);
    plain.then(|| text.to_ascii_lowercase())
}

/// Reads the URL of an issuer, without the slash at its end; `None` if it is none.
pub fn parse_issuer(text: &str) -> Option<String> {
    let url = parse_http_url(text)?;
    let usable = url.query().is_none() && is_https_or_loopback(&url);
    usable.then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<OidcSettings, SettingsError> {
        let source = Source::from_pairs(pairs.iter().copied());
        let mut reader = Reader::new(&source);
        let settings = OidcSettings::read(&mut reader);
        reader.finish(settings)
    }

    #[test]
    fn without_a_client_id_there_is_no_provider() {
        let none = read(&[("OKTA_ISSUER", "https://acme.okta.com")]).unwrap();
        assert!(none.google.is_none() && none.okta.is_none());
    }

    #[test]
    fn google_has_a_default_issuer_and_accepts_postmessage() {
        let google = read(&[
            ("GOOGLE_CLIENT_ID", "made-up"),
            (
                "GOOGLE_REDIRECT_URIS",
                "https://a.example/in, https://b.example/in",
            ),
        ]);
        let google = google.unwrap().google.unwrap();
        assert_eq!(google.issuer, "https://accounts.google.com");
        let expected = [
            "https://a.example/in",
            "https://b.example/in",
            "postmessage",
        ];
        assert_eq!(google.redirect_uris, expected);
    }

    #[test]
    fn oktas_issuer_is_required_with_its_client_id_and_must_use_https() {
        let id = ("OKTA_CLIENT_ID", "made-up");
        let missing = read(&[id]).unwrap_err();
        assert_eq!(
            (missing.invalid[0].name, missing.invalid[0].is_not_set()),
            ("OKTA_ISSUER", true)
        );
        for bad in [
            "http://acme.okta.com",
            "acme.okta.com",
            "https://a.example/?x=1",
        ] {
            assert_eq!(
                read(&[id, ("OKTA_ISSUER", bad)]).unwrap_err().invalid[0].name,
                "OKTA_ISSUER"
            );
        }
        for good in [
            "http://localhost:8080/",
            "https://acme.okta.com/oauth2/default",
        ] {
            let okta = read(&[id, ("OKTA_ISSUER", good)]).unwrap().okta.unwrap();
            assert_eq!(okta.issuer, good.trim_end_matches('/'));
            assert!(okta.redirect_uris.is_empty());
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let wrong = read(&[("GOOGLE_CLIENT_SECRET", "hidden one")]).unwrap_err();
        assert!(!wrong.to_string().contains("hidden"), "{wrong}");
        let right = read(&[
            ("GOOGLE_CLIENT_ID", "a"),
            ("GOOGLE_CLIENT_SECRET", "hidden"),
        ]);
        assert!(!format!("{right:?}").contains("hidden"));
    }
}
