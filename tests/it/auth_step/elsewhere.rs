//! `mfa_enrollment`, `sso_required` and other steps that continue with a new sign-in at WorkOS.

use authkit_emulator::{Effect, Fault, Seed, SeedMembership};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

use super::{TWYLA, led_to, stopped};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::{
    AUTHENTICATE, assert_nobody_signed_in, error_page, login_with_next, query,
};

const ADA: &str = "ada@example.com";

/// Signs in until WorkOS requires another step. Returns the address of the redirect.
async fn sent_on(visitor: &Visitor, login: &str, email: &str) -> Url {
    let authorize = visitor.start_login(login).await;
    let callback = visitor.authorize(&authorize, email).await;
    let response = visitor.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{email} is sent on");
    let fresh = Url::parse(&location(&response)).expect("WorkOS's authorize page");
    assert_eq!(fresh.path(), "/user_management/authorize");
    assert_ne!(query(&fresh, "state"), query(&authorize, "state"));
    fresh
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

fn refuse(app: &TestApp, status: u16, body: Value) {
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::status(status, body)));
}

#[tokio::test]
async fn a_second_factor_is_set_up_at_workos() {
    let app = TestApp::start();
    let enid = app.visitor();
    let fresh = sent_on(&enid, &login_with_next("/account"), "enid@example.com").await;
    assert_eq!(query(&fresh, "provider"), "authkit");
    assert_eq!(query(&fresh, "login_hint"), "enid@example.com");
    let page = enid.page(fresh.as_str()).await;
    assert!(page.contains("Set up a second factor"), "{page}");
    let request = enid.request(Method::POST, fresh.as_str());
    let answer = request.form(&[("enroll", "123456")]).send().await.unwrap();
    led_to(&enid.get(&location(&answer)).await, "/account");
    assert!(enid.is_signed_in().await);
}

#[tokio::test]
async fn single_sign_on_uses_the_connection_that_workos_names() {
    let app = TestApp::start();
    let sol = app.visitor();
    let email = "sol@example.com";
    let fresh = sent_on(&sol, &login_with_next("/account"), email).await;
    assert!(query(&fresh, "connection_id").starts_with("conn_"));
    assert_eq!(parameter(&fresh, "provider"), None);
    assert!(sol.page(fresh.as_str()).await.contains("with Harbour SSO"));
    let callback = sol.authorize(&fresh, email).await;
    led_to(&sol.get(callback.as_str()).await, "/account");
    let account = sol.page("/account").await;
    assert!(account.contains("Single sign-on"), "{account}");
}

#[tokio::test]
async fn a_redirect_loop_with_workos_is_stopped() {
    let app = TestApp::start();
    for (status, code, label) in [
        (400, "sso_required", "Continue with single sign-on"),
        (403, "mfa_enrollment", "Set it up"),
        (
            400,
            "organization_authentication_methods_required",
            "Choose another way",
        ),
        (403, "radar_challenge", "Continue"),
        (403, "radar_sms_challenge", "Continue"),
        (403, "application_consent_required", "Continue"),
        // A step that WorkOS may add.
        (403, "made_up_step", "Continue"),
        (
            403,
            "authentication_method_not_allowed",
            "Choose another way",
        ),
        // Without a token that an answer could be sent with.
        (403, "email_verification_required", "Verify email address"),
        (403, "mfa_challenge", "One more code"),
    ] {
        let ada = app.visitor();
        let mut body = json!({ "error": code, "email": ADA, "connection_ids": ["conn_1"] });
        if code == "made_up_step" {
            body["pending_authentication_token"] = "made-up-token".into();
        }
        refuse(&app, status, body.clone());
        let fresh = sent_on(&ada, &login_with_next("/account"), ADA).await;
        let anew = matches!(code, "email_verification_required" | "mfa_challenge");
        let max_age = parameter(&fresh, "max_age");
        assert_eq!(max_age.as_deref(), anew.then_some("0"), "{code}");
        let fresh = match parameter(&fresh, "connection_id") {
            // The emulator does not know the invented connection.
            Some(_) => Url::parse(
                &fresh
                    .as_str()
                    .replace("connection_id=conn_1", "provider=authkit"),
            )
            .unwrap(),
            None => fresh,
        };
        refuse(&app, status, body);
        let callback = ada.authorize(&fresh, ADA).await;
        let response = ada.get(callback.as_str()).await;
        assert_eq!(response.status(), StatusCode::OK, "{code}");
        let page = response.text().await.unwrap();
        assert!(page.contains(label), "{code}: {page}");
        assert!(page.contains("max_age=0&#38;next=%2Faccount"), "{page}");
        assert!(page.contains("Log in as someone else"), "{page}");
        assert_nobody_signed_in(&app, &ada).await;
        assert_eq!(ada.cookies("/auth/callback"), "", "the attempts are spent");
    }
}

