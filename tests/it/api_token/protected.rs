//! A protected route, by bearer token.

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;
use vestibule::accounts::set_password;
use vestibule::tokens::Grant;

use super::PASSWORD_CHANGED;
use crate::support::api::{Reply, signed};
use crate::support::app::TestApp;

const NOT_PROVIDED: &str = r#"{"detail":"Authentication credentials were not provided."}"#;
const BAD_HEADER: &str = r#"{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}"#;

fn not_valid(message: &str) -> String {
    format!(
        r#"{{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{{"token_class":"AccessToken","token_type":"access","message":"{message}"}}]}}"#
    )
}

#[tokio::test]
async fn headers_that_name_nobody() {
    let (app, _) = TestApp::builder().with_person();
    let visitor = app.visitor();
    for path in ["/api/users/me", "/api/users/me/"] {
        Reply::of(visitor.request(Method::GET, path))
            .await
            .is(401, NOT_PROVIDED);
    }
    for header in ["", "Basic YTpi", "Token abc", "abc", "Bearertoken x"] {
        visitor.me(header).await.is(401, NOT_PROVIDED);
    }
    for header in ["Bearer", "bearer ", "Bearer a b", "BEARER a b c"] {
        visitor.me(header).await.is(401, BAD_HEADER);
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    let request = visitor.request(Method::GET, "/api/users/me");
    let reply = Reply::of(request.header(AUTHORIZATION, bytes)).await;
    reply.is(401, &not_valid("Token is invalid"));
}

#[tokio::test]
async fn tokens_that_do_not_open_it() {
    let (app, user) = TestApp::builder().with_person();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let claims = app.claims("access", &user);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&claims)
    };
    let now = app.now().seconds();
    for (token, message) in [
        (with("exp", now.into()), "Token is expired"),
        (with("iat", (now + 1).into()), "Token is invalid"),
        (with("exp", json!({})), "Token is invalid"),
        ("garbage".to_owned(), "Token is invalid"),
        (with("token_type", "refresh".into()), "Token has wrong type"),
    ] {
        visitor.me_by(&token).await.is(401, &not_valid(message));
    }
    for (missing, message) in [
        ("exp", "Token has no 'exp' claim"),
        ("jti", "Token has no id"),
        ("token_type", "Token has no type"),
    ] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(missing);
        visitor
            .me_by(&signed(&claims))
            .await
            .is(401, &not_valid(message));
    }
    let mut nameless = claims.clone();
    nameless.as_object_mut().unwrap().remove("user_id");
    let body = r#"{"detail":"Token contained no recognizable user identification","code":"token_not_valid"}"#;
    visitor.me_by(&signed(&nameless)).await.is(401, body);
    let gone = r#"{"detail":"User not found","code":"user_not_found"}"#;
    for id in [
        json!("987654"),
        json!("x"),
        json!(null),
        json!(true),
        json!("99999999999999999999"),
        json!([]),
    ] {
        visitor.me_by(&with("user_id", id)).await.is(401, gone);
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let reply = visitor.me(&format!("{scheme} {}", signed(&claims))).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let number = with("user_id", user.id.into());
    assert_eq!(
        visitor.me_by(&number).await.status,
        200,
        "a number is taken too"
    );
}

#[tokio::test]
async fn an_account_that_ended_its_tokens() {
    let (app, user) = TestApp::builder().with_person();
    let visitor = app.visitor();
    let pair = app.pair(&user, Grant::default());
    assert_eq!(visitor.me_by(&pair.access).await.status, 200);
    app.set_active(user.id, false);
    let inactive = r#"{"detail":"User is inactive","code":"user_inactive"}"#;
    visitor.me_by(&pair.access).await.is(401, inactive);
    app.set_active(user.id, true);
    visitor.me_by(&pair.access).await.is(401, PASSWORD_CHANGED);
    let pair = app.pair(&app.user("ada@example.com"), Grant::default());
    assert_eq!(visitor.me_by(&pair.access).await.status, 200);
    // In the same second, by the clock that stands still.
    app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
    visitor.me_by(&pair.access).await.is(401, PASSWORD_CHANGED);
    let again = app.pair(&app.user("ada@example.com"), Grant::default());
    assert_eq!(visitor.me_by(&again.access).await.status, 200);
}

#[tokio::test]
async fn who_asks_comes_before_how() {
    let (app, user) = TestApp::builder().with_person();
    let visitor = app.visitor();
    let pair = app.pair(&user, Grant::default());
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = || visitor.request(method.clone(), "/api/users/me");
        Reply::of(request()).await.is(401, NOT_PROVIDED);
        let request = request().header(AUTHORIZATION, format!("Bearer {}", pair.access));
        let reply = Reply::of(request).await;
        assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"));
        reply.is(
            405,
            &format!(r#"{{"detail":"Method \"{method}\" not allowed."}}"#),
        );
    }
    let head = visitor.request(Method::HEAD, "/api/users/me");
    let head = head.header(AUTHORIZATION, format!("Bearer {}", pair.access));
    assert_eq!(Reply::of(head).await.status, 200);
}
