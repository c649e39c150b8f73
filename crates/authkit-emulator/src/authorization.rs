//! An authorization request: what `/user_management/authorize` was asked, read and checked.

use url::Url;

use crate::clock::Millis;
use crate::invitations::Invited;
use crate::state::{Browser, Shared};

/// The identity providers that `provider` may name beside `authkit`, from WorkOS's OpenAPI text.
const PROVIDERS: [&str; 13] = [
    "AppleOAuth",
    "BitbucketOAuth",
    "GitHubOAuth",
    "GitLabOAuth",
    "GoogleOAuth",
    "IntuitOAuth",
    "LinkedInOAuth",
    "MicrosoftOAuth",
    "SalesforceOAuth",
    "SlackOAuth",
    "VercelMarketplaceOAuth",
    "VercelOAuth",
    "XeroOAuth",
];

/// A request that is in order.
#[derive(Debug)]
pub(crate) struct Authorization {
    pub(crate) redirect: Redirect,
    pub(crate) challenge: Option<String>,
    /// The organisation that was asked for, by itself or through its connection.
    pub(crate) organization_id: Option<String>,
    /// The provider or connection that signs in, when it is not AuthKit's own page.
    pub(crate) through: Option<Through>,
    pub(crate) login_hint: Option<String>,
    pub(crate) sign_up: bool,
    /// The invitation that is accepted by signing in.
    pub(crate) invitation: Option<String>,
    /// Sign in afresh even though AuthKit remembers the browser.
    prompt_login: bool,
    /// Seconds that a remembered sign-in may be old.
    max_age: Option<Millis>,
}

/// Where somebody else than AuthKit's page vouches for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Through {
    Provider(String),
    Connection(String),
}

/// Where the answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Redirect {
    /// Letter by letter as it was asked for: the code is bound to it.
    pub(crate) uri: String,
    pub(crate) url: Url,
    state: Option<String>,
}

/// Why a request is refused, and whether the application may hear of it.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The client or the redirect URI is wrong: nothing may be sent there.
    Page(String),
    /// The redirect URI is right: this is where the browser takes the error.
    Redirect(String),
}

impl Redirect {
    /// The redirect URI with the answer added to whatever query it has.
    pub(crate) fn with(&self, answer: &[(&str, &str)]) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(answer);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url.into()
    }
}

impl Authorization {
    /// Reads the query of an authorization request.
    pub(crate) fn read(shared: &Shared, query: &str) -> Result<Self, Refused> {
        let query = Query::read(query)?;
        if query.get("client_id") != Some(&shared.client_id) {
            return Err(Refused::Page("This is not a valid client ID.".to_owned()));
        }
        let redirect = Redirect {
            uri: query.get("redirect_uri").unwrap_or_default().to_owned(),
            url: checked_redirect(shared, query.get("redirect_uri"))?,
            state: query.get("state").map(str::to_owned),
        };
        let wrong = |error, description| {
            Refused::Redirect(
                redirect.with(&[("error", error), ("error_description", description)]),
            )
        };
        let invalid = |description| wrong("invalid_request", description);
        if query.get("response_type") != Some("code") {
            return Err(wrong(
                "unsupported_response_type",
                "The response_type must be 'code'.",
            ));
        }
        let challenge = query.challenge().map_err(invalid)?;
        let sign_up = match query.get("screen_hint") {
            None | Some("sign-in") => false,
            Some("sign-up") => true,
            Some(_) => return Err(invalid("The screen_hint must be 'sign-up' or 'sign-in'.")),
        };
        let max_age = match query.get("max_age").map(str::parse) {
            None => None,
            Some(Ok(seconds)) if seconds >= 0 => Some(seconds),
            Some(_) => return Err(invalid("The max_age must be a number of seconds.")),
        };
        let (through, organization_id) = query
            .selector(shared)
            .map_err(|(error, description)| wrong(error, description))?;
        let (invitation, invited) = query
            .invitation(shared)
            .map_err(|(error, description)| wrong(error, description))?;
        let login_hint = query.get("login_hint").map(str::to_owned);
        Ok(Self {
            challenge,
            organization_id,
            through,
            sign_up: sign_up || invited.as_ref().is_some_and(|invited| invited.is_new),
            login_hint: invited.map(|invited| invited.email).or(login_hint),
            invitation,
            prompt_login: query.get("prompt") == Some("login"),
            max_age,
            redirect,
        })
    }

