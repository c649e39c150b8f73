//! Starting, stopping and seeding.

use std::io::Write as _;

use authkit_emulator::{Config, Seed, SeedError, StartError, start};
use reqwest::Client;

use super::client::{Peer, browser};

#[tokio::test]
async fn it_runs_until_it_is_stopped() {
    let peer = Peer::start();
    let health = format!("{}/health", peer.base);
    assert_eq!(
        Client::new().get(&health).send().await.unwrap().status(),
        200
    );
    let server = tokio::spawn(peer.running.finished());
    assert!(!server.is_finished());
    peer.running.stop(true).await;
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
async fn dropping_it_stops_it() {
    let peer = Peer::start();
    let server = peer.running.finished();
    drop(peer);
    server.await;
}

#[test]
fn it_needs_no_runtime_of_the_caller_and_only_this_machine() {
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
fn a_taken_port_is_told() {
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
async fn the_demo_s_people_show_every_kind_of_sign_in() {
    let (one, other) = (Peer::start(), Peer::start());
    assert_eq!(
        one.user_id("ada@example.com"),
        other.user_id("ada@example.com")
    );
    assert!(one.user_id("ada@example.com").starts_with("user_01"));
    let shows: Vec<String> = one
        .running
        .users()
        .into_iter()
        .map(|user| user.description)
        .collect();
    for trait_ in [
        "ordinary",
        "admin of",
        "chooses between 2",
        "not verified",
        "second factor",
        "must enrol",
        "single sign-on",
        "impersonated by",
    ] {
        assert!(
            shows.iter().any(|shows| shows.contains(trait_)),
            "{trait_}: {shows:?}"
        );
    }
    let text = one.running.startup_message();
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
async fn a_seed_of_workos_s_own_shape_is_taken() {
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
    let peer = Peer::with(Config {
        seed,
        ..Config::default()
    });
    let changes = [("provider", None), ("connection_id", Some("conn_01ZOO"))];
    let page = peer.authorize(&changes).await.text().await.unwrap();
    assert!(page.contains("with Zoo SSO"), "{page}");
    let (_, body) = peer
        .exchange(&peer.code("zoe@example.com", &changes).await)
        .await;
    assert_eq!(body["user"]["id"], "user_01GIVEN");
    assert_eq!(body["authentication_method"], "SSO");
    assert_eq!(
        super::client::claims(&body)["permissions"][0],
        "animals:feed"
    );
}

#[test]
fn a_malformed_seed_is_refused_with_file_and_reason() {
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
        error.contains("no-such-seed.json cannot be read"),
        "{error}"
    );
}
