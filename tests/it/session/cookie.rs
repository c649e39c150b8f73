//! The session's cookie: it is encrypted and expires, and a bad one does not prevent a sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use vestibule::clock::Clock;

use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::proxied::Proxy;
use crate::support::steps::{is_removal, obtain_callback_url, set_cookie};

/// Percent-decodes a cookie's value.
fn decoded(value: &str) -> String {
    let pairs = format!("v={}", value.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
    pairs.next().unwrap().1.into_owned()
}

/// Whether the home page greets a browser with this session cookie, and whether it removes the cookie.
async fn greeted_and_removed(stranger: &Visitor, value: &str) -> (bool, bool) {
    let request = stranger.request(Method::GET, "/");
    let request = request.header(COOKIE, format!("sessionid={value}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let removed = set_cookie(&response, "sessionid").is_some_and(|line| is_removal(&line));
    let greeted = response.text().await.unwrap().contains("Welcome, ");
    (greeted, removed)
}

#[tokio::test]
async fn over_https_every_cookie_is_secure() {
    let (proxy, _app) = Proxy::with_tls();
    let (begun, finished) = proxy.sign_in("ada@example.com").await;
    let attempt = &set_cookies(&begun)[0];
    let session = set_cookie(&finished, "sessionid").unwrap();
    for line in [attempt, &session] {
        for part in ["Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(line.split("; ").any(|one| one == part), "{part}: {line}");
        }
    }
    let pair = session.split(';').next().unwrap();
    let home = proxy.get("/", pair).await.text().await.unwrap();
    assert!(home.contains("Welcome, ada@example.com!"), "{home}");
    let removal = proxy.get("/auth/logout", pair).await;
    let line = set_cookie(&removal, "sessionid").unwrap();
    assert!(is_removal(&line) && line.contains("Secure"), "{line}");
    let dead = proxy
        .get("/", &format!("sessionid={}", "A".repeat(400)))
        .await;
    let line = set_cookie(&dead, "sessionid").unwrap();
    assert!(is_removal(&line) && line.contains("Secure"), "{line}");
}

#[tokio::test]
async fn the_settings_choose_the_cookies_name_and_age() {
    let app = TestApp::builder()
        .setting("SESSION_COOKIE_NAME", "hall")
        .setting("SESSION_COOKIE_AGE", "3600")
        .start();
    let ada = app.visitor();
    let response = ada.sign_in("ada@example.com").await;
    let line = set_cookie(&response, "hall").unwrap();
    assert!(line.contains("Max-Age=3600"), "{line}");
    assert!(ada.is_signed_in().await);
    app.clock.advance(TimeDelta::seconds(3_600));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn a_cookie_with_one_changed_bit_is_refused_and_removed() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let stranger = app.visitor();
    let value = ada.cookie("/", "sessionid").unwrap();
    let sealed = STANDARD.decode(decoded(&value)).unwrap();
    let same = decoded(&value);
    assert_eq!(greeted_and_removed(&stranger, &same).await, (true, false));
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1 << (at % 8);
        let altered = STANDARD.encode(altered);
        let seen = greeted_and_removed(&stranger, &altered).await;
        assert_eq!(seen, (false, true), "byte {at}");
    }
}

#[tokio::test]
async fn a_truncated_extended_or_forged_cookie_is_removed() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let stranger = app.visitor();
    let value = decoded(&ada.cookie("/", "sessionid").unwrap());
    let cut = &value[..value.len() - 4];
    // Base64 ends with its padding, so that what is added comes before it.
    let (digits, padding) = value.split_at(value.trim_end_matches('=').len());
    let longer = format!("{digits}AAAA{padding}");
    let attempt = {
        ada.start_login("/auth/login").await;
        let cookies = ada.cookies("/auth/callback");
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(name, _)| name.contains("login")).unwrap();
        value.to_owned()
    };
    for broken in [cut, &longer, "", "nonsense", &attempt] {
        let (greeted, removed) = greeted_and_removed(&stranger, broken).await;
        assert!(!greeted, "{broken}");
        // Another form is another program's.
        let is_of_our_form = broken == cut || *broken == *longer;
        assert!(removed || !is_of_our_form, "{broken}");
    }
}