    /// Whether a browser that AuthKit remembers may pass without a page.
    pub(crate) fn accepts(&self, browser: &Browser, email: &str, now: Millis) -> bool {
        let age = now - browser.signed_in_at;
        let fresh = self
            .max_age
            .is_none_or(|seconds| age < seconds.saturating_mul(1000));
        let same = self
            .login_hint
            .as_ref()
            .is_none_or(|hint| hint.eq_ignore_ascii_case(email));
        // A connection's own sign-in is another matter than AuthKit's.
        let same_door = match self.through {
            Some(Through::Connection(_)) => browser.method == "SSO",
            Some(Through::Provider(_)) | None => true,
        };
        !self.prompt_login && !self.sign_up && fresh && same && same_door
    }
}

/// The parameters, none of which may be there twice (RFC 6749, section 3.1).
struct Query(Vec<(String, String)>);

impl Query {
    fn read(query: &str) -> Result<Self, Refused> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Refused::Page(format!(
                    "The parameter {name:?} is there twice."
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter's value; an empty one counts as none.
    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The invitation's token, and for whom it is.
    #[expect(
        clippy::type_complexity,
        reason = "a pair of parts or a pair of error texts"
    )]
    fn invitation(
        &self,
        shared: &Shared,
    ) -> Result<(Option<String>, Option<Invited>), (&'static str, &'static str)> {
        let Some(token) = self.get("invitation_token") else {
            return Ok((None, None));
        };
        let invited = shared.state().directory.invited(token);
        let invited = invited.ok_or(("invitation_invalid", "The invitation is not valid."))?;
        Ok((Some(token.to_owned()), Some(invited)))
    }

    fn challenge(&self) -> Result<Option<String>, &'static str> {
        match (
            self.get("code_challenge"),
            self.get("code_challenge_method"),
        ) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err("A code_challenge_method needs a code_challenge."),
            (Some(challenge), Some("S256")) if is_s256(challenge) => Ok(Some(challenge.to_owned())),
            (Some(_), Some("S256")) => Err("The code_challenge is malformed."),
            (Some(_), _) => Err("The code_challenge_method must be 'S256'."),
        }
    }

    #[expect(
        clippy::type_complexity,
        reason = "a pair of parameters or a pair of error texts"
    )]
    fn selector(
        &self,
        shared: &Shared,
    ) -> Result<(Option<Through>, Option<String>), (&'static str, &'static str)> {
        let state = shared.state();
        let organization_id = match self.get("organization_id") {
            Some(id) if state.directory.organization(id).is_none() => {
                return Err(("organization_invalid", "The organization does not exist."));
            }
            id => id.map(str::to_owned),
        };
        if let Some(id) = self.get("connection_id") {
            let connection = state.directory.connections.iter().find(|one| one.id == id);
            let connection =
                connection.ok_or(("connection_invalid", "The connection does not exist."))?;
            let through = Through::Connection(connection.name.clone());
            return Ok((Some(through), Some(connection.organization_id.clone())));
        }
        match self.get("provider") {
            Some("authkit") => Ok((None, organization_id)),
            Some(name) if PROVIDERS.contains(&name) => {
                Ok((Some(Through::Provider(name.to_owned())), organization_id))
            }
            Some(_) => Err(("invalid_request", "The provider is not one of WorkOS's.")),
            None if organization_id.is_some() => {
                let directory = &state.directory;
                let wanted = |id: &&String| {
                    directory
                        .organization(id)
                        .is_some_and(|one| one.sso_required)
                };
                let required = organization_id.as_ref().filter(wanted);
                let connection = directory
                    .connections
                    .iter()
                    .find(|one| required == Some(&one.organization_id));
                let through = connection.map(|one| Through::Connection(one.name.clone()));
                Ok((through, organization_id))
            }
            None => Err((
                "invalid_request",
                "A provider, connection_id or organization_id is required.",
            )),
        }
    }
}

/// Whether a challenge can be a SHA-256 digest in unpadded base64url.
fn is_s256(challenge: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    challenge.len() == 43 && challenge.bytes().all(alphabet)
}

fn checked_redirect(shared: &Shared, uri: Option<&str>) -> Result<Url, Refused> {
    let wrong = || Refused::Page("This is not a valid redirect URI.".to_owned());
    allowed(&shared.redirect_uris, uri.ok_or_else(wrong)?).ok_or_else(wrong)
}

/// The URI, if it is on the list letter by letter, or of this machine where there is no list.
pub(crate) fn allowed(list: &[String], uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let listed = if list.is_empty() {
        is_local(&url)
    } else {
        list.iter().any(|known| known == uri)
    };
    listed.then_some(url)
}

/// Whether a URL leads to this machine, with neither fragment nor credentials; https is a TLS proxy's
/// on it.
fn is_local(url: &Url) -> bool {
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    local && bare && matches!(url.scheme(), "http" | "https")
}
