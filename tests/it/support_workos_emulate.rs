//! Checks that WorkOS's own emulator starts, signs in a seeded user, and ends.

use serde_json::{Value, json};

use crate::support::client::{plain_client, plain_client_builder};
use crate::support::workos_emulate::{CLIENT_ID, WorkosEmulate};

#[actix_web::test]
async fn the_emulator_signs_a_seeded_user_in_and_ends_with_the_test() {
    let seed = json!({ "users": [{ "email": "ada@example.com", "email_verified": true }] });
    let emulator = WorkosEmulate::start(&seed).await;
    let client = plain_client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();

    let redirect = client
        .get(format!("{}/user_management/authorize", emulator.url()))
        .query(&[
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", "http://localhost:8000/auth/callback"),
            ("provider", "authkit"),
            ("state", "s1"),
        ])
        .send()
        .await
        .unwrap();
    let location = redirect.headers()["location"].to_str().unwrap();
    let location = url::Url::parse(location).unwrap();
    let parameter = |name: &str| {
        location
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    assert_eq!(parameter("state").as_deref(), Some("s1"));

    let answer: Value = client
        .post(format!("{}/user_management/authenticate", emulator.url()))
        .json(&json!({
            "client_id": CLIENT_ID,
            "client_secret": emulator.api_key(),
            "grant_type": "authorization_code",
            "code": parameter("code"),
        }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        answer["user"]["email"], "ada@example.com",
        "it answered: {answer}"
    );

    let health = format!("{}/health", emulator.url());
    assert!(plain_client().get(&health).send().await.is_ok());
    drop(emulator);
    assert!(
        plain_client()
            .get(&health)
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
}
