//! Tests of the next step of a sign-in.

use serde_json::json;

use super::*;

fn read(code: &str, body: &Value) -> Option<NextStep> {
    NextStep::read(StatusCode::FORBIDDEN, Some(code), body)
}

fn question(code: &str, mut body: Value) -> Option<StepQuestion> {
    body["pending_authentication_token"] = "made-up-token".into();
    match read(code, &body)? {
        NextStep::Answerable(pending) => Some(pending.question),
        NextStep::Hosted(hosted) => panic!("{hosted:?}"),
    }
}

fn hosted(code: &str, body: &Value) -> HostedStep {
    match read(code, body) {
        Some(NextStep::Hosted(hosted)) => hosted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_question_is_read_with_the_data_of_its_form() {
    let organizations =
        json!({ "organizations": [{ "id": "org_1", "name": "One" }, { "id": "org_2" }] });
    let organization = |id: &str, name: &str| Organization {
        id: id.into(),
        name: name.to_owned(),
    };
    assert_eq!(
        question("organization_selection_required", organizations),
        Some(StepQuestion::Organization(vec![
            organization("org_1", "One"),
            organization("org_2", "")
        ]))
    );
    assert_eq!(
        question(
            "email_verification_required",
            json!({ "email": "una@example.com" })
        ),
        Some(StepQuestion::Email(Some("una@example.com".to_owned())))
    );
    let factors = json!({ "authentication_factors": [
        { "id": "auth_factor_1", "type": "sms" }, { "id": "auth_factor_2", "type": "totp" }
    ]});
    assert_eq!(
        question("mfa_challenge", factors),
        Some(StepQuestion::Totp {
            factor_id: Some("auth_factor_2".to_owned()),
            challenge_id: None
        })
    );
    let challenge = json!({ "authentication_challenge": { "id": "auth_challenge_1" } });
    assert_eq!(
        question("mfa_challenge", challenge),
        Some(StepQuestion::Totp {
            factor_id: None,
            challenge_id: Some("auth_challenge_1".to_owned())
        })
    );
}

#[test]
fn an_unusable_refusal_has_no_next_step() {
    for organizations in [json!([]), json!("all")] {
        let body = json!({ "organizations": organizations });
        assert!(read("organization_selection_required", &body).is_none());
    }
    assert!(read("made_up_refusal", &json!({})).is_none());
    let token = json!({ "pending_authentication_token": "made-up-token" });
    let refused = StatusCode::BAD_REQUEST;
    assert!(NextStep::read(refused, Some("made_up_refusal"), &token).is_none());
    let body = json!({ "message": "Not found" });
    assert!(NextStep::read(StatusCode::NOT_FOUND, None, &body).is_none());
}

#[test]
fn a_step_that_is_not_known_is_taken_at_workos() {
    for code in [
        "radar_challenge",
        "radar_sms_challenge",
        "radar_email_challenge",
        "radar_sms_sign_in_challenge",
        "application_consent_required",
    ] {
        assert_eq!(hosted(code, &json!({})).why, HostedStepReason::Challenge);
    }
    let body = json!({
        "pending_authentication_token": "made-up-token",
        "email": "una@example.com",
        "organizations": [],
    });
    for code in ["made_up_step", "organization_selection_required"] {
        let step = hosted(code, &body);
        assert_eq!(step.why, HostedStepReason::Challenge);
        assert_eq!(step.email.as_deref(), Some("una@example.com"));
    }
}

#[test]
fn a_hosted_step_has_the_parameters_of_its_reason() {
    let parameters = |hosted: &HostedStep, organization| hosted.request(organization).parameters;
    let organization = "org_1".into();
    let own = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    };
    let one = hosted(
        "sso_required",
        &json!({ "connection_ids": ["conn_1"], "email": "a@example.com" }),
    );
    assert_eq!(
        parameters(&one, Some(&organization)),
        own(&[("connection_id", "conn_1"), ("login_hint", "a@example.com")])
    );
    let several = hosted(
        "sso_required",
        &json!({ "connection_ids": ["conn_1", "conn_2"] }),
    );
    assert_eq!(
        parameters(&several, Some(&organization)),
        own(&[("organization_id", "org_1")])
    );
    assert_eq!(parameters(&several, None), own(&[]));
    let enrollment = hosted(
        "mfa_enrollment",
        &json!({ "user": { "email": "a@example.com" } }),
    );
    assert_eq!(
        parameters(&enrollment, Some(&organization)),
        own(&[
            ("provider", "authkit"),
            ("organization_id", "org_1"),
            ("login_hint", "a@example.com")
        ])
    );
    let body = json!({ "message": MUST_USE_SSO });
    assert_eq!(NextStep::code_of(&body), Some("sso_required"));
}

#[test]
fn a_question_without_a_token_is_a_hosted_step() {
    let una = json!({ "email": "una@example.com" });
    for (code, why) in [
        ("email_verification_required", HostedStepReason::Email),
        ("mfa_challenge", HostedStepReason::SecondFactor),
    ] {
        let step = hosted(code, &una);
        assert_eq!(step.why, why);
        let parameters = [
            ("provider", "authkit".to_owned()),
            ("login_hint", "una@example.com".to_owned()),
            ("max_age", "0".to_owned()),
        ];
        assert_eq!(step.request(None).parameters, parameters);
    }
    // The token alone does not name an authenticator or a challenge.
    let token = json!({ "pending_authentication_token": "made-up-token" });
    assert_eq!(
        hosted("mfa_challenge", &token).why,
        HostedStepReason::SecondFactor
    );
    for code in [
        "authentication_method_not_allowed",
        "email_password_auth_disabled",
    ] {
        assert_eq!(hosted(code, &json!({})).why, HostedStepReason::OtherMethod);
    }
}

#[test]
fn the_pending_token_is_not_in_debug() {
    let body = json!({ "pending_authentication_token": "made-up-token" });
    let step = read("email_verification_required", &body);
    assert!(!format!("{step:?}").contains("made-up-token"));
}
