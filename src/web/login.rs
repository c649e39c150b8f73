//! `GET /auth/login` and `GET /signin`: redirect to WorkOS's sign-in page. A link on another site asks
//! first if the browser has a session. After a session that was not used for too long, WorkOS asks for
//! credentials.

use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse, web};
use url::form_urlencoded;

use super::login_attempt::{LoginAttempt, LoginAttempts};
use super::session_replacement::SessionReplacement;
use super::{query_pairs, query_value, redirect};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::site::Site;
use crate::keys::Keys;
use crate::links::REAUTHENTICATE;
use crate::origin::{Origin, host_name, listed_target, local_target};
use crate::sessions::BrowserSession;
use crate::settings::Settings;
use crate::sign_in::SignInRequirement;
use crate::state::AppState;
use crate::workos::{AuthorizeRequest, WorkosClient};

/// Marks a request that was redirected to `PUBLIC_URL` once. Without it, a proxy that rewrites `Host`
/// would cause an endless redirect.
const MOVED: &str = "moved";

/// The parameters with which a link on another site may have the session's user log in again without a
/// question.
const REPETITION: [&str; 3] = [REAUTHENTICATE, "next", MOVED];

/// Starts an attempt and redirects the browser to WorkOS.
pub async fn login(
    request: HttpRequest,
    session: BrowserSession,
    replacement: SessionReplacement,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    if let Some(url) = public_url_redirect(&request, &app.settings) {
        return Ok(redirect(&url));
    }
    let site = Site::of(&request, &app.settings);
    let next = query_value(&request, "next");
    let next = next.and_then(|next| site.page_target(&next));
    let now = app.clock.now();
    let query = query_pairs(&request);
    let parameters = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let repeats = query_value(&request, REAUTHENTICATE).and_then(|_| session.peek(now));
    let was_idle = replacement.idle_since().is_some();
    let repeats = repeats.filter(|_| !was_idle);
    // A re-authentication refuses another user.
    let is_repetition = repeats.is_some()
        && query
            .iter()
            .all(|(name, _)| REPETITION.contains(&name.as_str()));
    let is_wanted = replacement.is_wanted() || is_repetition;
    if !is_wanted && let Some(question) = replacement.question()? {
        return Ok(question);
    }
    let parameters = match &repeats {
        Some(user) => {
            // Without the database, WorkOS asks for the organisation.
            let known = app.known_sessions.of(user).await.ok().flatten();
            let facts = known.as_ref().map(|known| &known.facts);
            let organization = facts.and_then(|facts| facts.organization_id.as_deref());
            AuthorizeRequest::reauthentication(&user.email, organization)
        }
        None => AuthorizeRequest::from_query(parameters),
    };
    let parameters = match was_idle {
        // WorkOS may still have its own session.
        true => parameters.with_credentials(),
        false => parameters,
    };
    let mut requirement = SignInRequirement::default().of_user(repeats.map(|user| user.user_id));
    if let Some(max_age) = parameters.max_age() {
        requirement = requirement.with_max_age(max_age, now);
    }
    let attempt = LoginAttempt::start(next.as_deref().unwrap_or_default(), now)?
        .into_organization(parameters.organization_id())
        .requiring(requirement)
        .wanted(is_wanted);
    let redirect = AuthorizeRedirect {
        workos: &app.workos,
        redirect_uri: site.redirect_uri,
        keys: &app.keys,
        now,
        secure: app.secure(),
    };
    redirect.response(&request, attempt, &parameters)
}

/// Redirects browsers to WorkOS's authorize page.
#[derive(Clone, Copy)]
pub(super) struct AuthorizeRedirect<'a> {
    pub(super) workos: &'a WorkosClient,
    pub(super) redirect_uri: &'a str,
    pub(super) keys: &'a Keys,
    pub(super) now: Timestamp,
    pub(super) secure: bool,
}

impl AuthorizeRedirect<'_> {
    /// Stores the attempt in a cookie and redirects the browser to WorkOS.
    pub(super) fn response(
        &self,
        request: &HttpRequest,
        attempt: LoginAttempt,
        parameters: &AuthorizeRequest,
    ) -> Result<HttpResponse, Error> {
        let url = self.workos.authorize_url(
            parameters,
            self.redirect_uri,
            attempt.state(),
            &attempt.pkce(),
        )?;
        let mut response = redirect(url.as_str());
        let attempts = LoginAttempts::from_request(request, self.keys, self.now);
        for cookie in attempts.add(attempt, self.keys, self.secure) {
            response.add_cookie(&cookie)?;
        }
        Ok(response)
    }
}

/// `GET /signin`: the address to which an API log-out sends single-page applications.
pub async fn signin(request: HttpRequest) -> HttpResponse {
    match request.query_string() {
        "" => redirect("/auth/login"),
        query => redirect(&format!("/auth/login?{query}")),
    }
}

/// The same address on `PUBLIC_URL`, if the request was for another allowed host without a redirect URI of its
/// own. WorkOS returns the browser to `PUBLIC_URL`, which would not receive a cookie that another host has set.
pub(super) fn public_url_redirect(request: &HttpRequest, settings: &Settings) -> Option<String> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let moved = query_value(request, MOVED).is_some();
    if moved || Site::at(host, settings).is_some() {
        return None;
    }
    let next = query_value(request, "next").and_then(|next| whole_next(&next, host, settings));
    let mut query = match next {
        None => form_urlencoded::Serializer::new(request.query_string().to_owned()),
        Some(next) => {
            let others = query_pairs(request).into_iter();
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(others.filter(|(name, _)| name != "next"));
            query.append_pair("next", &next);
            query
        }
    };
    let query = query.append_pair(MOVED, "1").finish();
    let public_url = settings.public_url.as_str();
    Some(format!("{public_url}{}?{query}", request.path()))
}

/// `next` as a whole URL on the host of the request, if the sign-in may lead back there and the session cookie
/// reaches it: without the cookie, the page would demand another sign-in.
fn whole_next(next: &str, host: &str, settings: &Settings) -> Option<String> {
    settings.session_cookie_domain_of(&host_name(host)?)?;
    let (scheme, _) = settings.public_url.as_str().split_once("://")?;
    let here = Origin::parse(&format!("{scheme}://{host}"))?;
    let whole = format!("{}{}", here.as_str(), local_target(next, &here)?);
    listed_target(&whole, &settings.login_redirect_hosts)
}
