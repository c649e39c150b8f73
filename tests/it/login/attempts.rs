//! Login attempts are independent, and their number and size are limited.

use chrono::TimeDelta;
use reqwest::{StatusCode, Url};

use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::steps::{error_page, is_removal, login_with_next, query, set_cookie};

/// The path to which browsers send an attempt's cookie.
const CALLBACK: &str = "/auth/callback";

fn attempts(visitor: &Visitor) -> Vec<String> {
    let cookies = visitor.cookies(CALLBACK);
    let all = cookies.split("; ").map(str::to_owned);
    all.filter(|pair| pair.starts_with("vestibule_login_"))
        .collect()
}

#[tokio::test]
async fn two_tabs_can_complete_in_either_order() {
    for order in [[0, 1], [1, 0]] {
        let app = TestApp::start();
        let ada = app.visitor();
        let nexts = ["/account?tab=1", "/account?tab=2"];
        let mut callbacks: Vec<Url> = Vec::new();
        for next in nexts {
            let authorize = ada.start_login(&login_with_next(next)).await;
            callbacks.push(ada.authorize(&authorize, "ada@example.com").await);
        }
        for tab in order {
            let response = ada.get(callbacks[tab].as_str()).await;
            assert_eq!(response.status(), StatusCode::FOUND);
            assert_eq!(location(&response), nexts[tab]);
            assert!(ada.is_signed_in().await);
        }
        let alive = app.sessions();
        let alive = alive.iter().filter(|row| row.revoked_at.is_none());
        assert_eq!(alive.count(), 1, "the second tab renewed the first's");
        assert!(attempts(&ada).is_empty());
    }
}

#[tokio::test]
async fn an_attempt_cookie_is_sent_to_the_callback_only() {
    let app = TestApp::start();
    let response = app.visitor().get("/auth/login").await;
    let lines = set_cookies(&response);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert!(line.starts_with("vestibule_login_"), "{line}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/auth", "Max-Age=600"] {
        assert!(line.split("; ").any(|one| one == part), "{part}: {line}");
    }
    assert!(!line.contains("Secure"), "http is not https: {line}");
    assert!(!line.contains("Domain"), "{line}");
    let authorize = Url::parse(&location(&response)).unwrap();
    let state = query(&authorize, "state");
    assert!(!line.contains(&state), "the state is sealed: {line}");
    assert!(!line.contains(&state[..16]), "{line}");
}

#[tokio::test]
async fn the_five_newest_attempts_are_kept() {
    let app = TestApp::start();
    let ada = app.visitor();
    let mut begun = Vec::new();
    for _ in 0..10 {
        begun.push(ada.start_login("/auth/login").await);
        app.clock.advance(TimeDelta::seconds(1));
        assert!(attempts(&ada).len() <= 5, "{:?}", attempts(&ada));
    }
    assert_eq!(attempts(&ada).len(), 5);
    for authorize in &begun[..5] {
        let callback = ada.authorize(authorize, "ada@example.com").await;
        error_page(ada.get(callback.as_str()).await, StatusCode::BAD_REQUEST).await;
    }
    for authorize in &begun[5..] {
        let callback = ada.authorize(authorize, "ada@example.com").await;
        let response = ada.get(callback.as_str()).await;
        assert_eq!(response.status(), StatusCode::FOUND);
    }
    assert!(attempts(&ada).is_empty());
}

#[tokio::test]
async fn all_attempts_together_stay_within_four_kilobytes() {
    let app = TestApp::start();
    let ada = app.visitor();
    let next = |number: usize| format!("/account?n={number}&{}", "a".repeat(900));
    let mut last = None;
    for number in 0..10 {
        let authorize = ada.start_login(&login_with_next(&next(number))).await;
        app.clock.advance(TimeDelta::seconds(1));
        let all = attempts(&ada);
        let bytes: usize = all.iter().map(|pair| pair.len() - 1).sum();
        assert!(bytes <= 4_096, "{bytes} bytes in {} cookies", all.len());
        assert_eq!(all.len(), (number + 1).min(2), "as many as fit");
        last = Some((authorize, next(number)));
    }
    let (authorize, next) = last.unwrap();
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    assert_eq!(location(&ada.get(callback.as_str()).await), next);
}

#[tokio::test]
async fn a_return_path_too_long_for_a_cookie_is_replaced_by_home() {
    let app = TestApp::start();
    let ada = app.visitor();
    // 2,000 characters, within the contract's bound, and 12,000 bytes once they are encoded.
    let next = format!("/{}", "\u{65e5}".repeat(2_000));
    let response = ada.get(&login_with_next(&next)).await;
    let line = set_cookies(&response).remove(0);
    let pair = line.split(';').next().unwrap();
    assert!(pair.len() <= 4_096, "{}", pair.len());
    let authorize = Url::parse(&location(&response)).unwrap();
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn expired_and_undecryptable_attempt_cookies_are_removed() {
    let app = TestApp::start();
    let ada = app.visitor();
    ada.start_login("/auth/login").await;
    let old = attempts(&ada).remove(0);
    app.clock.advance(TimeDelta::seconds(600));
    let unreadable = format!("vestibule_login_{}=nonsense", "0".repeat(16));
    let cookies = format!("{old}; {unreadable}; unrelated=1");
    let response = ada.get_with_cookies("/auth/login", &cookies).await;
    for pair in [&old, &unreadable] {
        let name = pair.split('=').next().unwrap();
        let line = set_cookie(&response, name).unwrap();
        assert!(is_removal(&line), "{line}");
        assert!(line.contains("Path=/auth"), "{line}");
    }
    assert_eq!(set_cookies(&response).len(), 3);
}

#[tokio::test]
async fn a_completed_attempts_cookie_is_removed_and_others_stay() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let spent = attempts(&ada).remove(0);
    let name = spent.split('=').next().unwrap();
    ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(callback.as_str()).await;
    let line = set_cookie(&response, name).unwrap();
    assert!(is_removal(&line), "{line}");
    assert!(line.contains("Path=/auth"), "{line}");
    assert_eq!(attempts(&ada).len(), 1);
}
