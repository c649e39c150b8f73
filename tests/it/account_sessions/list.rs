//! The content of the list.

use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::db::schema::sessions;

use super::{ADA, FIREFOX, IPHONE, add_session, newest, signed_in_with};
use crate::password_login::{EMAIL, PASSWORD, assert_logs_in};
use crate::support::app::TestApp;
use crate::support::exchange::{WORKOS, code_for, post, signed_in};

/// The part of the page with the list.
fn list(page: &str) -> &str {
    let from = page.find("Where you are signed in").expect("the list");
    let rest = &page[from..];
    &rest[..rest.find("</section>").expect("its end")]
}

/// Asserts that the text contains these parts in this order.
#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part);
        let at = at.unwrap_or_else(|| panic!("{part} is not in its place: {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[tokio::test]
async fn the_current_session_comes_first_and_then_the_newest() {
    let app = TestApp::start();
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    app.advance(1);
    signed_in(post(&app, WORKOS, &json!({ "code": code_for(&app, ADA).await })).await).await;
    signed_in_with(&app, "stranger/1.0 (FreeBSD)", "olive@example.com").await;
    let page = laptop.page("/account").await;
    in_order(
        list(&page),
        &[
            "Firefox on Windows",
            "This browser",
            "WorkOS",
            "from 127.0.0.1",
            "Log out here",
            "Unknown device",
            "WorkOS, in an application that uses tokens, from 127.0.0.1",
            "Log out there",
            "Safari on iPhone",
            "WorkOS, from 127.0.0.1",
            "Log out there",
            "Log out everywhere",
        ],
    );
    assert!(!page.contains("FreeBSD"), "somebody else's: {page}");
    let page = phone.page("/account").await;
    in_order(
        list(&page),
        &["Safari on iPhone", "This browser", "Firefox"],
    );
    assert_eq!(page.matches("This browser").count(), 1);
}

#[tokio::test]
async fn a_password_session_is_labelled_and_a_revoked_one_is_not_listed() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
    let page = grace.page("/account").await;
    assert!(list(&page).contains("Password of this site"), "{page}");
    let row = app.only_session();
    add_session(&app, row.user_id, "elsewhere");
    let page = grace.page("/account").await;
    assert!(list(&page).contains(r#"value="elsewhere""#), "{page}");
    app.change(|conn| {
        let row = diesel::update(sessions::table.find("elsewhere"));
        row.set(sessions::expires_at.eq(app.now())).execute(conn)
    });
    let page = grace.page("/account").await;
    assert!(!page.contains("elsewhere"), "{page}");
}

#[tokio::test]
async fn the_stored_user_agent_is_truncated() {
    let app = TestApp::start();
    signed_in_with(&app, &format!("a\t{}", "b".repeat(1_000)), ADA).await;
    let id = newest(&app).id;
    let kept: (Option<String>, Option<String>) = app.rows(|conn| {
        let row = sessions::table.find(&id);
        row.select((sessions::user_agent, sessions::ip_address))
            .first(conn)
    });
    let agent = format!("a{}", "b".repeat(254));
    assert_eq!(kept, (Some(agent), Some("127.0.0.1".to_owned())));
}

#[tokio::test]
async fn at_most_fifty_sessions_are_listed_including_the_current_one() {
    let app = TestApp::start();
    let ada = signed_in_with(&app, FIREFOX, ADA).await;
    let user_id = app.only_session().user_id;
    app.advance(1);
    for number in 0..49 {
        add_session(&app, user_id, &format!("other-{number}"));
    }
    let page = ada.page("/account").await;
    assert!(!page.contains("Only the newest"), "{page}");
    app.advance(1);
    for number in 49..60 {
        add_session(&app, user_id, &format!("other-{number}"));
    }
    let page = ada.page("/account").await;
    assert_eq!(page.matches(r#"name="session_id""#).count(), 50);
    assert!(page.contains("Only the newest"), "{page}");
    in_order(list(&page), &["This browser", "other-59"]);
}

#[tokio::test]
async fn the_page_after_a_refused_password_change_has_the_list() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let grace = app.visitor();
    assert_logs_in(&grace, EMAIL, PASSWORD).await;
    let response = grace.submit("/account/password", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    assert!(list(&page).contains("This browser"), "{page}");
}
