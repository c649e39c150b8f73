//! `POST /api/auth/workos/callback`: exchanges an authorization code of WorkOS for tokens.

mod invitations;
mod steps;
mod workos_emulate;

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};
use vestibule::sessions::SessionRow;

use crate::support::app::TestApp;
use crate::support::exchange::{
    VERIFIER, WORKOS, authorize_url, claims, code_for, current_user, json_of, me, post, refused,
    signed_in,
};
use crate::support::log;
use crate::support::steps::{AUTHENTICATE, query, retry_after};

async fn exchange(app: &TestApp, email: &str) -> Value {
    let code = code_for(app, email).await;
    signed_in(post(app, WORKOS, &json!({ "code": code })).await).await
}

#[tokio::test]
async fn a_user_with_an_account_signs_in() {
    let app = TestApp::start();
    let row = app.add_user("Ada@Example.com", true);
    let answer = exchange(&app, "ada@example.com").await;
    let user = json!({ "id": row.id, "email": "ada@example.com", "first_name": "Ada", "last_name": "Example" });
    assert_eq!(answer["user"], user);
    let linked = app.user("ada@example.com");
    assert_eq!(
        json_of(me(&app, &answer["access_token"]).await, StatusCode::OK).await,
        current_user(&user, linked.picture_url.as_deref())
    );
    assert_eq!(linked.last_login, Some(app.now()));
    assert!(linked.workos_user_id.is_some());
    // The second sign-in finds the account by the WorkOS user id.
    assert_eq!(exchange(&app, "ada@example.com").await["user"], user);
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn a_user_of_workos_without_an_account_gets_one() {
    let app = TestApp::start();
    let answer = exchange(&app, "no.name@example.com").await;
    let users = app.users();
    assert_eq!(users.len(), 1);
    let user = json!({ "id": users[0].id, "email": "no.name@example.com", "first_name": "", "last_name": "" });
    assert_eq!(answer["user"], user);
    assert!(users[0].password.starts_with('!'));
    assert_eq!(
        me(&app, &answer["access_token"]).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_code_that_workos_does_not_know_is_refused() {
    let app = TestApp::start();
    let row = app.add_user("known.here@example.com", true);
    let response = post(&app, WORKOS, &json!({ "code": "made-up" })).await;
    refused(response, StatusCode::BAD_REQUEST, "invalid_grant").await;
    assert_eq!(app.users(), [row]);
    assert!(app.sessions().is_empty());
}

#[tokio::test]
async fn a_code_works_only_once() {
    let app = TestApp::start();
    let body = json!({ "code": code_for(&app, "ada@example.com").await });
    signed_in(post(&app, WORKOS, &body).await).await;
    let again = post(&app, WORKOS, &body).await;
    refused(again, StatusCode::BAD_REQUEST, "invalid_grant").await;
    assert_eq!(app.sessions().len(), 1);
}

#[tokio::test]
async fn a_pkce_verifier_is_passed_on_to_workos() {
    let app = TestApp::start();
    for (verifier, good) in [
        (json!(VERIFIER), true),
        (json!("another-verifier-of-forty-three-characters-x"), false),
        (Value::Null, false),
    ] {
        let authorize = authorize_url(&app, true);
        let callback = app.visitor().authorize(&authorize, "ada@example.com").await;
        let body = json!({ "code": query(&callback, "code"), "code_verifier": verifier });
        let response = post(&app, WORKOS, &body).await;
        if good {
            signed_in(response).await;
        } else {
            refused(response, StatusCode::BAD_REQUEST, "invalid_grant").await;
        }
    }
    let sent = app.workos().requests();
    let sent: Vec<_> = sent.iter().filter(|one| one.path == AUTHENTICATE).collect();
    assert_eq!(sent[0].body["code_verifier"], VERIFIER);
    assert_eq!(sent[2].body.get("code_verifier"), None);
    assert_eq!(sent[2].body["client_secret"], app.emulator.api_key());
}

#[tokio::test]
async fn the_tokens_end_with_the_workos_session() {
    let app = TestApp::start();
    let answer = exchange(&app, "ada@example.com").await;
    let session = app.only_session();
    let (access, refresh) = (
        claims(&answer["access_token"]),
        claims(&answer["refresh_token"]),
    );
    assert_eq!(access["sid"].as_str(), session.workos_sid.as_deref());
    assert_eq!(refresh["sid"], access["sid"]);
    assert_eq!(access.get("act"), None);
    let tokens = &app.settings.tokens;
    let last = app
        .now()
        .plus(tokens.family_lifetime + tokens.access_lifetime);
    assert_eq!(session.expires_at, last);
    assert_eq!(session.user_id, app.user("ada@example.com").id);
    let kept = app.workos_refresh_token(&session);
    assert!(!kept.is_empty(), "a refresh renews the session");
    // The end of the session revokes the tokens.
    app.change(|conn| SessionRow::revoke(conn, &session.id, app.now()));
    let ended = me(&app, &answer["access_token"]).await;
    assert_eq!(ended.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_of_an_impersonation_name_the_actor_and_last_an_hour_at_most() {
    let app = TestApp::builder()
        .setting("ACCESS_TOKEN_LIFETIME", "86400")
        .start();
    let answer = exchange(&app, "imogen@example.com").await;
    let hour = app.now().plus(TimeDelta::minutes(60));
    for token in ["access_token", "refresh_token"] {
        let claims = claims(&answer[token]);
        assert_eq!(claims["act"], json!({ "sub": "support@example.com" }));
        assert_eq!(claims["exp"], hour.seconds());
    }
    assert_eq!(app.only_session().expires_at, hour);
}

#[tokio::test]
async fn inactive_and_conflicting_accounts_are_refused() {
    let app = TestApp::start();
    let closed = app.add_user("ada@example.com", true);
    app.set_active(closed.id, false);
    let ada = json!({ "code": code_for(&app, "ada@example.com").await });
    let response = post(&app, WORKOS, &ada).await;
    refused(response, StatusCode::FORBIDDEN, "account_inactive").await;
    let olive = app.add_user("olive@example.com", true);
    app.change(|conn| {
        use diesel::prelude::*;
        use vestibule::db::schema::users;
        diesel::update(users::table.find(olive.id))
            .set(users::workos_user_id.eq("user_another"))
            .execute(conn)
    });
    let code = json!({ "code": code_for(&app, "olive@example.com").await });
    let response = post(&app, WORKOS, &code).await;
    refused(response, StatusCode::CONFLICT, "account_conflict").await;
    assert!(app.sessions().is_empty());
}

#[tokio::test]
async fn an_unverified_address_is_not_linked_to_an_existing_account() {
    let app = TestApp::start();
    let row = app.add_user("ada@example.com", true);
    let mut ada = app.workos().user("ada@example.com").unwrap();
    ada.email_verified = false;
    // Only the dashboard of WorkOS allows sign-ins with an unverified address.
    ada.impersonator = Some(authkit_emulator::Impersonator {
        email: "support@example.com".to_owned(),
        reason: None,
    });
    app.workos().put_user(ada);
    let body = json!({ "code": code_for(&app, "ada@example.com").await });
    let response = post(&app, WORKOS, &body).await;
    refused(response, StatusCode::FORBIDDEN, "email_not_verified").await;
    assert_eq!(app.users(), [row]);
}

#[tokio::test]
async fn a_refusal_without_a_next_step_has_the_code_of_workos() {
    let app = TestApp::start();
    for (status, code) in [
        (403, "organization_selection_required"),
        (403, "made_up_refusal"),
        (400, "sign_up_not_allowed"),
        (422, "http_422"),
    ] {
        let body = match code {
            "http_422" => json!({ "message": "for developers" }),
            code => json!({ "code": code, "message": "for developers" }),
        };
        app.workos()
            .inject(Fault::once(AUTHENTICATE, Effect::status(status, body)));
        let response = post(&app, WORKOS, &json!({ "code": "c" })).await;
        let expected = match status {
            403 => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        refused(response, expected, code).await;
    }
}

#[tokio::test]
async fn a_rejected_api_key_is_a_503_and_the_code_stays_valid() {
    log::capture();
    let app = TestApp::start();
    let body = json!({ "code": code_for(&app, "ada@example.com").await });
    for (status, code) in [
        (401, "invalid_client"),
        (400, "invalid_client"),
        (400, "unauthorized_client"),
        (401, "http_401"),
    ] {
        let reason = format!("of the exchange's own key {status} {code}");
        let answer = match code {
            "http_401" => json!({ "message": reason }),
            code => json!({ "error": code, "error_description": reason }),
        };
        app.workos()
            .inject(Fault::once(AUTHENTICATE, Effect::status(status, answer)));
        let response = post(&app, WORKOS, &body).await;
        assert_eq!(retry_after(response.headers()), Some(5));
        refused(
            response,
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_unavailable",
        )
        .await;
        assert!(log::has_line_with(&reason, "ERROR"), "{reason}");
    }
    signed_in(post(&app, WORKOS, &body).await).await;
}

#[tokio::test]
async fn an_outage_of_workos_is_a_503_and_the_code_stays_valid() {
    let app = TestApp::start();
    let body = json!({ "code": code_for(&app, "ada@example.com").await });
    let busy = |retry_after: Option<&str>| Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: retry_after.map(str::to_owned),
    };
    for (effect, seconds) in [
        (busy(Some("17")), 17),
        (busy(Some("0")), 1),
        (busy(Some("999999")), 3_600),
        (Effect::status(502, json!({})), 5),
    ] {
        app.workos().inject(Fault::once(AUTHENTICATE, effect));
        let response = post(&app, WORKOS, &body).await;
        assert_eq!(retry_after(response.headers()), Some(seconds));
        refused(
            response,
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_unavailable",
        )
        .await;
    }
    signed_in(post(&app, WORKOS, &body).await).await;
}

#[tokio::test]
async fn fields_are_validated_as_on_every_route() {
    let app = TestApp::start();
    for (body, complaint) in [
        (json!({}), "This field is required."),
        (json!({ "code": null }), "This field may not be null."),
        (json!({ "code": " " }), "This field may not be blank."),
        (json!({ "code": ["c"] }), "Not a valid string."),
        (
            json!({ "code": "c\u{0}" }),
            "Null characters are not allowed.",
        ),
    ] {
        let answer = json_of(post(&app, WORKOS, &body).await, StatusCode::BAD_REQUEST).await;
        assert_eq!(answer, json!({ "code": [complaint] }));
    }
    let body = json!({ "code": "c", "code_verifier": {} });
    let answer = json_of(post(&app, WORKOS, &body).await, StatusCode::BAD_REQUEST).await;
    assert_eq!(answer, json!({ "code_verifier": ["Not a valid string."] }));
    assert!(
        app.workos().requests().is_empty(),
        "no request was sent to WorkOS"
    );
}
