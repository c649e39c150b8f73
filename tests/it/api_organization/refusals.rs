//! Switches that fail. The session then stays as it was.

use authkit_emulator::{Effect, Seed, SeedMembership};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{ORCHARDS, ROUTE, TANDEM, TWYLA, exchanged, role_of, switch, switch_with_token};
use crate::organization::in_organization;
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::TestApp;

const HARBOUR: &str = "Harbour Trust";

#[track_caller]
fn assert_problem(answer: &ApiResponse, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json["code"], code, "{answer:?}");
    assert!(answer.text("detail").ends_with('.'), "{answer:?}");
}

#[track_caller]
fn assert_unchanged(app: &TestApp) {
    let row = app.only_session();
    assert_eq!(row.organization_id, Some(app.organization(ORCHARDS).into()));
    assert_eq!((row.renewing_until, row.revoked_at), (None, None));
}

#[tokio::test]
async fn an_organisation_without_membership_is_refused() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    for id in [
        app.organization(HARBOUR).as_str(),
        "org_nobodys",
        "no organisation",
    ] {
        let answer = twyla
            .post_json(ROUTE, &json!({ "organization_id": id }))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}: {answer:?}");
        let told = "You cannot switch to this organisation, so nothing has changed.";
        assert_eq!(answer.json["detail"], told);
        assert!(answer.text("code").contains("organization"), "{answer:?}");
    }
    let missing = twyla.post_json(ROUTE, &json!({})).await;
    let field = json!({ "organization_id": ["This field is required."] });
    assert_eq!(
        (missing.status, missing.json),
        (StatusCode::BAD_REQUEST, field)
    );
    assert_unchanged(&app);
    assert!(app.refresh_token_rows().is_empty(), "no tokens");
}

#[tokio::test]
async fn a_required_step_is_named_as_by_the_exchange() {
    let mut seed = Seed::default();
    let harbour = seed.organizations.iter_mut().find(|one| one.sso_required);
    harbour.unwrap().memberships.push(SeedMembership {
        email: Some(TWYLA.to_owned()),
        ..SeedMembership::default()
    });
    let app = TestApp::builder().seed(seed).start();
    let (access, _) = exchanged(&app, TWYLA, ORCHARDS).await;
    let answer = switch_with_token(&app, &access, HARBOUR).await;
    assert_problem(&answer, StatusCode::FORBIDDEN, "sso_required");
    assert_eq!(answer.json["connection_ids"].as_array().unwrap().len(), 1);
    assert!(answer.json.get("pending_authentication_token").is_none());
    for (code, is_answerable) in [
        ("mfa_enrollment", false),
        ("organization_authentication_methods_required", false),
        ("email_verification_required", true),
    ] {
        let body =
            json!({ "code": code, "message": "m", "pending_authentication_token": "secret" });
        app.inject_fault(1, Effect::status(403, body));
        let answer = switch_with_token(&app, &access, TANDEM).await;
        assert_problem(&answer, StatusCode::FORBIDDEN, code);
        let token = answer.json.get("pending_authentication_token");
        assert_eq!(token.is_some(), is_answerable, "{answer:?}");
        assert!(!answer.body.contains("secret"), "it is sealed: {answer:?}");
    }
    assert_unchanged(&app);
    assert_eq!(role_of(&app, &access).await, "admin");
}

#[tokio::test]
async fn an_outage_is_a_503_and_the_session_stays() {
    let app = TestApp::start();
    let (access, _) = exchanged(&app, TWYLA, ORCHARDS).await;
    app.make_workos_unavailable();
    let answer = switch_with_token(&app, &access, TANDEM).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(role_of(&app, &access).await, "admin");
    app.restore_workos();
    let answer = switch_with_token(&app, &access, TANDEM).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn a_session_that_workos_has_ended_ends_here() {
    for by_token in [false, true] {
        let app = TestApp::start();
        let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
        let tokens = twyla.post_json("/api/auth/session", &json!({})).await;
        let sid = app.only_session().workos_sid.unwrap();
        app.workos().revoke_session(&sid);
        let answer = match by_token {
            true => switch_with_token(&app, &tokens.text("access_token"), TANDEM).await,
            false => switch(&app, &twyla, TANDEM).await,
        };
        assert_problem(&answer, StatusCode::UNAUTHORIZED, "session_ended");
        assert!(answer.text("sign_in_url").ends_with("/auth/login"));
        assert!(!twyla.is_signed_in().await);
        assert!(app.live_refresh_token_rows().is_empty());
    }
}

#[tokio::test]
async fn without_a_session_of_workos_nothing_is_switched() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    let user = app.add_password_user("penny@example.com");
    let anonymous = switch(&app, &app.visitor(), TANDEM).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    let penny = app.visitor();
    penny.log_in(&user.email, PASSWORD).await;
    let answer = switch(&app, &penny, TANDEM).await;
    assert_problem(&answer, StatusCode::CONFLICT, "no_workos_session");
    assert!(penny.is_signed_in().await);
    let credentials = json!({ "email": user.email, "password": PASSWORD });
    let pair = app.visitor().post_json("/api/token", &credentials).await;
    let answer = switch_with_token(&app, &pair.text("access"), TANDEM).await;
    assert_problem(&answer, StatusCode::CONFLICT, "no_workos_session");
}

#[tokio::test]
async fn a_page_of_another_site_switches_nothing() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let body = json!({ "organization_id": app.organization(TANDEM) });
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let answer = twyla
            .post_json_with_headers(ROUTE, &body, &[(name, value)])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(app.renewals(), 0);
    let get = twyla.request(Method::GET, ROUTE).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_switches_of_an_account_and_the_tokens_of_a_session_are_limited() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "2/min")
        .setting("THROTTLE_REFRESH", "1/min")
        .start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    for name in [TANDEM, ORCHARDS] {
        assert_eq!(switch(&app, &twyla, name).await.status, StatusCode::OK);
    }
    let throttled = switch(&app, &twyla, TANDEM).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.header("retry-after"), Some("60"));
    assert_eq!(app.renewals(), 2, "WorkOS is not asked");
    for _ in 0..2 {
        let same = switch(&app, &twyla, ORCHARDS).await;
        assert_eq!(same.status, StatusCode::OK, "{same:?}");
    }
    let throttled = switch(&app, &twyla, ORCHARDS).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.header("retry-after"), Some("3600"));
    assert_eq!(app.refresh_token_rows().len(), 4);
}
