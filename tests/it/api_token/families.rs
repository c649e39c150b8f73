//! A family, which is all refresh tokens of one sign-in, and its end.

use chrono::TimeDelta;
use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::accounts::User;
use vestibule::db::schema::sessions;
use vestibule::sessions::SessionRow;
use vestibule::tokens::{Actor, TokenGrant, TokenKind};

use super::rotation::{rotate, rotating};
use super::{BLACKLISTED, BLACKLISTED_FIELD, EXPIRED};
use crate::support::app::TestApp;
use crate::support::tokens::{sign_claims, token_part};

#[tokio::test]
async fn rotation_does_not_extend_a_family_beyond_its_end() {
    let (app, user) = rotating()
        .setting("REFRESH_TOKEN_LIFETIME", "1000")
        .setting("REFRESH_FAMILY_LIFETIME", "2500")
        .start_with_user();
    let (visitor, began) = (app.visitor(), app.now().seconds());
    let mut token = app.issue_tokens(&user, TokenGrant::default()).refresh;
    for (step, ends) in [(900, 1_900), (900, 2_500), (600, 2_500)] {
        app.clock.advance(TimeDelta::seconds(step));
        token = rotate(&visitor, &token).await.refresh;
        assert_eq!(token_part(&token, 1)["exp"], json!(began + ends));
    }
    app.clock.advance(TimeDelta::seconds(100));
    visitor
        .post_refresh_token("/api/token/refresh", &token)
        .await
        .assert_is(401, EXPIRED);
}

#[tokio::test]
async fn tokens_end_with_the_impersonation() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let act = Actor {
        sub: "root@example.com".to_owned(),
    };
    let end = app.now().plus(TimeDelta::seconds(3_600));
    let grant = TokenGrant {
        act: Some(act),
        not_after: Some(end),
        ..TokenGrant::default()
    };
    let first = app.issue_tokens(&user, grant);
    assert_eq!(token_part(&first.refresh, 1)["exp"], json!(end.seconds()));
    app.clock.advance(TimeDelta::seconds(3_500));
    let second = rotate(&visitor, &first.refresh).await;
    for token in [&second.refresh, &second.access] {
        let claims = token_part(token, 1);
        assert_eq!(claims["exp"], json!(end.seconds()));
        assert_eq!(claims["act"], json!({ "sub": "root@example.com" }));
    }
}

/// The claims of a token for an impersonation.
fn impersonation_claims(app: &TestApp, user: &User, kind: TokenKind) -> Value {
    let act = Actor {
        sub: "support@example.com".to_owned(),
    };
    let grant = TokenGrant {
        act: Some(act),
        ..TokenGrant::default()
    };
    let pair = app.issue_tokens(user, grant);
    match kind {
        TokenKind::Access => token_part(&pair.access, 1),
        TokenKind::Refresh => token_part(&pair.refresh, 1),
    }
}

/// simplejwt may have exchanged a token of ours for one with a longer life.
#[tokio::test]
async fn an_impersonation_token_that_django_exchanged_lasts_an_hour_at_most() {
    for rotate in ["false", "true"] {
        let (app, user) = TestApp::builder()
            .setting("ROTATE_REFRESH_TOKENS", rotate)
            .start_with_user();
        app.set_imported(user.id);
        let visitor = app.visitor();
        let began = app.now().seconds();
        let mut claims = impersonation_claims(&app, &user, TokenKind::Refresh);
        claims["exp"] = json!(began + 2_592_000);
        claims["jti"] = "0123456789abcdef0123456789abcdee".into();
        app.clock.advance(TimeDelta::minutes(58));
        let mut token = sign_claims(&claims);
        let reply = visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await;
        let access = token_part(&reply.text("access"), 1);
        assert_eq!(access["exp"], json!(began + 3_600), "rotation {rotate}");
        if rotate == "true" {
            token = reply.text("refresh");
            assert_eq!(token_part(&token, 1)["exp"], json!(began + 3_600));
        }
        app.clock.advance(TimeDelta::minutes(2));
        visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await
            .assert_is(401, EXPIRED);
        // An impersonation that began more than an hour ago is over at its first use here.
        claims["jti"] = "0123456789abcdef0123456789abcdef".into();
        visitor
            .post_refresh_token("/api/token/refresh", &sign_claims(&claims))
            .await
            .assert_is(401, EXPIRED);
    }
}

/// The same for access tokens, which have no family to end.
#[tokio::test]
async fn an_access_token_of_an_exchanged_impersonation_lasts_an_hour_at_most() {
    let (app, user) = TestApp::builder().start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let mut claims = impersonation_claims(&app, &user, TokenKind::Access);
    claims["exp"] = json!(app.now().seconds() + 864_000);
    claims["jti"] = "0123456789abcdef0123456789abcdef".into();
    let token = sign_claims(&claims);
    claims.as_object_mut().unwrap().remove("iat");
    let without_iat = sign_claims(&claims);
    app.clock.advance(TimeDelta::minutes(59));
    assert_eq!(visitor.get_me_with_token(&token).await.status, 200);
    app.clock.advance(TimeDelta::minutes(1));
    for token in [&token, &without_iat] {
        let me = visitor.get_me_with_token(token).await;
        assert_eq!(me.status, 401);
        assert_eq!(me.json["messages"][0]["message"], "Token is expired");
        let verified = visitor
            .post_json("/api/token/verify", &json!({ "token": token }))
            .await;
        verified.assert_is(401, EXPIRED);
    }
}

#[tokio::test]
async fn the_end_of_its_session_ends_a_family() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let session = app.only_session();
    let user = app.user("ada@example.com");
    let grant = || TokenGrant {
        sid: session.workos_sid.clone(),
        ..TokenGrant::default()
    };
    let pair = app.issue_tokens(&user, grant());
    assert_eq!(ada.get_me_with_token(&pair.access).await.status, 200);
    app.change(|conn| SessionRow::revoke(conn, &session.id, app.now()));
    ada.post_refresh_token("/api/token/refresh", &pair.refresh)
        .await
        .assert_is(401, BLACKLISTED);
    for token in [&pair.access, &pair.refresh] {
        let reply = ada
            .post_json("/api/token/verify", &json!({ "token": token }))
            .await;
        reply.assert_is(400, BLACKLISTED_FIELD);
    }
    assert_eq!(ada.get_me_with_token(&pair.access).await.status, 401);
    // A new sign-in may continue the same WorkOS session.
    let ada = app.signed_in("ada@example.com").await;
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::workos_sid.eq(session.workos_sid.as_deref()))
            .execute(conn)
    });
    let pair = app.issue_tokens(&user, grant());
    assert_eq!(ada.get_me_with_token(&pair.access).await.status, 200);
}
