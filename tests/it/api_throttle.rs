//! Rate limits: per network of the client, and per account and network; never per account alone.

mod networks;

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, location};

const TOKEN: &str = "/api/token";
const REFRESH: &str = "/api/token/refresh";

/// An app behind a proxy that sends the client's address.
fn app(login: &str, refresh: &str) -> TestApp {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", login)
        .setting("THROTTLE_REFRESH", refresh)
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start();
    app.add_password_user("lena@example.com");
    app
}

async fn sign_in(app: &TestApp, from: &str, email: &str, password: &str) -> ApiResponse {
    let body = json!({ "email": email, "password": password });
    let from = [("x-forwarded-for", from)];
    app.visitor()
        .post_json_with_headers(TOKEN, &body, &from)
        .await
}

async fn lena(app: &TestApp, from: &str) -> StatusCode {
    sign_in(app, from, "lena@example.com", PASSWORD)
        .await
        .status
}

#[track_caller]
fn assert_throttled(answer: &ApiResponse, seconds: u64) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some(&*seconds.to_string()));
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let detail = format!("Request was throttled. Expected available in {seconds} {unit}.");
    assert_eq!(answer.json, json!({ "detail": detail }));
}

/// A sign-in of an account that does not exist.
async fn stranger(app: &TestApp, from: &str) -> StatusCode {
    sign_in(app, from, "nobody@example.com", "wrong")
        .await
        .status
}

