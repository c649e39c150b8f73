//! actix-session with the encrypted cookie, and what it does not do: fallback keys, the removal of cookies that no
//! key opens, and a domain that depends on the request's host.

use actix_session::SessionMiddleware;
use actix_session::config::{CookieContentSecurity, PersistentSession, TtlExtensionPolicy};
use actix_session::storage::CookieSessionStore;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::cross_site::uses_no_cookie;
use super::request_cookies::{OpenedCookie, rewrite_cookies};
use crate::clock::Timestamp;
use crate::error::{Error, InternalError};
use crate::hex::sha256_hex;
use crate::http::site::host;
use crate::ids::SessionId;
use crate::keys::Keys;
use crate::origin::host_name;
use crate::sessions::{
    BrowserSession, RevocationCache, RevocationStatus, SessionState, UpdatedSession,
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

/// Marks a request whose cookie was sealed by a fallback key, or for another domain than the present one.
struct StaleCookie;

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
    let domain = cookie_domain(request.headers(), &app.settings).map(str::to_owned);
    let mark = domain.as_deref().map(domain_mark);
    let mark = mark.as_deref();
    let opened = rewrite_cookies(request.headers_mut(), name, &app.keys, mark, is_open);
    let touches_cookies = !uses_no_cookie(request.path(), &app.settings);
    let is_invalid = touches_cookies && matches!(opened, OpenedCookie::Invalid);
    if let OpenedCookie::Valid { stale, others, .. } = opened {
        let mut extensions = request.extensions_mut();
        if stale && touches_cookies {
            extensions.insert(StaleCookie);
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
    if let Some(domain) = domain {
        set_domain(response.headers_mut(), name, &domain, app.secure());
    }
    Ok(response)
}

/// Runs after actix-session: has a stale cookie written again, and marks a response whose session has ended meanwhile.
pub async fn reseal(
    app: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let stale = request.extensions().get::<StaleCookie>().is_some();
    if stale {
        let Ok(session) = request.extract::<BrowserSession>().await;
        match session.reseal(app.clock.now()) {
            Ok(Some(id)) => {
                request.extensions_mut().insert(UpdatedSession(id));
            }
            Ok(None) => {}
            Err(error) => {
                let error = InternalError::new("write the session cookie again", error);
                return Ok(request.error_response(Error::from(error)));
            }
        }
    }
    let mark = cookie_domain(request.headers(), &app.settings).map(domain_mark);
    let response = next.call(request).await?.map_into_boxed_body();
    let Ok(session) = BrowserSession::extract(response.request()).into_inner();
    if let Err(error) = session.set_domain_mark(mark.as_deref()) {
        // The cookie is valid without it, and is written again by the next request.
        log::error!("failed to store the domain of a session cookie: {error}");
    }
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

/// The domain of the session cookie for a request's host.
fn cookie_domain<'a>(headers: &HeaderMap, settings: &'a Settings) -> Option<&'a str> {
    settings.session_cookie_domain_of(&host_name(host(headers))?)
}

/// What the cookie stores of its domain, which may be longer than the cookie can hold.
fn domain_mark(domain: &str) -> String {
    let mut mark = sha256_hex(domain);
    mark.truncate(8);
    mark
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