#[tokio::test]
async fn an_expired_session_is_refused_though_its_cookie_is_sent() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let stranger = app.visitor();
    let value = ada.cookie("/", "sessionid").unwrap();
    app.clock.advance(TimeDelta::seconds(1_209_599));
    // The cookie has whole seconds, and the clock was between two of them.
    let begun = app.only_session().created_at;
    let fraction = begun.utc().timestamp_subsec_micros();
    app.clock.advance(-TimeDelta::microseconds(fraction.into()));
    assert_eq!(greeted_and_removed(&stranger, &value).await, (true, false));
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(greeted_and_removed(&stranger, &value).await, (false, true));
    let cookies = format!("sessionid={value}");
    let response = ada.get_with_cookies("/account", &cookies).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/auth/login?next=%2Faccount");
}

#[tokio::test]
async fn a_browser_with_an_expired_or_unreadable_cookie_can_sign_in() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let ended = ada.cookies("/");
    app.clock.advance(TimeDelta::seconds(1_209_600));
    for old in [ended.as_str(), "sessionid=nonsense"] {
        let again = app.visitor();
        let callback = obtain_callback_url(&again, "ada@example.com").await;
        let cookies = format!("{}; {old}", again.cookies("/auth/callback"));
        let response = ada.get_with_cookies(callback.as_str(), &cookies).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        let lines = set_cookies(&response);
        let of_the_session = lines.iter().filter(|line| line.starts_with("sessionid="));
        assert_eq!(of_the_session.count(), 1, "{lines:?}");
        let line = set_cookie(&response, "sessionid").unwrap();
        assert!(!is_removal(&line), "{line}");
        let pair = line.split(';').next().unwrap();
        let home = again.get_with_cookies("/", pair).await;
        let home = home.text().await.unwrap();
        assert!(home.contains("Welcome, ada@example.com!"), "{old}: {home}");
    }
}

#[tokio::test]
async fn an_unreadable_cookie_of_another_application_does_not_prevent_a_sign_in() {
    let app = TestApp::start();
    let neighbours: [&[u8]; 6] = [
        b"flag",
        b"lang=%E9",
        b"=x",
        b"a=b=c; ;",
        "\u{e9}=1".as_bytes(),
        b"lang=\xe9",
    ];
    for neighbour in neighbours {
        let ada = app.visitor();
        let callback = obtain_callback_url(&ada, "ada@example.com").await;
        let attempt = ada.cookies("/auth/callback");
        let target = callback.as_str();
        let cookies = [neighbour, attempt.as_bytes()].join(&b"; "[..]);
        let response = ada.get_with_cookie_bytes(target, &cookies).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{neighbour:?}");
        let line = set_cookie(&response, "sessionid").unwrap();
        let pair = line.split(';').next().unwrap().as_bytes();
        for cookies in [[neighbour, pair], [pair, neighbour]] {
            let cookies = cookies.join(&b"; "[..]);
            let home = ada.get_with_cookie_bytes("/", &cookies).await;
            let home = home.text().await.unwrap();
            assert!(home.contains("Welcome, ada@example.com!"), "{neighbour:?}");
        }
    }
}

#[tokio::test]
async fn a_request_does_not_write_the_cookie_again_without_a_change() {
    let now = Clock::system().now();
    let app = TestApp::builder().clock(Clock::standing_at(now)).start();
    let ada = app.signed_in("ada@example.com").await;
    for page in ["/", "/account"] {
        let response = ada.get(page).await;
        assert_eq!(set_cookie(&response, "sessionid"), None, "{page}");
    }
}
