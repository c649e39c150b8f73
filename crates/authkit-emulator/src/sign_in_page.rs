//! The sign-in page and the sign-up page.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use url::form_urlencoded;

use crate::authorization::{Authorization, IdentityProvider};
use crate::directory::Directory;
use crate::model::User;
use crate::pages::{self, UserRow};
use crate::state::SharedState;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    /// The name of the identity provider, if it is not AuthKit.
    provider: Option<String>,
    invitation: Option<InvitationNotice>,
    application: String,
    action: String,
    users: Vec<UserRow>,
    /// A link to the sign-up page, if an account can be created here.
    sign_up_url: Option<String>,
    login_hint: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_up.html")]
struct SignUpPage {
    invitation: Option<InvitationNotice>,
    application: String,
    action: String,
    /// A link to the sign-in page, for people who have an account.
    sign_in_url: Option<String>,
    login_hint: String,
    problem: Option<String>,
}

/// What the pages say about an invitation.
struct InvitationNotice {
    email: String,
    organization: String,
}

/// Shows the sign-in page, or the sign-up page if the request asks for it. `problem` says what was
/// wrong with the previous attempt.
pub(crate) fn show(
    shared: &SharedState,
    request: &HttpRequest,
    authorization: &Authorization,
    problem: Option<&str>,
) -> HttpResponse {
    let store = shared.store();
    let directory = &store.directory;
    let invitation = authorization
        .invitation
        .as_ref()
        .map(|invitation| InvitationNotice {
            email: invitation.email.clone(),
            organization: directory
                .organization(&invitation.organization_id)
                .map(|organization| organization.name.clone())
                .unwrap_or_default(),
        });
    let application = authorization.redirect.url.origin().ascii_serialization();
    let action = format!("{}?{}", request.path(), request.query_string());
    let login_hint = authorization.login_hint.clone().unwrap_or_default();
    let problem = problem.map(str::to_owned);
    let status = pages::form_status(problem.as_deref());
    let form_target = pages::form_target(authorization);
    if authorization.sign_up {
        let page = SignUpPage {
            sign_in_url: invitation
                .is_none()
                .then(|| with_screen_hint(request, "sign-in")),
            invitation,
            application,
            action,
            login_hint,
            problem,
        };
        return pages::html(status, &page, &form_target);
    }
    let provider = authorization.identity_provider.as_ref();
    let can_sign_up =
        provider.is_none() && invitation.is_none() && authorization.organization_id.is_none();
    let page = SignInPage {
        provider: provider.map(|provider| match provider {
            IdentityProvider::OAuth(name) => name.trim_end_matches("OAuth").to_owned(),
            IdentityProvider::Connection(name) => name.clone(),
        }),
        invitation,
        application,
        action,
        users: selectable_users(directory, authorization)
            .map(|user| UserRow::new(directory, user))
            .collect(),
        sign_up_url: can_sign_up.then(|| with_screen_hint(request, "sign-up")),
        login_hint,
        problem,
    };
    pages::html(status, &page, &form_target)
}

/// The users who can sign in here: the invited person, or the members of the requested organisation.
fn selectable_users<'a>(
    directory: &'a Directory,
    authorization: &'a Authorization,
) -> impl Iterator<Item = &'a User> {
    directory.users.iter().filter(|user| {
        let invitation = authorization.invitation.as_ref();
        match invitation {
            Some(invitation) => invitation.email.eq_ignore_ascii_case(&user.email),
            None => authorization.is_member(directory, user),
        }
    })
}

/// The URL of this page with another `screen_hint`.
fn with_screen_hint(request: &HttpRequest, hint: &str) -> String {
    let pairs = form_urlencoded::parse(request.query_string().as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.filter(|(name, _)| name != "screen_hint"))
        .append_pair("screen_hint", hint)
        .finish();
    format!("{}?{query}", request.path())
}
