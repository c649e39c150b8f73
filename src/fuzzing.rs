//! The fuzz targets' content: one function for each parser of bytes that a client or another program
//! sends. Each one asserts what must hold for every input. Only cargo-fuzz compiles this file.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a fuzz target reports a finding by a panic"
)]

mod fixtures;

use actix_web::cookie::{Cookie, CookieJar};
use actix_web::http::Uri;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue};
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use self::fixtures::{KEYS, SECRET, SETTINGS, TOKENS, hmac_sha256, now, request, split};
use crate::accounts::passwords::{self, PasswordScheme, encode_like};
use crate::api::RequestBody;
use crate::api::bearer::bearer_token;
use crate::django_import::check_cells;
use crate::hex::hex;
use crate::middleware::{OpenedCookie, client_ip, cookie_parts, rewrite_cookies};
use crate::origin::{HostPattern, listed_target, local_target};
use crate::sessions::SessionState;
use crate::tokens::TokenKind;
use crate::web::callback::CallbackQuery;
use crate::web::form::Form;
use crate::web::login_attempt::{LoginAttempt, LoginAttempts};
use crate::workos::webhook::{self, SignatureError, WebhookMessage};

const ATTEMPT_COOKIE: &str = "vestibule_login_0123456789abcdef";

/// The content of a decrypted session cookie, and a `Cookie` header around a valid session cookie.
pub fn session_cookie(data: &[u8]) {
    if let Ok(state) = serde_json::from_slice::<SessionState>(data) {
        let text = serde_json::to_string(&state).expect("a state can be written");
        let again: SessionState = serde_json::from_str(&text).expect("a written state can be read");
        assert_eq!(state, again);
    }
    let name = SETTINGS.session_cookie_name.as_str();
    let mut jar = CookieJar::new();
    jar.private_mut(KEYS.session())
        .add(Cookie::new(name.to_owned(), "content"));
    let sealed = jar.get(name).expect("the cookie").encoded().to_string();
    let around = [data, b"; ", sealed.as_bytes(), b"; ", data].concat();
    for (header, is_valid) in [(data, false), (around.as_slice(), true)] {
        let Some(request) = request(COOKIE, header) else {
            return;
        };
        let mut request = request.to_srv_request();
        let opened = rewrite_cookies(request.headers_mut(), name, &KEYS, None, |_| true);
        assert_eq!(matches!(opened, OpenedCookie::Valid { .. }), is_valid);
        let cookies = request.cookies().expect("the remaining cookies are valid");
        let ours = cookies.iter().filter(|cookie| cookie.name() == name);
        assert_eq!(ours.count(), usize::from(is_valid));
        assert!(cookie_parts(request.headers()).all(|part| part == part.trim_matches([' ', '\t'])));
    }
}

/// The cookie of a login attempt, as a browser sends it, and its content after decryption.
pub fn attempt_cookie(data: &[u8]) {
    let raw = [ATTEMPT_COOKIE.as_bytes(), b"=", data].concat();
    if let Some(request) = request(COOKIE, &raw) {
        let attempts = LoginAttempts::from_request(&request.to_http_request(), &KEYS, now());
        assert!(attempts.is_empty(), "a cookie was opened without our key");
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut jar = CookieJar::new();
    let key = KEYS.login_attempt().next().expect("a key");
    jar.private_mut(key)
        .add(Cookie::new(ATTEMPT_COOKIE, text.to_owned()));
    let sealed = jar.get(ATTEMPT_COOKIE).expect("the cookie").clone();
    let request = TestRequest::default().cookie(sealed).to_http_request();
    let attempts = LoginAttempts::from_request(&request, &KEYS, now());
    let Ok(attempt) = serde_json::from_str::<LoginAttempt>(text) else {
        return assert!(attempts.is_empty());
    };
    let written = serde_json::to_string(&attempt).expect("an attempt can be written");
    let again: LoginAttempt =
        serde_json::from_str(&written).expect("a written attempt can be read");
    assert_eq!(serde_json::to_string(&again).ok(), Some(written));
    let found = attempts.find(attempt.state());
    assert_eq!(found.is_some(), !attempts.is_empty());
    assert!(found.is_none_or(|found| found.next() == attempt.next()));
}

/// The query of the callback. Empty parameters count as missing.
pub fn callback_query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(uri) = format!("/auth/callback?{text}").parse::<Uri>() else {
        return;
    };
    let request = TestRequest::default()
        .uri(&uri.to_string())
        .to_http_request();
    let query = CallbackQuery::from_request(&request);
    for value in [query.code, query.state, query.error].into_iter().flatten() {
        assert!(!value.is_empty());
    }
}

