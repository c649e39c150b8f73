//! Tokens that a Django project with the same `SECRET_KEY` signed. Own claims of the project mean nothing here.

use diesel::prelude::*;
use serde_json::json;
use vestibule::accounts::set_password;
use vestibule::db::schema::refresh_tokens;

use super::{BLACKLISTED, EXPIRED, INVALID, PASSWORD_CHANGED};
use crate::support::app::TestApp;
use crate::support::tokens::{sign_claims, token_part};

#[tokio::test]
async fn tokens_of_django_are_valid_only_for_imported_accounts() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let (refresh, access) = (
        sign_claims(&app.claims("refresh", &user)),
        sign_claims(&app.claims("access", &user)),
    );
    for path in ["/api/token/refresh", "/api/token/blacklist"] {
        visitor
            .post_refresh_token(path, &refresh)
            .await
            .assert_is(401, INVALID);
    }
    for token in [&refresh, &access] {
        let reply = visitor
            .post_json("/api/token/verify", &json!({ "token": token }))
            .await;
        reply.assert_is(200, "{}");
    }
    assert!(
        visitor
            .get_me_with_token(&access)
            .await
            .body
            .contains(r#""message":"Token is invalid""#)
    );
    assert!(
        app.refresh_token_rows().is_empty(),
        "no row is created for an unknown token"
    );

    app.set_imported(user.id);
    assert_eq!(visitor.get_me_with_token(&access).await.status, 200);
    assert_eq!(
        visitor
            .post_refresh_token("/api/token/refresh", &refresh)
            .await
            .status,
        200
    );

    app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
    visitor
        .get_me_with_token(&access)
        .await
        .assert_is(401, PASSWORD_CHANGED);
    visitor
        .post_refresh_token("/api/token/refresh", &refresh)
        .await
        .assert_is(401, PASSWORD_CHANGED);
}

/// As in simplejwt. The access tokens open nothing.
#[tokio::test]
async fn a_token_without_a_user_is_refreshed() {
    for rotate in ["false", "true"] {
        let (app, user) = TestApp::builder()
            .setting("ROTATE_REFRESH_TOKENS", rotate)
            .start_with_user();
        app.set_imported(user.id);
        let visitor = app.visitor();
        for nobody in [None, Some(json!(null)), Some(json!(""))] {
            let mut claims = app.claims("refresh", &user);
            claims.as_object_mut().unwrap().remove("user_id");
            if let Some(value) = nobody {
                claims["user_id"] = value;
            }
            let token = sign_claims(&claims);
            let refresh = "/api/token/refresh";
            let reply = visitor.post_refresh_token(refresh, &token).await;
            assert_eq!(reply.status, 200, "{claims}: {reply:?}");
            let me = visitor.get_me_with_token(&reply.text("access")).await;
            assert_eq!(me.status, 401, "{me:?}");
            let last = reply.json["refresh"].as_str().unwrap_or(&token);
            visitor
                .post_refresh_token("/api/token/blacklist", last)
                .await
                .assert_is(200, "{}");
            visitor
                .post_refresh_token(refresh, last)
                .await
                .assert_is(401, BLACKLISTED);
        }
    }
}

