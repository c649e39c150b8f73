//! The effect of the commands on signed-in users of a running server.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::GOOD;
use crate::support::app::{TestApp, Visitor};
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::steps::assert_signs_in;

const EMAIL: &str = "ada@example.com";

/// A server that uses the system's clock, as the commands do, and the URL of its database.
fn serve() -> (TestApp, String) {
    let database = TestDatabase::migrated();
    let url = database.url().to_owned();
    let app = TestApp::builder().database(database).system_clock();
    (app.start(), url)
}

fn run(database_url: &str, command: &str, input: &str) {
    let program = Program::new(&[command, EMAIL]).input(input);
    program
        .env("DATABASE_URL", database_url)
        .run()
        .exits_with(0);
}

/// Waits until the session is revoked: a server reads the revocations of other processes every second.
async fn is_signed_out(visitor: &Visitor) -> bool {
    let began = Instant::now();
    while visitor.is_signed_in().await {
        if began.elapsed() > Duration::from_secs(20) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

#[tokio::test]
async fn a_deactivated_account_is_signed_out_until_it_is_activated() {
    let (app, database_url) = serve();
    let (ada, olive) = (
        app.signed_in(EMAIL).await,
        app.signed_in("olive@example.com").await,
    );
    run(&database_url, "deactivate", "");
    assert!(is_signed_out(&ada).await);
    assert!(olive.is_signed_in().await);
    let again = app.visitor();
    assert_eq!(again.sign_in(EMAIL).await.status(), StatusCode::FORBIDDEN);
    run(&database_url, "activate", "");
    assert_signs_in(&app.visitor(), EMAIL).await;
}

#[tokio::test]
async fn a_changed_password_signs_out_everywhere() {
    let (app, database_url) = serve();
    let (laptop, phone) = (app.signed_in(EMAIL).await, app.signed_in(EMAIL).await);
    run(
        &database_url,
        "changepassword",
        &format!("{GOOD}\n{GOOD}\n"),
    );
    assert!(is_signed_out(&laptop).await);
    assert!(is_signed_out(&phone).await);
    assert_signs_in(&laptop, EMAIL).await;
}
