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
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use crate::error::{Error, InternalError};
use crate::keys::Keys;
use crate::sessions::{BrowserSession, CarriedOn, Standing};
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

/// Marks an answer whose session cookie must not reach the browser any more.
struct Outdated;

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
    let name = &app.settings.session_cookie_name;
    let (ours, mut others) = sort_out(request.headers(), name);
    let verdict = judge(&ours, &app.keys);
    let dead = matches!(verdict, Verdict::Dead);
    if let Verdict::Open { cookie, stale } = verdict {
        others.insert(0, cookie.encoded().stripped().to_string());
        if stale {
            request.extensions_mut().insert(OpenedByFallback);
        }
    }
    set(request.headers_mut(), &others);
    let mut answer = next.call(request).await?.map_into_boxed_body();
    if answer.request().extensions().get::<Outdated>().is_some() {
        leave_out(answer.headers_mut(), name);
    }
    if dead && !sets(answer.headers(), name) {
        let removal = removal(name, app.secure());
        if let Ok(value) = HeaderValue::from_str(&removal.to_string()) {
            answer.headers_mut().append(SET_COOKIE, value);
        }
    }
    Ok(answer)
}

/// Stands behind actix-session: has a cookie that an older key opened sealed anew, and tells an answer
/// that comes too late to bring its cookie.
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
                request.extensions_mut().insert(CarriedOn(id));
            }
            Ok(None) => {}
            Err(error) => {
                let error =
                    InternalError::new("seal the session cookie with the current key", error);
                return Ok(request.error_response(Error::from(error)));
            }
        }
    }
    let answer = next.call(request).await?.map_into_boxed_body();
    if is_outdated(&app, answer.request()) {
        answer.request().extensions_mut().insert(Outdated);
    }
    Ok(answer)
}

/// Whether the session that this answer carries on has ended meanwhile.
fn is_outdated(app: &AppState, request: &HttpRequest) -> bool {
    let Some(CarriedOn(id)) = request.extensions_mut().remove() else {
        return false;
    };
    let Ok(session) = BrowserSession::extract(request).into_inner();
    let state = session.peek(app.clock.now());
    let still = state.is_some_and(|state| state.session_id == id);
    still && app.revocations.standing(&id) == Standing::Ended
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

/// The cookies of this name, and the rest of what the browser sent, as `name=value`. Read here by
/// hand: the request's own `cookies()` would be remembered, and the header that [`set`] writes never
/// read. Two things are left out:
/// - what is no UTF-8 or no cookie: one such of another application's on this host would make the
///   framework read none at all, and nobody could sign in;
/// - what only decodes to this name: browsers guard the prefix `__Host-` in a name as it stands, and
///   `%5F%5FHost-` is not that.
fn sort_out(headers: &HeaderMap, name: &str) -> (Vec<Cookie<'static>>, Vec<String>) {
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

/// Each `name=value` that the browser sent, as it stands; one that is no UTF-8 hides no other.
pub fn cookie_parts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(COOKIE);
    let parts = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    parts
        .filter_map(|part| std::str::from_utf8(part).ok())
        .map(str::trim)
}

/// Has the request carry just these cookies.
fn set(headers: &mut HeaderMap, parts: &[String]) {
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(parts.join("; ").as_bytes())
        && !parts.is_empty()
    {
        headers.insert(COOKIE, value);
    }
}

fn sets(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(SET_COOKIE).any(|line| is_named(line, name))
}

fn leave_out(headers: &mut HeaderMap, name: &str) {
    let lines: Vec<_> = headers.remove(SET_COOKIE).collect();
    for line in lines.into_iter().filter(|line| !is_named(line, name)) {
        headers.append(SET_COOKIE, line);
    }
}

fn is_named(line: &HeaderValue, name: &str) -> bool {
    let rest = line.as_bytes().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"="))
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
