//! Signing in at `/login` with a password.

mod at_once;
mod attacks;
mod form;
mod known_browsers;
mod memory;
mod occupancy;
mod policy;
mod refusals;
mod schemes;

use reqwest::StatusCode;

use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::set_cookie;

pub(crate) const EMAIL: &str = "Olive.Sample@example.com";
pub(crate) const PASSWORD: &str = "Correct-horse-9";
/// Django's message for a refused sign-in.
pub(crate) const REFUSED: &str = "Please enter a correct email address and password. Note that both fields may be case-sensitive.";

/// Asserts that a sign-in is refused, and returns the page.
pub(crate) async fn refused(visitor: &Visitor, email: &str, password: &str) -> String {
    let response = visitor.log_in(email, password).await;
    assert_eq!(response.status(), StatusCode::OK, "{email}");
    assert_eq!(set_cookie(&response, "sessionid"), None, "{email}");
    let page = response.text().await.unwrap();
    assert!(page.contains(REFUSED), "{page}");
    page
}

/// Signs in and asserts that the home page greets the user.
pub(crate) async fn assert_logs_in(visitor: &Visitor, email: &str, password: &str) {
    let response = visitor.log_in(email, password).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{email}");
    assert_eq!(location(&response), "/");
    assert!(visitor.is_signed_in().await);
}

#[tokio::test]
async fn a_person_signs_in_and_out_without_workos() {
    let app = TestApp::start();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    let response = grace.log_in(EMAIL, PASSWORD).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/");
    let line = set_cookie(&response, "sessionid").unwrap();
    for part in ["HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=1209600"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure"), "{line}");
    assert!(
        grace
            .page("/")
            .await
            .contains(&format!("Welcome, {EMAIL}!"))
    );
    assert!(
        grace
            .page("/account")
            .await
            .contains("Password of this site")
    );
    let row = app.only_session();
    assert_eq!((row.user_id, row.workos_sid), (user.id, None));
    assert_eq!(row.workos_refresh_token, None);
    assert_eq!(app.user(EMAIL).last_login, Some(app.now()));

    let response = grace.post("/auth/logout").await;
    assert_eq!(
        location(&response),
        "/",
        "the log-out does not go through WorkOS"
    );
    assert!(!grace.is_signed_in().await);
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn with_an_https_url_the_cookie_is_secure() {
    let app = TestApp::builder()
        .setting("PUBLIC_URL", "https://app.example.com")
        .setting("ALLOWED_HOSTS", "localhost")
        .start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let response = app.visitor().log_in(EMAIL, PASSWORD).await;
    let line = set_cookie(&response, "sessionid").unwrap();
    assert!(line.contains("; Secure"), "{line}");
}

#[tokio::test]
async fn the_previous_session_of_the_browser_is_revoked() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.signed_in("ada@example.com").await;
    let adas = app.only_session().id;
    let copy = grace.cookies("/");
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
    for row in app.sessions() {
        assert_eq!(row.revoked_at.is_some(), row.id == adas);
    }
    let response = grace.get_with_cookies("/account", &copy).await;
    assert_eq!(
        response.status(),
        StatusCode::FOUND,
        "a copy of Ada's cookie"
    );
}

#[tokio::test]
async fn the_email_is_compared_without_case_and_surrounding_spaces() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    for email in ["olive.sample@EXAMPLE.com", "  Olive.Sample@example.com "] {
        assert_logs_in(&app.visitor(), email, PASSWORD).await;
    }
}

#[tokio::test]
async fn the_password_is_not_normalized() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, "  spaced + \u{df}% & ");
    let grace = app.visitor();
    tokio::join!(
        refused(&grace, EMAIL, "spaced + \u{df}% &"),
        refused(&grace, EMAIL, "  Spaced + \u{df}% & ")
    );
    assert_logs_in(&grace, EMAIL, "  spaced + \u{df}% & ").await;
}

#[tokio::test]
async fn the_field_username_and_repeated_fields_are_read_as_in_django() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    for fields in [
        vec![("username", EMAIL), ("password", PASSWORD)],
        vec![
            ("email", "nobody@example.com"),
            ("password", "wrong"),
            ("email", EMAIL),
            ("password", PASSWORD),
        ],
    ] {
        let response = app.visitor().submit("/login/", &fields).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{fields:?}");
    }
}

#[tokio::test]
async fn a_sign_in_redirects_to_next_if_it_is_local() {
    let app = TestApp::builder()
        .setting("LOGIN_REDIRECT_URL", "/welcome")
        .start();
    app.add_user_with_password(EMAIL, PASSWORD);
    for (next, target) in [
        ("/account?tab=1&q=a b", "/account?tab=1&q=a%20b"),
        ("?x=1", "/?x=1"),
        ("/", "/"),
        ("", "/welcome"),
        ("//evil.example", "/welcome"),
        ("/\\evil.example", "/welcome"),
        ("https://evil.example/", "/welcome"),
        ("javascript:alert(1)", "/welcome"),
        ("/a\nb", "/welcome"),
        // Another site could choose the action, and the redirect would look like a link of this site.
        ("/auth/login?connection_id=conn_evil", "/welcome"),
        ("/auth/logout/", "/welcome"),
        ("/%61uth/logout", "/welcome"),
        ("/x/../auth/logout", "/welcome"),
        ("/account/providers/okta/connect", "/welcome"),
        ("/account/%70roviders/okta/connect#x", "/welcome"),
        ("/login?next=/auth/logout", "/welcome"),
        ("/signin?login_hint=x", "/welcome"),
        ("/authors", "/authors"),
        ("/?next=/auth/logout", "/?next=/auth/logout"),
    ] {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
        let response = app.visitor().submit("/login", &fields).await;
        assert_eq!(location(&response), target, "{next:?}");
    }
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let response = app.visitor().submit("/login?next=/account", &fields).await;
    assert_eq!(location(&response), "/account", "next in the query");
}

#[tokio::test]
async fn after_a_wrong_password_the_right_one_is_accepted() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    refused(&grace, EMAIL, "wrong").await;
    assert!(app.sessions().is_empty());
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
}

#[tokio::test]
async fn a_password_sign_in_works_while_workos_is_down() {
    let app = TestApp::start();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    app.set_superuser(user.id);
    app.link_to_workos(user.id, "user_made_up");
    app.emulator.stop(true).await;
    let grace = app.visitor();
    assert_eq!(grace.get("/login").await.status(), StatusCode::OK);
    refused(&grace, EMAIL, "wrong").await;
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
}
