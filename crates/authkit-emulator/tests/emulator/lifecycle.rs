//! Start, stop and seeds.

use std::io::Write as _;

use authkit_emulator::{Config, Seed, SeedError, StartError, start};

use super::test_emulator::{TestEmulator, browser, plain_client};

#[tokio::test]
async fn the_emulator_runs_until_it_is_stopped() {
    let emulator = TestEmulator::start();
    let health = format!("{}/health", emulator.base);
    assert_eq!(
        plain_client().get(&health).send().await.unwrap().status(),
        200
    );
    let server = tokio::spawn(emulator.handle.finished());
    assert!(!server.is_finished());
    emulator.handle.stop(true).await;
    server.await.unwrap();
    assert!(
        browser()
            .get(&health)
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
}

#[tokio::test]
async fn dropping_the_handle_stops_the_emulator() {
    let emulator = TestEmulator::start();
    let server = emulator.handle.finished();
    drop(emulator);
    server.await;
}

#[test]
fn it_starts_without_a_runtime_and_only_on_loopback_addresses() {
    drop(start(Config::default()).unwrap());
    for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let config = Config {
            bind: bind.parse().unwrap(),
            ..Config::default()
        };
        let error = start(config).err().unwrap();
        assert!(
            matches!(error, StartError::NotLoopback(_)),
            "{bind}: {error}"
        );
        assert!(error.to_string().contains("use 127.0.0.1"), "{error}");
    }
}

#[test]
fn a_port_in_use_is_an_error_with_the_address() {
    let running = start(Config::default()).unwrap();
    let bind = running
        .base_url()
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let error = start(Config {
        bind,
        ..Config::default()
    })
    .err()
    .unwrap();
    assert!(
        matches!(error, StartError::Bind { address, .. } if address == bind),
        "{error}"
    );
}

#[tokio::test]
async fn the_default_users_show_every_kind_of_sign_in() {
    let (one, other) = (TestEmulator::start(), TestEmulator::start());
    assert_eq!(
        one.user_id("ada@example.com"),
        other.user_id("ada@example.com")
    );
    assert!(one.user_id("ada@example.com").starts_with("user_01"));
    let descriptions: Vec<String> = one
        .handle
        .users()
        .into_iter()
        .map(|user| user.description)
        .collect();
    for part in [
        "ordinary",
        "admin of",
        "chooses between 2",
        "verifies the email address",
        "second factor",
        "sets up a second factor",
        "single sign-on",
        "impersonated by",
    ] {
        assert!(
            descriptions.iter().any(|text| text.contains(part)),
            "{part}: {descriptions:?}"
        );
    }
    let text = one.handle.startup_message();
    for part in [
        &*one.base,
        "sk_test_emulator",
        "client_emulator",
        "ada-demo-password",
        "WORKOS_API_BASE_URL=",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let page = browser()
        .get(&one.base)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("ada-demo-password") && page.contains("WORKOS_CLIENT_ID"),
        "{page}"
    );
}

#[tokio::test]
async fn a_seed_in_the_format_of_workos_s_emulator_is_read() {
    let seed = Seed::from_json(
        r#"{
          "apiKeys": { "sk_test_x": { "environment": "test" } },
          "users": [{ "id": "user_01GIVEN", "email": "Zoe@example.com", "email_verified": true }],
          "organizations": [{
            "name": "Zoo", "external_id": "zoo", "metadata": {},
            "domains": [{ "domain": "zoo.example", "state": "verified" }],
            "memberships": [{ "user_id": "user_01GIVEN", "role": "keeper", "status": "active" }]
          }],
          "permissions": [{ "slug": "animals:feed", "name": "Feed" }],
          "roles": [{ "slug": "keeper", "name": "Keeper", "permissions": ["animals:feed"] }],
          "connections": [{ "id": "conn_01ZOO", "name": "Zoo SSO", "organization": "Zoo" }],
          "invitations": [], "webhookEndpoints": [], "pipeConnections": []
        }"#,
    )
    .unwrap();
    let emulator = TestEmulator::with(Config {
        seed,
        ..Config::default()
    });
    let changes = [("provider", None), ("connection_id", Some("conn_01ZOO"))];
    let page = emulator.authorize(&changes).await.text().await.unwrap();
    assert!(page.contains("with Zoo SSO"), "{page}");
    let (_, body) = emulator
        .exchange(&emulator.code("zoe@example.com", &changes).await)
        .await;
    assert_eq!(body["user"]["id"], "user_01GIVEN");
    assert_eq!(body["authentication_method"], "SSO");
    assert_eq!(
        super::test_emulator::claims(&body)["permissions"][0],
        "animals:feed"
    );
}

#[test]
fn an_invalid_seed_is_refused_with_file_and_reason() {
    let ada = r#"{"email": "ada@example.com"}"#;
    for (text, reason) in [
        ("{", "line 1"),
        (r#"{"user": []}"#, "unknown field `user`"),
        (r#"{"users": [{"email": "ada"}]}"#, "users[0].email"),
        (
            r#"{"users": [{"emial": "ada@example.com"}]}"#,
            "unknown field `emial`",
        ),
        (r#"{"users": [{}]}"#, "users[0].email"),
        (
            r#"{"users": [{"email": "a@example.com"}, {"email": "A@example.com"}]}"#,
            "twice",
        ),
        (
            &format!(r#"{{"users": [{ada}], "organizations": [{{"name": ""}}]}}"#),
            "name",
        ),
        (
            r#"{"organizations": [{"name": "A"}, {"name": "a"}]}"#,
            "organizations[1]",
        ),
        (
            r#"{"organizations": [{"name": "A", "memberships": [{}]}]}"#,
            "either user_id or email",
        ),
        (
            r#"{"organizations": [{"name": "A", "memberships": [{"email": "x@example.com"}]}]}"#,
            "memberships[0] names a user",
        ),
        (
            r#"{"connections": [{"name": "C", "organization": "X"}]}"#,
            "connections[0]",
        ),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let error = Seed::load(file.path()).unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, SeedError::Malformed { .. }),
            "{text}: {message}"
        );
        assert!(message.contains(reason), "{text}: {message}");
        assert!(
            message.contains(&file.path().display().to_string()),
            "{message}"
        );
    }
    let error = Seed::load("no-such-seed.json".as_ref())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("failed to read the seed file no-such-seed.json"),
        "{error}"
    );
}
