//! Roles, permissions, entitlements, feature flags and custom claims in access tokens.

use authkit_emulator::{Config, Seed};
use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, claims};

fn seed() -> Value {
    json!({
        "users": [
            {
                "email": "rosa@example.com", "email_verified": true, "external_id": "42",
                "locale": "pt-PT", "metadata": { "team": "blue" }, "claims": { "team": "blue" },
            },
            { "email": "otto@example.com", "email_verified": true },
        ],
        "roles": [
            { "slug": "editor", "permissions": ["posts:write", "posts:read"] },
            { "slug": "reader", "permissions": ["posts:read", "comments:read"] },
        ],
        "organizations": [{
            "name": "Made Up Press", "entitlements": ["audit-logs"],
            "memberships": [{ "email": "rosa@example.com", "roles": ["editor", "reader"] }],
        }],
        "featureFlags": [
            { "slug": "for-everybody" },
            { "slug": "switched-off", "enabled": false },
            { "slug": "for-the-press", "targets": ["Made Up Press"] },
            { "slug": "for-otto", "targets": ["otto@example.com"] },
        ],
        "claims": { "plan": "free", "team": "none" },
    })
}

fn emulator() -> TestEmulator {
    TestEmulator::with(Config {
        seed: Seed::from_json(&seed().to_string()).unwrap(),
        ..Config::default()
    })
}

#[tokio::test]
async fn the_claims_are_those_of_all_roles_and_of_the_seed() {
    let emulator = emulator();
    let tokens = emulator.sign_in("rosa@example.com").await;
    for (field, expected) in [
        ("external_id", json!("42")),
        ("locale", json!("pt-PT")),
        ("metadata", json!({ "team": "blue" })),
    ] {
        assert_eq!(tokens["user"][field], expected, "{field}");
    }
    let rosa = claims(&tokens);
    for (claim, expected) in [
        ("role", json!("editor")),
        ("roles", json!(["editor", "reader"])),
        (
            "permissions",
            json!(["posts:write", "posts:read", "comments:read"]),
        ),
        ("entitlements", json!(["audit-logs"])),
        ("feature_flags", json!(["for-everybody", "for-the-press"])),
        ("plan", json!("free")),
        ("team", json!("blue")),
    ] {
        assert_eq!(rosa[claim], expected, "{claim}");
    }
    let otto = claims(&emulator.sign_in("otto@example.com").await);
    assert_eq!(otto["feature_flags"], json!(["for-everybody", "for-otto"]));
    assert_eq!(otto["team"], "none");
    for absent in ["org_id", "role", "roles", "permissions", "entitlements"] {
        assert!(otto.get(absent).is_none(), "{absent}");
    }
    let plain = claims(&TestEmulator::start().sign_in("ada@example.com").await);
    assert!(plain.get("feature_flags").is_none(), "no flag in the seed");
}

#[tokio::test]
async fn a_refresh_has_what_was_changed() {
    let emulator = emulator();
    let control = emulator.control();
    let (press, rosa) = (
        control.organization("Made Up Press").unwrap(),
        emulator.user_id("rosa@example.com"),
    );
    let mut tokens = emulator.sign_in("rosa@example.com").await;
    let mut refreshed = async || {
        tokens = emulator.refresh(&tokens["refresh_token"]).await.1;
        claims(&tokens)
    };
    assert!(control.remove_permission("editor", "posts:write"));
    assert_eq!(
        refreshed().await["permissions"],
        json!(["posts:read", "comments:read"])
    );
    assert!(control.set_roles(&press, &rosa, &["reader"]));
    let now = refreshed().await;
    assert_eq!(
        (&now["role"], &now["roles"]),
        (&json!("reader"), &json!(["reader"]))
    );
    control.set_feature_flag("for-everybody", false);
    control.set_feature_flag_targets("switched-off", &[&rosa]);
    control.set_feature_flag("switched-off", true);
    assert!(control.set_entitlements(&press, &[]));
    let now = refreshed().await;
    assert_eq!(
        now["feature_flags"],
        json!(["switched-off", "for-the-press"])
    );
    assert_eq!(now["entitlements"], json!([]));
    assert!(control.end_membership(&press, &rosa));
    let now = refreshed().await;
    assert!(
        now.get("role").is_none() && now.get("permissions").is_none(),
        "{now}"
    );
}

#[tokio::test]
async fn permissions_may_be_large() {
    let emulator = emulator();
    let permissions: Vec<String> = (0..1_000)
        .map(|n| format!("made-up:permission:{n:012}"))
        .collect();
    let borrowed: Vec<&str> = permissions.iter().map(String::as_str).collect();
    emulator.control().set_permissions("editor", &borrowed);
    let tokens = emulator.sign_in("rosa@example.com").await;
    let claims = claims(&tokens);
    assert_eq!(claims["permissions"].as_array().unwrap().len(), 1_002);
    assert!(claims.to_string().len() > 30_000);
}

#[test]
fn a_seed_with_unknown_roles_or_targets_is_invalid() {
    for (path, value, expected) in [
        (
            "/organizations/0/memberships/0/roles",
            json!(["boss"]),
            "memberships[0].roles \"boss\"",
        ),
        (
            "/organizations/0/memberships/0/status",
            json!("gone"),
            "status is \"gone\"",
        ),
        (
            "/featureFlags/2/targets",
            json!(["Elsewhere"]),
            "featureFlags[2].targets \"Elsewhere\"",
        ),
        (
            "/featureFlags/1/slug",
            json!("for-everybody"),
            "featureFlags[1].slug occurs twice",
        ),
        (
            "/roles/1/slug",
            json!("editor"),
            "roles[1].slug occurs twice",
        ),
    ] {
        let mut seed = seed();
        if let Some(place) = seed.pointer_mut(path) {
            *place = value;
        } else {
            seed["organizations"][0]["memberships"][0]["status"] = value;
        }
        let refused = Seed::from_json(&seed.to_string()).unwrap_err();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}
