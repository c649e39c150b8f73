//! The notice after a log-out, and the page of a throttled log-in.

use reqwest::{Method, StatusCode};

use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, location};
use crate::support::steps::set_cookie;

const LOGGED_OUT: &str = r#"<p class="notice success" role="status">You are logged out.</p>"#;

#[tokio::test]
async fn home_says_once_that_the_user_is_logged_out() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let with_workos = app.signed_in("ada@example.com").await;
    let with_password = app.visitor();
    with_password.log_in(EMAIL, PASSWORD).await;
    for visitor in [with_workos, with_password] {
        assert!(!visitor.page("/").await.contains(LOGGED_OUT));
        let response = visitor.post("/auth/logout").await;
        let line = set_cookie(&response, "vestibule_notice").unwrap();
        assert!(
            line.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"),
            "{line}"
        );
        let page = visitor.page("/").await;
        assert!(page.contains(LOGGED_OUT), "{page}");
        assert!(!visitor.page("/").await.contains(LOGGED_OUT), "only once");
    }
}

#[tokio::test]
async fn the_logged_out_notice_is_not_shown_to_a_signed_in_user() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    ada.post("/auth/logout").await;
    ada.sign_in("ada@example.com").await;
    let page = ada.page("/").await;
    assert!(page.contains("Welcome, ada@example.com!"), "{page}");
    assert!(!page.contains(LOGGED_OUT), "{page}");
    assert_eq!(ada.cookie("/", "vestibule_notice"), None);
}

#[tokio::test]
async fn a_link_on_another_site_cannot_cause_the_logged_out_notice() {
    let app = TestApp::start();
    let visitor = app.visitor();
    let request = visitor.request(Method::GET, "/auth/logout");
    let request = request.header("sec-fetch-site", "cross-site");
    let response = request.send().await.unwrap();
    assert_eq!(location(&response), "/");
    assert_eq!(set_cookie(&response, "vestibule_notice"), None);
    assert!(!visitor.page("/").await.contains(LOGGED_OUT));
}

#[tokio::test]
async fn a_throttled_log_in_links_back_to_the_form() {
    let app = TestApp::builder()
        .setting("THROTTLE_LOGIN", "1/min")
        .start();
    let visitor = app.visitor();
    let fields = [("email", EMAIL), ("password", "wrong")];
    visitor.submit("/login?next=/account", &fields).await;
    let response = visitor.submit("/login?next=/account", &fields).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let page = response.text().await.unwrap();
    assert!(page.contains("You can try again in 60 seconds."), "{page}");
    let form = r#"<a class="button" href="/login?next=/account">Try again</a>"#;
    assert!(page.contains(form), "{page}");
}