/// A Django project may add claims of these names by accident.
#[tokio::test]
async fn own_claims_mean_nothing_in_a_token_of_django() {
    for rotate in ["false", "true"] {
        let app = TestApp::builder()
            .setting("ROTATE_REFRESH_TOKENS", rotate)
            .start();
        let browser = app.signed_in("ada@example.com").await;
        let user = app.user("ada@example.com");
        let sid = app.only_session().workos_sid;
        let visitor = app.visitor();
        let claims = |kind: &str| {
            let mut claims = app.claims(kind, &user);
            claims["exp"] = (app.now().seconds() + 90_000).into();
            claims["ver"] = json!(user.token_version);
            claims["sid"] = json!(sid);
            claims["act"] = json!({ "sub": "support@example.com" });
            claims["vestibule"] = json!("an accident");
            claims
        };
        let (refresh, access) = (
            sign_claims(&claims("refresh")),
            sign_claims(&claims("access")),
        );
        let refused = visitor.get_me_with_token(&access).await;
        assert!(refused.body.contains("Token is invalid"), "{refused:?}");
        for path in ["/api/token/refresh", "/api/token/blacklist"] {
            let reply = visitor.post_refresh_token(path, &refresh).await;
            reply.assert_is(401, INVALID);
        }
        // A log-out does not take their session for ours.
        let bearer = format!("Bearer {access}");
        let header = [("authorization", bearer.as_str())];
        let body = json!({ "refresh": refresh });
        let reply = visitor
            .post_json_with_headers("/api/auth/logout", &body, &header)
            .await;
        assert_eq!(reply.json["workos_logout_url"], json!(null));
        assert!(browser.is_signed_in().await);

        app.set_imported(user.id);
        assert_eq!(visitor.get_me_with_token(&access).await.status, 200);
        let reply = visitor
            .post_refresh_token("/api/token/refresh", &refresh)
            .await;
        let next = token_part(&reply.text("access"), 1);
        let end = app.now().seconds() + 300;
        assert_eq!(next["exp"].as_i64(), Some(end), "no impersonation");
        if rotate == "false" {
            for name in ["ver", "sid", "act", "vestibule"] {
                assert_eq!(next[name], claims("refresh")[name], "{name} is copied");
            }
        } else {
            assert_eq!((&next["sid"], &next["act"]), (&json!(null), &json!(null)));
        }
        let me = visitor.get_me_with_token(&reply.text("access")).await;
        assert_eq!(me.status, 200);
        app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
        let mut claims = claims("access");
        claims["ver"] = json!(user.token_version + 1);
        visitor
            .get_me_with_token(&sign_claims(&claims))
            .await
            .assert_is(401, PASSWORD_CHANGED);
    }
}

/// The claims that do not collide are those of another user or of an earlier state of the account.
#[tokio::test]
async fn the_claims_of_a_token_issued_here_are_valid_together_only() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let other = app.add_user("ben@example.com", true);
    let pair = app.issue_tokens(&user, vestibule::tokens::TokenGrant::default());
    let issued = token_part(&pair.access, 1);
    let mut copied = issued.clone();
    copied["jti"] = json!("0123456789abcdef0123456789abcdef");
    let me = visitor.get_me_with_token(&sign_claims(&copied)).await;
    assert_eq!(me.status, 200, "{me:?}");
    for (name, value) in [
        ("user_id", json!(other.id.to_string())),
        ("ver", json!(1)),
        ("sid", json!("session_1")),
        ("act", json!({ "sub": "support@example.com" })),
        ("vestibule", json!(null)),
    ] {
        let mut changed = issued.clone();
        changed[name] = value;
        let me = visitor.get_me_with_token(&sign_claims(&changed)).await;
        assert!(me.body.contains("Token is invalid"), "{name}: {me:?}");
    }
}

#[tokio::test]
async fn a_token_gets_a_row_at_its_first_use() {
    for rotate in ["false", "true"] {
        let (app, user) = TestApp::builder()
            .setting("ROTATE_REFRESH_TOKENS", rotate)
            .start_with_user();
        app.set_imported(user.id);
        let visitor = app.visitor();
        let mut claims = app.claims("refresh", &user);
        claims["team"] = "blue".into();
        let token = sign_claims(&claims);
        let reply = visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await;
        let access = token_part(&reply.text("access"), 1);
        assert_eq!(
            (&access["team"], access.get("ver").is_some()),
            (&json!("blue"), rotate == "true")
        );
        let rows = app.refresh_token_rows();
        let row = rows
            .iter()
            .find(|row| claims["jti"] == row.jti.as_str())
            .unwrap();
        assert_eq!((row.user_id, &row.family), (Some(user.id), &row.jti));
        assert_eq!(row.expires_at.seconds(), claims["exp"].as_i64().unwrap());
        if rotate == "true" {
            let next = token_part(&reply.text("refresh"), 1);
            assert_eq!((&next["ver"], &next["team"]), (&json!(0), &json!("blue")));
            assert_eq!(rows.len(), 2);
            assert!(rows.iter().all(|other| other.family == row.family));
        }
        visitor
            .post_refresh_token("/api/token/blacklist", &sign_claims(&claims))
            .await;
        visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await
            .assert_is(401, BLACKLISTED);
        assert!(app.live_refresh_token_rows().is_empty());
    }
}

