//! The rate limits count an account, by whichever name it is reached.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::json;

use super::{EMAIL, PASSWORD, builder};
use crate::support::app::{TestApp, Visitor};

const WRONG: &str = "Wrong-horse-9";

/// Two wrong passwords for an account are allowed at once, then one in five minutes.
fn strict() -> TestApp {
    let app = builder().setting("THROTTLE_LOGIN", "2/min").start();
    app.add_user_with_username("Ada", EMAIL, PASSWORD);
    app
}

async fn submit(visitor: &Visitor, name: &str, password: &str) -> StatusCode {
    let fields = [("username", name), ("password", password)];
    visitor.submit("/login", &fields).await.status()
}

async fn obtain(app: &TestApp, name: &str, password: &str) -> StatusCode {
    let body = json!({ "username": name, "password": password });
    app.visitor().post_json("/api/token", &body).await.status
}

/// Lets the limit of the client's network expire, but not that of the account.
fn wait(app: &TestApp) {
    app.clock.advance(TimeDelta::seconds(61));
}

#[tokio::test]
async fn a_guesser_gains_nothing_by_alternating_username_and_email() {
    let app = strict();
    for name in ["Ada", "ada.sample@EXAMPLE.com"] {
        assert_eq!(submit(&app.visitor(), name, WRONG).await, StatusCode::OK);
    }
    // Both names together have used up the limit: the right password is refused as a wrong one.
    wait(&app);
    for name in [EMAIL, "Ada"] {
        let status = submit(&app.visitor(), name, PASSWORD).await;
        assert_eq!(status, StatusCode::OK, "{name}");
    }
    wait(&app);
    let status = submit(&app.visitor(), "\u{ff21}da", PASSWORD).await;
    assert_eq!(status, StatusCode::OK);
    for name in ["Ada", "ada"] {
        let status = obtain(&app, name, PASSWORD).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{name}");
    }
    wait(&app);
    // Another name has limits of its own.
    assert_eq!(submit(&app.visitor(), "eve", WRONG).await, StatusCode::OK);
    app.clock.advance(TimeDelta::minutes(10));
    assert_eq!(
        submit(&app.visitor(), EMAIL, PASSWORD).await,
        StatusCode::FOUND
    );
}

/// Neither which names exist, nor which of them belong together.
#[tokio::test]
async fn the_limits_tell_nothing_about_names() {
    let app = strict();
    let known = app.visitor();
    assert_eq!(submit(&known, "Ada", PASSWORD).await, StatusCode::FOUND);
    for [first, other_case, second] in [
        ["Ada", "aDA", EMAIL],
        ["Eve", "eVE", "eve.sample@example.com"],
        [EMAIL, "ADA.sample@example.com", "Ada"],
    ] {
        app.clock.advance(TimeDelta::minutes(11));
        let mut statuses = Vec::new();
        for name in [first, other_case, first, second, other_case] {
            wait(&app);
            statuses.push(submit(&app.visitor(), name, WRONG).await.as_u16());
        }
        assert_eq!(statuses, [200, 200, 429, 200, 429], "{first}");
    }
}

/// Otherwise the time of the answer would tell which names exist.
#[tokio::test]
async fn above_the_limit_a_known_browsers_request_reads_no_account() {
    let app = strict();
    let known = app.visitor();
    assert_eq!(submit(&known, "Ada", PASSWORD).await, StatusCode::FOUND);
    for name in ["x", "y"] {
        assert_eq!(submit(&app.visitor(), name, WRONG).await, StatusCode::OK);
    }
    app.run_sql("ALTER TABLE users RENAME TO unreadable_users");
    for name in ["eve", "eve@example.com", "ada", "ADA"] {
        let status = submit(&known, name, WRONG).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{name}");
    }
    // The limit of the address is over, and that of the name is reached.
    for _ in 0..2 {
        wait(&app);
        obtain(&app, "eve", WRONG).await;
    }
    wait(&app);
    let status = obtain(&app, "eve", WRONG).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_name_does_not_use_up_the_limit_of_an_account_without_an_email() {
    let app = strict();
    let bob = app.add_user_with_username("bob", "", PASSWORD);
    for name in ["none:bob".to_owned(), format!("none:{}", bob.id)] {
        for _ in 0..2 {
            wait(&app);
            let status = obtain(&app, &name, WRONG).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}");
        }
    }
    wait(&app);
    assert_eq!(obtain(&app, "bob", PASSWORD).await, StatusCode::OK);
}

