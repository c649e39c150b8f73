//! The forms of the sign-in page, and remembered browsers.

use super::test_emulator::{TestEmulator, browser, location, redirect_parameters};

#[tokio::test]
async fn choosing_a_user_redirects_with_code_and_state() {
    let emulator = TestEmulator::start();
    let form = [("user", &*emulator.user_id("ada@example.com"))];
    let uri = "http://localhost:8000/cb?keep=1%202";
    let response = emulator
        .submit_form(&[("redirect_uri", Some(uri))], &form)
        .await;
    let location = location(&response);
    assert!(
        location.as_str().starts_with(&format!("{uri}&code=")),
        "{location}"
    );
    assert_eq!(redirect_parameters(&response)["state"], "some-state");
    let parameters = redirect_parameters(&emulator.submit_form(&[("state", None)], &form).await);
    assert!(
        parameters.contains_key("code") && !parameters.contains_key("state"),
        "{parameters:?}"
    );
}

#[tokio::test]
async fn the_password_form_accepts_only_the_right_password() {
    let emulator = TestEmulator::start();
    let (email, right) = (
        ("email", "ADA@example.com"),
        ("password", "ada-demo-password"),
    );
    assert!(
        redirect_parameters(&emulator.submit_form(&[], &[email, right]).await).contains_key("code")
    );
    for form in [
        vec![email, ("password", "wrong")],
        vec![email, ("password", "")],
        vec![email],
        vec![("email", "nobody@example.com"), right],
        vec![("user", "user_unknown")],
        vec![],
    ] {
        let response = emulator.submit_form(&[], &form).await;
        assert_eq!(response.status(), 422, "{form:?}");
        assert!(
            response.text().await.unwrap().contains("role=\"alert\""),
            "{form:?}"
        );
    }
}

#[tokio::test]
async fn cancelling_sends_access_denied_to_the_application() {
    let emulator = TestEmulator::start();
    let parameters = redirect_parameters(&emulator.submit_form(&[], &[("cancel", "1")]).await);
    assert_eq!(parameters["error"], "access_denied");
    assert_eq!(parameters["state"], "some-state");
    assert!(!parameters.contains_key("code"));
}

#[tokio::test]
async fn a_form_sent_from_another_site_is_refused() {
    let emulator = TestEmulator::start();
    let form = [("user", emulator.user_id("ada@example.com"))];
    let request = emulator
        .browser
        .post(emulator.authorize_url(&[]))
        .form(&form);
    let response = request
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn a_remembered_browser_sees_no_page_unless_the_request_needs_a_new_sign_in() {
    let emulator = TestEmulator::start();
    emulator.code("ada@example.com", &[]).await;
    assert!(redirect_parameters(&emulator.authorize(&[]).await).contains_key("code"));
    assert!(
        redirect_parameters(&emulator.authorize(&[("max_age", Some("60"))]).await)
            .contains_key("code")
    );
    for change in [
        ("prompt", Some("login")),
        ("max_age", Some("0")),
        ("screen_hint", Some("sign-up")),
        ("login_hint", Some("olive@example.com")),
        (
            "organization_id",
            Some(&*organization_without_ada(&emulator).await),
        ),
    ] {
        assert_eq!(
            emulator.authorize(&[change]).await.status(),
            200,
            "{change:?}"
        );
    }
    emulator
        .control()
        .advance(std::time::Duration::from_secs(61));
    assert_eq!(
        emulator
            .authorize(&[("max_age", Some("60"))])
            .await
            .status(),
        200
    );
    let other_browser = browser()
        .get(emulator.authorize_url(&[]))
        .send()
        .await
        .unwrap();
    assert_eq!(other_browser.status(), 200);
}

/// The id of an organisation that Ada is not a member of. Her browser stays remembered.
async fn organization_without_ada(emulator: &TestEmulator) -> String {
    let tokens = emulator.sign_in("olive@example.com").await;
    emulator.code("ada@example.com", &[]).await;
    tokens["organization_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_members_can_sign_in_to_an_organization() {
    let emulator = TestEmulator::start();
    let id = organization_without_ada(&emulator).await;
    let changes = [("organization_id", Some(&*id)), ("provider", None)];
    let response = emulator
        .submit_form(&changes, &[("user", &emulator.user_id("ada@example.com"))])
        .await;
    assert_eq!(response.status(), 422);
    assert!(response.text().await.unwrap().contains("not a member"));
    // Twyla is a member of two organisations, and does not have to choose when the request names one.
    let (status, body) = emulator
        .exchange(&emulator.code("twyla@example.com", &changes).await)
        .await;
    assert_eq!(
        (status.as_u16(), &body["organization_id"]),
        (200, &id.into())
    );
}

#[tokio::test]
async fn a_new_account_must_verify_its_email_address() {
    let emulator = TestEmulator::start();
    let changes = [("screen_hint", Some("sign-up"))];
    let page = emulator.authorize(&changes).await.text().await.unwrap();
    assert!(
        page.contains("<h1>Sign up</h1>") && page.contains("name=\"sign_up\""),
        "{page}"
    );
    assert!(
        !page.contains("ada@example.com"),
        "no list of users: {page}"
    );
    let form = [
        ("sign_up", "1"),
        ("first_name", "Nell"),
        ("last_name", ""),
        ("email", "nell@example.com"),
        ("password", "nell-demo-password"),
    ];
    let code = redirect_parameters(&emulator.submit_form(&changes, &form).await)["code"].clone();
    let (status, body) = emulator.exchange(&code).await;
    assert_eq!(status, 403);
    assert_eq!(body["code"], "email_verification_required");
    let user = emulator.control().user("nell@example.com").unwrap();
    assert_eq!(user.name(), "Nell");
    let again = emulator.submit_form(&changes, &form).await;
    assert_eq!(again.status(), 422, "the address is taken");
    assert!(
        again.text().await.unwrap().contains("nell@example.com"),
        "the form keeps the address"
    );
    for (email, password) in [("nobody", "x"), ("new@example.com", " ")] {
        let form = [("sign_up", "1"), ("email", email), ("password", password)];
        assert_eq!(
            emulator.submit_form(&changes, &form).await.status(),
            422,
            "{email}"
        );
    }
}
