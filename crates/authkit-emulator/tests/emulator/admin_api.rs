//! The admin API, and the log of requests.

use serde_json::json;

use super::test_emulator::{TestEmulator, claims, plain_client};

const AUTHENTICATE: &str = "/user_management/authenticate";

#[tokio::test]
async fn requests_are_recorded() {
    let emulator = TestEmulator::start();
    emulator.sign_in("ada@example.com").await;
    let control = emulator.control();
    assert_eq!(control.count(AUTHENTICATE), 1);
    assert_eq!(control.count_grant("authorization_code"), 1);
    let requests = control.requests();
    let exchange = requests.last().unwrap();
    assert_eq!((&*exchange.method, &*exchange.path), ("POST", AUTHENTICATE));
    assert_eq!(exchange.headers["content-type"], "application/json");
    assert_eq!(exchange.body["client_id"], emulator.handle.client_id());
    let choice = &requests[requests.len() - 2];
    assert_eq!(choice.body["user"], emulator.user_id("ada@example.com"));
    assert!(
        choice.query.contains("state=some-state"),
        "{}",
        choice.query
    );
    control.clear_requests();
    assert!(control.requests().is_empty());
}

#[tokio::test]
async fn the_admin_api_controls_faults_clock_tokens_keys_and_requests() {
    let emulator = TestEmulator::start();
    let fault = json!({
        "endpoint": AUTHENTICATE, "grant_type": "refresh_token",
        "effect": { "kind": "status", "status": 503, "retry_after": "1" },
    });
    assert_eq!(emulator.admin_api("POST", "faults", fault).await.0, 204);
    assert_eq!(
        emulator.admin_api("GET", "faults", json!({})).await.1[0]["times"],
        1
    );
    let tokens = emulator.sign_in("ada@example.com").await;
    assert_eq!(emulator.refresh(&tokens["refresh_token"]).await.0, 503);
    let hold = json!({ "endpoint": "/health", "effect": { "kind": "hold" } });
    assert_eq!(emulator.admin_api("POST", "faults", hold).await.0, 422);
    let _gate = emulator.control().inject_gate("/health");
    assert_eq!(
        emulator.admin_api("GET", "faults", json!({})).await.1[0]["effect"],
        json!({ "kind": "hold" })
    );
    let drop = json!({ "endpoint": "/health", "effect": { "kind": "drop_reply" } });
    assert_eq!(emulator.admin_api("POST", "faults", drop).await.0, 204);
    assert_eq!(
        emulator.admin_api("DELETE", "faults", json!({})).await.0,
        204
    );
    assert_eq!(
        emulator.admin_api("GET", "faults", json!({})).await.1,
        json!([])
    );
    assert_eq!(
        emulator
            .admin_api("POST", "clock", json!({ "advance_seconds": 3600 }))
            .await
            .0,
        204
    );
    let settings = json!({ "access_token_lifetime": 9, "issuer": "https://auth.example" });
    assert_eq!(emulator.admin_api("POST", "tokens", settings).await.0, 204);
    let claims = claims(&emulator.sign_in("ada@example.com").await);
    assert_eq!(claims["iss"], "https://auth.example");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        9
    );
    assert_eq!(
        emulator
            .admin_api("POST", "keys/rotate", json!({ "keep_old": true }))
            .await
            .0,
        204
    );
    let state = emulator.admin_api("GET", "state", json!({})).await.1;
    assert_eq!(state["sessions"].as_array().unwrap().len(), 2);
    let requests = emulator.admin_api("GET", "requests", json!({})).await.1;
    assert!(
        requests
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["path"] == AUTHENTICATE)
    );
    assert_eq!(
        emulator.admin_api("DELETE", "requests", json!({})).await.0,
        204
    );
    assert!(emulator.control().requests().is_empty());
    for (path, body) in [
        ("clock", json!({ "advance": 1 })),
        ("tokens", json!({ "lifetime": 1 })),
        (
            "faults",
            json!({ "endpoint": "/", "effect": { "kind": "explode" } }),
        ),
    ] {
        assert_eq!(
            emulator.admin_api("POST", path, body).await.0,
            422,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_admin_api_refuses_requests_of_web_pages() {
    let emulator = TestEmulator::start();
    let url = format!("{}/_emulator/state", emulator.base);
    for (name, value) in [
        ("origin", "https://elsewhere.example"),
        ("host", "rebound.example"),
    ] {
        let response = plain_client()
            .get(&url)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{name}");
    }
    assert_eq!(plain_client().get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_admin_api_changes_what_users_may_do() {
    let emulator = TestEmulator::start();
    let orchards = emulator.control().organization("Example Orchards").unwrap();
    let olive = emulator.user_id("olive@example.com");
    for (path, body) in [
        (
            "roles",
            json!({ "slug": "admin", "permissions": ["made:up"] }),
        ),
        (
            "feature_flags",
            json!({ "slug": "beta", "targets": [orchards] }),
        ),
        ("feature_flags", json!({ "slug": "off", "enabled": false })),
        (
            "organizations",
            json!({ "id": orchards, "name": "Orchards", "entitlements": [] }),
        ),
        ("users", json!({ "id": olive, "claims": { "plan": "pro" } })),
    ] {
        assert_eq!(
            emulator.admin_api("POST", path, body).await.0,
            204,
            "{path}"
        );
    }
    let claims = claims(&emulator.sign_in("olive@example.com").await);
    for (claim, expected) in [
        ("permissions", json!(["made:up"])),
        ("feature_flags", json!(["beta"])),
        ("entitlements", json!([])),
        ("plan", json!("pro")),
    ] {
        assert_eq!(claims[claim], expected, "{claim}");
    }
    let state = emulator.admin_api("GET", "state", json!({})).await.1;
    assert_eq!(state["organizations"][0]["name"], "Orchards");
    assert_eq!(state["roles"][0]["permissions"], json!(["made:up"]));
    assert_eq!(
        state["feature_flags"][1],
        json!({ "slug": "off", "enabled": false, "targets": [] })
    );
    let challenge = json!({ "id": olive, "challenge": "radar_challenge" });
    assert_eq!(emulator.admin_api("POST", "users", challenge).await.0, 204);
    let code = emulator.code("olive@example.com", &[]).await;
    assert_eq!(emulator.exchange(&code).await.1["code"], "radar_challenge");
    for path in ["organizations", "users"] {
        let unknown = json!({ "id": "unknown" });
        assert_eq!(
            emulator.admin_api("POST", path, unknown).await.0,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_admin_api_adds_events() {
    let emulator = TestEmulator::start();
    let data = json!({ "object": "user", "id": "user_1" });
    let many = json!({
        "event": "user.updated", "data": data, "count": 1000, "interval_milliseconds": 50,
    });
    let (status, added) = emulator.admin_api("POST", "events", many).await;
    assert_eq!(status, 201, "{added}");
    let one = json!({ "event": "user.deleted", "data": data });
    let (_, last) = emulator.admin_api("POST", "events", one).await;
    assert_eq!(last["first_id"], last["last_id"]);
    let events = emulator.control().events();
    assert_eq!(events.len(), 1001);
    assert_eq!(
        [&events[0]["id"], &events[999]["id"], &events[1000]["id"]],
        [&added["first_id"], &added["last_id"], &last["first_id"]]
    );
    let too_many = json!({ "event": "user.updated", "data": {}, "count": 100_001 });
    assert_eq!(emulator.admin_api("POST", "events", too_many).await.0, 422);
}
