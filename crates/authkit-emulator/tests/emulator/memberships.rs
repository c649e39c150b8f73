//! `/user_management/organization_memberships`.

use serde_json::{Value, json};

use super::test_emulator::TestEmulator;

const PATH: &str = "/user_management/organization_memberships";
const ADA: &str = "ada@example.com";

async fn list(emulator: &TestEmulator, query: &str) -> Value {
    let (status, body) = emulator.api("GET", &format!("{PATH}?{query}"), None).await;
    assert_eq!(status, 200, "{query}: {body}");
    body
}

fn statuses(list: &Value) -> Vec<&str> {
    let memberships = list["data"].as_array().unwrap().iter();
    memberships
        .map(|one| one["status"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_membership_is_created_changed_and_deleted() {
    let emulator = TestEmulator::start();
    let organization = emulator.control().organization("Example Orchards").unwrap();
    let ada = emulator.user_id(ADA);
    let new = json!({ "organization_id": organization, "user_id": ada, "role_slug": "admin" });
    let (status, created) = emulator.api("POST", PATH, Some(new.clone())).await;
    assert_eq!(status, 201, "{created}");
    for (field, expected) in [
        ("organization_name", json!("Example Orchards")),
        ("status", json!("active")),
        ("role", json!({ "slug": "admin" })),
        ("roles", json!([{ "slug": "admin" }])),
        ("directory_managed", json!(false)),
    ] {
        assert_eq!(created[field], expected, "{field}");
    }
    assert_eq!(created["user"]["email"], ADA);
    let (status, body) = emulator.api("POST", PATH, Some(new)).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("organization_membership_already_exists"))
    );
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    assert_eq!(emulator.api("GET", &path, None).await.1, created);
    let two = json!({ "role_slugs": ["member", "admin"] });
    let (_, changed) = emulator.api("PUT", &path, Some(two)).await;
    assert_eq!(
        changed["roles"],
        json!([{ "slug": "member" }, { "slug": "admin" }])
    );
    let unknown = json!({ "role_slug": "boss" });
    let (status, body) = emulator.api("PUT", &path, Some(unknown)).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invalid_role"))
    );
    assert_eq!(emulator.api("DELETE", &path, None).await.0, 200);
    for method in ["GET", "DELETE"] {
        assert_eq!(emulator.api(method, &path, None).await.0, 404, "{method}");
    }
}

#[tokio::test]
async fn only_active_memberships_are_listed_unless_others_are_asked_for() {
    let emulator = TestEmulator::start();
    let twyla = emulator.user_id("twyla@example.com");
    let of_twyla = format!("user_id={twyla}");
    let active = list(&emulator, &of_twyla).await;
    assert_eq!(statuses(&active), ["active", "active"]);
    let path = format!("{PATH}/{}", active["data"][0]["id"].as_str().unwrap());
    let events = emulator.control().events().len();
    for _ in 0..2 {
        let path = format!("{path}/deactivate");
        let (status, body) = emulator.api("PUT", &path, None).await;
        assert_eq!(
            (status.as_u16(), &body["status"]),
            (200, &json!("inactive"))
        );
    }
    assert_eq!(
        emulator.control().events().len(),
        events + 1,
        "the second has no effect"
    );
    for (query, expected) in [
        ("", &["active"][..]),
        ("&statuses=active", &["active"]),
        ("&statuses=inactive", &["inactive"]),
        ("&statuses=active,inactive", &["inactive", "active"]),
        (
            "&statuses=active&statuses=inactive",
            &["inactive", "active"],
        ),
        // WorkOS's description has no such parameter.
        ("&statuses%5B%5D=inactive", &["active"]),
    ] {
        let page = list(&emulator, &format!("{of_twyla}{query}")).await;
        assert_eq!(statuses(&page), expected, "{query}");
    }
    // The other organisation is the only one to choose.
    let tokens = emulator.sign_in("twyla@example.com").await;
    assert_eq!(
        tokens["organization_id"],
        active["data"][1]["organization_id"]
    );
    let (_, body) = emulator
        .api("PUT", &format!("{path}/reactivate"), None)
        .await;
    assert_eq!(body["status"], "active");
    for (query, expected) in [
        ("limit=10", 400),
        ("user_id=x&statuses=gone", 422),
        ("user_id=x&limit=0", 422),
    ] {
        let (status, _) = emulator.api("GET", &format!("{PATH}?{query}"), None).await;
        assert_eq!(status, expected, "{query}");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_with_an_invitation() {
    let emulator = TestEmulator::start();
    let ada = emulator.user_id(ADA);
    let other = emulator.code("no.name@example.com", &[]).await;
    let exchange = |code: &str, token: &str| {
        let code = json!({
            "grant_type": "authorization_code", "code": code, "invitation_token": token,
            "code_verifier": super::test_emulator::VERIFIER,
        });
        emulator.authenticate(code)
    };
    let (status, body) = exchange(&other, "demo-invitation").await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("invitation_invalid"))
    );
    let mut user = emulator.control().user(ADA).unwrap();
    user.email = "ivy@example.com".to_owned();
    user.email_verified = false;
    emulator.control().put_user(user);
    let code = emulator.code("ivy@example.com", &[]).await;
    let (status, body) = exchange(&code, "demo-invitation").await;
    assert_eq!(status, 200, "{body}");
    let organization = emulator.control().organization("Example Orchards");
    assert_eq!(body["organization_id"].as_str(), organization.as_deref());
    assert_eq!(body["user"]["id"], ada);
    let code = emulator.code("ivy@example.com", &[]).await;
    assert_eq!(
        exchange(&code, "demo-invitation").await.0,
        400,
        "accepted before"
    );
}

#[tokio::test]
async fn an_organization_is_shown_by_name() {
    let emulator = TestEmulator::start();
    let id = emulator.control().organization("Example Orchards").unwrap();
    let (_, body) = emulator
        .api("GET", &format!("/organizations/{id}"), None)
        .await;
    assert_eq!(
        (&body["object"], &body["name"]),
        (&json!("organization"), &json!("Example Orchards"))
    );
    assert_eq!(
        emulator
            .api("GET", "/organizations/org_unknown", None)
            .await
            .0,
        404
    );
}
