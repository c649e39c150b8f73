//! actix-session with the encrypted cookie, and what it does not do: fallback keys, and the removal of
//! cookies that no key opens.

use std::cmp::Reverse;

use actix_session::SessionMiddleware;
use actix_session::config::{CookieContentSecurity, PersistentSession, TtlExtensionPolicy};
use actix_session::storage::CookieSessionStore;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::cross_site::uses_no_cookie;
use crate::clock::Timestamp;
use crate::error::{Error, InternalError};
use crate::http::site::host;
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::origin::host_name;
use crate::sessions::{
    BrowserSession, RevocationCache, RevocationStatus, SessionState, UpdatedSession,
    session_state_in,
};
use crate::settings::Settings;
use crate::state::AppState;

/// actix-session's middleware with the attributes of Django's cookie: HttpOnly, SameSite=Lax. The
/// cookie is encrypted.
pub fn session_middleware(
    settings: &Settings,
    keys: &Keys,
) -> SessionMiddleware<CookieSessionStore> {
    let age = Duration::seconds(settings.session_cookie_age.num_seconds());
    let lifecycle = PersistentSession::default()
        .session_ttl(age)
        .session_ttl_extension_policy(TtlExtensionPolicy::OnStateChanges);
    SessionMiddleware::builder(CookieSessionStore::default(), keys.session().clone())
        .cookie_name(settings.session_cookie_name.clone())
        .cookie_path("/".to_owned())
        .cookie_http_only(true)
        .cookie_secure(settings.public_url.is_https())
        .cookie_same_site(SameSite::Lax)
        .cookie_content_security(CookieContentSecurity::Private)
        .session_lifecycle(lifecycle)
        .build()
}

/// Responses below this path are the same for every user.
pub(super) const STATIC: &str = "/static/";

/// Marks a request whose cookie was opened by a fallback key.
struct OpenedByFallback;

/// Marks a response whose session has ended meanwhile, so that its cookie must not be set.
struct OutdatedCookie;

/// The sessions of a request's further session cookies, as a request extension. A log-out ends them too:
/// otherwise one would take the place of the removed cookie.
struct OtherSessions(Vec<SessionId>);

/// The sessions of a request's further session cookies.
pub fn other_sessions(request: &HttpRequest) -> Vec<SessionId> {
    let extensions = request.extensions();
    let others = extensions.get::<OtherSessions>();
    others.map_or_else(Vec::new, |others| others.0.clone())
}

/// The session cookie of a request.
pub(crate) enum OpenedCookie {
    /// The request has none.
    Missing,
    /// A valid cookie, sealed with the current key; `stale` if a fallback key had sealed it.
    Valid {
        cookie: Cookie<'static>,
        stale: bool,
        /// The sessions of the further valid cookies of the name.
        others: Vec<SessionId>,
    },
    /// No key opens any of the cookies, and one of them has the form of ours.
    Invalid,
}

