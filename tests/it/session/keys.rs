//! A changed `SECRET_KEY`: older keys still decrypt, and what they decrypt is encrypted with the new key.

use reqwest::{StatusCode, Url};

use crate::support::app::{SECRET_KEY, TestApp, Visitor, location};
use crate::support::steps::{is_removal, obtain_callback_url, set_cookie};

const NEW_KEY: &str = "another-made-up-key-with-more-than-fifty-characters-in-it";

/// Another application with the WorkOS and the clock of `app`, and with other keys.
fn beside(app: &TestApp, key: &str, fallbacks: &str) -> TestApp {
    TestApp::builder()
        .clock(app.clock.clone())
        .setting("WORKOS_API_BASE_URL", &app.emulator.base_url())
        .setting("SECRET_KEY", key)
        .setting("SECRET_KEY_FALLBACKS", fallbacks)
        .start()
}

async fn home(app: &TestApp, cookies: &str) -> (Option<String>, bool) {
    let response = Visitor::new(&app.url).get_with_cookies("/", cookies).await;
    assert_eq!(response.status(), StatusCode::OK);
    let line = set_cookie(&response, "sessionid");
    let text = response.text().await.unwrap();
    (line, text.contains("Welcome, ada@example.com!"))
}

#[tokio::test]
async fn a_session_of_an_older_key_continues_and_its_cookie_is_encrypted_again() {
    let old = TestApp::start();
    let ada = old.signed_in("ada@example.com").await;
    let sealed_by_old = ada.cookies("/");

    let both = beside(&old, NEW_KEY, SECRET_KEY);
    let (line, greeted) = home(&both, &sealed_by_old).await;
    assert!(greeted);
    let line = line.unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"] {
        assert!(line.contains(part), "{line}");
    }
    let sealed_by_new = line.split(';').next().unwrap();

    let new = beside(&old, NEW_KEY, "");
    assert_eq!(home(&new, sealed_by_new).await, (None, true));
    assert_eq!(home(&both, sealed_by_new).await, (None, true));
    let (_, greeted) = home(&old, sealed_by_new).await;
    assert!(!greeted, "the old key did not encrypt it");
}

/// A cache may store such a file for every user.
#[tokio::test]
async fn a_static_file_does_not_set_the_session_cookie() {
    let old = TestApp::start();
    let cookies = old.signed_in("ada@example.com").await.cookies("/");
    let both = beside(&old, NEW_KEY, SECRET_KEY);
    let response = Visitor::new(&both.url)
        .get_with_cookies("/static/style.css", &cookies)
        .await;
    assert_eq!(set_cookie(&response, "sessionid"), None);
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let before = TestApp::start();
    let cookies = before.signed_in("ada@example.com").await.cookies("/");
    let id = before.only_session().id;
    let clock = before.clock.clone();
    let after = TestApp::builder()
        .database(before.stop())
        .clock(clock)
        .start();
    assert_eq!(home(&after, &cookies).await, (None, true));
    let response = Visitor::new(&after.url)
        .post_with_cookies("/auth/logout", &cookies)
        .await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let row = after.only_session();
    assert_eq!((row.id, row.revoked_at), (id, Some(after.now())));
}

#[tokio::test]
async fn every_fallback_key_decrypts_beside_other_cookies() {
    let old = TestApp::start();
    let ada = old.signed_in("ada@example.com").await;
    let cookies = format!("before=1; caf\u{e9}=1; {}; after=2", ada.cookies("/"));
    let third = "a-third-made-up-key-that-sealed-nothing-but-is-in-the-list";
    let both = beside(&old, NEW_KEY, &format!("{third},{SECRET_KEY}"));
    let (line, greeted) = home(&both, &cookies).await;
    assert!(greeted && line.is_some());
}

#[tokio::test]
async fn a_session_of_a_removed_key_is_refused_and_its_cookie_removed() {
    let old = TestApp::start();
    let ada = old.signed_in("ada@example.com").await;
    let new = beside(&old, NEW_KEY, "");
    let (line, greeted) = home(&new, &ada.cookies("/")).await;
    assert!(!greeted);
    let line = line.unwrap();
    assert!(is_removal(&line), "{line}");
    assert!(line.contains("Path=/"), "{line}");
}

#[tokio::test]
async fn a_session_of_an_older_key_still_expires() {
    let old = TestApp::start();
    let ada = old.signed_in("ada@example.com").await;
    let both = beside(&old, NEW_KEY, SECRET_KEY);
    old.clock.advance(chrono::TimeDelta::seconds(1_209_600));
    let (line, greeted) = home(&both, &ada.cookies("/")).await;
    assert!(!greeted);
    assert!(is_removal(&line.unwrap()));
}

#[tokio::test]
async fn a_log_out_with_a_cookie_of_an_older_key_removes_it() {
    let old = TestApp::start();
    let ada = old.signed_in("ada@example.com").await;
    let both = beside(&old, NEW_KEY, SECRET_KEY);
    let response = Visitor::new(&both.url)
        .post_with_cookies("/auth/logout", &ada.cookies("/"))
        .await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(is_removal(&set_cookie(&response, "sessionid").unwrap()));
}

#[tokio::test]
async fn a_login_that_began_under_an_older_key_finishes() {
    let old = TestApp::start();
    let ada = old.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let cookies = ada.cookies("/auth/callback");

    let without = beside(&old, NEW_KEY, "");
    let response = Visitor::new(&without.url)
        .get_with_cookies(&target(&callback), &cookies)
        .await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    let both = beside(&old, NEW_KEY, SECRET_KEY);
    let response = Visitor::new(&both.url)
        .get_with_cookies(&target(&callback), &cookies)
        .await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/");
    assert!(set_cookie(&response, "sessionid").is_some());
    assert_eq!(both.users().len(), 1);
}

fn target(callback: &Url) -> String {
    format!("{}?{}", callback.path(), callback.query().unwrap())
}
