//! The `state`: only the browser that started an attempt can complete it, once, and within its time
//! limit.

use chrono::TimeDelta;
use reqwest::StatusCode;

use crate::support::app::{TestApp, location};
use crate::support::steps::{
    AUTHENTICATE, assert_nobody_signed_in, error_page, obtain_callback_url, query, set_cookie,
    with_query,
};

const CANNOT_BE_COMPLETED: &str = "This sign-in cannot be completed";

#[tokio::test]
async fn a_forged_state_signs_nobody_in_and_uses_no_attempt() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let state = query(&callback, "state");
    let last_changed = format!(
        "{}{}",
        &state[..42],
        if state.ends_with('A') { 'B' } else { 'A' }
    );
    let longer = format!("{state}A");
    for forged in ["forged", &state[..42], &last_changed, &longer] {
        let forged = with_query(&callback, "state", Some(forged));
        let page = error_page(ada.get(forged.as_str()).await, StatusCode::BAD_REQUEST).await;
        assert!(page.contains(CANNOT_BE_COMPLETED), "{page}");
        assert!(page.contains(r#"href="/auth/login""#), "{page}");
    }
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(app.workos().count(AUTHENTICATE), 0, "the code is not used");
    let response = ada.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn a_code_without_a_state_starts_a_new_attempt() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    for without in [
        with_query(&callback, "state", None),
        with_query(&callback, "state", Some("")),
    ] {
        let response = ada.get(without.as_str()).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(location(&response), "/auth/login");
    }
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(app.workos().count(AUTHENTICATE), 0);
    let fresh = ada.start_login("/auth/login").await;
    assert_ne!(query(&fresh, "state"), query(&callback, "state"));
}

#[tokio::test]
async fn a_callback_with_neither_code_nor_error_is_refused() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let codeless = with_query(&callback, "code", None);
    for target in ["/auth/callback", codeless.as_str()] {
        error_page(ada.get(target).await, StatusCode::BAD_REQUEST).await;
    }
    assert_nobody_signed_in(&app, &ada).await;
}

#[tokio::test]
async fn a_code_that_workos_cannot_have_written_is_not_passed_on() {
    let app = TestApp::start();
    let long = "c".repeat(1_025);
    for code in ["c\0", "c\n", "c\u{7f}", "c\u{e9}", &long] {
        let ada = app.visitor();
        let callback = obtain_callback_url(&ada, "ada@example.com").await;
        let changed = with_query(&callback, "code", Some(code));
        let page = error_page(ada.get(changed.as_str()).await, StatusCode::BAD_REQUEST).await;
        assert!(page.contains(CANNOT_BE_COMPLETED), "{page}");
    }
    assert_eq!(app.workos().count(AUTHENTICATE), 0);
}

#[tokio::test]
async fn a_state_can_be_used_for_one_callback() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let first = ada.authorize(&authorize, "ada@example.com").await;
    let response = ada.get(first.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    ada.post("/auth/logout").await;

    let second = ada.authorize(&authorize, "ada@example.com").await;
    assert_eq!(query(&first, "state"), query(&second, "state"));
    assert_ne!(query(&first, "code"), query(&second, "code"));
    let page = error_page(ada.get(second.as_str()).await, StatusCode::BAD_REQUEST).await;
    assert!(page.contains(CANNOT_BE_COMPLETED), "{page}");
    assert!(!ada.is_signed_in().await);
    assert_eq!(app.sessions().len(), 1);
}

#[tokio::test]
async fn a_replayed_attempt_cookie_creates_no_second_session() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let kept = ada.cookies("/auth/callback");
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);

    let fresh = ada.authorize(&authorize, "ada@example.com").await;
    let target = format!("{}?{}", fresh.path(), fresh.query().unwrap());
    // Another process does not know that the attempt was used, so that WorkOS itself says yes.
    let replica = app.replica().start();
    for (visitor, exchanges) in [(&ada, 1), (&replica.visitor(), 2)] {
        let replayed = visitor.get_with_cookies(&target, &kept).await;
        assert_eq!(set_cookie(&replayed, "sessionid"), None);
        let page = error_page(replayed, StatusCode::BAD_REQUEST).await;
        assert!(page.contains(CANNOT_BE_COMPLETED), "{page}");
        assert_eq!(app.workos().count(AUTHENTICATE), exchanges);
    }
    assert_eq!(app.only_session().revoked_at, None);
    assert!(ada.is_signed_in().await, "the first session is still open");
}

#[tokio::test]
async fn another_browsers_state_is_refused() {
    let app = TestApp::start();
    let (ada, mallory) = (app.visitor(), app.visitor());
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    mallory.start_login("/auth/login").await;
    error_page(
        mallory.get(callback.as_str()).await,
        StatusCode::BAD_REQUEST,
    )
    .await;
    assert_nobody_signed_in(&app, &mallory).await;
    assert_eq!(app.workos().count(AUTHENTICATE), 0);
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_code_is_bound_to_its_attempt() {
    let app = TestApp::start();
    let ada = app.visitor();
    let first = obtain_callback_url(&ada, "ada@example.com").await;
    let second = ada.start_login("/auth/login").await;
    let mixed = with_query(&first, "state", Some(&query(&second, "state")));
    let page = error_page(ada.get(mixed.as_str()).await, StatusCode::BAD_REQUEST).await;
    assert!(page.contains(CANNOT_BE_COMPLETED), "{page}");
    assert_nobody_signed_in(&app, &ada).await;
    let sent = app.workos().requests();
    assert!(sent.iter().any(|request| request.path == AUTHENTICATE));
}

#[tokio::test]
async fn an_attempt_cookie_can_be_decrypted_under_its_own_name_only() {
    let app = TestApp::start();
    let ada = app.visitor();
    let first = obtain_callback_url(&ada, "ada@example.com").await;
    let cookie = ada.cookies("/auth/callback");
    let (name, value) = cookie.split_once('=').unwrap();
    assert!(name.starts_with("vestibule_login_"), "{name}");
    let swapped = format!("vestibule_login_{}={value}", "0".repeat(16));
    let response = ada.get_with_cookies(first.as_str(), &swapped).await;
    error_page(response, StatusCode::BAD_REQUEST).await;
    let response = ada.get_with_cookies(first.as_str(), &cookie).await;
    assert_eq!(response.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_attempt_expires_after_ten_minutes() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    app.clock.advance(TimeDelta::seconds(600));
    error_page(ada.get(callback.as_str()).await, StatusCode::BAD_REQUEST).await;
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(app.workos().count(AUTHENTICATE), 0);

    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    app.clock.advance(TimeDelta::seconds(599));
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
}
