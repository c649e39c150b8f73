//! `/user_management/authorize`: who is refused and how, the page, AuthKit's memory.

use vestibule::emulator::Config;

use super::client::{CHALLENGE, Peer, REDIRECT_URI, answer, browser, location};

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_a_page_and_never_a_redirect() {
    let peer = Peer::start();
    for (name, value) in [
        ("client_id", None),
        ("client_id", Some("client_other")),
        ("redirect_uri", None),
        ("redirect_uri", Some("https://localhost:8000/auth/callback")),
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
            page.contains(&user.email) && page.contains(&user.shows),
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

#[tokio::test]
async fn choosing_somebody_redirects_with_code_and_state() {
    let peer = Peer::start();
    let form = [("user", &*peer.user_id("ada@example.com"))];
    let uri = "http://localhost:8000/cb?keep=1%202";
    let response = peer.choose(&[("redirect_uri", Some(uri))], &form).await;
    let location = location(&response);
    assert!(
        location.as_str().starts_with(&format!("{uri}&code=")),
        "{location}"
    );
    assert_eq!(answer(&response)["state"], "some-state");
    let answer = answer(&peer.choose(&[("state", None)], &form).await);
    assert!(
        answer.contains_key("code") && !answer.contains_key("state"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn the_password_form_takes_the_right_password_only() {
    let peer = Peer::start();
    let (email, right) = (
        ("email", "ADA@example.com"),
        ("password", "ada-demo-password"),
    );
    assert!(answer(&peer.choose(&[], &[email, right]).await).contains_key("code"));
    for form in [
        vec![email, ("password", "wrong")],
        vec![email, ("password", "")],
        vec![email],
        vec![("email", "nobody@example.com"), right],
        vec![("user", "user_unknown")],
        vec![],
    ] {
        let response = peer.choose(&[], &form).await;
        assert_eq!(response.status(), 422, "{form:?}");
        assert!(
            response.text().await.unwrap().contains("role=\"alert\""),
            "{form:?}"
        );
    }
}

#[tokio::test]
async fn cancelling_is_access_denied() {
    let peer = Peer::start();
    let answer = answer(&peer.choose(&[], &[("cancel", "1")]).await);
    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["state"], "some-state");
    assert!(!answer.contains_key("code"));
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let peer = Peer::start();
    let form = [("user", peer.user_id("ada@example.com"))];
    let request = peer.browser.post(peer.authorize_url(&[])).form(&form);
    let response = request
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn a_known_browser_passes_silently_unless_the_application_wants_otherwise() {
    let peer = Peer::start();
    peer.code("ada@example.com", &[]).await;
    assert!(answer(&peer.authorize(&[]).await).contains_key("code"));
    assert!(answer(&peer.authorize(&[("max_age", Some("60"))]).await).contains_key("code"));
    for change in [
        ("prompt", Some("login")),
        ("max_age", Some("0")),
        ("screen_hint", Some("sign-up")),
        ("login_hint", Some("olive@example.com")),
        ("organization_id", Some(&*organization(&peer).await)),
    ] {
        assert_eq!(peer.authorize(&[change]).await.status(), 200, "{change:?}");
    }
    peer.control().advance(std::time::Duration::from_secs(61));
    assert_eq!(
        peer.authorize(&[("max_age", Some("60"))]).await.status(),
        200
    );
    let stranger = browser().get(peer.authorize_url(&[])).send().await.unwrap();
    assert_eq!(stranger.status(), 200);
}

/// The organisation of Olive, of which Ada is no member.
async fn organization(peer: &Peer) -> String {
    let tokens = peer.sign_in("olive@example.com").await;
    peer.code("ada@example.com", &[]).await;
    tokens["organization_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_organization_lets_only_its_members_in() {
    let peer = Peer::start();
    let id = organization(&peer).await;
    let changes = [("organization_id", Some(&*id)), ("provider", None)];
    let response = peer
        .choose(&changes, &[("user", &peer.user_id("ada@example.com"))])
        .await;
    assert_eq!(response.status(), 422);
    assert!(response.text().await.unwrap().contains("not a member"));
    // Twyla belongs to two, and with one of them asked for is not asked which.
    let (status, body) = peer
        .exchange(&peer.code("twyla@example.com", &changes).await)
        .await;
    assert_eq!(
        (status.as_u16(), &body["organization_id"]),
        (200, &id.into())
    );
}

#[tokio::test]
async fn somebody_new_signs_up_and_has_still_to_verify_the_address() {
    let peer = Peer::start();
    let changes = [("screen_hint", Some("sign-up"))];
    let page = peer.authorize(&changes).await.text().await.unwrap();
    assert!(
        page.contains("<h1>Sign up</h1>") && page.contains("name=\"sign_up\""),
        "{page}"
    );
    let form = [
        ("sign_up", "1"),
        ("first_name", "Nell"),
        ("last_name", ""),
        ("email", "nell@example.com"),
        ("password", "nell-demo-password"),
    ];
    let code = answer(&peer.choose(&changes, &form).await)["code"].clone();
    let (status, body) = peer.exchange(&code).await;
    assert_eq!(status, 403);
    assert_eq!(body["code"], "email_verification_required");
    let user = peer.control().user("nell@example.com").unwrap();
    assert_eq!(user.name(), "Nell");
    let again = peer.choose(&changes, &form).await;
    assert_eq!(again.status(), 422);
    assert!(
        again.text().await.unwrap().contains("nell@example.com"),
        "what was typed comes back"
    );
    for (email, password) in [("nobody", "x"), ("new@example.com", " ")] {
        let form = [("sign_up", "1"), ("email", email), ("password", password)];
        assert_eq!(peer.choose(&changes, &form).await.status(), 422, "{email}");
    }
}
