//! Access and refresh tokens of every origin.

use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::clock::Timestamp;
use vestibule::db::schema::jobs;

use super::Upgraded;
use crate::support::api::ApiResponse;
use crate::support::app::Visitor;
use crate::support::tokens::{sign_claims, token_claims};

/// Holders of tokens that were valid when the previous version stopped, and their emails.
const VALID: [(&str, &str); 7] = [
    ("ada", "ada@example.com"),
    ("dora", "dora@example.com"),
    ("imogen", "imogen@example.com"),
    ("exchanged", "ada@example.com"),
    ("password", "dora@example.com"),
    ("replacement", "dora@example.com"),
    ("django", "django@example.com"),
];

/// The row of `jobs` with the time until which the claims of tokens need not be bound.
const END_OF_UNBOUND: &str = "refuse unbound token claims";

#[track_caller]
fn is_blacklisted(answer: &ApiResponse, holder: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{holder}");
    assert_eq!(answer.json["detail"], "Token is blacklisted", "{holder}");
}

#[tokio::test]
async fn valid_tokens_work_and_rotate() {
    let upgraded = Upgraded::start();
    for (holder, email) in VALID {
        let visitor = upgraded.app.visitor();
        let me = visitor.get_me_with_token(upgraded.access(holder)).await;
        assert_eq!(me.json["email"], email, "{holder}");

        let first = upgraded.exchange_refresh(upgraded.refresh(holder)).await;
        assert_eq!(first.status, StatusCode::OK, "{holder}");
        let (access, refresh) = (first.text("access"), first.text("refresh"));
        let sid = token_claims(upgraded.refresh(holder))["sid"].clone();
        assert_eq!(token_claims(&access)["sid"], sid, "{holder}");
        assert_eq!(token_claims(&refresh)["sid"], sid, "{holder}");
        let me = visitor.get_me_with_token(&access).await;
        assert_eq!(me.json["email"], email, "{holder}");

        let replayed = upgraded.exchange_refresh(upgraded.refresh(holder)).await;
        assert_eq!(replayed.text("refresh"), refresh, "{holder}: the replay");
        let second = upgraded.exchange_refresh(&refresh).await;
        assert_eq!(second.status, StatusCode::OK, "{holder}");
    }
}

#[tokio::test]
async fn a_replaced_token_still_gets_its_successor_within_the_replay_window() {
    let upgraded = Upgraded::start();
    let replayed = upgraded
        .exchange_refresh(upgraded.refresh("replaced"))
        .await;
    assert_eq!(replayed.text("access"), upgraded.access("replacement"));
    assert_eq!(replayed.text("refresh"), upgraded.refresh("replacement"));

    upgraded.app.advance(31);
    for holder in ["replaced", "replacement"] {
        let late = upgraded.exchange_refresh(upgraded.refresh(holder)).await;
        is_blacklisted(&late, holder);
    }
}

#[tokio::test]
async fn revoked_tokens_stay_revoked() {
    let upgraded = Upgraded::start();
    for holder in ["ada_signed_out", "dora_signed_out", "blacklisted"] {
        let answer = upgraded.exchange_refresh(upgraded.refresh(holder)).await;
        is_blacklisted(&answer, holder);
    }
    let answer = upgraded
        .exchange_refresh(upgraded.issued("/django_blacklisted"))
        .await;
    is_blacklisted(&answer, "django_blacklisted");
    let visitor = upgraded.app.visitor();
    let me = visitor
        .get_me_with_token(upgraded.access("ada_signed_out"))
        .await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_of_django_that_was_never_used_here_works() {
    let upgraded = Upgraded::start();
    let token = upgraded.issued("/django_unused");
    let answer = upgraded.exchange_refresh(token).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_log_out_ends_the_session_and_its_family() {
    let upgraded = Upgraded::start();
    for browser in ["ada", "dora", "imogen"] {
        let token = upgraded.refresh(browser);
        let rotated = upgraded.exchange_refresh(token).await.text("refresh");
        let response = upgraded.post(browser, "/auth/logout", &[]).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{browser}");
        assert!(!upgraded.is_signed_in(browser).await, "{browser}");
        for token in [token, &rotated] {
            is_blacklisted(&upgraded.exchange_refresh(token).await, browser);
        }
    }
}

#[tokio::test]
async fn a_log_out_by_token_ends_the_family() {
    let upgraded = Upgraded::start();
    for holder in ["exchanged", "password", "django"] {
        let token = upgraded.refresh(holder);
        let body = json!({ "refresh": token });
        let answer = Visitor::new(&upgraded.app.url)
            .post_json("/api/auth/logout", &body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{holder}");
        is_blacklisted(&upgraded.exchange_refresh(token).await, holder);
    }
}

/// The claims of tokens that were issued before the upgrade are not bound to one another.
#[tokio::test]
async fn unbound_claims_count_only_if_they_are_older_than_the_upgrade() {
    let upgraded = Upgraded::start();
    let app = &upgraded.app;
    let end: Timestamp = app.rows(|conn| {
        jobs::table
            .find(END_OF_UNBOUND)
            .select(jobs::due_at)
            .first(conn)
    });
    app.advance(end.seconds() - app.now().seconds() + 1);
    let user = app.user("ada@example.com");
    assert!(!user.imported);
    for (issued_at, expected) in [
        (end.seconds() - 1, StatusCode::OK),
        (end.seconds(), StatusCode::UNAUTHORIZED),
    ] {
        let mut claims = app.claims("access", &user);
        claims["iat"] = json!(issued_at);
        claims["ver"] = json!(user.token_version);
        let me = app.visitor().get_me_with_token(&sign_claims(&claims)).await;
        assert_eq!(me.status, expected, "{me:?}");
    }
}
