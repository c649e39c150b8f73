//! A server that stops while WorkOS is being asked.

use reqwest::StatusCode;

use crate::support::app::{TestApp, Visitor};
use crate::support::readings::becomes_true;
use crate::support::steps::AUTHENTICATE;

#[tokio::test]
async fn a_stop_that_waits_for_a_renewal_serves_requests_and_reads_log_outs() {
    let mut app = TestApp::start();
    let replica = app.replica().start();
    let ada = app.signed_in("ada@example.com").await;
    app.expire_workos_tokens();
    let olive = app.signed_in("olive@example.com").await;
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let renewal = tokio::spawn(async move { ada.get("/account").await.status() });
    gate.reached().await.unwrap();

    app.begin_stop();
    let readiness = async || app.visitor().get("/readyz").await.status();
    assert!(becomes_true(async || readiness().await == StatusCode::SERVICE_UNAVAILABLE).await);
    assert!(olive.is_signed_in().await);
    let elsewhere = Visitor::new(&replica.url);
    let logged_out = elsewhere
        .post_with_cookies("/auth/logout", &olive.cookies("/"))
        .await;
    assert_eq!(logged_out.status(), StatusCode::FOUND);
    assert!(becomes_true(async || !olive.is_signed_in().await).await);

    gate.open();
    assert_eq!(renewal.await.unwrap(), StatusCode::OK);
    app.stop();
}
