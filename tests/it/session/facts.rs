//! What a session knows besides its user: organisation, role, permissions and more, from WorkOS. The row has it, the
//! cookie does not.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::exchange::{WORKOS, code_for};
use crate::support::readings::happens_soon;
use crate::support::tokens::token_claims;

/// A member of one organisation, as an administrator.
const OLIVE: &str = "olive@example.com";

fn app() -> TestAppBuilder {
    TestApp::builder().setting("ACCESS_TOKEN_LIFETIME", "20")
}

fn with_short_tokens(app: &TestApp) {
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(20));
}

async fn me(visitor: &Visitor) -> Value {
    let answer = visitor.get_me().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

fn claims(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn every_client_gets_what_workos_says() {
    let app = app().setting("WORKOS_CLAIMS", "plan,urn:app:seats").start();
    let workos = app.workos();
    let orchards = app.organization(ORCHARDS);
    workos.set_permissions("admin", &["posts:read", "posts:write"]);
    assert!(workos.set_entitlements(&orchards, &["audit-log"]));
    workos.set_feature_flag("new-editor", true);
    workos.set_extra_claims(claims(json!({
        "plan": {"name": "team"}, "urn:app:seats": 3, "secret": "not named",
    })));
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let expected = json!({
        "organization_id": orchards,
        "organization_name": ORCHARDS,
        "role": "admin",
        "roles": ["admin"],
        "permissions": ["posts:read", "posts:write"],
        "entitlements": ["audit-log"],
        "feature_flags": ["new-editor"],
        "claims": {"plan": {"name": "team"}, "urn:app:seats": 3},
        "impersonator": null,
        "is_staff": false,
        "is_superuser": false,
        "groups": [],
        "email_verified": true,
    });
    let assert_has_all = |seen: &Value| {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(seen[name], *value, "{name}: {seen}");
        }
    };
    assert_has_all(&me(&twyla).await);
    let tokens = twyla.post_json("/api/auth/session", &json!({})).await;
    let stranger = app.visitor();
    let access = tokens.text("access_token");
    assert_has_all(&stranger.get_me_with_token(&access).await.json);
    let body = json!({ "code": code_for(&app, OLIVE).await });
    let exchanged = app.visitor().post_json(WORKOS, &body).await;
    let access = exchanged.text("access_token");
    assert_has_all(&stranger.get_me_with_token(&access).await.json);

    let page = twyla.page("/account").await;
    for shown in [ORCHARDS, ">admin<", ">posts:read<", ">posts:write<"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    switch(&app, &twyla, TANDEM).await;
    let switched = me(&twyla).await;
    assert_eq!(switched["organization_name"], TANDEM, "{switched}");
    assert_eq!(switched["role"], "member", "{switched}");
    assert_eq!(switched["entitlements"], json!([]), "{switched}");
}

#[tokio::test]
async fn a_session_without_workos_knows_nothing() {
    let (app, _) = app().start_with_user();
    let ada = app.visitor();
    ada.log_in("ada@example.com", PASSWORD).await;
    let seen = me(&ada).await;
    assert_eq!(seen.get("role"), None, "{seen}");
    assert_eq!(seen["organization_id"], Value::Null);
    for list in ["roles", "permissions", "entitlements", "feature_flags"] {
        assert_eq!(seen[list], json!([]), "{list}");
    }
    assert_eq!(seen["claims"], json!({}));
}

#[tokio::test]
async fn a_change_reaches_every_replica_with_the_next_renewal() {
    let app = app().start();
    with_short_tokens(&app);
    let workos = app.workos();
    workos.set_permissions("admin", &["posts:read", "posts:write"]);
    let olive = app.signed_in(OLIVE).await;
    let other = app.replica().start();
    let there = other.visitor();
    let on_the_other = || async {
        let cookies = olive.cookies("/");
        let request = there.request(reqwest::Method::GET, "/account");
        let response = request.header("Cookie", cookies).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    };
    assert!(on_the_other().await.contains(">posts:write<"));
    assert!(workos.remove_permission("admin", "posts:write"));
    app.advance(20);
    let page = olive.page("/account").await;
    assert!(page.contains(">posts:read<"), "{page}");
    assert!(!page.contains(">posts:write<"), "{page}");
    // The cookie is as new as the change, so that the other replica does not use its memory.
    let page = on_the_other().await;
    assert!(!page.contains(">posts:write<"), "{page}");
}

#[tokio::test]
async fn a_change_reaches_a_replica_with_an_old_cookie() {
    let app = app().start();
    with_short_tokens(&app);
    let workos = app.workos();
    workos.set_permissions("admin", &["posts:write"]);
    let olive = app.signed_in(OLIVE).await;
    let old_cookie = olive.cookies("/");
    let other = app.replica().start();
    let page = |cookies: String| {
        let request = other.visitor().request(reqwest::Method::GET, "/account");
        async move {
            let response = request.header("Cookie", cookies).send().await.unwrap();
            response.text().await.unwrap()
        }
    };
    assert!(page(old_cookie.clone()).await.contains(">posts:write<"));
    workos.set_permissions("admin", &[]);
    app.advance(20);
    olive.page("/account").await;
    let generation = app.only_session().generation;
    assert_eq!(generation, 1, "the facts changed");
    let is_gone = async || !page(old_cookie.clone()).await.contains(">posts:write<");
    assert!(happens_soon(&other, is_gone).await);
}

#[tokio::test]
async fn a_renewal_without_a_change_begins_no_generation() {
    let app = app().start();
    with_short_tokens(&app);
    app.workos().set_permissions("admin", &["posts:read"]);
    let olive = app.signed_in(OLIVE).await;
    app.advance(20);
    olive.page("/account").await;
    assert_eq!(app.renewals(), 1);
    assert_eq!(app.only_session().generation, 0);
}

#[tokio::test]
async fn thirty_kilobytes_of_permissions_work_everywhere() {
    let app = app().start();
    with_short_tokens(&app);
    let workos = app.workos();
    let small = app.signed_in(OLIVE).await;
    let size = small.cookie("/", "sessionid").unwrap().len();
    let many: Vec<_> = (0..1_200)
        .map(|n| format!("documents:{n:04}:change"))
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    workos.set_permissions("admin", &many);
    let olive = app.signed_in(OLIVE).await;
    // The encrypted numbers differ by some digits.
    let difference = olive.cookie("/", "sessionid").unwrap().len().abs_diff(size);
    assert!(difference < 64, "{difference}");
    for _ in 0..2 {
        let seen = me(&olive).await;
        assert_eq!(seen["permissions"], json!(many));
        let page = olive.page("/account").await;
        assert!(page.contains("1200 permissions"), "{page}");
        let tokens = olive.post_json("/api/auth/session", &json!({})).await;
        let access = tokens.text("access_token");
        assert!(access.len() < 4_000, "{}", access.len());
        let claims = token_claims(&access);
        assert_eq!(claims["role"], "admin");
        assert_eq!(claims.get("permissions"), None, "absent, not empty");
        let by_token = app.visitor().get_me_with_token(&access).await;
        assert_eq!(by_token.json["permissions"], json!(many));
        app.advance(20);
    }
}
