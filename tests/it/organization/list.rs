//! The list of organisations on the account page: how often it is requested from
//! WorkOS, and its longest length.

use authkit_emulator::{Effect, Fault};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::auth_step::with_organizations;
use crate::support::app::{TestApp, Visitor};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";
const AWAY: &str = "cannot be listed at the moment";
const CUT: &str = "more organisations than are listed here";

fn asked(app: &TestApp) -> usize {
    app.workos().count(MEMBERSHIPS)
}

async fn account(visitor: &Visitor) -> String {
    let answer = visitor.get("/account").await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn the_list_is_requested_once_a_minute() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let at_once = join_all((0..5).map(|_| account(&twyla))).await;
    for page in at_once {
        assert!(page.contains(TANDEM), "{page}");
    }
    assert!(account(&twyla).await.contains(TANDEM));
    app.advance(59);
    account(&twyla).await;
    assert_eq!(asked(&app), 1);
    let olive = app.signed_in("olive@example.com").await;
    assert!(
        !account(&olive).await.contains(TANDEM),
        "a list is cached for one user"
    );
    assert_eq!(asked(&app), 2);
    app.advance(1);
    account(&twyla).await;
    assert_eq!(asked(&app), 3);
}

#[tokio::test]
async fn the_list_is_requested_again_after_a_switch() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    account(&twyla).await;
    switch(&app, &twyla, TANDEM).await;
    account(&twyla).await;
    assert_eq!(asked(&app), 2);
    switch(&app, &twyla, ORCHARDS).await;
    account(&twyla).await;
    assert_eq!(asked(&app), 3);
}

#[tokio::test]
async fn two_users_wait_once_during_an_outage_of_workos() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let olive = app.signed_in("olive@example.com").await;
    let ada = app.signed_in("ada@example.com").await;
    for effect in [Effect::NoAnswer, Effect::status(503, Value::Null)] {
        let before = asked(&app);
        let away = Fault::once(MEMBERSHIPS, effect).times(u32::MAX);
        app.workos().inject(away);
        for visitor in [&twyla, &twyla, &olive, &ada] {
            assert!(account(visitor).await.contains(AWAY));
        }
        app.advance(9);
        assert!(account(&twyla).await.contains(AWAY));
        assert_eq!(asked(&app), before + 2);
        app.workos().clear_faults();
        app.advance(1);
        assert!(account(&twyla).await.contains(TANDEM));
        assert_eq!(asked(&app), before + 3);
        app.advance(60);
    }
}

#[tokio::test]
async fn the_failing_list_of_one_user_does_not_delay_those_of_others() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let olive = app.signed_in("olive@example.com").await;
    for effect in [Effect::NoAnswer, Effect::status(500, Value::Null)] {
        let before = asked(&app);
        app.workos().inject(Fault::once(MEMBERSHIPS, effect));
        assert!(account(&olive).await.contains(AWAY));
        assert!(account(&twyla).await.contains(TANDEM));
        app.advance(9);
        assert!(account(&olive).await.contains(AWAY));
        assert_eq!(asked(&app), before + 2);
        app.advance(1);
        assert!(!account(&olive).await.contains(AWAY));
        assert_eq!(asked(&app), before + 3);
        app.advance(60);
    }
}

#[tokio::test]
async fn the_list_respects_retry_after() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let busy = Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: Some("60".to_owned()),
    };
    let olive = app.signed_in("olive@example.com").await;
    app.workos().inject(Fault::once(MEMBERSHIPS, busy));
    assert!(account(&twyla).await.contains(AWAY));
    app.advance(59);
    for visitor in [&twyla, &olive] {
        assert!(account(visitor).await.contains(AWAY));
    }
    assert_eq!(asked(&app), 1);
    app.advance(1);
    assert!(account(&twyla).await.contains(TANDEM));
}

#[tokio::test]
async fn a_refusal_for_one_user_does_not_affect_others() {
    let app = TestApp::start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let olive = app.signed_in("olive@example.com").await;
    let refusal = Effect::status(404, json!({ "message": "User not found" }));
    app.workos().inject(Fault::once(MEMBERSHIPS, refusal));
    assert!(!account(&olive).await.contains(AWAY));
    assert!(account(&twyla).await.contains(TANDEM));
    account(&olive).await;
    assert_eq!(asked(&app), 2);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let app = TestApp::builder().seed(with_organizations(148)).start();
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let page = account(&twyla).await;
    assert_eq!(
        page.matches(r#"name="organization_id""#).count(),
        149,
        "all but the current one"
    );
    assert!(page.contains("Number 147"), "{page}");
    assert!(!page.contains(CUT), "{page}");
    assert_eq!(asked(&app), 2);
}

#[tokio::test]
async fn a_truncated_list_says_so_and_keeps_the_current_organisation() {
    let app = TestApp::builder().seed(with_organizations(250)).start();
    let last = "Made-up Society Number 249 of Example Orchards";
    let twyla = in_organization(&app, TWYLA, last).await;
    let page = account(&twyla).await;
    assert_eq!(page.matches(r#"name="organization_id""#).count(), 199);
    let current = app.organization(last);
    assert!(page.contains(&format!("<code>{current}</code>")), "{page}");
    let offered = format!(r#"value="{current}""#);
    assert!(!page.contains(&offered), "{page}");
    assert!(page.contains(last) && page.contains(CUT), "{page}");
    assert_eq!(asked(&app), 3);
}
