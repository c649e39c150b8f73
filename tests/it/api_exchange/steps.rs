//! The additional steps of a sign-in in JSON: a 403 names the step, and the same route accepts the
//! answer.

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::app::{SECRET_KEY, TestApp};
use crate::support::exchange::{WORKOS, claims, code_for, json_of, post, refused, signed_in};
use crate::support::log;
use crate::support::steps::{AUTHENTICATE, retry_after};

const PENDING: &str = "pending_authentication_token";

/// Exchanges a code of this user; returns the body of the 403.
async fn stopped(app: &TestApp, email: &str) -> Value {
    let code = code_for(app, email).await;
    unfinished(post(app, WORKOS, &json!({ "code": code })).await).await
}

async fn unfinished(response: Response) -> Value {
    let body = json_of(response, StatusCode::FORBIDDEN).await;
    assert!(body["detail"].as_str().unwrap().ends_with('.'), "{body}");
    body
}

fn names(body: &Value) -> Vec<&str> {
    body.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

async fn answer(app: &TestApp, stop: &Value, field: &str, value: &str) -> Response {
    post(
        app,
        WORKOS,
        &json!({ PENDING: stop[PENDING], field: value }),
    )
    .await
}

#[tokio::test]
async fn an_organisation_can_be_chosen() {
    let app = TestApp::start();
    let stop = stopped(&app, "twyla@example.com").await;
    assert_eq!(names(&stop), ["code", "detail", "organizations", PENDING]);
    assert_eq!(stop["code"], "organization_selection_required");
    let chosen = app.organization("Tandem Cycles");
    let organizations = json!([
        { "id": app.organization("Example Orchards"), "name": "Example Orchards" },
        { "id": chosen, "name": "Tandem Cycles" },
    ]);
    assert_eq!(stop["organizations"], organizations);
    let response = answer(&app, &stop, "organization_id", "org_of_somebody_else").await;
    refused(response, StatusCode::BAD_REQUEST, "organization_not_found").await;
    let tokens = signed_in(answer(&app, &stop, "organization_id", &chosen).await).await;
    assert_eq!(tokens["user"]["email"], "twyla@example.com");
    assert!(claims(&tokens["access_token"])["sid"].is_string());
    let again = answer(&app, &stop, "organization_id", &chosen).await;
    refused(
        again,
        StatusCode::BAD_REQUEST,
        "invalid_pending_authentication_token",
    )
    .await;
    app.only_session();
}

#[tokio::test]
async fn a_code_from_an_e_mail_completes_the_sign_in() {
    let app = TestApp::start();
    let stop = stopped(&app, "una@example.com").await;
    assert_eq!(names(&stop), ["code", "detail", "email", PENDING]);
    assert_eq!(stop["code"], "email_verification_required");
    assert_eq!(stop["email"], "una@example.com");
    let wrong = answer(&app, &stop, "code", "000000").await;
    refused(wrong, StatusCode::BAD_REQUEST, "invalid_one_time_code").await;
    signed_in(answer(&app, &stop, "code", "123 456").await).await;
    assert!(app.user("una@example.com").email_verified);
}

#[tokio::test]
async fn an_authenticator_code_answers_the_given_challenge_or_a_new_one() {
    let app = TestApp::start();
    let stop = stopped(&app, "max@example.com").await;
    assert_eq!(
        names(&stop),
        ["authentication_challenge_id", "code", "detail", PENDING]
    );
    assert_eq!(stop["code"], "mfa_challenge");
    let body = json!({
        PENDING: stop[PENDING],
        "code": "123456",
        "authentication_challenge_id": stop["authentication_challenge_id"],
    });
    signed_in(post(&app, WORKOS, &body).await).await;
    let stop = stopped(&app, "max@example.com").await;
    signed_in(answer(&app, &stop, "code", "123456").await).await;
}

#[tokio::test]
async fn a_step_can_lead_to_another_step() {
    let app = TestApp::start();
    let email = stopped(&app, "quinn@example.com").await;
    let factor = unfinished(answer(&app, &email, "code", "123456").await).await;
    assert_eq!(factor["code"], "mfa_challenge");
    let choice = unfinished(answer(&app, &factor, "code", "123456").await).await;
    assert_eq!(choice["code"], "organization_selection_required");
    let id = choice["organizations"][0]["id"].as_str().unwrap();
    signed_in(answer(&app, &choice, "organization_id", id).await).await;
}

#[tokio::test]
async fn a_refused_organisation_has_the_code_of_workos() {
    let app = TestApp::start();
    let stop = stopped(&app, "twyla@example.com").await;
    for (status, body, code) in [
        (404, json!({ "message": "m" }), "organization_not_found"),
        (
            404,
            json!({ "code": "entity_not_found", "message": "m" }),
            "organization_not_found",
        ),
        (
            400,
            json!({ "error": "organization_membership_not_found" }),
            "organization_membership_not_found",
        ),
        (
            400,
            json!({ "error": "invalid_organization_id" }),
            "invalid_organization_id",
        ),
    ] {
        app.workos()
            .inject(Fault::once(AUTHENTICATE, Effect::status(status, body)));
        let response = answer(&app, &stop, "organization_id", "org_made_up").await;
        refused(response, StatusCode::BAD_REQUEST, code).await;
    }
}

#[tokio::test]
async fn an_unknown_challenge_has_its_own_error_code() {
    let app = TestApp::start();
    let stop = stopped(&app, "max@example.com").await;
    let body = json!({
        PENDING: stop[PENDING],
        "code": "123456",
        "authentication_challenge_id": "auth_challenge_of_somebody_else",
    });
    let asked = app.workos().count(AUTHENTICATE);
    refused(
        post(&app, WORKOS, &body).await,
        StatusCode::BAD_REQUEST,
        "authentication_challenge_not_found",
    )
    .await;
    assert_eq!(
        app.workos().count(AUTHENTICATE),
        asked,
        "WorkOS is not asked"
    );
    // The token stays valid, and the answer creates a challenge.
    signed_in(answer(&app, &stop, "code", "123456").await).await;
}

#[tokio::test]
async fn a_challenge_that_cannot_be_created_is_logged_and_created_with_the_answer() {
    log::capture();
    let app = TestApp::start();
    let reason = "made-up-reason-of-the-challenges-test";
    let fault = Effect::status(400, json!({ "code": "c", "message": reason }));
    let code = code_for(&app, "max@example.com").await;
    app.workos().inject(Fault::once("/auth/factors", fault));
    let stop = unfinished(post(&app, WORKOS, &json!({ "code": code })).await).await;
    assert_eq!(names(&stop), ["code", "detail", PENDING]);
    assert!(log::has_line_with(
        "WARN failed to create an authenticator challenge",
        reason
    ));
    signed_in(answer(&app, &stop, "code", "123456").await).await;
}

#[tokio::test]
async fn steps_at_workos_name_what_a_new_sign_in_needs() {
    let app = TestApp::start();
    let sso = stopped(&app, "sol@example.com").await;
    assert_eq!(names(&sso), ["code", "connection_ids", "detail", "email"]);
    assert_eq!(sso["code"], "sso_required");
    assert_eq!(sso["email"], "sol@example.com");
    assert!(
        sso["connection_ids"][0]
            .as_str()
            .unwrap()
            .starts_with("conn_")
    );
    let enrollment = stopped(&app, "enid@example.com").await;
    assert_eq!(names(&enrollment), ["code", "detail", "email"]);
    assert_eq!(enrollment["code"], "mfa_enrollment");
    let ada = app.workos().user("ada@example.com").unwrap().id;
    for code in [
        "radar_email_challenge",
        "application_consent_required",
        "a_step_of_tomorrow",
    ] {
        assert!(app.workos().set_challenge(&ada, Some(code)));
        let challenge = stopped(&app, "ada@example.com").await;
        // Without the token: only WorkOS's pages can continue with it.
        assert_eq!(names(&challenge), ["code", "detail", "email"]);
        assert_eq!(challenge["code"], code);
        let detail = challenge["detail"].as_str().unwrap();
        assert!(detail.contains("start a new sign-in there"), "{detail}");
    }
    assert!(app.workos().set_challenge(&ada, None));
    let body = json!({ "message": "Must use SSO for selected organization" });
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::status(400, body)));
    let plain = stopped(&app, "ada@example.com").await;
    assert_eq!(
        (names(&plain), &plain["code"]),
        (vec!["code", "detail"], &json!("sso_required"))
    );
    for (status, code, part) in [
        (400, "authentication_method_not_allowed", "with another one"),
        (403, "email_verification_required", "must be verified"),
        (403, "mfa_challenge", "A second factor is required"),
    ] {
        app.workos().inject(Fault::once(
            AUTHENTICATE,
            Effect::status(status, json!({ "code": code })),
        ));
        let told = stopped(&app, "ada@example.com").await;
        assert_eq!(
            (names(&told), &told["code"]),
            (vec!["code", "detail"], &json!(code))
        );
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{told}");
    }
    let says = |told: &Value, part: &str| told["detail"].as_str().unwrap().contains(part);
    assert!(says(&sso, "with one of its connections"), "{sso}");
    assert!(!says(&plain, "connections"), "{plain}");
    assert!(app.sessions().is_empty());
}