/// Requests that cannot succeed, whatever the values of their fields are, keep nobody else out.
#[tokio::test]
async fn requests_without_their_fields_do_not_count() {
    let app = app("1/min", "1/min");
    let visitor = app.visitor();
    for path in [
        TOKEN,
        REFRESH,
        "/api/token/verify",
        "/api/auth/workos/callback",
    ] {
        for body in ["", "{}", "[]", "{", "null"] {
            let answer = visitor
                .post_bytes(path, Some("application/json"), body.as_bytes())
                .await;
            assert_eq!(answer.status, 400, "{path} {body:?}");
        }
        let answer = visitor.post_bytes(path, Some("text/plain"), b"x").await;
        assert_eq!(answer.status, 415, "{path}");
    }
    for fields in [
        &[][..],
        &[("email", "lena@example.com")],
        &[("password", PASSWORD)],
    ] {
        let response = visitor.submit("/login", fields).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    // Neither are a provider that is not set up, and a code without the password before it.
    let code = json!({ "code": "made-up", "redirect_uri": "https://app.example.com/" });
    for _ in 0..3 {
        assert_eq!(
            visitor.post_json("/api/auth/google", &code).await.status,
            404
        );
        let response = visitor.submit("/login/code", &[("code", "123456")]).await;
        assert_eq!(response.status(), StatusCode::FOUND);
    }
    let json = visitor.request(Method::POST, "/login").json(&json!({}));
    assert_eq!(json.send().await.unwrap().status(), 400);
    let right = json!({ "email": "lena@example.com", "password": PASSWORD });
    assert_eq!(visitor.post_json(TOKEN, &right).await.status, 200);
    let token = json!({ "token": "made-up", "refresh": "made-up" });
    for path in ["/api/token/verify", REFRESH] {
        let statuses = [
            visitor.post_json(path, &token).await.status,
            visitor.post_json(path, &token).await.status,
        ];
        assert_eq!(statuses, [401, 429], "{path}");
    }
}

/// As in an office whose people share an address.
#[tokio::test]
async fn successful_sign_ins_have_a_wide_limit_of_their_own() {
    let app = app("1/min", "1/min");
    let here = "192.0.2.1";
    let mut pairs = Vec::new();
    for _ in 0..20 {
        let pair = sign_in(&app, here, "lena@example.com", PASSWORD).await;
        assert_eq!(pair.status, StatusCode::OK);
        pairs.push(pair.text("refresh"));
    }
    let body = sign_in(&app, here, "lena@example.com", PASSWORD).await;
    assert_throttled(&body, 60);
    let from = [("x-forwarded-for", here)];
    for refresh in &pairs {
        let body = json!({ "refresh": refresh, "token": refresh });
        for path in [REFRESH, "/api/token/verify"] {
            let visitor = app.visitor();
            let answer = visitor.post_json_with_headers(path, &body, &from).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
    }
    app.clock.advance(TimeDelta::seconds(60));
    assert_eq!(lena(&app, here).await, StatusCode::OK);
    assert_eq!(stranger(&app, here).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        lena(&app, here).await,
        StatusCode::TOO_MANY_REQUESTS,
        "one failure is allowed"
    );
}

#[tokio::test]
async fn successful_forms_do_not_count_as_failed() {
    let app = app("1/min", "off");
    for _ in 0..3 {
        let response = app.visitor().log_in("lena@example.com", PASSWORD).await;
        assert_eq!(response.status(), StatusCode::FOUND);
    }
    for expected in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let response = app.visitor().log_in("nobody@example.com", "wrong").await;
        assert_eq!(response.status(), expected);
    }
}

#[tokio::test]
async fn failed_sign_ins_are_limited_per_address() {
    let app = app("3/min", "off");
    let here = "192.0.2.1";
    for _ in 0..3 {
        assert_eq!(stranger(&app, here).await, StatusCode::UNAUTHORIZED);
    }
    let body = sign_in(&app, here, "lena@example.com", PASSWORD).await;
    assert_throttled(&body, 60);
    let empty = [("x-forwarded-for", here)];
    let empty = app
        .visitor()
        .post_json_with_headers(TOKEN, &json!({}), &empty)
        .await;
    assert_throttled(&empty, 60);
    assert_eq!(
        lena(&app, "192.0.2.2").await,
        StatusCode::OK,
        "another address"
    );
    app.clock.advance(TimeDelta::milliseconds(59_001));
    assert_throttled(&sign_in(&app, here, "lena@example.com", PASSWORD).await, 1);
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(lena(&app, here).await, StatusCode::OK);
}

#[tokio::test]
async fn wrong_passwords_are_limited_per_account_and_address_for_longer() {
    let app = app("2/min", "off");
    app.add_password_user("mara@example.com");
    let here = "192.0.2.1";
    for email in ["lena@example.com", "LENA@example.com"] {
        let wrong = sign_in(&app, here, email, "wrong").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    app.clock.advance(TimeDelta::seconds(60));
    // The address is no longer limited, but this account is: even a correct password is rejected.
    let refused = sign_in(&app, here, "lena@example.com", PASSWORD).await;
    assert_throttled(&refused, 240);
    let other = sign_in(&app, here, "mara@example.com", PASSWORD).await;
    assert_eq!(other.status, StatusCode::OK);
    assert_eq!(
        lena(&app, "192.0.2.2").await,
        StatusCode::OK,
        "the account is not locked"
    );
    app.clock.advance(TimeDelta::seconds(240));
    assert_eq!(lena(&app, here).await, StatusCode::OK);
}

#[tokio::test]
async fn ten_sign_ins_a_minute_are_limited_as_in_django() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "10/min")
        .start();
    let visitor = app.visitor();
    let made_up = json!({ "code": "made-up" });
    for _ in 0..10 {
        let exchange = visitor.post_json("/api/auth/workos/callback", &made_up);
        assert_eq!(exchange.await.status, StatusCode::BAD_REQUEST);
    }
    assert_throttled(&visitor.post_json(TOKEN, &json!({})).await, 60);
}

#[tokio::test]
async fn correct_passwords_do_not_count_as_wrong_passwords() {
    let app = app("2/min", "off");
    for _ in 0..4 {
        assert_eq!(lena(&app, "192.0.2.1").await, StatusCode::OK);
        app.clock.advance(TimeDelta::seconds(30));
    }
}

