//! `GET /user_management/authorize`: which requests are refused and how, and the sign-in page.

use authkit_emulator::Config;

use super::test_emulator::{CHALLENGE, REDIRECT_URI, TestEmulator, browser, redirect_parameters};

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_shows_an_error_page_and_does_not_redirect() {
    let emulator = TestEmulator::start();
    for (name, value) in [
        ("client_id", None),
        ("client_id", Some("client_other")),
        ("redirect_uri", None),
        ("redirect_uri", Some("https://example.com/auth/callback")),
        ("redirect_uri", Some("http://example.com/auth/callback")),
        ("redirect_uri", Some("http://localhost.example.com/")),
        ("redirect_uri", Some("http://user@localhost:8000/")),
        ("redirect_uri", Some("http://localhost:8000/#fragment")),
        ("redirect_uri", Some("/auth/callback")),
    ] {
        let response = emulator.authorize(&[(name, value)]).await;
        assert_eq!(response.status(), 400, "{name}={value:?}");
        assert!(
            !response.headers().contains_key("location"),
            "{name}={value:?}"
        );
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains("Something went wrong")
        );
    }
}

#[tokio::test]
async fn without_registered_uris_any_uri_of_this_machine_is_allowed() {
    let emulator = TestEmulator::start();
    for uri in [
        "http://127.0.0.1:9/x",
        "http://[::1]:9/x",
        "http://app.localhost/x",
    ] {
        assert_eq!(
            emulator
                .authorize(&[("redirect_uri", Some(uri))])
                .await
                .status(),
            200,
            "{uri}"
        );
    }
    let listed = "https://app.example/auth/callback";
    let config = Config {
        redirect_uris: vec![listed.to_owned()],
        ..Config::default()
    };
    let emulator = TestEmulator::with(config);
    assert_eq!(
        emulator
            .authorize(&[("redirect_uri", Some(listed))])
            .await
            .status(),
        200
    );
    for uri in [
        REDIRECT_URI,
        "https://app.example/auth/callback/",
        "https://APP.example/auth/callback",
    ] {
        assert_eq!(
            emulator
                .authorize(&[("redirect_uri", Some(uri))])
                .await
                .status(),
            400,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn any_other_error_is_sent_to_the_application_with_its_state() {
    let emulator = TestEmulator::start();
    for (changes, error) in [
        (
            vec![("response_type", Some("token"))],
            "unsupported_response_type",
        ),
        (vec![("response_type", None)], "unsupported_response_type"),
        (vec![("provider", None)], "invalid_request"),
        (vec![("provider", Some("nobody"))], "invalid_request"),
        (
            vec![("organization_id", Some("org_unknown"))],
            "organization_invalid",
        ),
        (
            vec![("connection_id", Some("conn_unknown"))],
            "connection_invalid",
        ),
        (
            vec![("code_challenge_method", Some("plain"))],
            "invalid_request",
        ),
        (vec![("code_challenge_method", None)], "invalid_request"),
        (vec![("code_challenge", None)], "invalid_request"),
        (vec![("code_challenge", Some("short"))], "invalid_request"),
        (
            vec![("code_challenge", Some(&format!("{}=", &CHALLENGE[1..])))],
            "invalid_request",
        ),
        (vec![("screen_hint", Some("sideways"))], "invalid_request"),
        (vec![("max_age", Some("soon"))], "invalid_request"),
        (vec![("max_age", Some("-1"))], "invalid_request"),
    ] {
        let parameters = redirect_parameters(&emulator.authorize(&changes).await);
        assert_eq!(parameters["error"], error, "{changes:?}");
        assert_eq!(parameters["state"], "some-state", "{changes:?}");
        assert!(!parameters["error_description"].is_empty(), "{changes:?}");
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let emulator = TestEmulator::start();
    let url = format!("{}&state=another", emulator.authorize_url(&[]));
    assert_eq!(
        emulator.browser.get(url).send().await.unwrap().status(),
        400
    );
}

#[tokio::test]
async fn the_sign_in_page_lists_all_users_and_names_the_provider() {
    let emulator = TestEmulator::start();
    let page = emulator
        .authorize(&[("provider", Some("GoogleOAuth"))])
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("with Google, to continue"), "{page}");
    let state = emulator
        .admin_api("GET", "state", serde_json::json!({}))
        .await
        .1;
    assert_eq!(state["client_id"], emulator.handle.client_id());
    for user in emulator.handle.users() {
        let page = emulator.authorize(&[]).await.text().await.unwrap();
        assert!(
            page.contains(&user.email) && page.contains(&user.description),
            "{user:?}"
        );
    }
}

#[tokio::test]
async fn the_page_of_a_connection_or_organization_lists_only_its_members_and_asks_no_password() {
    let emulator = TestEmulator::start();
    let organization = emulator.control().organization("Harbour Trust").unwrap();
    let code = emulator.code("sol@example.com", &[]).await;
    let connection = emulator.exchange(&code).await.1["connection_ids"][0].clone();
    for selector in [
        ("connection_id", connection.as_str()),
        ("organization_id", Some(&*organization)),
    ] {
        // Without the cookie of the sign-in above.
        let url = emulator.authorize_url(&[("provider", None), selector]);
        let page = browser().get(url).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains("with Harbour SSO, to continue"), "{page}");
        assert!(page.contains("sol@example.com"), "{page}");
        assert_eq!(page.matches("name=\"user\"").count(), 1, "{page}");
        assert!(!page.contains("type=\"password\""), "{page}");
    }
    let url = emulator.authorize_url(&[]);
    let page = browser().get(url).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("type=\"password\""), "{page}");
}

#[tokio::test]
async fn the_sign_in_and_sign_up_pages_link_to_each_other() {
    let emulator = TestEmulator::start();
    let sign_in = emulator.authorize(&[]).await.text().await.unwrap();
    assert!(
        sign_in.contains("screen_hint=sign-up\">Sign up</a>"),
        "{sign_in}"
    );
    let changes = [("screen_hint", Some("sign-up"))];
    let sign_up = emulator.authorize(&changes).await.text().await.unwrap();
    assert!(
        sign_up.contains("screen_hint=sign-in\">Sign in</a>"),
        "{sign_up}"
    );
    assert!(sign_up.contains("state=some-state"), "{sign_up}");
}

#[tokio::test]
async fn the_content_security_policy_allows_forms_to_redirect_to_the_application() {
    let emulator = TestEmulator::start();
    let response = emulator.authorize(&[]).await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(
        policy.contains("form-action 'self' http: https:;"),
        "{policy}"
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    let page = response.text().await.unwrap();
    assert!(
        !page.contains("<script") && !page.contains("style="),
        "{page}"
    );
    let style = emulator
        .browser
        .get(format!("{}/style.css", emulator.base))
        .send()
        .await
        .unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn text_from_the_query_is_escaped() {
    let emulator = TestEmulator::start();
    let changes = [("login_hint", Some("\"><b>x@example.com"))];
    let page = emulator.authorize(&changes).await.text().await.unwrap();
    assert!(!page.contains("<b>x@"), "{page}");
}