#[tokio::test]
async fn the_pending_token_is_sealed_and_valid_for_ten_minutes() {
    let app = TestApp::start();
    let stop = stopped(&app, "una@example.com").await;
    let over = "invalid_pending_authentication_token";
    for forged in [
        "made-up",
        "é",
        "AAAA",
        &stop[PENDING].as_str().unwrap()[1..],
    ] {
        let body = json!({ PENDING: forged, "code": "123456" });
        refused(
            post(&app, WORKOS, &body).await,
            StatusCode::BAD_REQUEST,
            over,
        )
        .await;
    }
    let asked = app.workos().count(AUTHENTICATE);
    app.clock.advance(TimeDelta::minutes(10));
    let late = answer(&app, &stop, "code", "123456").await;
    refused(late, StatusCode::BAD_REQUEST, over).await;
    assert_eq!(
        app.workos().count(AUTHENTICATE),
        asked,
        "no request was sent to WorkOS"
    );

    let stop = stopped(&app, "una@example.com").await;
    let replica = app
        .replica()
        .setting(
            "SECRET_KEY",
            "the-next-made-up-key-of-the-tests-of-more-than-fifty-characters",
        )
        .setting("SECRET_KEY_FALLBACKS", SECRET_KEY)
        .start();
    signed_in(answer(&replica, &stop, "code", "123456").await).await;
    let sent = app.workos().requests();
    let sealed = stop[PENDING].as_str().unwrap();
    let raw = sent.iter().filter_map(|one| one.body[PENDING].as_str());
    assert!(
        raw.into_iter()
            .all(|raw| raw != sealed && !sealed.contains(raw))
    );
}

