//! Sign-ins that were under way, and WorkOS users who were deleted.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Upgraded;
use crate::support::exchange::{WORKOS, post};
use crate::support::steps::{error_page, set_cookie};
use crate::webhooks::{send_event, user};

const SELECTION: &str = "urn:workos:oauth:grant-type:organization-selection";
const CODE: &str = "authorization_code";
const TOTP: &str = "urn:workos:oauth:grant-type:mfa-totp";

/// The bodies of the requests with which WorkOS was asked for this grant.
fn grants(upgraded: &Upgraded, grant: &str) -> Vec<Value> {
    let requests = upgraded.app.workos().requests().into_iter();
    let of_grant = requests.filter(|request| request.grant_type() == Some(grant));
    of_grant.map(|request| request.body).collect()
}

#[tokio::test]
async fn a_pending_sign_in_is_shown_and_its_answer_reaches_workos() {
    let upgraded = Upgraded::start();
    let step = upgraded.issued("/twyla_step").to_owned();
    let response = upgraded.get("twyla", &step).await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    for name in ["Example Orchards", "Tandem Cycles"] {
        assert!(page.contains(name), "{page}");
    }
    let orchards = upgraded.app.organization("Example Orchards");
    let fields = [("organization_id", orchards.as_str())];
    upgraded.post("twyla", &step, &fields).await;
    let [grant] = &grants(&upgraded, SELECTION)[..] else {
        panic!("WorkOS is asked once");
    };
    assert_eq!(grant["organization_id"], orchards);
    assert!(grant["pending_authentication_token"].is_string());
}

/// The row does not say which answer ended the sign-in, and by whom.
#[tokio::test]
async fn the_result_of_a_sign_in_that_an_earlier_version_finished_is_not_given_again() {
    let upgraded = Upgraded::start();
    let step = upgraded.issued("/una_step").to_owned();
    let response = upgraded.post("una", &step, &[("code", "123456")]).await;
    assert!(set_cookie(&response, "sessionid").is_none());
    error_page(response, StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_pending_token_of_the_api_still_opens() {
    let upgraded = Upgraded::start();
    let token = upgraded.issued("/max_pending_authentication_token");
    let body = json!({ "pending_authentication_token": token, "code": "123456" });
    post(&upgraded.app, WORKOS, &body).await;
    assert_eq!(grants(&upgraded, TOTP).len(), 1);
}

#[tokio::test]
async fn the_cookie_of_a_login_attempt_still_opens() {
    let upgraded = Upgraded::start();
    let target = upgraded.issued("/returning_target").to_owned();
    upgraded.get("returning", &target).await;
    let [grant] = &grants(&upgraded, CODE)[..] else {
        panic!("WorkOS is asked once");
    };
    assert_eq!(grant["code"], upgraded.issued("/returning_code"));
    assert!(grant["code_verifier"].is_string());
}

#[tokio::test]
async fn a_late_event_about_a_deleted_user_creates_no_account() {
    let upgraded = Upgraded::start();
    let app = &upgraded.app;
    let accounts = app.users().len();
    let late = user(app, "user_never_here", "late@example.com", 0);
    send_event(app, "event_late", "user.created", late).await;
    assert_eq!(app.users().len(), accounts);

    let deleted = upgraded.issued("/deleted_workos_user_id");
    let late = user(app, deleted, "no.name@example.com", 60);
    send_event(app, "event_later", "user.updated", late).await;
    let account = app.user("no.name@example.com");
    assert!(!account.is_active);
    assert_eq!(account.first_name, "", "nothing was changed");

    // A repeated event is still known.
    let repeated = user(app, "user_new", "new@example.com", 0);
    send_event(app, "event_created", "user.created", repeated).await;
    assert_eq!(app.users().len(), accounts);

    let unknown = user(app, "user_new", "new@example.com", 0);
    send_event(app, "event_new", "user.created", unknown).await;
    assert_eq!(app.users().len(), accounts + 1);
}