#[tokio::test]
async fn the_form_and_the_api_share_the_limit_of_an_account() {
    let app = strict();
    assert_eq!(obtain(&app, "Ada", WRONG).await, StatusCode::UNAUTHORIZED);
    assert_eq!(submit(&app.visitor(), EMAIL, WRONG).await, StatusCode::OK);
    wait(&app);
    let status = obtain(&app, "Ada", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the account's limit");
    let status = submit(&app.visitor(), "Ada", PASSWORD).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "the name's limit");
}

#[tokio::test]
async fn accounts_without_an_email_do_not_share_a_limit() {
    let app = strict();
    for name in ["bob", "eve"] {
        app.add_user_with_username(name, "", PASSWORD);
    }
    for _ in 0..2 {
        assert_eq!(obtain(&app, "bob", WRONG).await, StatusCode::UNAUTHORIZED);
    }
    wait(&app);
    let status = obtain(&app, "bob", PASSWORD).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    wait(&app);
    assert_eq!(obtain(&app, "eve", PASSWORD).await, StatusCode::OK);
}

/// The browser's own limit lets the user in although others on the network have used up theirs.
#[tokio::test]
async fn a_browser_knows_an_account_by_both_names() {
    let app = strict();
    let ada = app.visitor();
    assert_eq!(submit(&ada, "Ada", PASSWORD).await, StatusCode::FOUND);
    for _ in 0..2 {
        assert_eq!(submit(&app.visitor(), "x", WRONG).await, StatusCode::OK);
    }
    let stranger = submit(&app.visitor(), EMAIL, PASSWORD).await;
    assert_eq!(stranger, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(submit(&ada, EMAIL, PASSWORD).await, StatusCode::FOUND);
}

/// Usernames are compared exactly, so these are different people.
#[tokio::test]
async fn a_browser_that_knows_a_username_does_not_know_another_spelling_of_it() {
    let app = strict();
    for (name, email) in [("Carol", "c@example.com"), ("carol", "other@example.com")] {
        app.add_user_with_username(name, email, PASSWORD);
    }
    let browser = app.visitor();
    assert_eq!(submit(&browser, "Carol", PASSWORD).await, StatusCode::FOUND);
    for name in ["x", "y"] {
        assert_eq!(submit(&app.visitor(), name, WRONG).await, StatusCode::OK);
    }
    for name in ["carol", "CAROL", "other@example.com"] {
        let status = submit(&browser, name, PASSWORD).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{name}");
    }
    for name in ["Carol", "C@example.com"] {
        assert_eq!(submit(&browser, name, PASSWORD).await, StatusCode::FOUND);
    }
}

/// The username counts if a text is the username of one account and the email of another.
#[tokio::test]
async fn a_browser_of_the_owner_of_an_email_is_not_known_to_the_account_with_that_username() {
    let app = strict();
    app.add_user_with_username("root", "root@example.org", PASSWORD);
    app.add_user_with_username("root@example.org", "eve@example.com", PASSWORD);
    let (root, eve) = (app.visitor(), app.visitor());
    assert_eq!(submit(&root, "root", PASSWORD).await, StatusCode::FOUND);
    let email = "eve@example.com";
    assert_eq!(submit(&eve, email, PASSWORD).await, StatusCode::FOUND);
    for name in ["x", "y"] {
        assert_eq!(submit(&app.visitor(), name, WRONG).await, StatusCode::OK);
    }
    let status = submit(&root, "root@example.org", PASSWORD).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    for name in [email, "root@example.org"] {
        assert_eq!(submit(&eve, name, PASSWORD).await, StatusCode::FOUND);
    }
}
