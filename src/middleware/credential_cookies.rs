//! The cookies that carry a user's credentials beside the session cookie: their names, paths and
//! attributes.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::HeaderMap;

use super::request_cookies::cookie_parts;
use crate::hex::sha256_hex;
use crate::settings::{ApiSettings, Settings};
use crate::state::AppState;
use crate::tokens::{TokenClaims, TokenKind};

/// The cookies of login attempts. On https every request carries them: see [`SignInCookies::name`].
pub const LOGIN_ATTEMPT: SignInCookies = SignInCookies {
    prefix: "vestibule_login_",
    path: "/auth",
};
/// The cookies of pending sign-ins. Every log-out receives them too, and ends the sign-ins.
pub const PENDING_SIGN_IN: SignInCookies = SignInCookies {
    prefix: "vestibule_step_",
    path: "/",
};
/// The cookie of an attempt to connect a provider; its name is the prefix alone.
pub const CONNECTION_ATTEMPT: SignInCookies = SignInCookies {
    prefix: "vestibule_connection",
    path: "/account/providers",
};
/// The cookie between a password and the code that must follow it. It has this one name.
pub const LOGIN_CODE: SignInCookies = SignInCookies {
    prefix: "vestibule_login_code",
    path: "/login/code",
};
/// The hexadecimal digits in the name of a sign-in cookie.
const NAME_DIGITS: usize = 16;
/// The most cookies that one response removes. A browser has ten at most; a client that invents more would get
/// a response several times as large as its request.
pub const MOST_REMOVALS: usize = 50;
/// The most values of a token's cookie that a log-out reads: one for each path and domain that may have set it.
const MOST_VALUES: usize = 4;
/// Browsers accept a cookie with this prefix only with the path `/`.
const HOST_PREFIX: &str = "__Host-";

/// The cookies of one kind of unfinished sign-in. A name is the prefix and hexadecimal digits, on https after
/// `__Host-`.
#[derive(Clone, Copy, Debug)]
pub struct SignInCookies {
    /// The beginning of the names.
    pub prefix: &'static str,
    path: &'static str,
}

impl SignInCookies {
    /// The name with these digits. On https it begins with `__Host-`, so that no other host can set the cookie:
    /// whoever plants the cookie of an attempt knows the attempt's secret. Browsers accept such a name only with
    /// the path `/`.
    pub fn name(&self, digits: &str, secure: bool) -> String {
        let host = if secure { HOST_PREFIX } else { "" };
        format!("{host}{}{digits}", self.prefix)
    }

    /// Whether a cookie has the form of such a name, with or without `__Host-`. Other names are never repeated in
    /// a response.
    pub fn names(&self, cookie: &str) -> bool {
        let bare = cookie.strip_prefix(HOST_PREFIX).unwrap_or(cookie);
        let digits = bare.strip_prefix(self.prefix).unwrap_or_default();
        digits.len() == NAME_DIGITS
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The request's cookies of this kind. Names count undecoded, because browsers enforce `__Host-` on undecoded
    /// names only.
    ///
    /// Names without `__Host-` are read on https too: an earlier version set them. A cookie of this version is not
    /// accepted under such a name, because its content is bound to the name (see [`pending_sign_in_id`] for those
    /// of pending sign-ins), so another host has none to set.
    pub fn in_request(&self, headers: &HeaderMap) -> impl Iterator<Item = Cookie<'static>> {
        cookie_parts(headers).filter_map(|part| {
            let (name, _) = part.split_once('=')?;
            let cookie = self.names(name.trim()).then(|| Cookie::parse_encoded(part));
            cookie?.ok().map(Cookie::into_owned)
        })
    }

    /// Sets path and security attributes.
    pub fn set_attributes(&self, cookie: &mut Cookie<'static>, secure: bool) {
        let path = self.path_of(cookie.name());
        set_attributes(cookie, path, secure);
    }

    /// A cookie that removes the one with this name from the browser.
    pub fn removal(&self, name: String, secure: bool) -> Cookie<'static> {
        let path = self.path_of(&name);
        removal(name, path, secure)
    }

    fn path_of(&self, name: &str) -> &'static str {
        match name.starts_with(HOST_PREFIX) {
            true => "/",
            false => self.path,
        }
    }
}

/// The id of the row of the pending sign-in whose cookie has this name and value. A `__Host-` of the name is part
/// of the id, so that the value finds nothing under a name without it, which another host can set.
pub fn pending_sign_in_id(name: &str, value: &str) -> String {
    match name.starts_with(HOST_PREFIX) {
        true => sha256_hex(&format!("{HOST_PREFIX}{value}")),
        false => sha256_hex(value),
    }
}

/// A cookie of the cookie policy, which holds a token.
#[derive(Clone, Debug)]
pub struct TokenCookie {
    name: String,
    path: String,
}

impl TokenCookie {
    /// The cookie of the access token; `None` without the policy. Other programs on the same origin may
    /// read it.
    pub fn access(settings: &ApiSettings) -> Option<Self> {
        let name = settings.auth_cookie_name.clone()?;
        let path = "/".to_owned();
        Some(Self { name, path })
    }

    /// The cookie of the refresh token, which only the API reads: `tofu-web` for the access token means
    /// `tofu-web-refresh`.
    pub fn refresh(settings: &ApiSettings) -> Option<Self> {
        let name = settings.auth_cookie_name.as_deref()?;
        settings.auth_cookie_refresh.then(|| {
            // `__Host-` requires the path `/`; `__Secure-` allows any path.
            let name = match name.strip_prefix(HOST_PREFIX) {
                Some(bare) => format!("__Secure-{bare}"),
                None => name.to_owned(),
            };
            Self {
                name: format!("{name}-refresh"),
                path: settings.prefix.as_str().to_owned(),
            }
        })
    }