#[tokio::test]
async fn an_ipv6_network_counts_as_one_address() {
    let app = app("1/min", "off");
    assert_eq!(
        stranger(&app, "2001:db8::1").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        lena(&app, "2001:db8::2:1").await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(lena(&app, "2001:db8:0:1::1").await, StatusCode::OK);
}

#[tokio::test]
async fn refreshes_have_their_own_limit() {
    let app = app("1/min", "2/min");
    let pair = sign_in(&app, "192.0.2.1", "lena@example.com", PASSWORD).await;
    let body = json!({ "refresh": pair.text("refresh") });
    let from = [("x-forwarded-for", "192.0.2.1")];
    for _ in 0..2 {
        let body = json!({ "refresh": "nonsense" });
        let answer = app
            .visitor()
            .post_json_with_headers(REFRESH, &body, &from)
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_throttled(
        &app.visitor()
            .post_json_with_headers(REFRESH, &body, &from)
            .await,
        60,
    );
}

/// Otherwise the owner of a stolen token could be watched: `verify` says when the token is replaced.
#[tokio::test]
async fn verifications_have_the_limit_of_refreshes_and_are_counted_separately() {
    let app = app("1/min", "2/min");
    let pair = sign_in(&app, "192.0.2.1", "lena@example.com", PASSWORD).await;
    let send = async |path: &str, body: serde_json::Value, from: &str| {
        let from = [("x-forwarded-for", from)];
        app.visitor()
            .post_json_with_headers(path, &body, &from)
            .await
    };
    let verify = json!({ "token": pair.text("refresh") });
    let nonsense = json!({ "token": "nonsense" });
    let here = "192.0.2.1";
    let valid = send("/api/token/verify", verify.clone(), here).await;
    assert_eq!(valid.status, StatusCode::OK);
    for path in ["/api/token/verify/", "/api/token/verify"] {
        let invalid = send(path, nonsense.clone(), here).await;
        assert_eq!(invalid.status, StatusCode::UNAUTHORIZED);
    }
    assert_throttled(&send("/api/token/verify", verify.clone(), here).await, 60);
    assert_throttled(&send("/api/token/verify/", nonsense, here).await, 60);
    let body = json!({ "refresh": pair.text("refresh") });
    let refreshed = send(REFRESH, body, here).await;
    assert_eq!(refreshed.status, StatusCode::OK, "another limit");
    let elsewhere = send("/api/token/verify", verify, "192.0.2.2").await;
    assert_eq!(elsewhere.status, StatusCode::OK, "another address");
}

#[tokio::test]
async fn requests_that_cannot_sign_in_are_not_counted() {
    let app = app("1/min", "1/min");
    for _ in 0..3 {
        let login = app.visitor().get("/auth/login").await;
        assert!(location(&login).contains("/user_management/authorize"));
        let get = app
            .visitor()
            .request(Method::GET, TOKEN)
            .send()
            .await
            .unwrap();
        assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
        let foreign = app.visitor().request(Method::POST, "/login");
        let foreign = foreign.header("sec-fetch-site", "cross-site");
        let refused = foreign.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
    let body = json!({ "email": "lena@example.com", "password": PASSWORD });
    assert_eq!(
        app.visitor().post_json(TOKEN, &body).await.status,
        StatusCode::OK
    );
}

/// Neither a token that nobody has issued nor a password that nobody compares is a guess.
#[tokio::test]
async fn requests_that_ask_nobody_do_not_count() {
    let app = app("1/min", "off");
    let garbage = json!({ "pending_authentication_token": "made-up", "code": "123456" });
    for route in [TOKEN, "/api/auth/workos/callback"] {
        for _ in 0..3 {
            let refused = app.visitor().post_json(route, &garbage).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{route}");
            assert_eq!(refused.json["code"], "invalid_pending_authentication_token");
        }
    }
    assert_eq!(lena(&app, "127.0.0.1").await, StatusCode::OK);
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "1/min")
        .setting("PASSWORD_LOGIN", "off")
        .start();
    let fields = [("email", "lena@example.com"), ("password", PASSWORD)];
    for _ in 0..3 {
        let request = app.visitor().request(Method::POST, "/login").form(&fields);
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn off_disables_the_limits() {
    let app = app("off", "off");
    for _ in 0..12 {
        let wrong = sign_in(&app, "192.0.2.1", "nobody@example.com", "").await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    }
}
