//! The cookie policy: with `AUTH_COOKIE_NAME`, tokens travel in HttpOnly cookies that no script can
//! read, and refresh tokens are left out of response bodies.
//!
//! Every response with tokens is built here, so that no route can forget the policy.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::body::FieldReader;
use super::wire::SignedInJson;
use super::{ApiError, json_ok};
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::SessionId;
use crate::middleware::TokenCookie;
use crate::sessions::BrowserSession;
use crate::settings::{ApiSettings, Settings};
use crate::tokens::TokenPair;

/// 200 with tokens. `body` builds the response's body; its argument is the refresh token, or `None`
/// when the policy keeps the refresh token out of the body.
pub fn ok_with_tokens<'a, T: Serialize>(
    settings: &Settings,
    access: &'a str,
    refresh: Option<&'a str>,
    body: impl FnOnce(Option<&'a str>) -> T,
) -> Result<HttpResponse, ApiError> {
    let Some(cookie) = TokenCookie::access(&settings.api) else {
        return json_ok(&body(refresh));
    };
    let mut response = json_ok(&body(None))?;
    let cookie = cookie.holding(access.to_owned(), settings);
    response.add_cookie(&cookie).map_err(Error::from)?;
    if let (Some(cookie), Some(refresh)) = (TokenCookie::refresh(&settings.api), refresh) {
        let cookie = cookie.holding(refresh.to_owned(), settings);
        response.add_cookie(&cookie).map_err(Error::from)?;
    }
    Ok(response)
}

/// 200 with `{access_token, refresh_token, user}`, the response of every sign-in but `/api/token`.
pub fn ok_signed_in(
    settings: &Settings,
    pair: &TokenPair,
    user: User,
) -> Result<HttpResponse, ApiError> {
    let access_token = pair.access.as_str();
    ok_with_tokens(
        settings,
        access_token,
        Some(&pair.refresh),
        |refresh_token| SignedInJson {
            access_token,
            refresh_token,
            user: user.into(),
        },
    )
}

/// The browser session that a sign-in with tokens replaces: under the policy its cookies make the browser
/// somebody else's. `None` without the policy, which leaves the tokens to the client.
pub fn replaced_session(
    settings: &ApiSettings,
    session: &BrowserSession,
    now: Timestamp,
) -> Option<SessionId> {
    settings.auth_cookie_name.as_ref()?;
    session.peek(now).map(|state| state.session_id)
}

/// Removes the browser session that a sign-in with tokens has replaced.
pub fn replace_session(settings: &ApiSettings, session: &BrowserSession) {
    if settings.auth_cookie_name.is_some() {
        session.replace_by_tokens();
    }
}

/// The access token in the request's cookie.
pub fn access_token(request: &HttpRequest, settings: &ApiSettings) -> Option<String> {
    TokenCookie::access(settings)?.read(request)
}

/// The refresh token in the request's cookie. Only refresh, blacklist and log-out may read it.
pub fn refresh_token(request: &HttpRequest, settings: &ApiSettings) -> Option<String> {
    TokenCookie::refresh(settings)?.read(request)
}

/// A refresh token of a request.
pub struct RefreshField {
    /// The token.
    pub token: String,
    /// Whether it was in the cookie.
    pub is_cookie: bool,
}

/// The field `refresh`, or the refresh token's cookie when the field is missing, null or blank: pages
/// under the cookie policy never see a refresh token and send such values.
pub fn refresh_field(
    fields: &mut FieldReader<'_>,
    request: &HttpRequest,
    settings: &ApiSettings,
) -> RefreshField {
    let cookie = fields
        .lacks("refresh")
        .then(|| refresh_token(request, settings));
    match cookie.flatten() {
        Some(token) => RefreshField {
            token,
            is_cookie: true,
        },
        None => RefreshField {
            token: fields.text("refresh"),
            is_cookie: false,
        },
    }
}
