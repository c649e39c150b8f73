//! Sessions that ended here are revoked at WorkOS although the server stops before WorkOS answers, and although the
//! browser does not go to WorkOS's log-out.

use std::collections::BTreeSet;

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use diesel::prelude::*;
use futures_util::future::join_all;
use reqwest::{StatusCode, Url};
use serde_json::json;
use vestibule::db::schema::workos_revocations;
use vestibule::ids::WorkosSid;
use vestibule::sessions::WorkosRevocation;
use vestibule::sign_out::WorkosRevocations;
use vestibule::workos::WorkosClient;

use super::{
    ADA, REVOKE_AT_WORKOS, eventually, is_open, newest, sign_out_everywhere, sign_out_there,
    workos_has,
};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::exchange::{WORKOS, authorize_url, post};
use crate::support::site::Site;
use crate::support::steps::query;
use crate::webhooks::{SECRET, send_event};

const OLIVE: &str = "olive@example.com";

/// Has the server send what is due, and waits until it has.
async fn send_what_is_due(app: &TestApp) {
    let olive = app.signed_in(OLIVE).await;
    app.signed_in(OLIVE).await;
    sign_out_everywhere(&olive).await;
    // What the browser is to end is still there.
    let due = async || {
        let mut left = waiting(app);
        left.retain(|(_, attempts)| *attempts > 0);
        let olives = app.workos().user(OLIVE).unwrap().id;
        left.is_empty() && app.workos().sessions_of(&olives).len() == 1
    };
    eventually(due).await;
    let end = app
        .workos()
        .sessions_of(&app.workos().user(OLIVE).unwrap().id);
    assert!(app.workos().revoke_session(&end[0]));
    app.change(|conn| {
        let own = workos_revocations::table.find(WorkosSid::from(end[0].as_str()));
        diesel::delete(own).execute(conn)
    });
}

/// The sessions that are to end at WorkOS, and how often that was tried.
fn waiting(app: &TestApp) -> Vec<(WorkosSid, i32)> {
    let columns = (workos_revocations::sid, workos_revocations::attempts);
    app.rows(|conn| workos_revocations::table.select(columns).load(conn))
}

/// Logs out in one of three ways, and returns WorkOS's log-out URL.
async fn log_out(ada: &Visitor, way: &str) -> String {
    match way {
        "link" => location(&ada.post("/auth/logout").await),
        "everywhere" => location(&sign_out_everywhere(ada).await),
        _ => {
            let answer = ada.post_json("/api/auth/logout", &json!({})).await;
            answer.text("workos_logout_url")
        }
    }
}

#[tokio::test]
async fn a_browser_that_does_not_go_to_workos_is_logged_out_there_after_a_minute() {
    for way in ["link", "everywhere", "api"] {
        let app = TestApp::start();
        let ada = app.signed_in(ADA).await;
        log_out(&ada, way).await;
        app.advance(59);
        send_what_is_due(&app).await;
        workos_has(&app, ADA, 1).await;
        app.advance(1);
        send_what_is_due(&app).await;
        workos_has(&app, ADA, 0).await;
        eventually(async || waiting(&app).is_empty()).await;
    }
}

/// Signs in again with the session of AuthKit, which asks for no credentials. Returns whether the account is signed in.
async fn sign_in_again(app: &TestApp, ada: &Visitor, way: &str) -> bool {
    app.advance(1);
    let authorize = match way {
        "callback" => ada.start_login("/auth/login").await,
        _ => authorize_url(app, false),
    };
    let callback = location(&ada.get(authorize.as_str()).await);
    if way == "callback" {
        return ada.get(&callback).await.status() == StatusCode::FOUND;
    }
    let callback = Url::parse(&callback).expect("a whole URL");
    let code = json!({ "code": query(&callback, "code") });
    post(app, WORKOS, &code).await.status() == StatusCode::OK
}

#[tokio::test]
async fn a_sign_in_that_goes_on_with_the_same_session_is_not_ended_by_the_log_out_before() {
    for (out, back) in [
        ("link", "callback"),
        ("everywhere", "callback"),
        ("api", "exchange"),
    ] {
        let app = TestApp::start();
        app.workos().continue_sessions();
        let ada = app.signed_in(ADA).await;
        let sid = app.only_session().workos_sid.unwrap();
        log_out(&ada, out).await;
        assert_eq!(waiting(&app), [(sid.clone(), 0)]);
        assert!(sign_in_again(&app, &ada, back).await);
        let again = newest(&app);
        assert_eq!(again.workos_sid, Some(sid));
        assert_eq!(waiting(&app), [], "{out}, {back}");
        app.advance(60);
        send_what_is_due(&app).await;
        workos_has(&app, ADA, 1).await;
        assert!(is_open(&app, &again.id), "{out}, {back}");
    }
}

