//! Guessing the old password in an open session.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::json;
use vestibule::accounts::passwords;

use super::{NEW, WRONG, change, refused_change, signed_in};
use crate::password_login::{EMAIL, PASSWORD, assert_logs_in, refused};
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::error_page;

async fn token(visitor: &Visitor, password: &str) -> ApiResponse {
    let body = json!({ "email": EMAIL, "password": password });
    visitor.post_json("/api/token", &body).await
}

#[tokio::test]
async fn the_fifth_wrong_old_password_ends_the_session() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    let other_browser = app.visitor();
    assert_logs_in(&other_browser, EMAIL, PASSWORD).await;
    let copy = grace.cookies("/");
    for _ in 0..4 {
        let page = refused_change(&grace, "wrong", [NEW, NEW]).await;
        assert!(page.contains(WRONG), "{page}");
    }
    let fifth = change(&grace, "wrong", [NEW, NEW]).await;
    assert_eq!(fifth.status(), StatusCode::FOUND);
    let over = "/login?notice=session-ended&next=%2Faccount";
    assert_eq!(location(&fifth), over);
    assert!(!grace.is_signed_in().await);
    let copied = grace.get_with_cookies("/account", &copy).await;
    assert_eq!(copied.status(), StatusCode::FOUND);
    let revoked = app.sessions();
    let revoked = revoked.iter().filter(|row| row.revoked_at.is_some());
    assert_eq!(revoked.count(), 1);
    assert!(passwords::verify(PASSWORD, &app.user(EMAIL).password));
    assert!(other_browser.is_signed_in().await);
    let response = change(&other_browser, PASSWORD, [NEW, NEW]).await;
    assert_eq!(location(&response), "/account?notice=password-changed");
}

#[tokio::test]
async fn a_session_of_workos_ends_too_and_a_right_password_clears_the_count() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let ada = app.signed_in("ada@example.com").await;
    let id = app.user("ada@example.com").id;
    let (stored, now) = (passwords::hash(PASSWORD).unwrap(), app.now());
    let keep = app.only_session().id;
    app.change(|conn| vestibule::accounts::set_password(conn, id, &stored, now, Some(&keep)));
    for _ in 0..4 {
        refused_change(&ada, "wrong", [NEW, NEW]).await;
    }
    let response = change(&ada, PASSWORD, [NEW, NEW]).await;
    assert_eq!(location(&response), "/account?notice=password-changed");
    for _ in 0..4 {
        refused_change(&ada, "wrong", [PASSWORD, PASSWORD]).await;
    }
    let last = change(&ada, "wrong", [PASSWORD, PASSWORD]).await;
    assert_eq!(last.status(), StatusCode::FOUND);
    assert!(!ada.is_signed_in().await);
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn concurrent_guesses_of_the_old_password_are_no_more_than_five() {
    let app = TestApp::start();
    let grace = signed_in(&app).await;
    let cookies = grace.cookies("/");
    let guesses = (0..24).map(|_| {
        // Each guess has its own connection, since an idle one is closed with 408 after a while.
        let request = app.visitor().request(Method::POST, "/account/password");
        let request = request.header(COOKIE, &cookies).form(&[
            ("old_password", "wrong"),
            ("new_password1", NEW),
            ("new_password2", NEW),
        ]);
        request.send()
    });
    let (mut wrong, mut ended) = (0, 0);
    for response in join_all(guesses).await {
        let response = response.unwrap();
        let status = response.status();
        let page = response.text().await.unwrap();
        match status {
            StatusCode::OK => {
                assert!(page.contains(WRONG), "{page}");
                wrong += 1;
            }
            StatusCode::FOUND => ended += 1,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                assert!(page.contains(r#"href="/account">Try again</a>"#), "{page}");
            }
            other => panic!("{other}: {page}"),
        }
    }
    assert!(wrong <= 4 && ended >= 1, "{wrong} {ended}");
    assert!(passwords::verify(PASSWORD, &app.user(EMAIL).password));
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn all_routes_share_the_budget_of_wrong_passwords() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "3/min")
        .start();
    let grace = signed_in(&app).await;
    let stranger = app.visitor();
    refused(&stranger, EMAIL, "wrong").await;
    assert_eq!(
        token(&stranger, "wrong").await.status,
        StatusCode::UNAUTHORIZED
    );
    refused_change(&grace, "wrong", [NEW, NEW]).await;
    // The sign-ins of one minute are forgotten; a wrong password counts for 200 seconds.
    app.clock.advance(TimeDelta::seconds(61));
    let throttled = change(&grace, PASSWORD, [NEW, NEW]).await;
    let page = error_page(throttled, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(page.contains(r#"href="/account">Try again</a>"#), "{page}");
    let throttled = token(&stranger, PASSWORD).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    let throttled = stranger.log_in(EMAIL, PASSWORD).await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    app.clock.advance(TimeDelta::seconds(200));
    let changed = change(&grace, PASSWORD, [NEW, NEW]).await;
    assert_eq!(location(&changed), "/account?notice=password-changed");
}

/// Each change adds an audit event.
#[tokio::test]
async fn an_account_changes_its_password_a_limited_number_of_times() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "1/min")
        .start();
    let grace = signed_in(&app).await;
    let mut passwords = [PASSWORD, NEW];
    for _ in 0..30 {
        let [old, new] = passwords;
        let changed = change(&grace, old, [new, new]).await;
        assert_eq!(changed.status(), StatusCode::FOUND);
        passwords.reverse();
    }
    let [old, new] = passwords;
    let throttled = change(&grace, old, [new, new]).await;
    error_page(throttled, StatusCode::TOO_MANY_REQUESTS).await;
    app.advance(3_600);
    assert!(grace.is_signed_in().await);
}