/// A redirect target such as `next`. An accepted target stays on this origin or a listed host, whether or not a
/// browser reads `\` as `/`.
pub fn next_target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    listed_next_target(text);
    let origin = &SETTINGS.public_url;
    let Some(target) = local_target(text, origin) else {
        return;
    };
    let base = Url::parse(origin.as_str()).expect("a URL");
    for form in [target.clone(), target.replace('\\', "/")] {
        let resolved = base.join(&form).expect("an accepted target is valid");
        assert_eq!(resolved.origin(), base.origin(), "{target:?}");
    }
    let path = target.strip_prefix('/').expect("a path");
    assert!(!path.starts_with(['/', '\\']), "{target:?}");
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(local_target(&target, origin), Some(target));
}

fn listed_next_target(text: &str) {
    const HOSTS: [&str; 3] = ["app.example.com", ".site.example", ".localhost"];
    let hosts = HOSTS.map(|host| HostPattern::parse(host).expect("a host"));
    let Some(target) = listed_target(text, &hosts) else {
        return;
    };
    for form in [text, &target, &target.replace('\\', "/")] {
        let url = Url::parse(form).expect("an accepted target is valid");
        let host = url.host_str().expect("a host");
        assert!(hosts.iter().any(|pattern| pattern.allows(host)), "{text:?}");
        assert!(url.scheme() == "https" || host.ends_with("localhost"));
        assert!(url.username().is_empty() && url.password().is_none());
    }
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(listed_target(&target, &hosts), Some(target));
}

/// A token as it was sent, and a header and a payload that are signed with the right key.
pub fn token(data: &[u8]) {
    if let Some(request) = request(AUTHORIZATION, data)
        && let Ok(Some(token)) = bearer_token(&request.to_http_request(), &SETTINGS.api)
    {
        assert!(!token.is_empty() && !token.contains(|c: char| c.is_ascii_whitespace()));
    }
    let sent = String::from_utf8_lossy(data);
    assert!(TOKENS.read(&sent, None, now()).is_err(), "forged: {sent:?}");

    let (header, payload) = split(data);
    let part = |part| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", part(header), part(payload));
    let key = SETTINGS.tokens.signing_key.expose_secret();
    let signature = hmac_sha256(key.as_bytes(), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let Ok(claims) = TOKENS.read(&token, None, now()) else {
        return;
    };
    let header: Map<String, Value> = serde_json::from_slice(header).expect("a JSON header");
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("crit").is_none_or(Value::is_null));
    assert!(claims.exp > now().seconds() && claims.iat.is_none_or(|iat| iat <= now().seconds()));

    let kind = match claims.token_type {
        "access" => TokenKind::Access,
        "refresh" => TokenKind::Refresh,
        _ => {
            // Another program's type, which only `verify` accepts.
            for kind in [TokenKind::Access, TokenKind::Refresh] {
                assert!(TOKENS.read(&token, Some(kind), now()).is_err());
            }
            return;
        }
    };
    assert!(TOKENS.read_expired(&token, kind, now()).is_ok());
    let again = TOKENS.keys().sign(&claims).expect("claims can be signed");
    let again = TOKENS.read(&again, Some(kind), now());
    let mut again = again.expect("claims that were signed again are valid");
    // JSON changes the last digit of some numbers.
    again.other.clone_from(&claims.other);
    assert_eq!(again, claims);
}

/// The signature's header and the body of a webhook.
pub fn webhook(data: &[u8]) {
    let (header, body) = split(data);
    let secret = SecretString::from(SECRET);
    let header = std::str::from_utf8(header).ok();
    let verified = webhook::verify(&secret, header, body, now());
    assert!(verified.is_err(), "a signature was forged");

    let sent_at = now().utc().timestamp_millis().to_string();
    let signed = [sent_at.as_bytes(), b".", body].concat();
    let signature = hex(&hmac_sha256(SECRET.as_bytes(), &signed));
    let header = format!("t={sent_at}, v1={signature}");
    let verify = |body: &[u8]| webhook::verify(&secret, Some(&header), body, now());
    assert_eq!(verify(body), Ok(()));
    assert_eq!(verify(&[body, b" "].concat()), Err(SignatureError::Wrong));
    if let Ok(message) = WebhookMessage::read(body)
        && let Ok(event) = message.parse_event()
    {
        assert!(event.object_id().is_none() || message.event.contains('.'));
    }
}