/// A stolen browser, its session at WorkOS, and a browser of its owner, while WorkOS revokes no session.
async fn with_stolen_browser() -> (TestApp, Visitor, WorkosSid, Visitor) {
    let app = TestApp::start();
    app.workos().continue_sessions();
    let stolen = app.signed_in(ADA).await;
    let sid = app.only_session().workos_sid.unwrap();
    app.advance(1);
    let ada = app.signed_in(ADA).await;
    let busy = Fault::once(REVOKE_AT_WORKOS, Effect::status(503, json!({})));
    app.workos().inject(busy.times(u32::MAX));
    (app, stolen, sid, ada)
}

/// Whoever has the browser could otherwise keep WorkOS's session by signing in at once.
#[tokio::test]
async fn a_sign_in_does_not_keep_a_session_that_its_user_has_ended_elsewhere() {
    let (app, stolen, sid, ada) = with_stolen_browser().await;
    let id = app
        .sessions()
        .into_iter()
        .find(|row| row.workos_sid.as_ref() == Some(&sid));
    sign_out_there(&ada, &id.unwrap().id).await;
    assert!(sign_in_again(&app, &stolen, "callback").await);
    assert_eq!(newest(&app).workos_sid, Some(sid.clone()));
    let requested: Vec<_> = waiting(&app).into_iter().map(|(sid, _)| sid).collect();
    assert_eq!(requested, [sid]);
    app.workos().clear_faults();
    app.advance(600);
    workos_has(&app, ADA, 1).await;
}

/// The session is logged out here at that moment, and so not among those that end.
#[tokio::test]
async fn a_log_out_everywhere_ends_the_session_of_a_log_out_that_waits_for_the_browser() {
    let (app, stolen, sid, ada) = with_stolen_browser().await;
    log_out(&stolen, "link").await;
    assert_eq!(waiting(&app), [(sid.clone(), 0)]);
    sign_out_everywhere(&ada).await;
    assert!(sign_in_again(&app, &stolen, "callback").await);
    let requested: Vec<_> = waiting(&app).into_iter().map(|(sid, _)| sid).collect();
    assert!(requested.contains(&sid), "{requested:?}");
}

#[tokio::test]
async fn a_session_that_the_browser_has_ended_needs_one_request_more() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let url = log_out(&ada, "link").await;
    ada.get(&url).await;
    workos_has(&app, ADA, 0).await;
    app.advance(60);
    send_what_is_due(&app).await;
    eventually(async || waiting(&app).is_empty()).await;
    // Both of Ada and of the other session that was to end.
    assert_eq!(app.workos().count(REVOKE_AT_WORKOS), 2);
}

#[tokio::test]
async fn a_session_whose_end_workos_reports_needs_none() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    let ada = app.signed_in(ADA).await;
    let sid = app.only_session().workos_sid.unwrap();
    log_out(&ada, "link").await;
    assert_eq!(waiting(&app), [(sid.clone(), 0)]);
    let data = json!({ "object": "session", "id": sid });
    send_event(&app, "event_1", "session.revoked", data).await;
    assert_eq!(waiting(&app), []);
}

/// A browser may be on its way to WorkOS's log-out, which would not find the session.
#[tokio::test]
async fn a_start_of_the_server_does_not_overtake_the_browser() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let url = log_out(&ada, "link").await;
    let replica = app.replica().start();
    let _ready = replica.visitor().get("/readyz").await;
    send_what_is_due(&app).await;
    assert_eq!(waiting(&app).len(), 1);
    let back = ada.get(&url).await;
    assert_eq!(location(&back), format!("{}/", app.url));
}

#[tokio::test]
async fn a_server_that_starts_again_revokes_what_it_had_not_revoked() {
    for signal in ["TERM", "KILL"] {
        let site = Site::start(&[]);
        let visitors: Vec<_> = (0..12).map(|_| site.visitor()).collect();
        join_all(visitors.iter().map(|visitor| visitor.sign_in(ADA))).await;
        let silent = Fault::once(REVOKE_AT_WORKOS, Effect::NoAnswer);
        site.workos.control().inject(silent.times(u32::MAX));
        let response = sign_out_everywhere(&visitors[0]).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        let (workos, database) = site.end(signal);
        workos.control().clear_faults();
        workos.control().clear_requests();
        let base_url = workos.base_url();
        let _again = Site::on(database, &[("WORKOS_API_BASE_URL", &base_url)]);
        // WorkOS's log-out ends the session of the browser that logged out everywhere.
        let revoked = async || {
            let requests = workos.control().requests().into_iter();
            let sent = requests.filter(|request| request.path == REVOKE_AT_WORKOS);
            let sids: BTreeSet<_> = sent.map(|one| one.body["session_id"].to_string()).collect();
            sids.len() == 11
        };
        eventually(revoked).await;
        let user = workos.control().user(ADA).expect("Ada").id;
        eventually(async || workos.control().sessions_of(&user).len() == 1).await;
    }
}