/// Runs before actix-session, which knows only one key. A cookie that a fallback key opens is passed on
/// sealed with the current key. A cookie of ours that no key opens is removed from the browser, except by the routes
/// that touch no cookie.
pub async fn open_with_fallback_keys(
    app: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.path().starts_with(STATIC) {
        // Static files set no session cookie: a late one would overwrite the cookie set by the
        // page.
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    let name = &app.settings.session_cookie_name;
    let now = app.clock.now();
    let is_open = |state: &SessionState| {
        let status = app.revocations.status(&state.session_id);
        now < state.expires_at && status != RevocationStatus::Revoked
    };
    let opened = rewrite_cookies(request.headers_mut(), name, &app.keys, is_open);
    let host = host_name(host(request.headers()));
    let touches_cookies = !uses_no_cookie(request.path(), &app.settings);
    let is_invalid = touches_cookies && matches!(opened, OpenedCookie::Invalid);
    if let OpenedCookie::Valid { stale, others, .. } = opened {
        let mut extensions = request.extensions_mut();
        if stale && touches_cookies {
            extensions.insert(OpenedByFallback);
        }
        if !others.is_empty() {
            extensions.insert(OtherSessions(others));
        }
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response
        .request()
        .extensions()
        .get::<OutdatedCookie>()
        .is_some()
    {
        drop_set_cookie(response.headers_mut(), name);
    }
    if is_invalid && !sets_cookie(response.headers(), name) {
        let removal = removal(name, app.secure());
        if let Ok(value) = HeaderValue::from_str(&removal.to_string()) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    let domain = host.and_then(|host| app.settings.session_cookie_domain_of(&host));
    if let Some(domain) = domain {
        set_domain(response.headers_mut(), name, domain, app.secure());
    }
    Ok(response)
}

/// Runs after actix-session: has a cookie that a fallback key opened written again, and marks a response
/// whose session has ended meanwhile.
pub async fn reseal(
    app: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let stale = request.extensions().get::<OpenedByFallback>().is_some();
    if stale {
        let Ok(session) = request.extract::<BrowserSession>().await;
        match session.reseal(app.clock.now()) {
            Ok(Some(id)) => {
                request.extensions_mut().insert(UpdatedSession(id));
            }
            Ok(None) => {}
            Err(error) => {
                let error =
                    InternalError::new("seal the session cookie with the current key", error);
                return Ok(request.error_response(Error::from(error)));
            }
        }
    }
    let response = next.call(request).await?.map_into_boxed_body();
    if is_outdated(&app.revocations, response.request(), app.clock.now()) {
        response.request().extensions_mut().insert(OutdatedCookie);
    }
    Ok(response)
}

/// Whether the response renews the cookie of a session that has ended since the request arrived.
fn is_outdated(revocations: &RevocationCache, request: &HttpRequest, now: Timestamp) -> bool {
    let Some(UpdatedSession(id)) = request.extensions_mut().remove() else {
        return false;
    };
    let Ok(session) = BrowserSession::extract(request).into_inner();
    let state = session.peek(now);
    let is_current = state.is_some_and(|state| state.session_id == id);
    is_current && revocations.status(&id) == RevocationStatus::Revoked
}

/// Replaces the cookies of this name by the one that [`open_best`] chooses, and leaves out the cookies that
/// actix-web cannot read.
pub(crate) fn rewrite_cookies(
    headers: &mut HeaderMap,
    name: &str,
    keys: &Keys,
    is_open: impl Fn(&SessionState) -> bool,
) -> OpenedCookie {
    let (ours, mut others) = split_cookies(headers, name);
    let opened = open_best(&ours, keys, is_open);
    if let OpenedCookie::Valid { cookie, .. } = &opened {
        others.insert(0, cookie.encoded().stripped().to_string());
    }
    set_cookie_header(headers, &others);
    opened
}

/// Of the cookies that a key opens, that of an open session, of the last sign-in, which was written last. Their order
/// says nothing: a browser may have one for the host and one for its domain, because `SESSION_COOKIE_DOMAIN` has
/// changed or a neighbour has set one, and sends the older one first.
///
/// A cookie that no key opens is left alone: another application may have set one of the same name for the whole
/// domain, which is valid for the Django, or another program, beside this one.
fn open_best(
    cookies: &[Cookie<'static>],
    keys: &Keys,
    is_open: impl Fn(&SessionState) -> bool,
) -> OpenedCookie {
    let ours = cookies.iter().filter(|cookie| may_be_ours(cookie.value()));
    let ours: Vec<_> = ours.collect();
    if ours.is_empty() {
        return OpenedCookie::Missing;
    }
    let opened = ours
        .into_iter()
        .filter_map(|cookie| Some((cookie, open(cookie, keys)?)));
    let mut opened: Vec<_> = opened.collect();
    let mut others = Vec::new();
    if opened.len() > 1 {
        // Stable: of equal cookies the first one is used.
        opened.sort_by_cached_key(|(_, (plain, _))| {
            let state = session_state_in(plain.value());
            Reverse(state.map(|state| (is_open(&state), state.signed_in_at, state.checked_at)))
        });
        others = other_sessions_in(&opened);
    }
    let (cookie, stale) = match opened.into_iter().next() {
        None => return OpenedCookie::Invalid,
        Some((cookie, (_, false))) => (Some(cookie.clone()), false),
        Some((_, (plain, true))) => (seal(plain, keys), true),
    };
    cookie.map_or(OpenedCookie::Invalid, |cookie| OpenedCookie::Valid {
        cookie,
        stale,
        others,
    })
}

/// The decrypted cookie, and whether a fallback key had sealed it; `None` if no key opens it.
fn open(cookie: &Cookie<'static>, keys: &Keys) -> Option<(Cookie<'static>, bool)> {
    let jar = CookieJar::new();
    if let Some(plain) = jar.private(keys.session()).decrypt(cookie.clone()) {
        return Some((plain, false));
    }
    let mut fallbacks = keys.session_fallbacks();
    let plain = fallbacks.find_map(|key| jar.private(key).decrypt(cookie.clone()))?;
    Some((plain, true))
}

/// The sessions of all opened cookies but that of the first.
fn other_sessions_in(opened: &[(&Cookie<'static>, (Cookie<'static>, bool))]) -> Vec<SessionId> {
    let ids = opened
        .iter()
        .map(|(_, (plain, _))| session_state_in(plain.value()).map(|state| state.session_id));
    let ids: Vec<_> = ids.collect();
    let others = ids.iter().skip(1).filter(|id| Some(*id) != ids.first());
    others.flatten().cloned().collect()
}

/// Whether a value has the form of our session cookies: Base64 of a nonce, a tag and the encrypted content. Django's
/// are 32 letters and digits, or signed data with colons; the random ids of other programs are shorter, and their
/// signed or encrypted data have dots, colons or hyphens between the parts.
fn may_be_ours(value: &str) -> bool {
    /// Fewer bytes than the content with a session's id takes.
    const MIN_LENGTH: usize = 100;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = value.trim_end_matches('=');
    value.len() >= MIN_LENGTH && value.len().is_multiple_of(4) && digits.bytes().all(is_base64)
}

fn seal(plain: Cookie<'static>, keys: &Keys) -> Option<Cookie<'static>> {
    let name = plain.name().to_owned();
    let mut jar = CookieJar::new();
    jar.private_mut(keys.session()).add(plain);
    jar.get(&name).cloned()
}

/// The cookies with this name, and all others as `name=value`. The header is parsed here, because
/// `HttpRequest::cookies` caches its result and would hide the header that [`set_cookie_header`]
/// writes. Two kinds of cookies are left out:
/// - cookies that are not UTF-8 or malformed: actix-web would read no cookie at all, so that one cookie
///   of another application on this host could prevent every sign-in;
/// - cookies whose name equals this name only when decoded: browsers enforce the prefix `__Host-` on the
///   undecoded name, and `%5F%5FHost-` would evade that.
fn split_cookies(headers: &HeaderMap, name: &str) -> (Vec<Cookie<'static>>, Vec<String>) {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for part in cookie_parts(headers) {
        let raw_name = part.split_once('=').map_or(part, |(name, _)| name).trim();
        match Cookie::parse_encoded(part.to_owned()) {
            Ok(cookie) if raw_name == name => ours.push(cookie),
            Ok(cookie) if cookie.name() != name => others.push(part.to_owned()),
            Ok(_) | Err(_) => {}
        }
    }
    (ours, others)
}

/// Each `name=value` of the `Cookie` headers, undecoded. Parts that are not UTF-8 are left out, and so are those whose
/// name is not visible ASCII: a sibling host can set a cookie whose name begins with white space of Unicode, and parsers
/// that trim it would take it for one with the prefix `__Host-`.
pub fn cookie_parts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let lines = headers.get_all(COOKIE);
    let parts = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let parts = parts.filter_map(|part| std::str::from_utf8(part).ok());
    parts.map(|part| part.trim_matches(BLANKS)).filter(|part| {
        let name = part.split_once('=').map_or(*part, |(name, _)| name);
        let name = name.trim_matches(BLANKS);
        name.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// Replaces the request's cookies.
fn set_cookie_header(headers: &mut HeaderMap, parts: &[String]) {
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(parts.join("; ").as_bytes())
        && !parts.is_empty()
    {
        headers.insert(COOKIE, value);
    }
}

pub(super) fn sets_cookie(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(SET_COOKIE).any(|line| is_named(line, name))
}

fn drop_set_cookie(headers: &mut HeaderMap, name: &str) {
    let lines: Vec<_> = headers.remove(SET_COOKIE).collect();
    for line in lines.into_iter().filter(|line| !is_named(line, name)) {
        headers.append(SET_COOKIE, line);
    }
}

fn is_named(line: &HeaderValue, name: &str) -> bool {
    let rest = line.as_bytes().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"="))
}

/// Adds the domain to the lines that set or remove the session cookie, and removes the cookie of the same name that
/// only this host receives: it was set before `SESSION_COOKIE_DOMAIN`.
fn set_domain(headers: &mut HeaderMap, name: &str, domain: &str, secure: bool) {
    if !sets_cookie(headers, name) {
        return;
    }
    let lines: Vec<_> = headers.remove(SET_COOKIE).collect();
    // First: a client that does not tell the two cookies apart keeps the last.
    if let Ok(line) = HeaderValue::from_str(&removal(name, secure).to_string()) {
        headers.append(SET_COOKIE, line);
    }
    let attribute = format!("; Domain={domain}");
    for line in lines {
        let with_domain = [line.as_bytes(), attribute.as_bytes()].concat();
        let with_domain = HeaderValue::from_bytes(&with_domain).ok();
        let with_domain = with_domain.filter(|_| is_named(&line, name));
        headers.append(SET_COOKIE, with_domain.unwrap_or(line));
    }
}

fn removal(name: &str, secure: bool) -> Cookie<'static> {
    let mut cookie = Cookie::build(name.to_owned(), "")
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Lax)
        .finish();
    cookie.make_removal();
    cookie
}
