//! Switches that fail. The session then stays as it was.

use authkit_emulator::{Effect, Fault};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{HARBOUR, ORCHARDS, ROUTE, TANDEM, TWYLA, in_organization, switch};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::renewal::{KEY_SET, eventually};
use crate::support::steps::{error_page, retry_after};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

/// Asserts that the session is in the same organisation, has no lease and can be renewed.
async fn is_unchanged(app: &TestApp, visitor: &Visitor) {
    app.workos().clear_faults();
    app.advance(31);
    let page = visitor.page("/account").await;
    assert!(page.contains(">admin<"), "{page}");
    app.expire_workos_tokens();
    assert_eq!(visitor.get("/account").await.status(), StatusCode::OK);
    let row = app.only_session();
    assert_eq!(row.organization_id, Some(app.organization(ORCHARDS).into()));
    assert_eq!((row.renewing_until, row.revoked_at), (None, None));
}

fn refuse(app: &TestApp, status: u16, body: Value) {
    app.inject_fault(1, Effect::status(status, body));
}

#[tokio::test]
async fn an_organisation_without_membership_is_an_error_on_the_form() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let harbour = app.organization(HARBOUR);
    for (id, told) in [
        (harbour.as_str(), "You cannot switch to this organisation"),
        ("org_nobodys", "You cannot switch to this organisation"),
        ("", "Choose one of your organisations."),
        ("org_\0", "Null characters are not allowed."),
    ] {
        let answer = twyla.submit(ROUTE, &[("organization_id", id)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{id:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(told), "{id:?}: {page}");
        assert!(page.contains("<title>Error: Your account"), "{page}");
        let other = app.organization(TANDEM);
        let other = format!(r#"value="{other}" required aria-invalid="true" autofocus"#);
        assert!(
            page.contains(&other),
            "the focus is on the first choice: {page}"
        );
        assert_eq!(page.matches("autofocus").count(), 1, "{page}");
    }
    assert_eq!(twyla.submit(ROUTE, &[]).await.status(), StatusCode::OK);
    is_unchanged(&app, &twyla).await;
}

#[tokio::test]
async fn a_step_that_workos_requires_leads_to_a_new_sign_in() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let tandem = app.organization(TANDEM);
    for (status, code, label) in [
        (403, "mfa_enrollment", "Set it up"),
        (
            400,
            "organization_authentication_methods_required",
            "Choose another way",
        ),
        (403, "email_verification_required", "Continue"),
    ] {
        let body =
            json!({ "code": code, "message": "m", "pending_authentication_token": "secret" });
        refuse(&app, status, body);
        let answer = switch(&app, &twyla, TANDEM).await;
        assert_eq!(answer.status(), StatusCode::OK, "{code}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(label), "{code}: {page}");
        let link = format!("organization_id={tandem}");
        assert!(page.contains(&link), "{code}: {page}");
        assert!(page.contains("next=%2Faccount"), "{code}: {page}");
        let whose = "login_hint=twyla%40example.com";
        assert!(page.contains(whose), "{code}: {page}");
        assert!(!page.contains("secret"), "{code}");
    }
    is_unchanged(&app, &twyla).await;
}

#[tokio::test]
async fn an_outage_is_a_503_and_the_session_stays() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    app.make_workos_unavailable();
    let answer = switch(&app, &twyla, TANDEM).await;
    assert!(retry_after(answer.headers()).is_some());
    let page = error_page(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(page.contains(r#"href="/account""#), "{page}");
    assert!(twyla.is_signed_in().await);
    is_unchanged(&app, &twyla).await;
}

#[tokio::test]
async fn a_token_that_cannot_be_verified_is_an_outage() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    app.workos()
        .inject(Fault::once(KEY_SET, Effect::status(503, json!({}))).times(u32::MAX));
    let answer = switch(&app, &twyla, TANDEM).await;
    error_page(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    // After the half minute in which WorkOS repeats the same tokens: the new one was stored.
    app.advance(90);
    is_unchanged(&app, &twyla).await;
}

#[tokio::test]
async fn a_lost_response_is_fetched_by_the_next_request() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    app.inject_fault(3, Effect::DropReply);
    let answer = switch(&app, &twyla, TANDEM).await;
    error_page(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    app.advance(5);
    assert!(twyla.is_signed_in().await);
    eventually(|| app.only_session().renewal_failures == 0).await;
    app.advance(60);
    app.expire_workos_tokens();
    assert!(twyla.is_signed_in().await, "the new token was fetched");
}

#[tokio::test]
async fn a_session_that_workos_has_ended_ends_here() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.workos().revoke_session(&sid);
    let answer = switch(&app, &twyla, TANDEM).await;
    let back = "/login?notice=session-ended&next=%2Faccount";
    assert_eq!(location(&answer), back);
    assert!(!twyla.is_signed_in().await);
}

#[tokio::test]
async fn an_ended_session_keeps_the_forms_return_path() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let sid = app.only_session().workos_sid.unwrap().to_string();
    app.workos().revoke_session(&sid);
    let id = app.organization(TANDEM);
    let form = |next| [("organization_id", id.as_str()), ("next", next)];
    let answer = twyla.submit(ROUTE, &form("/?from=here")).await;
    let back = "/login?notice=session-ended&next=%2F%3Ffrom%3Dhere";
    assert_eq!(location(&answer), back);
    let answer = twyla.submit(ROUTE, &form("/?from=here")).await;
    let back = "/auth/login?next=%2F%3Ffrom%3Dhere";
    assert_eq!(location(&answer), back);
    let answer = twyla.submit(ROUTE, &form("https://evil.example/")).await;
    assert_eq!(location(&answer), "/auth/login?next=%2Faccount");
}

#[tokio::test]
async fn a_local_session_has_no_organisation() {
    let app = TestApp::builder().setting("PASSWORD_LOGIN", "all").start();
    app.add_user_with_password("penny@example.com", "correct-horse-42");
    let penny = app.visitor();
    let answer = penny.log_in("penny@example.com", "correct-horse-42").await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert!(!penny.page("/account").await.contains(ROUTE));
    assert_eq!(app.workos().count(MEMBERSHIPS), 0);
    let page = error_page(switch(&app, &penny, TANDEM).await, StatusCode::FORBIDDEN).await;
    assert!(page.contains("No organisation to switch to"), "{page}");
    assert!(penny.is_signed_in().await);
}

#[tokio::test]
async fn an_anonymous_user_is_redirected_to_log_in_and_another_site_is_refused() {
    let app = TestApp::start();
    let answer = switch(&app, &app.visitor(), TANDEM).await;
    assert_eq!(location(&answer), "/auth/login?next=%2Faccount");
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let id = app.organization(TANDEM);
    let request = twyla.request(Method::POST, ROUTE);
    let request = request
        .header("Sec-Fetch-Site", "cross-site")
        .form(&[("organization_id", id)]);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(app.renewals(), 0);
    assert_eq!(
        twyla.get(ROUTE).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn the_page_works_while_the_organisations_cannot_be_listed() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    app.workos()
        .inject(Fault::once(MEMBERSHIPS, Effect::status(503, json!({}))));
    let answer = twyla.get("/account").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    assert!(page.contains("cannot be listed at the moment"), "{page}");
    assert!(page.contains(&app.organization(ORCHARDS)), "{page}");
    app.advance(10);
    assert!(twyla.page("/account").await.contains(TANDEM));
    // A user with one organisation has nothing to choose.
    let olive = app.signed_in("olive@example.com").await;
    let page = olive.page("/account").await;
    assert!(!page.contains(ROUTE) && page.contains(ORCHARDS), "{page}");
}

#[tokio::test]
async fn an_account_asks_workos_for_a_few_switches_a_minute_in_all_its_sessions() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "3/min")
        .start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let elsewhere = in_organization(&app, TWYLA, ORCHARDS).await;
    for visitor in [&twyla, &elsewhere, &twyla] {
        let made_up = [("organization_id", "org_nobodys")];
        let refused = visitor.submit(ROUTE, &made_up).await;
        assert_eq!(refused.status(), StatusCode::OK);
    }
    assert_eq!(app.renewals(), 3);
    for visitor in [&twyla, &elsewhere] {
        let throttled = switch(&app, visitor, TANDEM).await;
        assert_eq!(retry_after(throttled.headers()), Some(60));
        error_page(throttled, StatusCode::TOO_MANY_REQUESTS).await;
    }
    assert_eq!(app.renewals(), 3, "WorkOS is not asked");
    app.advance(60);
    let switched = switch(&app, &twyla, TANDEM).await;
    assert_eq!(location(&switched), "/account?notice=organization-switched");
}