/// Inserts requests of refused sign-ins that have waited for a while.
fn insert_refused(app: &TestApp, number: usize) {
    let before = app.now().plus(TimeDelta::minutes(-10));
    app.change(|conn| {
        for number in 0..number {
            let sid = WorkosSid::from(format!("session_refused_{number:04}"));
            WorkosRevocation::request_of_refused(conn, &sid, before)?;
        }
        Ok(())
    });
}

#[tokio::test]
async fn refused_sign_ins_delay_no_log_out_everywhere() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let theirs = app.only_session().workos_sid.unwrap();
    app.signed_in(ADA).await;
    let gate = app.workos().inject_gate(REVOKE_AT_WORKOS);
    insert_refused(&app, 200);
    sign_out_everywhere(&ada).await;
    gate.open();
    let sent = || {
        let requests = app.workos().requests().into_iter();
        let sent = requests.filter(|request| request.path == REVOKE_AT_WORKOS);
        let sent = sent.map(|one| {
            one.body["session_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
        sent.collect::<Vec<_>>()
    };
    let is_refused = |sid: &String| sid.starts_with("session_refused");
    eventually(async || sent().iter().any(|sid| !is_refused(sid))).await;
    // Those that were sent before it, and others of its batch.
    let earlier = sent().iter().filter(|sid| is_refused(sid)).count();
    assert!(earlier <= 40, "{earlier}");
    assert!(
        !sent().contains(&theirs.to_string()),
        "the browser ends this one"
    );
}

#[tokio::test]
async fn of_two_replicas_one_sends_a_revocation() {
    let app = TestApp::start();
    let replica = app.replica().start();
    let (ada, olive) = (app.signed_in(ADA).await, replica.signed_in(OLIVE).await);
    let gate = app.workos().inject_gate(REVOKE_AT_WORKOS);
    // A batch, so that both replicas read all of them.
    insert_refused(&app, 10);
    // Each makes its replica send what is due.
    for visitor in [&ada, &olive] {
        visitor.sign_in(ADA).await;
        sign_out_everywhere(visitor).await;
    }
    eventually(async || waiting(&app).iter().any(|(_, attempts)| *attempts > 0)).await;
    gate.open();
    eventually(async || {
        !waiting(&app)
            .iter()
            .any(|(sid, _)| sid.starts_with("session_refused"))
    })
    .await;
    let requests = app.workos().requests().into_iter();
    let sent = requests.filter(|request| request.path == REVOKE_AT_WORKOS);
    let mut sent: Vec<_> = sent.map(|one| one.body["session_id"].to_string()).collect();
    sent.retain(|sid| sid.contains("session_refused"));
    let distinct: BTreeSet<_> = sent.iter().collect();
    assert_eq!((sent.len(), distinct.len()), (10, 10));
}

/// The clock of a replica neither cuts short nor prolongs the minute that a browser has.
#[tokio::test]
async fn a_replica_whose_clock_is_wrong_sends_a_revocation_when_it_is_due() {
    for wrong_by in [TimeDelta::hours(-1), TimeDelta::hours(1)] {
        let app = TestApp::start();
        let clock = app.clock.wrong_by(wrong_by);
        let wrong = app.replica().clock(clock.clone()).start();
        let workos = WorkosClient::new(&app.settings.workos).unwrap();
        let revocations = WorkosRevocations::new(app.database.clone(), workos, clock);
        for replica in [&app, &wrong] {
            let cookies = app.signed_in(ADA).await.cookies("/");
            let visitor = replica.visitor();
            let ended = visitor.post_with_cookies("/auth/logout", &cookies).await;
            assert_eq!(ended.status(), StatusCode::FOUND);
            app.advance(59);
            revocations.send_due(None).await.unwrap();
            send_what_is_due(&app).await;
            assert_eq!(waiting(&app).len(), 1, "{wrong_by}");
            app.advance(1);
            revocations.send_due(None).await.unwrap();
            eventually(async || waiting(&app).is_empty()).await;
        }
    }
}

#[tokio::test]
async fn a_limited_number_of_refused_sign_ins_waits() {
    let app = TestApp::start();
    let refused = Fault::once(REVOKE_AT_WORKOS, Effect::status(503, json!({})));
    app.workos().inject(refused.times(u32::MAX));
    insert_refused(&app, 1_010);
    assert_eq!(waiting(&app).len(), 1_000);
}
