//! Sign-ins that stop at a step that only AuthKit's own pages complete.

use serde_json::json;

use super::test_emulator::{TestEmulator, redirect_parameters};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn each_code_stops_a_sign_in_until_the_page_is_passed() {
    for code in [
        "radar_challenge",
        "radar_sms_challenge",
        "radar_email_challenge",
        "radar_sms_sign_in_challenge",
        "application_consent_required",
        "a_code_of_tomorrow",
    ] {
        let emulator = TestEmulator::start();
        let id = emulator.user_id(ADA);
        assert!(emulator.control().set_challenge(&id, Some(code)));
        let (status, body) = emulator.exchange(&emulator.code(ADA, &[]).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (403, &json!(code)));
        assert!(body["pending_authentication_token"].is_string(), "{body}");
        assert_eq!(body["user"]["email"], ADA);
        assert_eq!(
            body.get("radar_challenge_id").is_some(),
            code == "radar_email_challenge"
        );
        let page = emulator.authorize(&[]).await.text().await.unwrap();
        assert!(page.contains("<h1>Confirm that it is you</h1>"), "{page}");
        let wrong = emulator.submit_form(&[], &[("enroll", "000000")]).await;
        assert_eq!(wrong.status(), 422);
        let passed = emulator.submit_form(&[], &[("enroll", "123456")]).await;
        let code = &redirect_parameters(&passed)["code"];
        assert_eq!(emulator.exchange(code).await.0, 200);
    }
}

#[tokio::test]
async fn another_browser_and_a_user_without_a_challenge_are_not_affected() {
    let emulator = TestEmulator::start();
    let id = emulator.user_id(ADA);
    let control = emulator.control();
    assert!(control.set_challenge(&id, Some("radar_challenge")));
    assert_eq!(
        emulator.exchange(&emulator.code(ADA, &[]).await).await.0,
        403
    );
    let other = super::test_emulator::browser();
    let page = other.get(emulator.authorize_url(&[])).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("<h1>Sign in</h1>"), "{page}");
    assert!(page.contains("stops at radar_challenge"), "{page}");
    emulator.sign_in("no.name@example.com").await;
    assert!(control.set_challenge(&id, None));
    emulator.sign_in(ADA).await;
}

#[tokio::test]
async fn a_pending_sign_in_at_a_challenge_accepts_no_grant() {
    let emulator = TestEmulator::start();
    let id = emulator.user_id(ADA);
    emulator
        .control()
        .set_challenge(&id, Some("radar_challenge"));
    let (_, pending) = emulator.exchange(&emulator.code(ADA, &[]).await).await;
    let (status, body) = emulator
        .authenticate(json!({
            "grant_type": "urn:workos:oauth:grant-type:email-verification:code",
            "pending_authentication_token": pending["pending_authentication_token"],
            "code": "123456",
        }))
        .await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invalid_pending_authentication_token"))
    );
}