#[tokio::test]
async fn fields_are_validated_as_on_every_route() {
    let app = TestApp::start();
    let una = stopped(&app, "una@example.com").await;
    let twyla = stopped(&app, "twyla@example.com").await;
    let required = "This field is required.";
    for (body, errors) in [
        (
            json!({ PENDING: una[PENDING] }),
            json!({ "code": [required] }),
        ),
        (
            json!({ PENDING: twyla[PENDING] }),
            json!({ "organization_id": [required] }),
        ),
        (
            json!({ PENDING: twyla[PENDING], "code": "c" }),
            json!({ "organization_id": [required] }),
        ),
        (json!({ PENDING: "made-up" }), json!({ "code": [required] })),
        (
            json!({ PENDING: una[PENDING], "code": [] }),
            json!({ "code": ["Not a valid string."] }),
        ),
        (
            json!({ PENDING: {}, "code": "1" }),
            json!({ PENDING: ["Not a valid string."] }),
        ),
        // Null and blank count as a missing token, so that a code is exchanged.
        (
            json!({ PENDING: null, "code": " " }),
            json!({ "code": ["This field may not be blank."] }),
        ),
        (
            json!({ PENDING: " ", "code": null, "authentication_challenge_id": {} }),
            json!({
                "authentication_challenge_id": ["Not a valid string."],
                "code": ["This field may not be null."],
            }),
        ),
    ] {
        let answer = json_of(post(&app, WORKOS, &body).await, StatusCode::BAD_REQUEST).await;
        assert_eq!(answer, errors, "{body}");
    }
}

#[tokio::test]
async fn the_pending_token_stays_valid_while_workos_is_unavailable() {
    let app = TestApp::start();
    let stop = stopped(&app, "una@example.com").await;
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::status(502, json!({}))));
    let response = answer(&app, &stop, "code", "123456").await;
    assert_eq!(retry_after(response.headers()), Some(5));
    refused(
        response,
        StatusCode::SERVICE_UNAVAILABLE,
        "provider_unavailable",
    )
    .await;
    signed_in(answer(&app, &stop, "code", "123456").await).await;
}
