//! `X-Forwarded-For` is used only from `TRUSTED_PROXIES`.

use reqwest::Method;

use crate::support::app::TestApp;
use crate::support::site::Site;

/// The client address that WorkOS receives when a sign-in is completed with these headers.
async fn address_sent_to_workos(app: &TestApp, lines: &[&str]) -> String {
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    app.workos().clear_requests();
    let mut request = ada.request(Method::GET, callback.as_str());
    for line in lines {
        request = request.header("x-forwarded-for", *line);
    }
    assert_eq!(request.send().await.unwrap().status(), 302);
    let requests = app.workos().requests();
    let asked = requests
        .iter()
        .find(|request| request.path == "/user_management/authenticate")
        .expect("a request to WorkOS");
    asked.body["ip_address"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn workos_gets_the_address_from_a_trusted_proxy() {
    let app = TestApp::builder()
        .setting("TRUSTED_PROXIES", "127.0.0.0/8, ::1, 10.0.0.0/8")
        .start();
    for (lines, expected) in [
        (&["198.51.100.7"][..], "198.51.100.7"),
        (&["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (&["203.0.113.9", "198.51.100.7, 10.1.2.3"], "198.51.100.7"),
        (&["198.51.100.7:4711"], "198.51.100.7"),
        (&["2001:db8::7"], "2001:db8::7"),
        (&["nonsense"], "127.0.0.1"),
        (&["203.0.113.9, nonsense"], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(
            address_sent_to_workos(&app, lines).await,
            expected,
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn addresses_from_other_clients_are_ignored() {
    let app = TestApp::builder()
        .setting("TRUSTED_PROXIES", "10.0.0.0/8")
        .start();
    assert_eq!(
        address_sent_to_workos(&app, &["198.51.100.7"]).await,
        "127.0.0.1"
    );
    let app = TestApp::start();
    assert_eq!(
        address_sent_to_workos(&app, &["198.51.100.7"]).await,
        "127.0.0.1"
    );
}

#[tokio::test]
async fn the_access_log_has_the_same_address() {
    for (trusted, expected) in [("127.0.0.1", "198.51.100.7"), ("10.0.0.1", "127.0.0.1")] {
        let site = Site::start(&[("TRUSTED_PROXIES", trusted)]);
        let request = site.visitor().request(Method::GET, "/healthz");
        let request = request.header("x-forwarded-for", "198.51.100.7");
        request.send().await.unwrap();
        let line = site
            .program
            .wait_for_log(|line| line.contains("GET /healthz"));
        assert!(line.ends_with(expected), "{line}");
    }
}
