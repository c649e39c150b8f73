//! The claims for applications: `TOKEN_CLAIMS`. Access tokens have them, refresh tokens never.

use std::time::Duration;

use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::db::schema::account_groups;
use vestibule::ids::UserId;
use vestibule::tokens::{TokenGrant, TokenPair};

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, TestAppBuilder};
use crate::support::exchange::{WORKOS, code_for};
use crate::support::tokens::{sign_claims, token_claims};

const ALL: &str = "org_id,role,roles,permissions,entitlements,feature_flags,email,name,groups";
const NAMES: [&str; 9] = [
    "org_id",
    "role",
    "roles",
    "permissions",
    "entitlements",
    "feature_flags",
    "email",
    "name",
    "groups",
];
/// A member of one organisation, as an administrator.
const OLIVE: &str = "olive@example.com";
const REFRESH: &str = "/api/token/refresh";

fn app(rotate: bool) -> TestAppBuilder {
    let rotate = if rotate { "true" } else { "false" };
    TestApp::builder().setting("ROTATE_REFRESH_TOKENS", rotate)
}

/// The claims for applications that a token has.
#[track_caller]
fn of_applications(token: &str) -> Value {
    let mut claims = token_claims(token);
    let claims = claims.as_object_mut().expect("an object");
    claims.retain(|name, _| NAMES.contains(&name.as_str()));
    json!(claims)
}

#[track_caller]
fn assert_pair_has(answer: &ApiResponse, [access, refresh]: [&str; 2], expected: &Value) {
    assert_eq!(of_applications(&answer.text(access)), *expected);
    assert_eq!(of_applications(&answer.text(refresh)), json!({}));
}

fn put_into_group(app: &TestApp, user_id: UserId, group: &str) {
    app.change(|conn| {
        diesel::insert_into(account_groups::table)
            .values((
                account_groups::user_id.eq(user_id),
                account_groups::name.eq(group),
            ))
            .execute(conn)
    });
}

/// Refreshes, asserts that only the access token has these claims, and keeps a new refresh token.
async fn refresh(app: &TestApp, token: &mut String, expected: &Value) {
    let answer = app.visitor().post_refresh_token(REFRESH, token).await;
    let access = answer.text("access");
    assert_eq!(of_applications(&access), *expected);
    let me = app.visitor().get_me_with_token(&access).await;
    assert_eq!(me.status, 200, "{me:?}");
    if let Some(next) = answer.json["refresh"].as_str() {
        next.clone_into(token);
    }
    assert_eq!(of_applications(token), json!({}));
}

#[tokio::test]
async fn tokens_of_a_password_name_the_account_and_its_groups() {
    for rotate in [false, true] {
        let (app, user) = app(rotate).setting("TOKEN_CLAIMS", ALL).start_with_user();
        let credentials = json!({ "email": "ada@example.com", "password": PASSWORD });
        let answer = app.visitor().post_json("/api/token", &credentials).await;
        let mut expected = json!({ "email": "ada@example.com", "groups": [] });
        assert_pair_has(&answer, ["access", "refresh"], &expected);
        let mut token = answer.text("refresh");

        put_into_group(&app, user.id, "editors");
        put_into_group(&app, user.id, "Nachtschicht Ü");
        expected["groups"] = json!(["Nachtschicht Ü", "editors"]);
        refresh(&app, &mut token, &expected).await;
        app.change(|conn| diesel::delete(account_groups::table).execute(conn));
        expected["groups"] = json!([]);
        refresh(&app, &mut token, &expected).await;
    }
}

