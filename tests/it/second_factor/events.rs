//! The audit events of the second factor.

use serde_json::{Value, json};
use vestibule::audit::AuditEventRow;

use super::{PAGE, after_password, app_with_factor, assert_refused, send_code};
use crate::audit::{detail, events, events_of};
use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::TestApp;

/// The events of this name with their details.
fn named(rows: &[AuditEventRow], name: &str) -> Vec<Value> {
    let named = rows.iter().filter(|row| row.event == name);
    named.map(detail).collect()
}

#[tokio::test]
async fn a_change_of_the_factor_is_recorded() {
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, PASSWORD);
    app.visitor().log_in(EMAIL, PASSWORD).await;
    let visitor = app.visitor();
    visitor.log_in(EMAIL, PASSWORD).await;
    let authenticator = super::set_up(&app, &visitor).await;
    let code = authenticator.next_code(&app);
    let fields = [("action", "recovery-codes"), ("code", code.as_str())];
    visitor.submit(PAGE, &fields).await;
    let code = authenticator.next_code(&app);
    let fields = [("action", "remove"), ("code", code.as_str())];
    visitor.submit(PAGE, &fields).await;
    let rows = events(&app);
    let added = json!({ "factor": "totp", "by": "owner", "ended_sessions": 1 });
    let codes = json!({ "factor": "recovery_codes", "by": "owner", "ended_sessions": 0 });
    assert_eq!(named(&rows, "factor_added"), [added, codes]);
    let removed = json!({ "factor": "totp", "by": "owner" });
    assert_eq!(named(&rows, "factor_removed"), [removed]);
    let user = Some(app.user(EMAIL).id);
    let of_factor = rows.iter().filter(|row| row.event.starts_with("factor_"));
    for row in of_factor {
        assert_eq!(
            (row.user_id, row.address.as_deref()),
            (user, Some("127.0.0.1"))
        );
    }
}

#[tokio::test]
async fn a_sign_in_with_a_code_says_so_and_a_used_recovery_code_is_recorded() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let first = after_password(&app).await;
    send_code(&first, &authenticator.next_code(&app)).await;
    let second = after_password(&app).await;
    send_code(&second, &authenticator.recovery_codes[0]).await;
    let rows = events(&app);
    let with_code = json!({ "method": "local_password", "amr": ["pwd", "otp", "mfa"] });
    assert_eq!(
        named(&rows, "signed_in"),
        [
            json!({ "method": "local_password" }),
            with_code.clone(),
            with_code
        ],
        "a password alone is no sign-in"
    );
    let used = json!({ "factor": "recovery_code", "by": "owner" });
    assert_eq!(named(&rows, "factor_removed"), [used]);
}

#[tokio::test]
async fn refused_codes_are_recorded_as_failures_without_the_code() {
    let (app, authenticator) = app_with_factor(TestApp::start()).await;
    let signed_in = app.visitor();
    let user = app.user(EMAIL).id;
    let visitor = after_password(&app).await;
    let wrong = authenticator.wrong_code(&app);
    assert_refused(&visitor, &wrong, super::WRONG).await;
    let used = authenticator.code_at(app.now());
    assert_refused(&visitor, &used, super::USED).await;
    let made_up = "0".repeat(28);
    assert_refused(&visitor, &made_up, super::WRONG).await;
    // On the account page too.
    let account = after_password(&app).await;
    send_code(&account, &authenticator.next_code(&app)).await;
    let fields = [("action", "remove"), ("code", wrong.as_str())];
    account.submit(PAGE, &fields).await;
    drop(signed_in);
    let database = app.database.clone();
    let kept = app.stop();
    let rows = events_of(&database);
    drop(kept);
    let mut failures = named(&rows, "sign_in_failed");
    failures.sort_by_key(|detail| detail["reason"].to_string());
    let refused = json!({ "method": "local_password", "reason": "refused code", "times": 3 });
    let used_twice = json!({ "method": "local_password", "reason": "used code" });
    assert_eq!(failures, [refused, used_twice]);
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "sign_in_failed")
        .collect();
    assert!(rows.iter().all(|row| row.user_id == Some(user)), "{rows:?}");
    let text = format!("{rows:?}");
    for secret in [wrong, made_up, PASSWORD.to_owned()] {
        assert!(!text.contains(&secret), "{secret}: {text}");
    }
}

/// Somebody who knows the password, and has no code, learns that it is right.
#[tokio::test]
async fn a_right_password_without_a_code_is_recorded() {
    let (app, _) = app_with_factor(TestApp::start()).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    for _ in 0..2 {
        let answer = app.visitor().post_json("/api/token", &body).await;
        assert_eq!(answer.status, 403);
    }
    after_password(&app).await;
    let user = app.user(EMAIL).id;
    let database = app.database.clone();
    let _kept = app.stop();
    let rows = events_of(&database);
    let asked: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "code_required")
        .collect();
    assert_eq!(asked.len(), 1, "{rows:?}");
    assert_eq!(asked[0].user_id, Some(user));
    assert_eq!(detail(asked[0]), json!({ "times": 3 }));
}
