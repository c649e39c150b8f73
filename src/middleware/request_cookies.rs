//! Finds the session cookie among the cookies of a request.

use std::cmp::Reverse;

use actix_web::cookie::{Cookie, CookieJar};
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};

use crate::ids::SessionId;
use crate::keys::Keys;
use crate::sessions::{SessionCookieContent, SessionState};

/// The session cookie of a request.
pub(crate) enum OpenedCookie {
    /// The request has none.
    Missing,
    /// A valid cookie, sealed with the current key; `stale` if a fallback key had sealed it, or it was written for
    /// another domain.
    Valid {
        cookie: Cookie<'static>,
        stale: bool,
        /// The sessions of the further valid cookies of the name.
        others: Vec<SessionId>,
    },
    /// No key opens any of the cookies, and one of them has the form of ours.
    Invalid,
}

/// Replaces the cookies of this name by the one that [`open_best`] chooses, and leaves out the cookies that
/// actix-web cannot read.
pub(crate) fn rewrite_cookies(
    headers: &mut HeaderMap,
    name: &str,
    keys: &Keys,
    domain_mark: Option<&str>,
    is_open: impl Fn(&SessionState) -> bool,
) -> OpenedCookie {
    let (ours, mut others) = split_cookies(headers, name);
    let opened = open_best(&ours, keys, domain_mark, is_open);
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
    domain_mark: Option<&str>,
    is_open: impl Fn(&SessionState) -> bool,
) -> OpenedCookie {
    let ours = cookies.iter().filter(|cookie| may_be_ours(cookie.value()));
    let ours: Vec<_> = ours.collect();
    if ours.is_empty() {
        return OpenedCookie::Missing;
    }
    let opened = ours.into_iter().filter_map(|cookie| {
        let (plain, by_fallback) = open(cookie, keys)?;
        let content = SessionCookieContent::read(plain.value());
        Some(OpenedValue {
            cookie,
            plain,
            by_fallback,
            has_mark: content.domain_mark().as_deref() == domain_mark,
            content,
        })
    });
    let mut opened: Vec<_> = opened.collect();
    let mut others = Vec::new();
    if opened.len() > 1 {
        // Stable: of equal cookies the first one is used.
        opened.sort_by_cached_key(|value| {
            let state = value.content.state();
            let last =
                |state: SessionState| (is_open(&state), state.signed_in_at, state.checked_at);
            Reverse((state.map(last), value.has_mark))
        });
        others = other_sessions_in(&opened);
    }
    let Some(best) = opened.into_iter().next() else {
        return OpenedCookie::Invalid;
    };
    let cookie = match best.by_fallback {
        false => Some(best.cookie.clone()),
        true => seal(best.plain, keys),
    };
    cookie.map_or(OpenedCookie::Invalid, |cookie| OpenedCookie::Valid {
        cookie,
        stale: best.by_fallback || !best.has_mark,
        others,
    })
}

/// A session cookie that a key has opened.
struct OpenedValue<'a> {
    cookie: &'a Cookie<'static>,
    plain: Cookie<'static>,
    by_fallback: bool,
    /// Whether it was written for the present domain.
    has_mark: bool,
    content: SessionCookieContent,
}

/// The sessions of all cookies but that of the first.
fn other_sessions_in(opened: &[OpenedValue<'_>]) -> Vec<SessionId> {
    let ids = opened
        .iter()
        .map(|value| value.content.state().map(|state| state.session_id));
    let ids: Vec<_> = ids.collect();
    let others = ids.iter().skip(1).filter(|id| Some(*id) != ids.first());
    others.flatten().cloned().collect()
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
