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
use crate::sessions::BrowserSession;
use crate::state::AppState;

/// actix-session's middleware, set up for a cookie as Django's: encrypted, HttpOnly, SameSite=Lax.
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

/// What lies below is the same for everyone.
const STATIC: &str = "/static/";

/// Marks a request whose cookie an older key opened.
struct OpenedByFallback;

/// What the session cookies of a request turned out to be.
enum Verdict {
    /// There is none.
    Absent,
    /// This one, under the newest key; `stale` when an older one had sealed it.
    Open {
        cookie: Cookie<'static>,
        stale: bool,
    },
    /// No key opens any.
    Dead,
}

/// Stands before actix-session, which knows one key: hands it a cookie that a fallback key opens
/// as if the newest had sealed it, and takes one that no key opens out of the browser.
pub async fn open_with_fallback_keys(
    app: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.path().starts_with(STATIC) {
        // Fetched beside a page: a cookie set here could overwrite what the page's answer sets.
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    keep_readable(request.headers_mut());
    let name = &app.settings.session_cookie_name;
    drop_disguised(request.headers_mut(), name);
    let verdict = judge(&find(request.headers(), name), &app.keys);
    let dead = matches!(verdict, Verdict::Dead);
    if let Verdict::Open { cookie, stale } = verdict {
        replace(request.headers_mut(), &cookie);
        if stale {
            request.extensions_mut().insert(OpenedByFallback);
        }
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

/// Leaves out the cookies that are no UTF-8: one of another application's on this host would make
/// the framework read none at all, and nobody could sign in.
fn keep_readable(headers: &mut HeaderMap) {
    let readable = |line: &HeaderValue| std::str::from_utf8(line.as_bytes()).is_ok();
    if headers.get_all(COOKIE).all(readable) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(COOKIE).cloned().collect();
    let parts = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|part| std::str::from_utf8(part).is_ok());
    let kept = parts.collect::<Vec<_>>().join(&b"; "[..]);
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(&kept) {
        headers.insert(COOKIE, value);
    }
}

/// The first cookie that opens: a neighbour's of the same name, set for the whole domain, may stand
/// in front of ours.
fn judge(cookies: &[Cookie<'static>], keys: &Keys) -> Verdict {
    if cookies.is_empty() {
        return Verdict::Absent;
    }
    let jar = CookieJar::new();
    for cookie in cookies {
        if jar
            .private(keys.session())
            .decrypt(cookie.clone())
            .is_some()
        {
            return Verdict::Open {
                cookie: cookie.clone(),
                stale: false,
            };
        }
        let mut older = keys.session_fallbacks();
        if let Some(plain) = older.find_map(|key| jar.private(key).decrypt(cookie.clone())) {
            return seal(plain, keys).map_or(Verdict::Dead, |cookie| Verdict::Open {
                cookie,
                stale: true,
            });
        }
    }
    Verdict::Dead
}

fn seal(plain: Cookie<'static>, keys: &Keys) -> Option<Cookie<'static>> {
    let name = plain.name().to_owned();
    let mut jar = CookieJar::new();
    jar.private_mut(keys.session()).add(plain);
    jar.get(&name).cloned()
}

/// The cookies of this name. Parsed here by hand: the request's own `cookies()` would be
/// remembered, and the replaced header never read. The name counts as it stands: browsers guard the
/// prefix `__Host-` in it, and `%5F%5FHost-` is not that.
fn find(headers: &HeaderMap, name: &str) -> Vec<Cookie<'static>> {
    let named = parts(headers)
        .into_iter()
        .filter(|part| raw_name(part) == name);
    named
        .filter_map(|part| Cookie::parse_encoded(part).ok())
        .collect()
}

/// Puts our cookie in front and takes away whatever else would be read under its name.
fn replace(headers: &mut HeaderMap, new: &Cookie<'static>) {
    let mut parts = parts(headers);
    parts.retain(|part| !is_read_as(part, new.name()));
    parts.insert(0, new.encoded().stripped().to_string());
    set(headers, &parts);
}

/// Takes away whatever would be read under this name though it is not called so.
fn drop_disguised(headers: &mut HeaderMap, name: &str) {
    let mut parts = parts(headers);
    let before = parts.len();
    parts.retain(|part| raw_name(part) == name || !is_read_as(part, name));
    if parts.len() < before {
        set(headers, &parts);
    }
}

fn is_read_as(part: &str, name: &str) -> bool {
    let read = Cookie::parse_encoded(part).ok();
    raw_name(part) == name || read.is_some_and(|cookie| cookie.name() == name)
}

fn raw_name(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name).trim()
}

fn set(headers: &mut HeaderMap, parts: &[String]) {
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(parts.join("; ").as_bytes()) {
        headers.insert(COOKIE, value);
    }
}

/// The `name=value` pairs of all `Cookie` lines, which are readable by now.
fn parts(headers: &HeaderMap) -> Vec<String> {
    let lines = headers
        .get_all(COOKIE)
        .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
    lines
        .flat_map(|line| line.split(';'))
        .map(|part| part.trim().to_owned())
        .collect()
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