#[tokio::test]
async fn a_token_without_a_row_can_be_blacklisted() {
    let (app, user) = TestApp::builder().start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let known = sign_claims(&app.claims("refresh", &user));
    let mut claims = app.claims("refresh", &user);
    claims["user_id"] = "987654".into();
    // The account may be imported later.
    for token in [known, sign_claims(&claims)] {
        visitor
            .post_refresh_token("/api/token/blacklist", &token)
            .await
            .assert_is(200, "{}");
        visitor
            .post_refresh_token("/api/token/blacklist", &token)
            .await
            .assert_is(401, BLACKLISTED);
        visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await
            .assert_is(401, BLACKLISTED);
    }
    let mut of: Vec<_> = app
        .refresh_token_rows()
        .into_iter()
        .map(|row| row.user_id)
        .collect();
    of.sort_unstable();
    assert_eq!(of, [None, Some(user.id)]);
}

#[tokio::test]
async fn a_token_does_not_outlive_its_family() {
    let (app, user) = TestApp::builder()
        .setting("REFRESH_FAMILY_LIFETIME", "1000")
        .setting("REFRESH_TOKEN_LIFETIME", "500")
        .start_with_user();
    app.set_imported(user.id);
    let visitor = app.visitor();
    let mut claims = app.claims("refresh", &user);
    claims["exp"] = (app.now().seconds() + 90_000).into();
    let token = sign_claims(&claims);
    assert_eq!(
        visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await
            .status,
        200
    );
    app.clock.advance(chrono::TimeDelta::seconds(999));
    assert_eq!(
        visitor
            .post_refresh_token("/api/token/refresh", &token)
            .await
            .status,
        200
    );
    app.clock.advance(chrono::TimeDelta::seconds(1));
    visitor
        .post_refresh_token("/api/token/refresh", &token)
        .await
        .assert_is(401, EXPIRED);
}

#[tokio::test]
async fn a_token_that_was_issued_here_and_has_no_row_is_invalid() {
    let (app, user) = TestApp::builder().start_with_user();
    let pair = app.issue_tokens(&user, vestibule::tokens::TokenGrant::default());
    app.change(|conn| diesel::delete(refresh_tokens::table).execute(conn));
    let reply = app
        .visitor()
        .post_refresh_token("/api/token/refresh", &pair.refresh)
        .await;
    reply.assert_is(401, INVALID);
}

/// simplejwt copies unknown claims to the successor and gives it a new id.
#[tokio::test]
async fn a_token_issued_here_and_rotated_by_django_is_valid_for_an_imported_account() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let pair = app.issue_tokens(&user, vestibule::tokens::TokenGrant::default());
    app.change(|conn| diesel::delete(refresh_tokens::table).execute(conn));
    let mut claims = token_part(&pair.refresh, 1);
    claims["jti"] = json!("0123456789abcdef0123456789abcdef");
    let rotated = sign_claims(&claims);
    let refresh = "/api/token/refresh";
    visitor
        .post_refresh_token(refresh, &rotated)
        .await
        .assert_is(401, INVALID);
    app.set_imported(user.id);
    assert_eq!(
        visitor.post_refresh_token(refresh, &rotated).await.status,
        200
    );
    assert_eq!(
        app.refresh_token_rows().len(),
        1,
        "written down at its first use"
    );
    app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
    let after = visitor.post_refresh_token(refresh, &rotated).await;
    after.assert_is(401, PASSWORD_CHANGED);
}