/// A stored password hash. A hash that is accepted can be computed, and what is computed has the same
/// scheme and parameters.
pub fn django_hash(data: &[u8]) {
    const PASSWORD: &str = "correct horse";
    let Ok(stored) = std::str::from_utf8(data) else {
        return;
    };
    let Some((scheme, work)) = passwords::work(stored) else {
        return assert!(!passwords::verify(PASSWORD, stored));
    };
    assert_eq!(passwords::scheme(stored), scheme);
    let affordable = match scheme {
        PasswordScheme::Bcrypt | PasswordScheme::BcryptSha256 => 16,
        _ => 256,
    };
    if work > affordable {
        return;
    }
    let own = encode_like(stored, PASSWORD).expect("an accepted hash can be computed");
    if own.len() > stored.len() {
        // The stored digest is too short to match.
        return assert!(!passwords::verify(PASSWORD, stored));
    }
    let parameters = |hash: &str| hash.rsplit_once('$').map(|(start, _)| start.to_owned());
    assert_eq!(parameters(&own), parameters(stored));
    assert_eq!(passwords::work(&own), Some((scheme, work)));
    assert!(passwords::verify(PASSWORD, &own));
}

/// A row of Django's user table, its cells separated by NUL bytes.
pub fn import_row(data: &[u8]) {
    check_cells(data.split(|byte| *byte == 0));
}

/// A request body; the first byte chooses its media type.
pub fn request_body(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    let media_type = match kind % 4 {
        0 => "application/json",
        1 => "application/x-www-form-urlencoded",
        2 => "multipart/form-data; boundary=b",
        _ => "application/json; charset=utf-16",
    };
    let body = &Bytes::copy_from_slice(body);
    let Ok(json) = RequestBody::read(media_type, body) else {
        return;
    };
    let mut fields = json.fields();
    let (email, password) = (fields.text("email"), fields.text("password"));
    let refresh = fields.optional("refresh");
    if fields.finish().is_ok() {
        for text in [Some(&email), Some(&password), refresh.as_ref()] {
            let text = text.map_or("missing", |text| text.trim());
            assert!(!text.is_empty() && !text.contains('\0'));
        }
    }
    let request = request(CONTENT_TYPE, media_type.as_bytes()).expect("a header");
    if let Ok(form) = Form::read(&request.to_http_request(), body)
        && !password.is_empty()
    {
        // The API trims it, the form does not.
        let untrimmed = form.value("password");
        assert!(untrimmed.is_some_and(|untrimmed| untrimmed.contains(&password)));
    }
}

/// `X-Forwarded-For`, its lines separated by NUL bytes, from a client directly and through proxies.
pub fn forwarded_for(data: &[u8]) {
    let seen = |peer: &str, added: Option<&'static str>| {
        let mut request = TestRequest::default().peer_addr(peer.parse().expect("an address"));
        for line in data.split(|byte| *byte == 0) {
            let value = HeaderValue::from_bytes(line).ok()?;
            request = request.append_header(("x-forwarded-for", value));
        }
        if let Some(line) = added {
            request = request.append_header(("x-forwarded-for", line));
        }
        let ip = client_ip(&request.to_http_request(), &SETTINGS.trusted_proxies);
        Some(ip.expect("the peer is known").to_string())
    };
    let Some(direct) = seen("192.0.2.7:1", None) else {
        return;
    };
    assert_eq!(direct, "192.0.2.7");
    for added in [
        "198.51.100.7",
        "198.51.100.7, 10.0.0.2",
        "[::ffff:198.51.100.7]:80,fd00::1",
    ] {
        let proxied = seen("10.1.2.3:1", Some(added));
        assert_eq!(proxied.as_deref(), Some("198.51.100.7"), "{added}");
    }
    let own = seen("10.1.2.3:1", None).expect("a valid header");
    assert!(
        own.parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.to_canonical() == ip)
    );
}
