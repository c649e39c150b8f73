//! `/user_management/authorize`: which requests are refused and how, and the page.

use authkit_emulator::Config;

use super::client::{CHALLENGE, Peer, REDIRECT_URI, answer};

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_a_page_and_never_a_redirect() {
    let peer = Peer::start();
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
        let response = peer.authorize(&[(name, value)]).await;
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
async fn any_uri_of_this_machine_will_do_unless_there_is_a_list() {
    let peer = Peer::start();
    for uri in [
        "http://127.0.0.1:9/x",
        "http://[::1]:9/x",
        "http://app.localhost/x",
    ] {
        assert_eq!(
            peer.authorize(&[("redirect_uri", Some(uri))])
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
    let peer = Peer::with(config);
    assert_eq!(
        peer.authorize(&[("redirect_uri", Some(listed))])
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
            peer.authorize(&[("redirect_uri", Some(uri))])
                .await
                .status(),
            400,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn any_other_mistake_goes_back_to_the_application_with_its_state() {
    let peer = Peer::start();
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
        let answer = answer(&peer.authorize(&changes).await);
        assert_eq!(answer["error"], error, "{changes:?}");
        assert_eq!(answer["state"], "some-state", "{changes:?}");
        assert!(!answer["error_description"].is_empty(), "{changes:?}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_there_twice_is_refused() {
    let peer = Peer::start();
    let url = format!("{}&state=another", peer.authorize_url(&[]));
    assert_eq!(peer.browser.get(url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn every_selector_shows_the_page() {
    let peer = Peer::start();
    let page = peer
        .authorize(&[("provider", Some("GoogleOAuth"))])
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("with Google, to continue"), "{page}");
    let state = peer.steer("GET", "state", serde_json::json!({})).await.1;
    assert_eq!(state["client_id"], peer.running.client_id());
    for user in peer.running.users() {
        let page = peer.authorize(&[]).await.text().await.unwrap();
        assert!(
            page.contains(&user.email) && page.contains(&user.description),
            "{user:?}"
        );
    }
}

#[tokio::test]
async fn the_page_has_a_strict_policy_that_lets_its_forms_reach_the_application() {
    let peer = Peer::start();
    let response = peer.authorize(&[]).await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(
        policy.contains("form-action 'self' http://localhost:8000;"),
        "{policy}"
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    let page = response.text().await.unwrap();
    assert!(
        !page.contains("<script") && !page.contains("style="),
        "{page}"
    );
    let style = peer
        .browser
        .get(format!("{}/style.css", peer.base))
        .send()
        .await
        .unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn text_from_outside_is_escaped() {
    let peer = Peer::start();
    let changes = [("login_hint", Some("\"><b>x@example.com"))];
    let page = peer.authorize(&changes).await.text().await.unwrap();
    assert!(!page.contains("<b>x@"), "{page}");
}
