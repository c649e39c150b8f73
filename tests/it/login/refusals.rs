//! Callbacks with an error or an invalid code.

use reqwest::{Method, StatusCode};

use crate::support::app::{TestApp, location, set_cookies};
use crate::support::steps::{
    AUTHENTICATE, assert_nobody_signed_in, assert_signs_in, error_page, is_removal,
    login_with_next, obtain_callback_url, query, with_query,
};

#[tokio::test]
async fn cancelling_redirects_home_with_a_notice() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login?next=/account").await;
    let cancelled = ada
        .request(Method::POST, authorize.as_str())
        .form(&[("cancel", "1")])
        .send()
        .await
        .unwrap();
    let callback = location(&cancelled);
    assert!(callback.contains("error=access_denied"), "{callback}");

    let response = ada.get(&callback).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let back = "/?notice=sign-in-cancelled&next=%2Faccount";
    assert_eq!(location(&response), back);
    let removed = set_cookies(&response);
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert!(is_removal(&removed[0]), "{removed:?}");
    let home = ada.page(&location(&response)).await;
    assert!(home.contains("You cancelled the sign-in."), "{home}");
    assert!(
        home.contains(r#"href="/auth/login?next=%2Faccount""#),
        "{home}"
    );
    assert_nobody_signed_in(&app, &ada).await;
}

#[tokio::test]
async fn cancelling_without_a_return_path_redirects_home() {
    let app = TestApp::start();
    let ada = app.visitor();
    for login in ["/auth/login", "/auth/login?next=/"] {
        let authorize = ada.start_login(login).await;
        let callback = ada.authorize(&authorize, "ada@example.com").await;
        let callback = with_query(&callback, "code", None);
        let callback = with_query(&callback, "error", Some("access_denied"));
        let response = ada.get(callback.as_str()).await;
        assert_eq!(location(&response), "/?notice=sign-in-cancelled");
    }
    for hostile in [
        "https://evil.example/",
        "//evil.example",
        "\\\\evil.example",
    ] {
        let home = ada.page(&format!("/?next={hostile}")).await;
        assert!(home.contains(r#"href="/auth/login""#), "{hostile}: {home}");
        assert!(!home.contains("evil"), "{hostile}: {home}");
    }
}

#[tokio::test]
async fn only_known_notices_are_shown() {
    let app = TestApp::start();
    let home = app.visitor().page("/?notice=Call+0900+to+unlock").await;
    assert!(!home.contains("0900"), "{home}");
    assert!(!home.contains("notice info"), "{home}");
}

#[tokio::test]
async fn another_error_is_explained_and_offers_a_new_attempt() {
    let app = TestApp::start();
    let ada = app.visitor();
    for code in ["oauth_failed", "server_error", "connection_invalid"] {
        let authorize = ada.start_login(&login_with_next("/account?tab=1")).await;
        let state = query(&authorize, "state");
        let callback = format!("/auth/callback?error={code}&error_description=Why&state={state}");
        let page = error_page(ada.get(&callback).await, StatusCode::BAD_REQUEST).await;
        assert!(page.contains(&format!("({code})")), "{page}");
        let fresh = r#"href="/auth/login?next=%2Faccount%3Ftab%3D1""#;
        assert!(page.contains(fresh), "{page}");
        assert!(page.contains("Start again"), "{page}");
    }
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(app.workos().count(AUTHENTICATE), 0);
    assert_eq!(ada.cookies("/auth/callback"), "", "the attempts are spent");
    assert_signs_in(&ada, "ada@example.com").await;
}

#[tokio::test]
async fn hostile_error_texts_are_not_echoed() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let callback = with_query(&callback, "code", None);
    let long = "a".repeat(65);
    for hostile in [
        "<script>alert(1)</script>",
        "Your account is locked, call 0900 555",
        "\"onload=\"x",
        "oauth_failed\nSet-Cookie: a=b",
        "ошибка",
        long.as_str(),
    ] {
        let callback = with_query(&callback, "error", Some(hostile));
        let callback = with_query(&callback, "error_description", Some("Hostile description"));
        let response = ada.get(callback.as_str()).await;
        let page = error_page(response, StatusCode::BAD_REQUEST).await;
        assert!(page.contains("(unknown_error)"), "{page}");
        for text in [hostile, "0900", "alert", "Hostile", "onload"] {
            assert!(!page.contains(text), "{text}: {page}");
        }
    }
}

#[tokio::test]
async fn a_reused_code_is_a_400_that_offers_a_new_attempt() {
    let app = TestApp::start();
    let ada = app.visitor();
    let first = obtain_callback_url(&ada, "ada@example.com").await;
    assert_eq!(ada.get(first.as_str()).await.status(), StatusCode::FOUND);

    let other = app.visitor();
    let authorize = other.start_login(&login_with_next("/account")).await;
    let second = with_query(&first, "state", Some(&query(&authorize, "state")));
    let response = other.get(second.as_str()).await;
    let page = error_page(response, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("used already or has expired"), "{page}");
    assert!(page.contains(r#"href="/auth/login?next=%2Faccount""#));
    assert_eq!(app.only_session().revoked_at, None);
    assert!(!other.is_signed_in().await);
    assert_signs_in(&other, "ada@example.com").await;
}

#[tokio::test]
async fn a_reloaded_callback_is_a_400_and_the_session_stays() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);
    error_page(ada.get(callback.as_str()).await, StatusCode::BAD_REQUEST).await;
    assert!(ada.is_signed_in().await);
    assert_eq!(app.workos().count(AUTHENTICATE), 1);
    app.only_session();
}

#[tokio::test]
async fn an_expired_code_is_a_400() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    app.workos().advance(std::time::Duration::from_secs(601));
    let page = error_page(ada.get(callback.as_str()).await, StatusCode::BAD_REQUEST).await;
    assert!(page.contains("used already or has expired"), "{page}");
    assert_nobody_signed_in(&app, &ada).await;
}
