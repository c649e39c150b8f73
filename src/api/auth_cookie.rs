//! The cookie policy: with `AUTH_COOKIE_NAME`, tokens travel in HttpOnly cookies that no script can
//! read, and refresh tokens are left out of response bodies.
//!
//! Every response with tokens is built here, so that no route can forget the policy.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::body::FieldReader;
use super::wire::SignedInJson;
use super::{ApiError, json_ok};
use crate::accounts::User;
use crate::error::Error;
use crate::middleware::cookie_parts;
use crate::settings::{ApiSettings, Settings};
use crate::tokens::TokenPair;

/// The path of the access token's cookie: other programs on the same origin may read it.
const ACCESS_PATH: &str = "/";
/// The path of the refresh token's cookie: only the API reads it.
const REFRESH_PATH: &str = "/api";
/// Browsers accept a cookie with this prefix only with the path `/`.
const HOST_PREFIX: &str = "__Host-";

/// 200 with tokens. `body` builds the response's body; its argument is the refresh token, or `None`
/// when the policy keeps the refresh token out of the body.
pub fn ok_with_tokens<'a, T: Serialize>(
    settings: &Settings,
    access: &'a str,
    refresh: Option<&'a str>,
    body: impl FnOnce(Option<&'a str>) -> T,
) -> Result<HttpResponse, ApiError> {
    let Some(name) = &settings.api.auth_cookie_name else {
        return json_ok(&body(refresh));
    };
    let mut response = json_ok(&body(None))?;
    set(settings, &mut response, name, access, ACCESS_PATH)?;
    if let (Some(name), Some(refresh)) = (refresh_cookie_name(&settings.api), refresh) {
        set(settings, &mut response, &name, refresh, REFRESH_PATH)?;
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

/// The access token in the request's cookie.
pub fn access_token(request: &HttpRequest, settings: &ApiSettings) -> Option<String> {
    read(request, settings.auth_cookie_name.as_deref()?)
}

/// The refresh token in the request's cookie. Only refresh, blacklist and log-out may read it.
pub fn refresh_token(request: &HttpRequest, settings: &ApiSettings) -> Option<String> {
    read(request, &refresh_cookie_name(settings)?)
}

/// The field `refresh`, or the refresh token's cookie when the field is missing, null or blank: pages
/// under the cookie policy never see a refresh token and send such values.
pub fn refresh_field(
    fields: &mut FieldReader<'_>,
    request: &HttpRequest,
    settings: &ApiSettings,
) -> String {
    let cookie = fields
        .lacks("refresh")
        .then(|| refresh_token(request, settings));
    cookie.flatten().unwrap_or_else(|| fields.text("refresh"))
}

/// Removes both cookies from the browser.
pub fn clear(settings: &Settings, response: &mut HttpResponse) -> Result<(), ApiError> {
    let access = settings.api.auth_cookie_name.as_deref();
    let refresh = refresh_cookie_name(&settings.api);
    for (name, path) in [(access, ACCESS_PATH), (refresh.as_deref(), REFRESH_PATH)] {
        if let Some(name) = name {
            let mut cookie = build(settings, name, "", path);
            cookie.make_removal();
            response.add_cookie(&cookie).map_err(Error::from)?;
        }
    }
    Ok(())
}

/// `tofu-web` for the access token means `tofu-web-refresh` for the refresh token.
fn refresh_cookie_name(settings: &ApiSettings) -> Option<String> {
    let name = settings.auth_cookie_name.as_deref()?;
    settings.auth_cookie_refresh.then(|| {
        // `__Host-` requires the path `/`; `__Secure-` allows any path.
        let name = match name.strip_prefix(HOST_PREFIX) {
            Some(bare) => format!("__Secure-{bare}"),
            None => name.to_owned(),
        };
        format!("{name}-refresh")
    })
}

/// Sets a cookie with the lifetime of a refresh token, so that a log-out can still read `sid` from an
/// expired access token.
fn set(
    settings: &Settings,
    response: &mut HttpResponse,
    name: &str,
    token: &str,
    path: &'static str,
) -> Result<(), ApiError> {
    let mut cookie = build(settings, name, token, path);
    let age = settings.tokens.refresh_lifetime;
    cookie.set_max_age(Duration::seconds(age.num_seconds()));
    Ok(response.add_cookie(&cookie).map_err(Error::from)?)
}

fn build<'a>(settings: &Settings, name: &'a str, token: &'a str, path: &'static str) -> Cookie<'a> {
    Cookie::build(name, token)
        .path(path)
        .http_only(true)
        .secure(settings.public_url.is_https())
        .same_site(SameSite::Lax)
        .finish()
}

/// The first non-empty cookie whose undecoded name is `name`: browsers enforce the `__Host-` and
/// `__Secure-` prefixes on undecoded names only.
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
    fn the_refresh_cookie_has_a_name_that_its_path_allows() {
        let name = |name: &str, refresh| {
            refresh_cookie_name(&ApiSettings {
                auth_cookie_name: Some(name.to_owned()),
                auth_cookie_refresh: refresh,
                logout_to_signin: String::new(),
                logout_to_login: String::new(),
                throttle_login: None,
                throttle_refresh: None,
                docs: true,
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
    fn a_cookie_is_read_by_its_undecoded_name() {
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
