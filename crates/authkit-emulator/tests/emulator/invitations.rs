//! Invitations: what the pages say, and who can accept one.

use authkit_emulator::{Config, Seed};
use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, claims, redirect_parameters};

const INVITATION: [(&str, Option<&str>); 1] = [("invitation_token", Some("demo-invitation"))];

/// An emulator with an invitation to Example Orchards for Ada, who has an account.
fn with_invitation_for_ada() -> TestEmulator {
    let mut seed = Seed::default();
    seed.invitations[0].email = "ada@example.com".to_owned();
    TestEmulator::with(Config {
        seed,
        ..Config::default()
    })
}

#[tokio::test]
async fn an_invitation_for_a_new_user_shows_a_sign_up_form_that_names_it() {
    let emulator = TestEmulator::start();
    let page = emulator.authorize(&INVITATION).await.text().await.unwrap();
    for part in [
        "<h1>Sign up</h1>",
        "You are invited to join <strong>Example Orchards</strong>",
        "readonly value=\"ivy@example.com\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("ada@example.com"), "{page}");
}

#[tokio::test]
async fn an_invitation_for_a_user_lists_only_that_user() {
    let emulator = with_invitation_for_ada();
    let page = emulator.authorize(&INVITATION).await.text().await.unwrap();
    for part in [
        "<h1>Sign in</h1>",
        "You are invited to join <strong>Example Orchards</strong>",
        &emulator.user_id("ada@example.com"),
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("olive@example.com"), "{page}");
    let code = emulator.code("ada@example.com", &INVITATION).await;
    let (status, body) = emulator.exchange(&code).await;
    let organization = emulator.control().organization("Example Orchards");
    assert_eq!(
        (status.as_u16(), body["organization_id"].as_str()),
        (200, organization.as_deref())
    );
}

#[tokio::test]
async fn an_invitation_for_another_address_creates_no_account() {
    let emulator = TestEmulator::start();
    let form = [
        ("sign_up", "1"),
        ("email", "other@example.com"),
        ("password", "other-demo-password"),
    ];
    let response = emulator.submit_form(&INVITATION, &form).await;
    assert_eq!(response.status(), 422);
    let page = response.text().await.unwrap();
    assert!(page.contains("for another email address"), "{page}");
    assert!(emulator.control().user("other@example.com").is_none());
    let ada = [("user", &*emulator.user_id("ada@example.com"))];
    assert_eq!(emulator.submit_form(&INVITATION, &ada).await.status(), 422);
    let parameters =
        redirect_parameters(&emulator.submit_form(&INVITATION, &[("cancel", "1")]).await);
    assert_eq!(
        parameters["error"], "access_denied",
        "the invitation is still open"
    );
}

#[tokio::test]
async fn an_invitation_can_be_accepted_once() {
    let emulator = TestEmulator::start();
    let invitation = [("invitation_token", Some("demo-invitation"))];
    let form = [
        ("email", "ivy@example.com"),
        ("password", "ivy-demo-password"),
        ("sign_up", "1"),
    ];
    let url = emulator.authorize_url(&invitation);
    let response = emulator
        .browser
        .post(url.clone())
        .form(&form)
        .send()
        .await
        .unwrap();
    let location = response.headers()["location"].to_str().unwrap();
    let back = url::Url::parse(location).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    let (status, body) = emulator.exchange(&code.1).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["user"]["email_verified"], true);
    assert_eq!(
        claims(&body)["org_id"],
        emulator.control().organization("Example Orchards").unwrap()
    );
    assert_eq!(claims(&body)["role"], "member");
    for token in ["demo-invitation", "made-up"] {
        let url = emulator.authorize_url(&[("invitation_token", Some(token))]);
        let response = emulator.browser.get(url).send().await.unwrap();
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.contains("error=invitation_invalid"), "{location}");
    }
}

#[test]
fn an_invitation_of_the_seed_names_an_organization_of_the_seed() {
    let seed = |invitation: Value| {
        let seed = json!({ "organizations": [{ "name": "One" }], "invitations": [invitation] });
        Seed::from_json(&seed.to_string())
    };
    let good = json!({ "email": "ivy@example.com", "organization": "One" });
    assert!(seed(good).is_ok());
    let nowhere = json!({ "email": "ivy@example.com", "organization": "Two" });
    let refused = seed(nowhere).unwrap_err();
    assert!(refused.starts_with("invitations[0] needs"), "{refused}");
}
