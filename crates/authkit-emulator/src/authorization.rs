//! A valid authorization request, read from the query of `/user_management/authorize`.

use url::Url;

use crate::authorize_query::{AuthorizeQuery, QueryError};
use crate::clock::Millis;
use crate::directory::Directory;
use crate::model::{Connection, Invitation, User};
use crate::redirects::parse_allowed;
use crate::state::SharedState;
use crate::store::{RememberedBrowser, Store};

/// The identity providers that `provider` may name besides `authkit`, from WorkOS's OpenAPI document.
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

/// A valid authorization request.
#[derive(Debug)]
pub(crate) struct Authorization {
    pub(crate) redirect: RedirectTarget,
    pub(crate) code_challenge: Option<String>,
    /// The organisation to sign in to: that of the parameter `organization_id`, or that of the
    /// connection.
    pub(crate) organization_id: Option<String>,
    /// The identity provider that signs the user in. `None` is AuthKit itself.
    pub(crate) identity_provider: Option<IdentityProvider>,
    pub(crate) login_hint: Option<String>,
    pub(crate) sign_up: bool,
    /// The invitation that the sign-in accepts.
    pub(crate) invitation: Option<Invitation>,
    /// Requires a new sign-in from a remembered browser too.
    prompt_login: bool,
    /// The maximum age of a remembered sign-in, in seconds.
    max_age: Option<i64>,
}

/// An identity provider other than AuthKit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityProvider {
    /// An OAuth provider, such as `GoogleOAuth`.
    OAuth(String),
    /// A single sign-on connection, by name.
    Connection(String),
}

/// Where the response to an authorization request is sent.
#[derive(Debug, Clone)]
pub(crate) struct RedirectTarget {
    /// The redirect URI exactly as it was requested. The code is bound to it.
    pub(crate) uri: String,
    pub(crate) url: Url,
    state: Option<String>,
}

/// An authorization request is invalid.
#[derive(Debug)]
pub(crate) enum AuthorizationError {
    /// The client or the redirect URI is wrong: the emulator shows this message and does not
    /// redirect.
    Page(String),
    /// The redirect URI is valid: the browser is sent to this URL, which carries the error.
    Redirect(String),
}

impl RedirectTarget {
    /// The redirect URI with these parameters and the `state` added to its query.
    pub(crate) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url.into()
    }

    fn error(&self, (error, description): QueryError) -> AuthorizationError {
        let parameters = [("error", error), ("error_description", description)];
        AuthorizationError::Redirect(self.with(&parameters))
    }
}

impl Authorization {
    /// Reads and checks the query of an authorization request.
    pub(crate) fn read(shared: &SharedState, query: &str) -> Result<Self, AuthorizationError> {
        let query = AuthorizeQuery::parse(query).map_err(|name| {
            AuthorizationError::Page(format!("The parameter {name:?} occurs twice."))
        })?;
        if query.get("client_id") != Some(&shared.client_id) {
            let message = "This is not a valid client ID.".to_owned();
            return Err(AuthorizationError::Page(message));
        }
        let uri = query.get("redirect_uri").unwrap_or_default();
        let url = parse_allowed(&shared.redirect_uris, uri).ok_or_else(|| {
            AuthorizationError::Page("This is not a valid redirect URI.".to_owned())
        })?;
        let redirect = RedirectTarget {
            uri: uri.to_owned(),
            url,
            state: query.get("state").map(str::to_owned),
        };
        Self::read_parameters(shared, &query, redirect.clone())
            .map_err(|error| redirect.error(error))
    }