#[tokio::test]
async fn each_challenge_is_passed_at_workos() {
    let app = TestApp::start();
    for code in [
        "radar_challenge",
        "radar_sms_challenge",
        "radar_email_challenge",
        "radar_sms_sign_in_challenge",
        "application_consent_required",
        "a_step_of_tomorrow",
    ] {
        let id = app.workos().user(ADA).expect("Ada").id;
        assert!(app.workos().set_challenge(&id, Some(code)));
        let ada = app.visitor();
        let fresh = sent_on(&ada, &login_with_next("/account"), ADA).await;
        assert_eq!(query(&fresh, "provider"), "authkit", "{code}");
        assert_eq!(query(&fresh, "login_hint"), ADA, "{code}");
        let request = ada.request(Method::POST, fresh.as_str());
        let answer = request.form(&[("enroll", "123456")]).send().await.unwrap();
        led_to(&ada.get(&location(&answer)).await, "/account");
        assert!(ada.is_signed_in().await, "{code}");
    }
}

#[tokio::test]
async fn the_requested_organisation_is_requested_again() {
    let app = TestApp::start();
    let olive = app.visitor();
    let known = stopped(&app.visitor(), TWYLA, "/").await;
    assert!(known.starts_with("/auth/step"));
    let organization = app.organization("Example Orchards");
    let login = format!("/auth/login?organization_id={organization}&next=/account");
    let body = json!({ "error": "organization_authentication_methods_required", "email": "olive@example.com" });
    refuse(&app, 400, body);
    let fresh = sent_on(&olive, &login, "olive@example.com").await;
    assert_eq!(query(&fresh, "organization_id"), organization);
    assert_eq!(query(&fresh, "provider"), "authkit");
    let callback = olive.authorize(&fresh, "olive@example.com").await;
    led_to(&olive.get(callback.as_str()).await, "/account");
}

#[tokio::test]
async fn choosing_an_organisation_with_single_sign_on_shows_a_page_with_a_link() {
    let mut seed = Seed::default();
    let harbour = seed.organizations.iter_mut().find(|one| one.sso_required);
    harbour
        .expect("one wants it")
        .memberships
        .push(SeedMembership {
            email: Some(TWYLA.to_owned()),
            ..SeedMembership::default()
        });
    let app = TestApp::builder().seed(seed).start();
    let harbour = app.organization("Harbour Trust");
    for plain in [false, true] {
        let twyla = app.visitor();
        let step = stopped(&twyla, TWYLA, "/account").await;
        if plain {
            refuse(
                &app,
                400,
                json!({ "message": "Must use SSO for selected organization" }),
            );
        }
        let response = twyla.submit(&step, &[("organization_id", &harbour)]).await;
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "no redirect after a form"
        );
        let page = response.text().await.unwrap();
        let link = page.split(r#"<a class="button" href=""#).nth(1).unwrap();
        let link = link.split('"').next().unwrap().replace("&#38;", "&");
        let fresh = twyla.start_login(&link).await;
        let callback = twyla.authorize(&fresh, TWYLA).await;
        led_to(&twyla.get(callback.as_str()).await, "/account");
        assert!(twyla.page("/account").await.contains(&harbour));
    }
}

#[tokio::test]
async fn an_unsupported_step_is_explained_with_a_way_to_continue() {
    let app = TestApp::start();
    let (ada, code) = (app.visitor(), "organization_selection_required");
    let body = json!({ "code": code, "message": "for developers" });
    refuse(&app, 403, body);
    let authorize = ada.start_login(&login_with_next("/account")).await;
    let callback = ada.authorize(&authorize, ADA).await;
    let response = ada.get(callback.as_str()).await;
    let page = error_page(response, StatusCode::FORBIDDEN).await;
    assert!(page.contains(code), "{page}");
    let again = r#"href="/auth/login?max_age=0&#38;next=%2Faccount""#;
    assert!(page.contains(again), "{page}");
    assert_nobody_signed_in(&app, &ada).await;
}