    /// The token in the request: the non-empty cookie whose undecoded name is this one. Browsers enforce the
    /// `__Host-` and `__Secure-` prefixes on undecoded names only.
    ///
    /// `None` if there are two different values. A sibling host can set a cookie of the same name, and the
    /// request does not say which one is from this server.
    pub fn read(&self, request: &HttpRequest) -> Option<String> {
        let mut values = self.read_all(request);
        match values.len() {
            1 => values.pop(),
            _ => None,
        }
    }

    /// The different values of the cookie in the request, for their revocation.
    fn read_all(&self, request: &HttpRequest) -> Vec<String> {
        let values = cookie_parts(request.headers()).filter_map(|part| {
            let (found, value) = part.split_once('=')?;
            let value = value.trim();
            (found.trim() == self.name && !value.is_empty()).then_some(value)
        });
        let mut different: Vec<String> = Vec::new();
        for value in values {
            if different.len() < MOST_VALUES && different.iter().all(|other| other != value) {
                different.push(value.to_owned());
            }
        }
        different
    }

    /// The cookie with this token, which the browser keeps for the lifetime of a refresh token: a log-out
    /// still finds the session in an expired access token.
    pub fn holding(self, token: String, settings: &Settings) -> Cookie<'static> {
        let mut cookie = Cookie::new(self.name, token);
        set_attributes(&mut cookie, self.path, settings.public_url.is_https());
        let age = settings.tokens.refresh_lifetime;
        cookie.set_max_age(Duration::seconds(age.num_seconds()));
        cookie
    }

    /// A cookie that removes this one from the browser.
    pub fn removal(self, secure: bool) -> Cookie<'static> {
        removal(self.name, self.path, secure)
    }
}

/// The claims of the tokens of this kind in the request's cookies, for their revocation. They may have expired,
/// but not been forged.
pub fn cookie_claims(app: &AppState, request: &HttpRequest, kind: TokenKind) -> Vec<TokenClaims> {
    let cookie = match kind {
        TokenKind::Access => TokenCookie::access(&app.settings.api),
        TokenKind::Refresh => TokenCookie::refresh(&app.settings.api),
    };
    let values = cookie.map_or_else(Vec::new, |cookie| cookie.read_all(request));
    let read = |token: String| app.tokens.read_expired(&token, kind, app.clock.now()).ok();
    values.into_iter().filter_map(read).collect()
}

fn removal(name: String, path: impl Into<Cow<'static, str>>, secure: bool) -> Cookie<'static> {
    let mut cookie = Cookie::new(name, "");
    set_attributes(&mut cookie, path, secure);
    cookie.make_removal();
    cookie
}

fn set_attributes(cookie: &mut Cookie<'static>, path: impl Into<Cow<'static, str>>, secure: bool) {
    cookie.set_path(path);
    cookie.set_http_only(true);
    cookie.set_secure(secure);
    // WorkOS's redirect back is a cross-site navigation, with which Strict cookies are not sent.
    cookie.set_same_site(SameSite::Lax);
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;
    use crate::settings::ApiPrefix;

    fn settings(name: &str, refresh: bool) -> ApiSettings {
        ApiSettings {
            prefix: ApiPrefix::default(),
            auth_cookie_name: Some(name.to_owned()),
            auth_cookie_refresh: refresh,
            logout_to_signin: String::new(),
            logout_to_login: String::new(),
            auth_header_types: Vec::new(),
            throttle_login: None,
            throttle_refresh: None,
            docs: true,
        }
    }

    #[test]
    fn the_refresh_cookie_has_a_name_that_its_path_allows() {
        let name = |name: &str, refresh| {
            TokenCookie::refresh(&settings(name, refresh)).map(|cookie| cookie.name)
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
            let cookie = TokenCookie::access(&settings("tofu-web", false)).unwrap();
            cookie.read(&request.to_http_request())
        };
        assert_eq!(read("a=1; tofu-web=x.y.z").as_deref(), Some("x.y.z"));
        assert_eq!(read("tofu-web-refresh=x"), None);
        assert_eq!(read("%74ofu-web=x"), None);
        assert_eq!(read("n=Zo\u{eb}; tofu-web=x").as_deref(), Some("x"));
        assert_eq!(read("tofu-web=; tofu-web=x").as_deref(), Some("x"));
        assert_eq!(read("tofu-web=x; tofu-web=x").as_deref(), Some("x"));
        assert_eq!(read("tofu-web=x; tofu-web=y"), None);
        assert_eq!(read("tofu-web="), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn only_the_names_of_sign_in_cookies_are_recognised() {
        assert!(LOGIN_ATTEMPT.names("vestibule_login_0123456789abcdef"));
        assert!(LOGIN_ATTEMPT.names("__Host-vestibule_login_0123456789abcdef"));
        for name in [
            "__Host-__Host-vestibule_login_0123456789abcdef",
            "__host-vestibule_login_0123456789abcdef",
            "vestibule_login_",
            "vestibule_login_0123456789ABCDEF",
            "vestibule_login_0123456789abcdef0",
            "vestibule_step_0123456789abcdef",
            "sessionid",
        ] {
            assert!(!LOGIN_ATTEMPT.names(name), "{name}");
        }
    }
}
