//! actix-session over the encrypted cookie, and what it leaves to us: older keys, and removing a
//! cookie that no key opens.

use actix_session::SessionMiddleware;
use actix_session::config::{CookieContentSecurity, PersistentSession, TtlExtensionPolicy};
use actix_session::storage::CookieSessionStore;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use crate::error::Error;
use crate::keys::Keys;
use crate::server::AppState;
use crate::sessions::BrowserSession;

/// actix-session's middleware, set up as the contract's cookie.
pub fn session_middleware(app: &AppState) -> SessionMiddleware<CookieSessionStore> {
    let age = Duration::seconds(app.settings.session_cookie_age.num_seconds());
    let lifecycle = PersistentSession::default()
        .session_ttl(age)
        .session_ttl_extension_policy(TtlExtensionPolicy::OnStateChanges);
    SessionMiddleware::builder(CookieSessionStore::default(), app.keys.session().clone())
        .cookie_name(app.settings.session_cookie_name.clone())
        .cookie_path("/".to_owned())
        .cookie_http_only(true)
        .cookie_secure(app.secure())
        .cookie_same_site(SameSite::Lax)
        .cookie_content_security(CookieContentSecurity::Private)
        .session_lifecycle(lifecycle)
        .build()
}

/// Marks a request whose cookie an older key opened.
struct OpenedByFallback;

/// What a session cookie turned out to be.
enum Verdict {
    /// The newest key opens it, or there is none.
    Good,
    /// An older key opens it; here it is under the newest.
    Stale(Cookie<'static>),
    /// No key opens it.
    Dead,
}

/// Stands before actix-session, which knows one key: hands it a cookie that a fallback key opens
/// as if the newest had sealed it, and takes one that no key opens out of the browser.
pub async fn open_with_fallback_keys(
    app: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    drop_unreadable(request.headers_mut());
    let name = &app.settings.session_cookie_name;
    let verdict = match find(request.headers(), name) {
        Some(cookie) => judge(&cookie, &app.keys),
        None => Verdict::Good,
    };
    let dead = matches!(verdict, Verdict::Dead);
    if let Verdict::Stale(cookie) = verdict {
        replace(request.headers_mut(), &cookie);
        request.extensions_mut().insert(OpenedByFallback);
    }
    let mut answer = next.call(request).await?.map_into_boxed_body();
    if dead && !sets(answer.headers(), name) {
        let removal = removal(name, app.secure());
        if let Ok(value) = HeaderValue::from_str(&removal.to_string()) {
            answer.headers_mut().append(SET_COOKIE, value);
        }
    }
    Ok(answer)
}

/// Stands behind actix-session: has a cookie that an older key opened sealed anew.
pub async fn reseal(
    app: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let stale = request.extensions().get::<OpenedByFallback>().is_some();
    if stale {
        let Ok(session) = request.extract::<BrowserSession>().await;
        if let Err(error) = session.reseal(app.clock.now()) {
            return Ok(request.error_response(Error::Internal(error.to_string())));
        }
    }
    next.call(request)
        .await
        .map(ServiceResponse::map_into_boxed_body)
}

/// Leaves out what a neighbouring application set in bytes that are no ASCII: one such cookie would
/// hide ours, since actix-web reads all of a header's cookies or none.
fn drop_unreadable(headers: &mut HeaderMap) {
    let lines = headers.get_all(COOKIE);
    if lines.into_iter().all(|line| line.to_str().is_ok()) {
        return;
    }
    let parts: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|part| part.iter().all(|byte| matches!(byte, b' '..=b'~')))
        .collect();
    match HeaderValue::from_bytes(&parts.join(b"; ".as_slice())) {
        Ok(value) => headers.insert(COOKIE, value),
        Err(_) => headers.remove(COOKIE),
    };
}

fn judge(cookie: &Cookie<'static>, keys: &Keys) -> Verdict {
    let jar = CookieJar::new();
    if jar
        .private(keys.session())
        .decrypt(cookie.clone())
        .is_some()
    {
        return Verdict::Good;
    }
    let opened = keys
        .session_fallbacks()
        .find_map(|key| jar.private(key).decrypt(cookie.clone()));
    let Some(plain) = opened else {
        return Verdict::Dead;
    };
    let name = plain.name().to_owned();
    let mut jar = CookieJar::new();
    jar.private_mut(keys.session()).add(plain);
    jar.get(&name)
        .cloned()
        .map_or(Verdict::Dead, Verdict::Stale)
}

/// The first cookie of this name, as actix-session finds it. Parsed here by hand: the request's own
/// `cookies()` would be remembered, and the replaced header never read.
fn find(headers: &HeaderMap, name: &str) -> Option<Cookie<'static>> {
    let lines = headers
        .get_all(COOKIE)
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|part| Cookie::parse_encoded(part.trim().to_owned()).ok())
        .find(|cookie| cookie.name() == name)
}

fn replace(headers: &mut HeaderMap, new: &Cookie<'static>) {
    let lines = headers
        .get_all(COOKIE)
        .filter_map(|line| line.to_str().ok());
    let others = lines
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .filter(|part| {
            part.split_once('=')
                .is_none_or(|(name, _)| name.trim() != new.name())
        });
    let mut parts = vec![new.encoded().stripped().to_string()];
    parts.extend(others.map(str::to_owned));
    if let Ok(value) = HeaderValue::from_str(&parts.join("; ")) {
        headers.insert(COOKIE, value);
    }
}

fn sets(headers: &HeaderMap, name: &str) -> bool {
    let prefix = format!("{name}=");
    headers
        .get_all(SET_COOKIE)
        .any(|line| line.as_bytes().starts_with(prefix.as_bytes()))
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
