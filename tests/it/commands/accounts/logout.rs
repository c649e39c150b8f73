//! `vestibule logout`.

use authkit_emulator::{Effect, Fault};
use serde_json::json;

use super::{GOOD, MigratedDatabase, closing};
use crate::account_sessions::{ADA, REVOKE_AT_WORKOS};
use crate::support::app::{SECRET_KEY, TestApp};
use crate::support::program::Program;
use crate::support::readings::happens_soon;
use crate::support::renewal::eventually;

fn logout(app: &TestApp, email: &str) -> Program {
    command(app, "logout", email)
}

fn command(app: &TestApp, name: &str, email: &str) -> Program {
    Program::new(&[name, email])
        .env("DATABASE_URL", app.database_url())
        .env("SECRET_KEY", SECRET_KEY)
        .env("WORKOS_API_BASE_URL", &app.emulator.base_url())
        .env("WORKOS_API_KEY", app.emulator.api_key())
        .env("WORKOS_CLIENT_ID", app.emulator.client_id())
}

#[test]
fn sessions_and_tokens_end_and_the_account_stays_active() {
    let accounts = MigratedDatabase::new();
    let user = accounts.add("Ada@example.com", GOOD);
    let other = accounts.add("olive@example.com", GOOD);
    for id in ["first", "second"] {
        accounts.add_session(&user, id);
    }
    accounts.add_session(&other, "of another");
    let run = || closing::run(&accounts, "logout", "ada@EXAMPLE.com");
    assert_eq!(
        run(),
        "Account 'Ada@example.com' is logged out. Its tokens and 2 sessions ended."
    );
    let after = accounts.user("ada@example.com");
    assert!(after.is_active);
    assert_eq!(after.token_version, user.token_version + 1);
    assert_eq!(accounts.open_sessions(), ["of another"]);
    assert_eq!(accounts.user("olive@example.com"), other);
    assert_eq!(
        run(),
        "Account 'Ada@example.com' is logged out. Its tokens ended; it had no open session."
    );
    let events = accounts.audit_events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].event, "sessions_revoked");
    assert_eq!(
        events[0].detail,
        r#"{"ended_sessions":2,"reason":"command"}"#
    );
}

#[tokio::test]
async fn a_running_server_refuses_the_session_and_workos_ends_its_own() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let command = logout(&app, ADA);
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    let output = output.exits_with(0);
    assert_eq!(
        output.stdout,
        format!("Account '{ADA}' is logged out. Its tokens and 1 session ended.")
    );
    assert!(happens_soon(&app, async || !ada.is_signed_in().await).await);
    assert_eq!(app.workos().count(REVOKE_AT_WORKOS), 1);
    // The command has another clock than the app, which stands still.
    app.advance(61);
    ada.sign_in(ADA).await;
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn the_sessions_end_here_while_workos_cannot_be_reached() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    refuse_revocations(&app);
    let command = logout(&app, ADA);
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    output
        .exits_with(1)
        .reports_one_error(&["1 not yet at WorkOS", "a running server tries again"]);
    app.workos().clear_faults();
    app.advance(60);
    // The server revokes it: its row is still there.
    let user = app.workos().user(ADA).expect("Ada").id;
    eventually(|| app.workos().sessions_of(&user).is_empty()).await;
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn a_browser_that_is_on_its_way_to_workos_delays_no_command() {
    let app = TestApp::start();
    for email in [ADA, "olive@example.com"] {
        let visitor = app.signed_in(email).await;
        visitor.post("/auth/logout").await;
    }
    let command = logout(&app, ADA);
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    output.exits_with(0);
    let sessions = |email| {
        let user = app.workos().user(email).unwrap().id;
        app.workos().sessions_of(&user).len()
    };
    assert_eq!((sessions(ADA), sessions("olive@example.com")), (0, 1));
}

/// Lets neither the command nor the running server revoke a session at WorkOS.
fn refuse_revocations(app: &TestApp) {
    let away = Fault::once(REVOKE_AT_WORKOS, Effect::status(503, json!({})));
    app.workos().inject(away.times(u32::MAX));
}

#[tokio::test]
async fn without_the_settings_of_workos_the_sessions_end_here() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    refuse_revocations(&app);
    let command = Program::new(&["logout", ADA]).env("DATABASE_URL", app.database_url());
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    output
        .exits_with(1)
        .reports_one_error(&["WORKOS_API_KEY", "dashboard"]);
    assert!(app.only_session().revoked_at.is_some());
}

#[tokio::test]
async fn a_deactivation_ends_the_sessions_at_workos_too() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    app.signed_in(ADA).await;
    let command = command(&app, "deactivate", ADA);
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    let output = output.exits_with(0);
    assert_eq!(
        output.stdout,
        format!("Account '{ADA}' is deactivated. Its tokens and 2 sessions ended.")
    );
    assert_eq!(output.stderr, "");
    assert_eq!(app.workos().count(REVOKE_AT_WORKOS), 2);
}

#[tokio::test]
async fn a_deactivation_says_if_workos_cannot_be_told() {
    let app = TestApp::start();
    app.signed_in(ADA).await;
    refuse_revocations(&app);
    let command = Program::new(&["deactivate", ADA]).env("DATABASE_URL", app.database_url());
    let output = tokio::task::spawn_blocking(|| command.run()).await.unwrap();
    let output = output.exits_with(0);
    assert!(output.stderr.contains("dashboard"), "{}", output.stderr);
    assert!(app.only_session().revoked_at.is_some());
}
