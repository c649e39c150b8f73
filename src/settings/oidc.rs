//! The settings of sign-in with Google and Okta.

use secrecy::SecretString;

use super::{kinds, parse_whole_url, reader::Reader};
use crate::origin::is_https_or_loopback;

/// Google's issuer.
const GOOGLE: &str = "https://accounts.google.com";
/// In place of a redirect URI: Google's pop-up hands the code to the page itself.
const POSTMESSAGE: &str = "postmessage";

const WANTED_ISSUER: &str = "the issuer's https URL, such as https://acme.okta.com/oauth2/default (http on this machine alone)";

/// The OpenID Connect providers that are set up.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// `POST /api/auth/google`.
    pub google: Option<ProviderSettings>,
    /// `POST /api/auth/okta`.
    pub okta: Option<ProviderSettings>,
}

/// Who we are at an OpenID Connect provider, and where it is.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The id of our application there.
    pub client_id: String,
    /// Its secret; `None`: a public client, which proves itself by PKCE alone.
    pub client_secret: Option<SecretString>,
    /// The provider, without a slash at its end.
    pub issuer: String,
    /// The redirect URIs that a code may have been sent to, letter by letter.
    pub redirect_uris: Vec<String>,
}

/// What the variables of one provider are called.
struct Names {
    client_id: &'static str,
    client_secret: &'static str,
    issuer: &'static str,
    redirect_uris: &'static str,
}

impl OidcSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let google = Names {
            client_id: "GOOGLE_CLIENT_ID",
            client_secret: "GOOGLE_CLIENT_SECRET",
            issuer: "GOOGLE_ISSUER",
            redirect_uris: "GOOGLE_REDIRECT_URIS",
        };
        let okta = Names {
            client_id: "OKTA_CLIENT_ID",
            client_secret: "OKTA_CLIENT_SECRET",
            issuer: "OKTA_ISSUER",
            redirect_uris: "OKTA_REDIRECT_URIS",
        };
        let mut google = google.read(reader, Some(GOOGLE));
        if let Some(google) = &mut google {
            google.redirect_uris.push(POSTMESSAGE.to_owned());
        }
        Self {
            google,
            okta: okta.read(reader, None),
        }
    }
}

impl Names {
    /// `None` without the client id; what else is set must be right all the same.
    fn read(&self, reader: &mut Reader<'_>, default: Option<&str>) -> Option<ProviderSettings> {
        let client_id = reader.optional(self.client_id, "the client id of your application", word);
        let client_secret = reader.optional_secret(
            self.client_secret,
            "the client secret of your application",
            |text| word(text).map(SecretString::from),
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
        let client_id = client_id?;
        if issuer.is_none() {
            reader.missing(self.issuer, WANTED_ISSUER);
        }
        Some(ProviderSettings {
            client_id,
            client_secret,
            issuer: issuer.unwrap_or_default(),
            redirect_uris,
        })
    }
}

/// A text that a header and a form can hold.
fn word(text: &str) -> Option<String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

fn parse_issuer(text: &str) -> Option<String> {
    let url = kinds::parse_http_url(text)?;
    let usable = url.query().is_none() && is_https_or_loopback(&url);
    usable.then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{SettingsError, Source};

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
    fn google_has_its_own_issuer_and_its_pop_up() {
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
    fn oktas_issuer_is_required_with_its_id_and_must_be_safe() {
        let id = ("OKTA_CLIENT_ID", "made-up");
        let missing = read(&[id]).unwrap_err();
        assert_eq!(
            (missing.0[0].name, missing.0[0].is_not_set()),
            ("OKTA_ISSUER", true)
        );
        for bad in [
            "http://acme.okta.com",
            "acme.okta.com",
            "https://a.example/?x=1",
        ] {
            assert_eq!(
                read(&[id, ("OKTA_ISSUER", bad)]).unwrap_err().0[0].name,
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