#[tokio::test]
async fn tokens_of_an_exchange_name_the_organisation_and_the_current_role() {
    for rotate in [false, true] {
        let app = app(rotate).setting("ACCESS_TOKEN_LIFETIME", "20").start();
        let workos = app.workos();
        workos.set_access_token_lifetime(Duration::from_secs(20));
        let body = json!({ "code": code_for(&app, OLIVE).await });
        let answer = app.visitor().post_json(WORKOS, &body).await;
        let orchards = app.organization(ORCHARDS);
        let permissions = workos.permissions("admin").unwrap();
        let mut expected =
            json!({ "org_id": orchards, "role": "admin", "permissions": permissions });
        assert_pair_has(&answer, ["access_token", "refresh_token"], &expected);
        let mut token = answer.text("refresh_token");
        refresh(&app, &mut token, &expected).await;

        let olive = workos.user(OLIVE).unwrap().id;
        assert!(workos.set_role(&orchards, &olive, "member"));
        app.advance(20);
        expected["role"] = json!("member");
        expected["permissions"] = json!(workos.permissions("member").unwrap());
        refresh(&app, &mut token, &expected).await;
    }
}

#[tokio::test]
async fn tokens_of_a_browser_session_follow_its_organisation() {
    for rotate in [false, true] {
        let app = app(rotate)
            .setting("TOKEN_CLAIMS", "role, org_id,name")
            .start();
        let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
        let answer = twyla.post_json("/api/auth/session", &json!({})).await;
        let name = of_applications(&answer.text("access_token"))["name"].clone();
        assert!(name.as_str().unwrap().starts_with("Twyla"), "{name}");
        let mut expected =
            json!({ "org_id": app.organization(ORCHARDS), "role": "admin", "name": name });
        assert_pair_has(&answer, ["access_token", "refresh_token"], &expected);
        switch(&app, &twyla, TANDEM).await;
        expected["org_id"] = json!(app.organization(TANDEM));
        expected["role"] = json!("member");
        let mut token = answer.text("refresh_token");
        refresh(&app, &mut token, &expected).await;
    }
}

/// Another person's session with the same id at WorkOS cannot occur; its facts would not be used.
#[tokio::test]
async fn facts_of_the_session_of_another_account_are_not_used() {
    let app = TestApp::start();
    in_organization(&app, TWYLA, ORCHARDS).await;
    let session = app.only_session();
    let other = app.add_user("ada@example.com", true);
    let grant = TokenGrant {
        sid: session.workos_sid,
        ..TokenGrant::default()
    };
    let TokenPair { access, .. } = app.issue_tokens(&other, grant);
    assert_eq!(of_applications(&access), json!({}));
}

/// A Django project may add claims of these names. Those that the setting names are vestibule's, whatever the
/// token says; others are copied, as simplejwt copies them.
#[tokio::test]
async fn claims_of_a_token_of_django_are_replaced() {
    for rotate in [false, true] {
        for (setting, expected) in [
            (
                "role,email,groups",
                json!({ "email": "ada@example.com", "groups": ["editors"], "permissions": ["all"] }),
            ),
            (
                "",
                json!({ "role": "root", "email": "root@example.com", "groups": ["root"], "permissions": ["all"] }),
            ),
        ] {
            let (app, user) = app(rotate)
                .setting("TOKEN_CLAIMS", setting)
                .start_with_user();
            app.set_imported(user.id);
            put_into_group(&app, user.id, "editors");
            let mut claims = app.claims("refresh", &user);
            claims["role"] = json!("root");
            claims["email"] = json!("root@example.com");
            claims["groups"] = json!(["root"]);
            claims["permissions"] = json!(["all"]);
            claims["shop"] = json!(7);
            let mut token = sign_claims(&claims);
            for _ in 0..2 {
                let answer = app.visitor().post_refresh_token(REFRESH, &token).await;
                let access = answer.text("access");
                assert_eq!(of_applications(&access), expected, "{setting}");
                assert_eq!(token_claims(&access)["shop"], 7);
                // A name that is written twice has one value after parsing.
                let payload = access.split('.').nth(1).unwrap();
                let payload = String::from_utf8(base64_url(payload)).unwrap();
                assert_eq!(payload.matches(r#""groups":"#).count(), 1, "{payload}");
                if let Some(next) = answer.json["refresh"].as_str() {
                    next.clone_into(&mut token);
                }
            }
        }
    }
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .unwrap()
}
