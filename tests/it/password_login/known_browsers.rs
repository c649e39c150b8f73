//! What the cookie of a browser in which an account has signed in before allows, and when that ends.

use chrono::TimeDelta;
use reqwest::StatusCode;
use vestibule::accounts::{passwords, revoke_all_sessions, set_password};

use super::{EMAIL, PASSWORD, assert_logs_in};
use crate::second_factor::app_with_factor;
use crate::support::app::{TestApp, Visitor};

const NEW_PASSWORD: &str = "Battery-staple-7";

/// Two failed sign-ins a minute are allowed, and two wrong passwords at once.
fn strict() -> TestApp {
    TestApp::builder()
        .setting("THROTTLE_LOGIN", "2/min")
        .start()
}

/// Uses up the limit of the client's network.
async fn use_up_network(app: &TestApp) {
    for name in ["x@example.com", "y@example.com"] {
        let status = app.visitor().log_in(name, "wrong").await.status();
        assert_eq!(status, StatusCode::OK, "{name}");
    }
}

/// Uses up the limit of wrong passwords for this name, and then waits for that of the network.
async fn use_up_name(app: &TestApp, name: &str) {
    for _ in 0..2 {
        app.clock.advance(TimeDelta::seconds(61));
        let status = app.visitor().log_in(name, "wrong").await.status();
        assert_eq!(status, StatusCode::OK, "{name}");
    }
    app.clock.advance(TimeDelta::seconds(61));
}

async fn assert_unknown(browser: &Visitor, name: &str, password: &str) {
    let status = browser.log_in(name, password).await.status();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{name}");
}

#[tokio::test]
async fn a_new_password_makes_the_browsers_of_an_account_unknown() {
    let app = strict();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    let (thief, owner) = (app.visitor(), app.visitor());
    assert_logs_in(&thief, EMAIL, PASSWORD).await;
    let (now, encoded) = (app.now(), passwords::hash(NEW_PASSWORD).unwrap());
    app.change(|conn| set_password(conn, user.id, &encoded, now, None));
    assert_logs_in(&owner, EMAIL, NEW_PASSWORD).await;
    app.clock.advance(TimeDelta::seconds(61));
    use_up_network(&app).await;
    assert_unknown(&thief, EMAIL, "wrong").await;
    assert_logs_in(&owner, EMAIL, NEW_PASSWORD).await;
    use_up_name(&app, EMAIL).await;
    assert_unknown(&thief, EMAIL, "wrong").await;
    assert_logs_in(&owner, EMAIL, NEW_PASSWORD).await;
    // Who knows the new password is known again.
    app.clock.advance(TimeDelta::minutes(11));
    assert_logs_in(&thief, EMAIL, NEW_PASSWORD).await;
    use_up_network(&app).await;
    assert_logs_in(&thief, EMAIL, NEW_PASSWORD).await;
}

#[tokio::test]
async fn a_log_out_everywhere_makes_the_browsers_of_an_account_unknown() {
    let app = strict();
    let user = app.add_user_with_password(EMAIL, PASSWORD);
    app.add_user_with_password("ada@example.com", PASSWORD);
    let browser = app.visitor();
    for email in [EMAIL, "ada@example.com"] {
        assert_logs_in(&browser, email, PASSWORD).await;
    }
    let now = app.now();
    app.change(|conn| revoke_all_sessions(conn, user.id, now));
    use_up_network(&app).await;
    assert_unknown(&browser, EMAIL, PASSWORD).await;
    assert_logs_in(&browser, "ada@example.com", PASSWORD).await;
}

/// The address is another person's, who may have had it before, or has it now.
#[tokio::test]
async fn a_browser_is_not_known_to_the_next_account_with_an_address() {
    let app = strict();
    app.add_user_with_password(EMAIL, PASSWORD);
    let browser = app.visitor();
    assert_logs_in(&browser, EMAIL, PASSWORD).await;
    app.run_sql("UPDATE users SET email = 'new@example.com', email_key = 'new@example.com'");
    app.add_user_with_password(EMAIL, NEW_PASSWORD);
    use_up_network(&app).await;
    assert_unknown(&browser, EMAIL, NEW_PASSWORD).await;
}

/// With `LOGIN_FIELD=email` nobody signs in with a username.
#[tokio::test]
async fn a_username_that_is_an_address_makes_no_browser_known_to_the_owner_of_the_address() {
    const ROOT: &str = "root@example.org";
    let (app, authenticator) = app_with_factor(strict()).await;
    app.run_sql("UPDATE users SET username = 'root@example.org'");
    app.add_user_with_password(ROOT, NEW_PASSWORD);
    let browser = app.visitor();
    browser.log_in(EMAIL, PASSWORD).await;
    let code = authenticator.next_code(&app);
    let response = browser.submit("/login/code", &[("code", &code)]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    app.clock.advance(TimeDelta::seconds(61));
    use_up_network(&app).await;
    assert_unknown(&browser, ROOT, NEW_PASSWORD).await;
    // Nor is its account read: the time would tell whether there is one.
    app.run_sql("ALTER TABLE users RENAME TO unreadable_users");
    assert_unknown(&browser, ROOT, NEW_PASSWORD).await;
}

/// The limits of the code are those of the browser in which the account has used one before.
#[tokio::test]
async fn a_browser_is_known_after_a_code() {
    let (app, authenticator) = app_with_factor(strict()).await;
    let browser = app.visitor();
    for _ in 0..2 {
        let response = browser.log_in(EMAIL, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        let code = authenticator.next_code(&app);
        let response = browser.submit("/login/code", &[("code", &code)]).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        app.clock.advance(TimeDelta::seconds(61));
        use_up_network(&app).await;
    }
}