    fn read_parameters(
        shared: &SharedState,
        query: &AuthorizeQuery,
        redirect: RedirectTarget,
    ) -> Result<Self, QueryError> {
        query.check_response_type()?;
        let code_challenge = query.code_challenge()?;
        let sign_up = query.wants_sign_up()?;
        let max_age = query.max_age()?;
        let store = shared.store();
        let directory = &store.directory;
        let (identity_provider, organization_id) = selected_provider(query, directory)?;
        let invitation = match query.get("invitation_token") {
            None => None,
            Some(token) => {
                let invitation = directory.open_invitation(token);
                Some(invitation.ok_or(("invitation_invalid", "The invitation is not valid."))?)
            }
        };
        let invites_new_user = invitation
            .is_some_and(|invitation| directory.user_by_email(&invitation.email).is_none());
        let login_hint = invitation
            .map(|invitation| invitation.email.as_str())
            .or(query.get("login_hint"));
        Ok(Self {
            redirect,
            code_challenge,
            organization_id,
            identity_provider,
            login_hint: login_hint.map(str::to_owned),
            sign_up: sign_up || invites_new_user,
            invitation: invitation.cloned(),
            prompt_login: query.get("prompt") == Some("login"),
            max_age,
        })
    }

    /// Whether a remembered browser may sign in without a page.
    pub(crate) fn accepts(&self, browser: &RememberedBrowser, email: &str, now: Millis) -> bool {
        let age = now - browser.signed_in_at;
        let is_recent = self
            .max_age
            .is_none_or(|seconds| age < seconds.saturating_mul(1000));
        let is_hinted_user = self
            .login_hint
            .as_ref()
            .is_none_or(|hint| hint.eq_ignore_ascii_case(email));
        // A connection accepts only its own sign-ins, not those of AuthKit.
        let is_same_provider = match self.identity_provider {
            Some(IdentityProvider::Connection(_)) => browser.method == "SSO",
            Some(IdentityProvider::OAuth(_)) | None => true,
        };
        !self.prompt_login && !self.sign_up && is_recent && is_hinted_user && is_same_provider
    }

    /// Whether the user is a member of the requested organisation, if there is one.
    pub(crate) fn is_member(&self, directory: &Directory, user: &User) -> bool {
        self.organization_id
            .as_ref()
            .is_none_or(|id| directory.is_member(&user.id, id))
    }

    /// Accepts the request's invitation, if there is one. Returns false if it is for another person.
    pub(crate) fn accept_invitation(&self, store: &mut Store, email: &str) -> bool {
        self.invitation
            .as_ref()
            .is_none_or(|invitation| store.accept_invitation(&invitation.token, email))
    }

    /// The organisation that the session is opened for: that of the invitation, or the requested
    /// one.
    pub(crate) fn session_organization(&self) -> Option<String> {
        let invitation = self.invitation.as_ref();
        invitation
            .map(|invitation| invitation.organization_id.clone())
            .or_else(|| self.organization_id.clone())
    }
}

/// The identity provider and the organisation that the parameters select.
fn selected_provider(
    query: &AuthorizeQuery,
    directory: &Directory,
) -> Result<(Option<IdentityProvider>, Option<String>), QueryError> {
    let organization = match query.get("organization_id") {
        None => None,
        Some(id) => {
            let organization = directory.organization(id);
            Some(organization.ok_or(("organization_invalid", "The organization does not exist."))?)
        }
    };
    let of_connection = |connection: &Connection| {
        let provider = IdentityProvider::Connection(connection.name.clone());
        (Some(provider), Some(connection.organization_id.clone()))
    };
    let mut connections = directory.connections.iter();
    if let Some(id) = query.get("connection_id") {
        let connection = connections.find(|connection| connection.id == id);
        let connection =
            connection.ok_or(("connection_invalid", "The connection does not exist."))?;
        return Ok(of_connection(connection));
    }
    let organization_id = organization.map(|organization| organization.id.clone());
    match query.get("provider") {
        Some("authkit") => Ok((None, organization_id)),
        Some(name) if PROVIDERS.contains(&name) => {
            let provider = IdentityProvider::OAuth(name.to_owned());
            Ok((Some(provider), organization_id))
        }
        Some(_) => Err(("invalid_request", "The provider is not one of WorkOS's.")),
        None => match organization {
            None => Err((
                "invalid_request",
                "A provider, connection_id or organization_id is required.",
            )),
            // The organisation's own connection, if it requires single sign-on.
            Some(organization) => Ok(connections
                .find(|connection| {
                    organization.sso_required && connection.organization_id == organization.id
                })
                .map_or((None, organization_id), of_connection)),
        },
    }
}
