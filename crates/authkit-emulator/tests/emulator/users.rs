//! `/user_management/users`.

use serde_json::json;

use super::test_emulator::{TestEmulator, plain_client};

const USERS: &str = "/user_management/users";

#[tokio::test]
async fn the_api_requires_its_key() {
    let emulator = TestEmulator::start();
    for key in [None, Some("sk_test_wrong")] {
        let mut request = plain_client().get(format!("{}{USERS}", emulator.base));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let (status, body) = super::test_emulator::read(request.send().await.unwrap()).await;
        assert_eq!(
            (status.as_u16(), body),
            (401, json!({ "message": "Unauthorized" }))
        );
    }
}

#[tokio::test]
async fn users_are_listed_in_pages() {
    let emulator = TestEmulator::start();
    let all = emulator.handle.users();
    let (_, list) = emulator
        .api("GET", &format!("{USERS}?order=asc&limit=100"), None)
        .await;
    assert_eq!(list["object"], "list");
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), all.len());
    assert_eq!(
        list["list_metadata"],
        json!({ "before": null, "after": null })
    );
    let (_, page) = emulator
        .api("GET", &format!("{USERS}?order=asc&limit=2"), None)
        .await;
    assert_eq!(
        page["list_metadata"],
        json!({ "before": null, "after": ids[1] })
    );
    let next = format!("{USERS}?order=asc&limit=2&after={}", ids[1]);
    let (_, page) = emulator.api("GET", &next, None).await;
    assert_eq!(page["data"][0]["id"], ids[2]);
    assert_eq!(
        page["list_metadata"],
        json!({ "before": ids[2], "after": ids[3] })
    );
    let back = format!("{USERS}?order=asc&limit=2&before={}", ids[2]);
    let (_, page) = emulator.api("GET", &back, None).await;
    assert_eq!(
        (&page["data"][0]["id"], &page["data"][1]["id"]),
        (&json!(ids[0]), &json!(ids[1]))
    );
    let (_, newest) = emulator.api("GET", &format!("{USERS}?limit=1"), None).await;
    assert_eq!(newest["data"][0]["id"], ids[ids.len() - 1]);
    let (_, one) = emulator
        .api("GET", &format!("{USERS}?email=ada@example.com"), None)
        .await;
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    for limit in ["0", "101"] {
        assert_eq!(
            emulator
                .api("GET", &format!("{USERS}?limit={limit}"), None)
                .await
                .0,
            422
        );
    }
}

#[tokio::test]
async fn a_user_is_created_changed_and_deleted() {
    let emulator = TestEmulator::start();
    let new = json!({ "email": "nora@example.com", "first_name": "Nora", "password": "nora-demo" });
    let (status, user) = emulator.api("POST", USERS, Some(new.clone())).await;
    assert_eq!(
        (status.as_u16(), &user["email_verified"]),
        (201, &json!(false))
    );
    let (status, body) = emulator
        .api("POST", USERS, Some(json!({ "email": "NORA@example.com" })))
        .await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (400, &json!("email_not_available"))
    );
    assert_eq!(emulator.api("POST", USERS, Some(json!({}))).await.0, 422);

    let path = format!("{USERS}/{}", user["id"].as_str().unwrap());
    let change = json!({ "email_verified": true, "first_name": null, "metadata": { "a": "b" } });
    let (status, changed) = emulator.api("PUT", &path, Some(change)).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&changed["email_verified"], &changed["metadata"]["a"]),
        (&json!(true), &json!("b"))
    );
    assert!(changed["first_name"].is_null());
    let new_address = json!({ "email": "nora.new@example.com" });
    let (_, changed) = emulator.api("PUT", &path, Some(new_address)).await;
    assert_eq!(changed["email"], "nora.new@example.com");
    assert_eq!(
        changed["email_verified"], false,
        "a new address is not verified"
    );
    let taken = json!({ "email": "ada@example.com" });
    assert_eq!(emulator.api("PUT", &path, Some(taken)).await.0, 400);
    assert_eq!(emulator.api("GET", &path, None).await.1, changed);

    assert_eq!(emulator.api("DELETE", &path, None).await.0, 200);
    for method in ["GET", "DELETE"] {
        let (status, body) = emulator.api(method, &path, None).await;
        assert_eq!(
            (status.as_u16(), body["message"].is_string()),
            (404, true),
            "{method}"
        );
    }
    assert_eq!(emulator.api("PUT", &path, Some(json!({}))).await.0, 404);
}

#[tokio::test]
async fn a_deleted_user_loses_codes_sessions_and_remembered_browsers() {
    let emulator = TestEmulator::start();
    let tokens = emulator.sign_in("ada@example.com").await;
    let code = emulator.code("ada@example.com", &[]).await;
    assert!(
        emulator
            .control()
            .delete_user(tokens["user"]["id"].as_str().unwrap())
    );
    assert_eq!(
        emulator.refresh(&tokens["refresh_token"]).await.1["error"],
        "invalid_grant"
    );
    assert_eq!(emulator.exchange(&code).await.1["error"], "invalid_grant");
    assert_eq!(
        emulator.authorize(&[]).await.status(),
        200,
        "the browser is not remembered"
    );
}
