//! Two hundred simultaneous requests on two replicas when WorkOS's access token expires.

use std::collections::BTreeSet;

use authkit_emulator::Effect;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::renewal::{GRANT, assert_all_ok, at_once, eventually, statuses};
use crate::support::steps::AUTHENTICATE;

const REQUESTS: usize = 200;

/// Ada's cookies and a second replica, with an expired access token of WorkOS.
async fn with_expired_token() -> (TestApp, TestApp, String) {
    let app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    app.expire_workos_tokens();
    (app, replica, cookies)
}

/// The distinct values of a property of the renewal requests to WorkOS.
fn values(
    app: &TestApp,
    of: impl Fn(&authkit_emulator::RecordedRequest) -> String,
) -> BTreeSet<String> {
    let requests = app.workos().requests();
    let renewals = requests
        .iter()
        .filter(|one| one.body["grant_type"] == GRANT);
    renewals.map(of).collect()
}

fn print_counts(what: &str, app: &TestApp, answers: &[reqwest::Response]) {
    print_line(&format!(
        "{what}: {REQUESTS} requests at once on two replicas, answers {:?}, renewals at WorkOS {}",
        statuses(answers),
        app.renewals()
    ));
}

/// Prints a line even if the test passes: the harness captures the output of `println!`.
fn print_line(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[tokio::test]
async fn two_hundred_requests_on_two_replicas_renew_once() {
    let (app, replica, cookies) = with_expired_token().await;
    let answers = at_once(&[&app, &replica], "/account", &cookies, REQUESTS).await;
    print_counts("as usual", &app, &answers);
    assert_all_ok(&answers);
    assert_eq!(app.renewals(), 1);
    let row = app.only_session();
    assert_eq!(row.revoked_at, None);
    assert_eq!((row.renewing_until, row.renewal_failures), (None, 0));
    assert!(row.confirmed_until.is_some_and(|until| until > app.now()));
}

#[tokio::test]
async fn two_hundred_requests_survive_a_lost_response() {
    let (app, replica, cookies) = with_expired_token().await;
    for round in 1..=3 {
        app.inject_fault(1, Effect::DropReply);
        let answers = at_once(&[&app, &replica], "/account", &cookies, REQUESTS).await;
        print_counts("a reply dropped", &app, &answers);
        assert_all_ok(&answers);
        assert_eq!(
            app.renewals(),
            2 * round,
            "the request with the lost reply is repeated"
        );
        let tokens = values(&app, |one| one.body["refresh_token"].to_string());
        assert_eq!(tokens.len(), round, "with the same token: {tokens:?}");
        let keys = values(&app, |one| one.headers["idempotency-key"].clone());
        assert_eq!(keys.len(), round, "and as the same request");
        app.expire_workos_tokens();
    }
}

#[tokio::test]
async fn two_hundred_requests_survive_a_minute_of_503() {
    let (app, replica, cookies) = with_expired_token().await;
    app.make_workos_unavailable();
    let answers = at_once(&[&app, &replica], "/account", &cookies, REQUESTS).await;
    print_counts("the first moment of 503", &app, &answers);
    assert_all_ok(&answers);
    assert_eq!(app.renewals(), 1, "one request asks WorkOS for all of them");
    for _ in 0..12 {
        app.advance(5);
        let answers = at_once(&[&app, &replica], "/account", &cookies, 20).await;
        assert_all_ok(&answers);
    }
    let asked = app.renewals();
    print_line(&format!(
        "a minute of 503: 240 further requests, renewals tried {asked}"
    ));
    assert!(
        (3..=13).contains(&asked),
        "neither a storm nor silence: {asked}"
    );
    app.restore_workos();
    let answers = at_once(&[&app, &replica], "/account", &cookies, REQUESTS).await;
    print_counts("WorkOS is back", &app, &answers);
    assert_all_ok(&answers);
    assert_eq!(app.renewals(), asked + 1);
    assert_eq!(app.only_session().renewal_failures, 0);
}

#[tokio::test]
async fn requests_do_not_wait_for_a_renewal_while_the_session_is_confirmed() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    app.advance(250);
    app.inject_fault(1, Effect::NoAnswer);
    app.inject_fault(u32::MAX, Effect::status(503, json!({})));
    let first = {
        let ada = ada.clone();
        tokio::spawn(async move { ada.get("/account").await.status() })
    };
    eventually(|| app.renewals() > 0).await;
    let answers = at_once(&[&app], "/account", &cookies, 20).await;
    assert_all_ok(&answers);
    assert!(!first.is_finished(), "WorkOS has not answered yet");
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test]
async fn a_renewal_completes_after_its_client_disconnects() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let request = {
        let ada = ada.clone();
        tokio::spawn(async move { ada.get("/account").await })
    };
    gate.reached().await.unwrap();
    request.abort();
    gate.open();
    eventually(|| app.only_session().renew_after.is_some()).await;
    app.advance(40);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.renewals(), 1);
}
