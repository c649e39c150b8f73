//! A protected route with a bearer token.

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;
use vestibule::accounts::set_password;
use vestibule::tokens::TokenGrant;

use super::PASSWORD_CHANGED;
use crate::support::api::ApiResponse;
use crate::support::app::TestApp;
use crate::support::tokens::sign_claims;

const NOT_PROVIDED: &str = r#"{"detail":"Authentication credentials were not provided."}"#;
const BAD_HEADER: &str = r#"{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}"#;

fn not_valid(message: &str) -> String {
    format!(
        r#"{{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{{"token_class":"AccessToken","token_type":"access","message":"{message}"}}]}}"#
    )
}

#[tokio::test]
async fn headers_without_credentials() {
    let (app, _) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    for path in ["/api/users/me", "/api/users/me/"] {
        ApiResponse::of_request(visitor.request(Method::GET, path))
            .await
            .assert_is(401, NOT_PROVIDED);
    }
    for header in ["", "Basic YTpi", "Token abc", "abc", "Bearertoken x"] {
        visitor
            .get_me_with_authorization(header)
            .await
            .assert_is(401, NOT_PROVIDED);
    }
    for header in ["Bearer", "bearer ", "Bearer a b", "BEARER a b c"] {
        visitor
            .get_me_with_authorization(header)
            .await
            .assert_is(401, BAD_HEADER);
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    let request = visitor.request(Method::GET, "/api/users/me");
    let reply = ApiResponse::of_request(request.header(AUTHORIZATION, bytes)).await;
    reply.assert_is(401, &not_valid("Token is invalid"));
}

#[tokio::test]
async fn tokens_that_are_refused() {
    let (app, user) = TestApp::builder().start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let claims = app.claims("access", &user);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        sign_claims(&claims)
    };
    let now = app.now().seconds();
    for (token, message) in [
        (with("exp", now.into()), "Token is expired"),
        (with("iat", (now + 1).into()), "Token is invalid"),
        (with("exp", json!({})), "Token is invalid"),
        ("garbage".to_owned(), "Token is invalid"),
        (with("token_type", "refresh".into()), "Token has wrong type"),
    ] {
        visitor
            .get_me_with_token(&token)
            .await
            .assert_is(401, &not_valid(message));
    }
    for (missing, message) in [
        ("exp", "Token has no 'exp' claim"),
        ("jti", "Token has no id"),
        ("token_type", "Token has no type"),
    ] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(missing);
        visitor
            .get_me_with_token(&sign_claims(&claims))
            .await
            .assert_is(401, &not_valid(message));
    }
    let mut nameless = claims.clone();
    nameless.as_object_mut().unwrap().remove("user_id");
    let body = r#"{"detail":"Token contained no recognizable user identification","code":"token_not_valid"}"#;
    visitor
        .get_me_with_token(&sign_claims(&nameless))
        .await
        .assert_is(401, body);
    let gone = r#"{"detail":"User not found","code":"user_not_found"}"#;
    for id in [
        json!("987654"),
        json!("x"),
        json!(null),
        json!(true),
        json!("99999999999999999999"),
        json!([]),
    ] {
        visitor
            .get_me_with_token(&with("user_id", id))
            .await
            .assert_is(401, gone);
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let reply = visitor
            .get_me_with_authorization(&format!("{scheme} {}", sign_claims(&claims)))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let number = with("user_id", json!(user.id));
    assert_eq!(
        visitor.get_me_with_token(&number).await.status,
        200,
        "a number is taken too"
    );
}

#[tokio::test]
async fn an_account_that_revoked_its_tokens() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    assert_eq!(visitor.get_me_with_token(&pair.access).await.status, 200);
    app.set_active(user.id, false);
    let inactive = r#"{"detail":"User is inactive","code":"user_inactive"}"#;
    visitor
        .get_me_with_token(&pair.access)
        .await
        .assert_is(401, inactive);
    app.set_active(user.id, true);
    visitor
        .get_me_with_token(&pair.access)
        .await
        .assert_is(401, PASSWORD_CHANGED);
    let pair = app.issue_tokens(&app.user("ada@example.com"), TokenGrant::default());
    assert_eq!(visitor.get_me_with_token(&pair.access).await.status, 200);
    // In the same second, because the clock is not advanced.
    app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
    visitor
        .get_me_with_token(&pair.access)
        .await
        .assert_is(401, PASSWORD_CHANGED);
    let again = app.issue_tokens(&app.user("ada@example.com"), TokenGrant::default());
    assert_eq!(visitor.get_me_with_token(&again.access).await.status, 200);
}

#[tokio::test]
async fn authentication_is_checked_before_the_method() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = || visitor.request(method.clone(), "/api/users/me");
        ApiResponse::of_request(request())
            .await
            .assert_is(401, NOT_PROVIDED);
        let request = request().header(AUTHORIZATION, format!("Bearer {}", pair.access));
        let reply = ApiResponse::of_request(request).await;
        assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"));
        reply.assert_is(
            405,
            &format!(r#"{{"detail":"Method \"{method}\" not allowed."}}"#),
        );
    }
    let head = visitor.request(Method::HEAD, "/api/users/me");
    let head = head.header(AUTHORIZATION, format!("Bearer {}", pair.access));
    assert_eq!(ApiResponse::of_request(head).await.status, 200);
}

/// As simplejwt's `AUTH_HEADER_TYPES`.
#[tokio::test]
async fn other_authorization_schemes_may_be_listed() {
    let (app, user) = TestApp::builder()
        .setting("AUTH_HEADER_TYPES", "JWT, Token")
        .start_with_user();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    let visitor = app.visitor();
    for (scheme, status) in [("JWT", 200), ("token", 200), ("Bearer", 401)] {
        let header = format!("{scheme} {}", pair.access);
        let reply = visitor.get_me_with_authorization(&header).await;
        assert_eq!(reply.status, status, "{scheme}");
        if status == 401 {
            assert_eq!(reply.header("www-authenticate"), Some("JWT realm=\"api\""));
        }
    }
}
