//! Gates: faults that hold responses until a test opens them.

use authkit_emulator::{Effect, Fault, Gate};
use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, plain_client};

const AUTHENTICATE: &str = "/user_management/authenticate";

/// A refresh request that can run in another task.
fn refresh_request(emulator: &TestEmulator, token: &Value) -> impl Future<Output = Value> + use<> {
    let request = emulator.authenticate_request(&json!({
        "grant_type": "refresh_token", "refresh_token": token,
    }));
    async move { request.send().await.unwrap().json().await.unwrap() }
}

#[tokio::test]
async fn a_gate_holds_the_response_of_a_processed_request_until_it_is_opened() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    let gate = emulator.control().inject_gate(AUTHENTICATE);
    let held = tokio::spawn(refresh_request(&emulator, &tokens["refresh_token"]));
    gate.reached().await.unwrap();
    // The token was exchanged before the response was held: a second request gets the same pair.
    let (status, pair) = emulator.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200);
    assert!(!held.is_finished());
    gate.open();
    assert_eq!(held.await.unwrap(), pair);
    assert_eq!(gate.arrived(), 1);
}

#[tokio::test]
async fn a_gate_holds_several_responses_and_lets_later_ones_pass() {
    let emulator = TestEmulator::start();
    let gate = Gate::new();
    emulator
        .control()
        .inject(Fault::once("/health", Effect::hold(&gate)).times(3));
    let url = format!("{}/health", emulator.base);
    let held = [(); 2].map(|()| tokio::spawn(plain_client().get(&url).send()));
    gate.reached_by(2).await.unwrap();
    gate.open();
    for response in held {
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(plain_client().get(&url).send().await.unwrap().status(), 200);
    assert_eq!(gate.arrived(), 3);
}

#[tokio::test]
async fn a_closed_gate_does_not_keep_the_emulator_from_stopping() {
    let emulator = TestEmulator::start();
    let gate = emulator.control().inject_gate("/health");
    let held = tokio::spawn(
        plain_client()
            .get(format!("{}/health", emulator.base))
            .send(),
    );
    gate.reached().await.unwrap();
    emulator.handle.stop(true).await;
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
}
