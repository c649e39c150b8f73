//! Events about memberships: the sessions of the member are renewed at their next request.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ROUTE, SECRET, app, send_event};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::client::plain_client;
use crate::support::readings::becomes_true;
use crate::support::steps::{AUTHENTICATE, set_cookie};

const OLIVE: &str = "olive@example.com";
const UPDATED: &str = "organization_membership.updated";

fn workos_id(app: &TestApp, email: &str) -> String {
    app.user(email).workos_user_id.expect("linked")
}

/// Sends an event about a change of this user's membership.
async fn send_membership_event(app: &TestApp, id: &str, email: &str) {
    let membership = json!({
        "id": "om_1",
        "user_id": workos_id(app, email),
        "organization_id": "org_1",
        "status": "active",
    });
    send_event(app, id, UPDATED, membership).await;
}

fn demote(app: &TestApp, email: &str) {
    let orchards = app.organization("Example Orchards");
    let id = workos_id(app, email);
    assert!(app.workos().set_role(&orchards, &id, "member"));
}

/// Ends a membership at WorkOS, as its dashboard does.
async fn remove(app: &TestApp, email: &str) {
    let client = plain_client();
    let base = format!(
        "{}/user_management/organization_memberships",
        app.emulator.base_url()
    );
    let key = app.emulator.api_key();
    let list = client.get(format!("{base}?user_id={}", workos_id(app, email)));
    let list: Value = list
        .bearer_auth(key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id = list["data"][0]["id"].as_str().unwrap();
    let delete = client.delete(format!("{base}/{id}")).bearer_auth(key);
    assert_eq!(delete.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_next_request_renews_once_and_updates_the_role() {
    let app = app();
    let replica = app.replica().start();
    let olive = app.signed_in(OLIVE).await;
    let ada = app.signed_in("ada@example.com").await;
    let copy = olive.cookies("/");
    assert!(olive.page("/account").await.contains(">admin<"));
    demote(&app, OLIVE);
    send_membership_event(&app, "event_1", OLIVE).await;
    assert!(olive.page("/account").await.contains(">member<"));
    assert_eq!(app.renewals(), 1);

    let again = olive.get("/account").await;
    assert_eq!(
        set_cookie(&again, "sessionid"),
        None,
        "the cookie is updated once"
    );
    let others = ada.get("/account").await;
    assert_eq!(
        set_cookie(&others, "sessionid"),
        None,
        "other sessions are not updated"
    );
    // A browser that lost the new cookie is updated from the row, on either replica.
    for app in [&app, &replica] {
        let page = || async {
            let visitor = app.visitor();
            let answer = visitor.get_with_cookies("/account", &copy).await;
            answer.text().await.unwrap().contains(">member<")
        };
        assert!(becomes_true(page).await);
    }
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn the_list_of_organisations_is_requested_again() {
    let app = app();
    let olive = app.signed_in(OLIVE).await;
    let ada = app.signed_in("ada@example.com").await;
    let asked = || {
        app.workos()
            .count("/user_management/organization_memberships")
    };
    for visitor in [&olive, &ada, &olive] {
        visitor.page("/account").await;
    }
    assert_eq!(asked(), 2);
    send_membership_event(&app, "event_1", OLIVE).await;
    for visitor in [&olive, &ada, &olive] {
        visitor.page("/account").await;
    }
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn another_replica_renews_the_session_too() {
    let app = app();
    let replica = app.replica().start();
    let olive = app.signed_in(OLIVE).await;
    let elsewhere = Visitor::new(&replica.url);
    let copy = olive.cookies("/");
    assert_eq!(
        elsewhere.get_with_cookies("/account", &copy).await.status(),
        StatusCode::OK
    );
    demote(&app, OLIVE);
    send_membership_event(&app, "event_1", OLIVE).await;
    assert!(
        becomes_true(|| async {
            elsewhere.get_with_cookies("/account", &copy).await;
            app.renewals() == 1
        })
        .await
    );
    assert_eq!(app.only_session().role.as_deref(), Some("member"));
}

#[tokio::test]
async fn a_session_without_its_membership_ends_at_the_next_request() {
    let app = app();
    let replica = app.replica().start();
    app.workos()
        .add_webhook_endpoint(&format!("{}{ROUTE}", app.url), SECRET);
    let olive = app.signed_in(OLIVE).await;
    let copy = olive.cookies("/");
    remove(&app, OLIVE).await;
    assert!(becomes_true(|| async { app.only_session().generation == 1 }).await);
    let over = olive.get("/account").await;
    assert_eq!(over.status(), StatusCode::FOUND);
    assert!(location(&over).contains("session-ended"));
    assert_eq!(app.renewals(), 1);
    for app in [&app, &replica] {
        let visitor = app.visitor();
        let refused = || async {
            let answer = visitor.get_with_cookies("/account", &copy).await;
            answer.status() == StatusCode::FOUND
        };
        assert!(becomes_true(refused).await);
    }
    assert_eq!(app.renewals(), 1, "no request asks WorkOS again");
}

#[tokio::test]
async fn a_change_during_a_renewal_causes_another_renewal() {
    let app = app();
    let olive = app.signed_in(OLIVE).await;
    app.expire_workos_tokens();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let first = olive.clone();
    let first = tokio::spawn(async move { first.get("/account").await.status() });
    gate.reached().await.unwrap();
    assert!(app.only_session().renewing_until.is_some());
    send_membership_event(&app, "event_1", OLIVE).await;
    gate.open();
    assert_eq!(first.await.unwrap(), StatusCode::OK);
    assert_eq!(app.renewals(), 1);
    demote(&app, OLIVE);
    assert!(olive.page("/account").await.contains(">member<"));
    assert_eq!(app.renewals(), 2);
    olive.page("/account").await;
    assert_eq!(app.renewals(), 2);
}

#[tokio::test]
async fn an_outage_keeps_the_session_and_causes_no_request_storm() {
    let app = app();
    let olive = app.signed_in(OLIVE).await;
    demote(&app, OLIVE);
    app.make_workos_unavailable();
    send_membership_event(&app, "event_1", OLIVE).await;
    for _ in 0..3 {
        let answer = olive.request(Method::GET, "/account").send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(app.renewals(), 1, "the pause is kept");
    app.restore_workos();
    assert!(olive.page("/account").await.contains(">member<"));
}
