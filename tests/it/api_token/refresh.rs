//! `POST /api/token/refresh`, `/verify` and `/blacklist`: accepted and refused requests.

use serde_json::json;
use vestibule::accounts::set_password;
use vestibule::tokens::{TokenGrant, TokenPair};

use super::{BLACKLISTED, BLACKLISTED_FIELD, INVALID, NO_ACCOUNT, PASSWORD_CHANGED};
use crate::support::app::{TestApp, Visitor};
use crate::support::tokens::token_part;

/// The routes, each with the name of its field.
pub(super) const ROUTES: [(&str, &str); 3] = [
    ("/api/token/refresh", "refresh"),
    ("/api/token/verify/", "token"),
    ("/api/token/blacklist", "refresh"),
];

/// Posts the token to every route.
pub(super) async fn everywhere(visitor: &Visitor, token: &str, body: &str) {
    for (path, field) in ROUTES {
        let reply = visitor.post_json(path, &json!({ field: token })).await;
        assert_eq!(reply.body, body, "{path} of {token}");
        reply.assert_is(401, body);
    }
}

#[tokio::test]
async fn a_refresh_token_gives_an_access_token_with_its_own_claims() {
    let (app, user) = TestApp::builder().start_with_user();
    let grant = TokenGrant {
        sid: Some("session_1".into()),
        ..TokenGrant::default()
    };
    let pair = app.issue_tokens(&user, grant);
    app.clock.advance(chrono::TimeDelta::seconds(100));
    let visitor = app.visitor();
    for path in ["/api/token/refresh", "/api/token/refresh/"] {
        let reply = visitor.post_refresh_token(path, &pair.refresh).await;
        let access = reply.text("access");
        reply.assert_is(200, &format!(r#"{{"access":"{access}"}}"#));
        let (claims, now) = (token_part(&access, 1), app.now().seconds());
        let expected = json!({
            "token_type": "access", "exp": now + 300, "iat": now, "jti": claims["jti"],
            "user_id": user.id.to_string(), "sid": "session_1", "ver": 0,
                "vestibule": claims["vestibule"],
        });
        assert_eq!(claims, expected);
        assert_eq!(visitor.get_me_with_token(&access).await.status, 200);
    }
    assert_eq!(app.refresh_token_rows().len(), 1, "nothing is rotated");
}

#[tokio::test]
async fn verify_accepts_either_kind_and_blacklist_revokes_a_token() {
    let (app, user) = TestApp::builder().start_with_user();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    let visitor = app.visitor();
    for token in [&pair.refresh, &pair.access] {
        let reply = visitor
            .post_json("/api/token/verify", &json!({ "token": token }))
            .await;
        reply.assert_is(200, "{}");
    }
    visitor
        .post_refresh_token("/api/token/blacklist/", &pair.refresh)
        .await
        .assert_is(200, "{}");
    for path in ["/api/token/refresh", "/api/token/blacklist/"] {
        let reply = visitor.post_refresh_token(path, &pair.refresh).await;
        reply.assert_is(401, BLACKLISTED);
    }
    let reply = visitor
        .post_json("/api/token/verify/", &json!({ "token": pair.refresh }))
        .await;
    reply.assert_is(400, BLACKLISTED_FIELD);
    let reply = visitor
        .post_json("/api/token/verify", &json!({ "token": pair.access }))
        .await;
    reply.assert_is(200, "{}");
}

#[tokio::test]
async fn missing_or_invalid_fields() {
    let app = TestApp::start();
    let visitor = app.visitor();
    for (path, field) in ROUTES {
        for (body, complaint) in [
            ("{}".to_owned(), "This field is required."),
            (String::new(), "This field is required."),
            (
                format!(r#"{{"{field}":""}}"#),
                "This field may not be blank.",
            ),
            (
                format!(r#"{{"{field}":"  "}}"#),
                "This field may not be blank.",
            ),
            (
                format!(r#"{{"{field}":null}}"#),
                "This field may not be null.",
            ),
            (format!(r#"{{"{field}":[]}}"#), "Not a valid string."),
        ] {
            let reply = visitor
                .post_bytes(path, Some("application/json"), body.as_bytes())
                .await;
            reply.assert_is(400, &format!(r#"{{"{field}":["{complaint}"]}}"#));
        }
        let form = Some("application/x-www-form-urlencoded");
        let reply = visitor
            .post_bytes(path, form, format!("{field}=a.b.c").as_bytes())
            .await;
        reply.assert_is(401, INVALID);
        visitor
            .post_json(path, &json!({ field: 12 }))
            .await
            .assert_is(401, INVALID);
    }
}

#[tokio::test]
async fn accounts_that_no_longer_accept_a_token() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    app.set_active(user.id, false);
    assert_refused_but_verified(&visitor, &pair, NO_ACCOUNT).await;
    app.set_active(user.id, true);
    assert_refused_but_verified(&visitor, &pair, PASSWORD_CHANGED).await;
    let pair = app.issue_tokens(&app.user("ada@example.com"), TokenGrant::default());
    assert_eq!(
        visitor
            .post_refresh_token("/api/token/refresh", &pair.refresh)
            .await
            .status,
        200
    );
    app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
    assert_refused_but_verified(&visitor, &pair, PASSWORD_CHANGED).await;
    // Every account can blacklist its token.
    visitor
        .post_refresh_token("/api/token/blacklist", &pair.refresh)
        .await
        .assert_is(200, "{}");
}

/// Asserts that a refresh gets this answer, and that both tokens are good for `verify`, which does not ask
/// the account, as in simplejwt.
async fn assert_refused_but_verified(visitor: &Visitor, pair: &TokenPair, body: &str) {
    visitor
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await
        .assert_is(401, body);
    for token in [&pair.refresh, &pair.access] {
        visitor
            .post_json("/api/token/verify", &json!({ "token": token }))
            .await
            .assert_is(200, "{}");
    }
    assert_eq!(visitor.get_me_with_token(&pair.access).await.status, 401);
}
