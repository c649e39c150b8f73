//! Builds the authorize URL, to which a browser is sent to sign in.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::ids::OrganizationId;
use crate::random::{RandomnessError, random_text};

/// A PKCE pair (RFC 7636). The verifier stays on the server; the browser only gets its hash.
#[derive(Clone)]
pub struct Pkce {
    /// The code verifier of 43 characters. It is secret until the code is exchanged.
    pub verifier: String,
}

impl Pkce {
    /// Generates a new pair.
    pub fn generate() -> Result<Self, RandomnessError> {
        Ok(Self {
            verifier: random_text()?,
        })
    }

    /// The S256 challenge of the verifier.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier.as_bytes()))
    }
}

/// The optional parameters of a sign-in. They are passed to WorkOS unchanged.
#[derive(Clone, Debug, Default)]
pub struct AuthorizeRequest {
    /// Names and values of parameters of WorkOS's authorize endpoint.
    pub parameters: Vec<(&'static str, String)>,
}

impl AuthorizeRequest {
    /// The parameters that a link to the log-in page may set. Others are dropped, and so are values of `prompt` and
    /// `provider_scopes` that WorkOS cannot know.
    pub const PARAMETERS: [&'static str; 10] = [
        "screen_hint",
        "login_hint",
        "organization_id",
        "domain_hint",
        "provider",
        "connection_id",
        "invitation_token",
        "max_age",
        "prompt",
        "provider_scopes",
    ];
    /// The values of `prompt` (OpenID Connect Core, 3.1.2.1).
    const PROMPTS: [&'static str; 4] = ["login", "consent", "select_account", "none"];
    /// The parameters that select how the user is authenticated. WorkOS requires exactly one of
    /// them.
    const SELECTORS: [&'static str; 3] = ["provider", "connection_id", "organization_id"];

    /// Takes the allowed parameters from a query string: the first of each name, without empty
    /// ones.
    pub fn from_query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut parameters: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            let known = Self::PARAMETERS.into_iter().find(|known| *known == name);
            let known = known.filter(|_| match name {
                "prompt" => Self::PROMPTS.contains(&value),
                "provider_scopes" => value.split(',').all(is_scope),
                _ => true,
            });
            if let Some(name) = known.filter(|name| parameters.iter().all(|(n, _)| n != name)) {
                parameters.push((name, value.to_owned()));
            }
        }
        Self { parameters }
    }

    /// The parameters of a sign-in that authenticates a user again, in the same organisation.
    pub fn reauthentication(email: &str, organization_id: Option<&str>) -> Self {
        let mut parameters = vec![
            ("provider", "authkit".to_owned()),
            ("login_hint", email.to_owned()),
            ("max_age", "0".to_owned()),
        ];
        parameters.extend(organization_id.map(|id| ("organization_id", id.to_owned())));
        Self { parameters }
    }

    /// Has WorkOS ask for credentials, whatever its own session is. A `prompt` could forbid that.
    #[must_use]
    pub fn with_credentials(mut self) -> Self {
        self.parameters
            .retain(|(name, _)| !["max_age", "prompt"].contains(name));
        self.parameters.push(("max_age", "0".to_owned()));
        self
    }

    /// The longest time in seconds since the user has entered credentials; `None` if any is accepted.
    pub fn max_age(&self) -> Option<i64> {
        let mut parameters = self.parameters.iter();
        let (_, seconds) = parameters.find(|(name, _)| *name == "max_age")?;
        seconds.parse().ok().filter(|seconds| *seconds >= 0)
    }

    /// The requested organisation.
    pub fn organization_id(&self) -> Option<OrganizationId> {
        let mut parameters = self.parameters.iter();
        let parameter = parameters.find(|(name, _)| *name == "organization_id");
        parameter.map(|(_, id)| id.as_str().into())
    }

    pub(super) fn has_selector(&self) -> bool {
        self.parameters
            .iter()
            .any(|(name, _)| Self::SELECTORS.contains(name))
    }

    pub(super) fn url(
        &self,
        endpoint: &str,
        client_id: &str,
        redirect_uri: &str,
        state: &str,
        pkce: &Pkce,
    ) -> Result<Url, url::ParseError> {
        let mut url = Url::parse(endpoint)?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state)
            .append_pair("code_challenge", &pkce.challenge())
            .append_pair("code_challenge_method", "S256");
        if !self.has_selector() {
            query.append_pair("provider", "authkit");
        }
        query.extend_pairs(&self.parameters);
        drop(query);
        Ok(url)
    }
}

/// Whether a text is one scope (RFC 6749, 3.3), which has no comma here: WorkOS expects commas between scopes.
fn is_scope(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_graphic() && !['"', '\\'].contains(&c);
    !text.is_empty() && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_as_in_rfc_7636() {
        // Appendix B of RFC 7636.
        let pkce = Pkce {
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
        };
        assert_eq!(
            pkce.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn unknown_and_empty_parameters_are_dropped() {
        let pairs = [
            ("screen_hint", "sign-up"),
            ("redirect_uri", "https://evil.example"),
            ("login_hint", ""),
            ("screen_hint", "x"),
        ];
        let request = AuthorizeRequest::from_query(pairs.into_iter());
        assert_eq!(request.parameters, [("screen_hint", "sign-up".to_owned())]);
    }

    #[test]
    fn prompts_and_scopes_that_workos_cannot_know_are_dropped() {
        let kept = |name: &'static str, value: &str| {
            let request = AuthorizeRequest::from_query([(name, value)].into_iter());
            request.parameters == [(name, value.to_owned())]
        };
        for value in ["login", "consent", "select_account", "none"] {
            assert!(kept("prompt", value), "{value}");
        }
        for value in ["LOGIN", "login consent", "x", "login&x=1"] {
            assert!(!kept("prompt", value), "{value}");
        }
        let google = "openid,https://www.googleapis.com/auth/calendar.readonly";
        for value in ["repo", "repo,user:email", google] {
            assert!(kept("provider_scopes", value), "{value}");
        }
        for value in ["repo user", ",", "repo,", "a\"b", "ü", "a\\b", "a\n"] {
            assert!(!kept("provider_scopes", value), "{value}");
        }
        let pairs = [("prompt", "none"), ("login_hint", "ada@example.com")];
        let request = AuthorizeRequest::from_query(pairs.into_iter()).with_credentials();
        let names: Vec<_> = request.parameters.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["login_hint", "max_age"]);
    }

    #[test]
    fn the_provider_is_authkit_unless_another_selector_is_given() {
        let pkce = Pkce::generate().unwrap();
        let url = |pairs: &[(&str, &str)]| {
            let request = AuthorizeRequest::from_query(pairs.iter().copied());
            request
                .url(
                    "https://api.example.com/a",
                    "client_1",
                    "https://app.example.com/cb",
                    "s",
                    &pkce,
                )
                .unwrap()
        };
        assert!(
            url(&[("screen_hint", "sign-up")])
                .query()
                .unwrap()
                .contains("provider=authkit")
        );
        assert!(
            !url(&[("organization_id", "org_1")])
                .query()
                .unwrap()
                .contains("provider=")
        );
        assert!(
            !url(&[("provider", "GoogleOAuth")])
                .query()
                .unwrap()
                .contains("authkit")
        );
    }
}
