//! The sign-in page's forms, and AuthKit's memory of the browser.

use super::client::{Peer, answer, browser, location};

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
