//! The session's row: it keeps what a lost cookie would lose, and holds the lease.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::StatusCode;
use vestibule::db::schema::sessions;
use vestibule::sessions::{LeaseCondition, SessionRow};

use crate::support::app::TestApp;
use crate::support::log::{capture, count_lines};
use crate::support::renewal::{GRANT, eventually};
use crate::support::steps::{AUTHENTICATE, set_cookie};

#[tokio::test]
async fn a_session_is_renewed_when_it_is_due_and_not_before() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.advance(230);
    let response = ada.get("/account").await;
    assert_eq!(set_cookie(&response, "sessionid"), None);
    assert_eq!(app.renewals(), 0);
    app.advance(20);
    let response = ada.get("/account").await;
    assert!(set_cookie(&response, "sessionid").is_some());
    assert_eq!(app.renewals(), 1);
    let end = app.only_session().expires_at;
    assert_eq!(end, app.only_session().created_at.plus(TimeDelta::days(14)));
    app.advance(14 * 86_400);
    assert!(!ada.is_signed_in().await, "renewing makes it no longer");
}

#[tokio::test]
async fn a_lost_set_cookie_causes_no_second_renewal() {
    let app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    app.expire_workos_tokens();
    for _ in 0..3 {
        for app in [&app, &replica] {
            let visitor = app.visitor();
            let response = visitor.get_with_cookies("/account", &cookies).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(set_cookie(&response, "sessionid").is_some());
        }
    }
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn the_organisation_and_the_role_are_kept() {
    let app = TestApp::start();
    let olive = app.signed_in("olive@example.com").await;
    let cookies = olive.cookies("/");
    let before = app.only_session();
    let organization = before.organization_id.clone().expect("an organisation");
    assert_eq!(before.role.as_deref(), Some("admin"));
    app.expire_workos_tokens();
    let page = olive.page("/account").await;
    assert!(page.contains(&*organization) && page.contains("admin"));
    let requests = app.workos().requests();
    let renewal = requests.iter().find(|one| one.grant_type() == Some(GRANT));
    let asked = &renewal.expect("a renewal").body["organization_id"];
    assert_eq!(*asked, *organization);
    let after = app.only_session();
    assert_eq!(
        (after.organization_id, after.role),
        (before.organization_id, before.role)
    );
    // From the row only.
    let response = olive.get_with_cookies("/account", &cookies).await;
    assert!(response.text().await.unwrap().contains(&*organization));
}

#[tokio::test]
async fn a_row_without_an_organisation_uses_the_cookies() {
    let app = TestApp::start();
    let olive = app.signed_in("olive@example.com").await;
    let organization = app.only_session().organization_id.expect("an organisation");
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::organization_id.eq(None::<String>))
            .execute(conn)
    });
    app.expire_workos_tokens();
    assert!(olive.page("/account").await.contains(&*organization));
    assert_eq!(app.only_session().organization_id, Some(organization));
}

#[tokio::test]
async fn a_changed_name_is_copied_to_the_account() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let mut user = app.workos().user("ada@example.com").unwrap();
    user.first_name = Some("Augusta".to_owned());
    user.updated_at += 1_000_000;
    app.workos().put_user(user);
    assert!(ada.page("/account").await.contains("Augusta"));
    assert_eq!(app.user("ada@example.com").first_name, "Augusta");
}

fn lease(app: &TestApp, seconds: i64) {
    let until = app.now().plus(TimeDelta::seconds(seconds));
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::renewing_until.eq(until))
            .execute(conn)
    });
}

#[tokio::test]
async fn a_lease_expires_when_its_holder_dies() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    lease(&app, 20);
    capture();
    let waiting = {
        let ada = ada.clone();
        tokio::spawn(async move { ada.get("/account").await.status() })
    };
    let id = app.only_session().id;
    let waits = format!("a check of session {id} waits for a renewal");
    eventually(|| count_lines(&waits) > 0).await;
    assert_eq!(app.renewals(), 0);
    app.advance(21);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
    assert_eq!(app.renewals(), 1);
}

#[tokio::test]
async fn requests_do_not_wait_for_another_replica_while_the_session_is_confirmed() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.advance(250);
    lease(&app, 20);
    assert_eq!(ada.get("/account").await.status(), StatusCode::OK);
    assert_eq!(app.renewals(), 0);
}

#[tokio::test]
async fn a_lease_is_taken_once_and_only_if_a_renewal_is_due() {
    let app = TestApp::start();
    app.signed_in("ada@example.com").await;
    let id = app.only_session().id;
    let (now, until) = (app.now(), app.now().plus(TimeDelta::seconds(20)));
    let take =
        |now| app.change(|conn| SessionRow::take_lease(conn, &id, now, until, LeaseCondition::Due));
    assert!(take(now));
    assert!(!take(now), "another request holds the lease");
    assert!(take(until), "the lease has expired");
    assert!(app.change(|conn| SessionRow::release_lease(conn, &id, until)));
    assert!(!app.change(|conn| SessionRow::release_lease(conn, &id, until)));
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::renew_after.eq(until))
            .execute(conn)
    });
    assert!(!take(now), "no renewal is due");
    app.change(|conn| SessionRow::revoke(conn, &id, now));
    assert!(!take(until), "the session is revoked");
}

#[tokio::test]
async fn a_log_out_during_a_renewal_ends_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    app.expire_workos_tokens();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let slow = {
        let ada = ada.clone();
        let cookies = cookies.clone();
        tokio::spawn(async move { ada.get_with_cookies("/account", &cookies).await.status() })
    };
    gate.reached().await.unwrap();
    ada.post("/auth/logout").await;
    gate.open();
    assert_eq!(slow.await.unwrap(), StatusCode::FOUND);
    let row = app.only_session();
    assert!(row.revoked_at.is_some());
    assert_eq!(row.workos_refresh_token, None, "what came late is not kept");
}
