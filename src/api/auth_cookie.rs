//! The cookie policy, what a proxy in front of the original backend did: with `AUTH_COOKIE_NAME`,
//! tokens travel in HttpOnly cookies, and no script ever sees a refresh token.
//!
//! Every answer that carries tokens is made here, so that none can forget the policy.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::body::Fields;
use super::wire::UserJson;
use super::{ApiError, ok};
use crate::accounts::User;
use crate::error::Error;
use crate::middleware::cookie_parts;
use crate::settings::ApiSettings;
use crate::state::AppState;
use crate::tokens::Pair;

/// Other programs behind the same origin may read the access token's cookie.
const EVERYWHERE: &str = "/";
/// The refresh token is for us alone.
const API: &str = "/api";
/// Browsers take a cookie with this prefix for the path `/` only.
const HOST_PREFIX: &str = "__Host-";

/// What a sign-in answers.
#[derive(Serialize)]
struct SignedIn<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    user: UserJson,
}

/// 200 with tokens. `shape` makes the body: it is handed the refresh token, or nothing where the
/// policy keeps it out of the body.
pub fn ok_with_tokens<'a, T: Serialize>(
    app: &AppState,
    access: &'a str,
    refresh: Option<&'a str>,
    shape: impl FnOnce(Option<&'a str>) -> T,
) -> Result<HttpResponse, ApiError> {
    let settings = &app.settings.api;
    let Some(name) = &settings.auth_cookie_name else {
        return ok(&shape(refresh));
    };
    let mut response = ok(&shape(None))?;
    set(app, &mut response, name, access, EVERYWHERE)?;
    if let (Some(name), Some(refresh)) = (refresh_name(settings), refresh) {
        set(app, &mut response, &name, refresh, API)?;
    }
    Ok(response)
}

/// 200 with `{access_token, refresh_token, user}`, as every sign-in but `/api/token` answers.
pub fn ok_signed_in(app: &AppState, pair: &Pair, user: User) -> Result<HttpResponse, ApiError> {
    let access_token = pair.access.as_str();
    ok_with_tokens(app, access_token, Some(&pair.refresh), |refresh_token| {
        SignedIn {
            access_token,
            refresh_token,
            user: user.into(),
        }
    })
}

/// The access token in its cookie.
pub fn access_token(request: &HttpRequest, app: &AppState) -> Option<String> {
    read(request, app.settings.api.auth_cookie_name.as_deref()?)
}

/// The refresh token in its cookie: for refresh, blacklist and logout alone.
pub fn refresh_token(request: &HttpRequest, app: &AppState) -> Option<String> {
    read(request, &refresh_name(&app.settings.api)?)
}

/// The field `refresh`, or its cookie where the body has none: missing, null or blank, as pages send
/// what they were never shown.
pub fn refresh_field(fields: &mut Fields<'_>, request: &HttpRequest, app: &AppState) -> String {
    let kept = fields.lacks("refresh").then(|| refresh_token(request, app));
    kept.flatten().unwrap_or_else(|| fields.text("refresh"))
}

/// Takes both cookies out of the browser.
pub fn clear(app: &AppState, response: &mut HttpResponse) -> Result<(), ApiError> {
    let settings = &app.settings.api;
    let access = settings.auth_cookie_name.as_deref();
    let refresh = refresh_name(settings);
    for (name, path) in [(access, EVERYWHERE), (refresh.as_deref(), API)] {
        if let Some(name) = name {
            let mut cookie = build(app, name, "", path);
            cookie.make_removal();
            response.add_cookie(&cookie).map_err(Error::from)?;
        }
    }
    Ok(())
}

/// `tofu-web` has `tofu-web-refresh` beside it.
fn refresh_name(settings: &ApiSettings) -> Option<String> {
    let name = settings.auth_cookie_name.as_deref()?;
    settings.auth_cookie_refresh.then(|| {
        // Of the two prefixes the one that a cookie with another path may bear.
        let name = match name.strip_prefix(HOST_PREFIX) {
            Some(bare) => format!("__Secure-{bare}"),
            None => name.to_owned(),
        };
        format!("{name}-refresh")
    })
}

/// Kept for a refresh token's life: a log-out still finds `sid` in an access token that has expired.
fn set(
    app: &AppState,
    response: &mut HttpResponse,
    name: &str,
    token: &str,
    path: &'static str,
) -> Result<(), ApiError> {
    let mut cookie = build(app, name, token, path);
    let age = app.settings.tokens.refresh_lifetime;
    cookie.set_max_age(Duration::seconds(age.num_seconds()));
    Ok(response.add_cookie(&cookie).map_err(Error::from)?)
}

fn build<'a>(app: &AppState, name: &'a str, token: &'a str, path: &'static str) -> Cookie<'a> {
    Cookie::build(name, token)
        .path(path)
        .http_only(true)
        .secure(app.secure())
        .same_site(SameSite::Lax)
        .finish()
}

/// By its name as it stands: browsers guard a prefix in the undecoded name only. Empty is none.
fn read(request: &HttpRequest, name: &str) -> Option<String> {
    cookie_parts(request.headers()).find_map(|part| {
        let (found, value) = part.split_once('=')?;
        let value = value.trim();
        (found.trim() == name && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    #[test]
    fn the_refresh_tokens_cookie_has_a_name_that_its_path_allows() {
        let name = |name: &str, refresh| {
            refresh_name(&ApiSettings {
                auth_cookie_name: Some(name.to_owned()),
                auth_cookie_refresh: refresh,
                logout_to_signin: String::new(),
                logout_to_login: String::new(),
                throttle_login: None,
                throttle_refresh: None,
            })
        };
        assert_eq!(name("tofu-web", true).as_deref(), Some("tofu-web-refresh"));
        assert_eq!(
            name("__Host-t", true).as_deref(),
            Some("__Secure-t-refresh")
        );
        assert_eq!(name("tofu-web", false), None);
    }

    #[test]
    fn a_cookie_is_read_by_its_name_as_it_stands() {
        let read = |line: &str| {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            let request = actix_web::test::TestRequest::default().insert_header((COOKIE, line));
            super::read(&request.to_http_request(), "tofu-web")
        };
        assert_eq!(read("a=1; tofu-web=x.y.z").as_deref(), Some("x.y.z"));
        assert_eq!(read("tofu-web-refresh=x"), None);
        assert_eq!(read("%74ofu-web=x"), None);
        assert_eq!(read("n=Zo\u{eb}; tofu-web=x").as_deref(), Some("x"));
        assert_eq!(read("tofu-web=; tofu-web=x").as_deref(), Some("x"));
        assert_eq!(read("tofu-web="), None);
        assert_eq!(read(""), None);
    }
}
