//! `GET /events`, and which changes add events.

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use authkit_emulator::Config;
use serde_json::{Value, json};

use super::test_emulator::{TestEmulator, claims, plain_client, read};

const ADA: &str = "ada@example.com";

async fn list(emulator: &TestEmulator, query: &str) -> Value {
    let (status, body) = emulator.api("GET", &format!("/events?{query}"), None).await;
    assert_eq!(status, 200, "{query}: {body}");
    body
}

fn ids(list: &Value) -> Vec<String> {
    let events = list["data"].as_array().unwrap();
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

fn names(list: &Value) -> Vec<&str> {
    let events = list["data"].as_array().unwrap();
    let names = events.iter().map(|event| event["event"].as_str());
    names.map(Option::unwrap).collect()
}

#[tokio::test]
async fn a_poller_reads_each_of_fifty_thousand_events_once() {
    let emulator = TestEmulator::start();
    let inserted = emulator.control().insert_events(
        "user.updated",
        50_000,
        Duration::from_secs(50),
        |number| json!({ "object": "user", "id": format!("user_{number}") }),
    );
    assert_eq!(inserted.len(), 50_000);
    let client = plain_client();
    let mut read_ids: Vec<String> = Vec::new();
    let mut query = "order=asc&limit=100".to_owned();
    loop {
        let request = client.get(format!("{}/events?{query}", emulator.base));
        let request = request.bearer_auth(emulator.handle.api_key());
        let page = read(request.send().await.unwrap()).await.1;
        let page_ids = ids(&page);
        assert!(page_ids.len() <= 100);
        read_ids.extend(page_ids);
        match page["list_metadata"]["after"].as_str() {
            Some(after) => query = format!("order=asc&limit=100&after={after}"),
            None => break,
        }
    }
    assert_eq!(read_ids, inserted);
    // An event that happens later follows the last one.
    let last = inserted.last().unwrap();
    let new = emulator
        .control()
        .send_event("session.revoked", &json!({ "object": "session" }));
    let page = list(&emulator, &format!("order=asc&after={last}")).await;
    assert_eq!(ids(&page), [new]);
}

#[tokio::test]
async fn events_are_ordered_and_paged_as_workos_describes_it() {
    let emulator = TestEmulator::start();
    let insert = |count| {
        let interval = Duration::from_secs(1);
        let control = emulator.control();
        control.insert_events("user.updated", count, interval, |n| json!({ "n": n }))
    };
    let all = insert(5);
    let id = |number: usize| all[number].as_str();
    for (query, expected) in [
        ("limit=2".to_owned(), &[4, 3][..]),
        (format!("limit=2&after={}", id(3)), &[2, 1]),
        (format!("limit=2&before={}", id(2)), &[4, 3]),
        (format!("limit=1&before={}", id(2)), &[3]),
        ("limit=2&order=asc".to_owned(), &[0, 1]),
        (format!("limit=2&order=asc&after={}", id(2)), &[3, 4]),
        (format!("limit=2&order=asc&before={}", id(3)), &[1, 2]),
        (format!("order=asc&after={}", id(4)), &[]),
        ("limit=2&order=normal".to_owned(), &[4, 3]),
        (format!("limit=2&order=normal&after={}", id(1)), &[3, 2]),
        (format!("limit=2&order=normal&before={}", id(3)), &[2, 1]),
    ] {
        let expected: Vec<&str> = expected.iter().map(|number| id(*number)).collect();
        assert_eq!(ids(&list(&emulator, &query).await), expected, "{query}");
    }
    let first = list(&emulator, "limit=2&order=asc").await;
    assert_eq!(first["object"], "list");
    assert_eq!(first["list_metadata"], json!({ "after": id(1) }));
    let event = &first["data"][0];
    assert_eq!(
        (&event["object"], &event["event"], &event["data"]),
        (&json!("event"), &json!("user.updated"), &json!({ "n": 0 }))
    );
    let last = list(&emulator, &format!("order=asc&limit=2&after={}", id(2))).await;
    assert_eq!(last["list_metadata"], json!({ "after": null }));
}

#[tokio::test]
async fn events_are_filtered_by_type_time_and_organization() {
    let emulator = TestEmulator::with(Config {
        fixed_time: Some(UNIX_EPOCH + Duration::from_secs(1_768_478_400)),
        ..Config::default()
    });
    let control = emulator.control();
    let organization = control.organization("Example Orchards").unwrap();
    control.send_event("user.created", &json!({ "object": "user" }));
    control.advance(Duration::from_secs(60));
    assert!(control.rename_organization(&organization, "Orchards"));
    control.advance(Duration::from_secs(60));
    control.set_permissions("member", &[]);
    for (query, expected) in [
        (
            "events=user.created,role.updated",
            &["user.created", "role.updated"][..],
        ),
        (
            "events=user.created&events=role.updated",
            &["user.created", "role.updated"],
        ),
        ("events%5B%5D=role.updated", &["role.updated"]),
        (
            "range_start=2026-01-15T12:01:00Z",
            &["organization.updated", "role.updated"],
        ),
        ("range_end=2026-01-15T12:00:59.999Z", &["user.created"]),
        (
            "range_start=2026-01-15T12:00:30Z&range_end=2026-01-15T13:01:30%2B01:00",
            &["organization.updated"],
        ),
        (
            &format!("organization_id={organization}"),
            &["organization.updated"],
        ),
    ] {
        let page = list(&emulator, &format!("order=asc&{query}")).await;
        assert_eq!(names(&page), expected, "{query}");
    }
    assert_eq!(
        list(&emulator, "limit=1").await["data"][0]["created_at"],
        "2026-01-15T12:02:00.000Z"
    );
}

#[tokio::test]
async fn invalid_requests_for_events_are_refused() {
    let emulator = TestEmulator::start();
    for (query, expected) in [
        ("limit=0", 422),
        ("limit=101", 422),
        ("limit=many", 422),
        ("order=random", 422),
        ("range_start=yesterday", 422),
        ("range_start=2026-01-15T12:00:00Z&after=event_01X", 422),
        ("after=user_01X", 400),
        ("organization_id=org_unknown", 400),
    ] {
        let (status, body) = emulator.api("GET", &format!("/events?{query}"), None).await;
        assert_eq!(status, expected, "{query}: {body}");
        assert!(body["message"].is_string(), "{query}: {body}");
    }
    let request = plain_client().get(format!("{}/events", emulator.base));
    assert_eq!(read(request.send().await.unwrap()).await.0, 401);
}

#[tokio::test]
async fn events_are_kept_for_thirty_days_and_a_hundred_thousand_at_most() {
    let emulator = TestEmulator::start();
    let control = emulator.control();
    let first = control.send_event("user.created", &json!({}));
    control.advance(Duration::from_secs(30 * 86_400 - 60));
    let second = control.send_event("user.created", &json!({}));
    assert_eq!(
        ids(&list(&emulator, "order=asc").await),
        [first.as_str(), &second]
    );
    control.advance(Duration::from_secs(120));
    assert_eq!(ids(&list(&emulator, "order=asc").await), [second.as_str()]);
    // A cursor stays valid although its event has been discarded.
    let page = list(&emulator, &format!("order=asc&after={first}")).await;
    assert_eq!(ids(&page), [second]);
    let inserted = control.insert_events("user.updated", 100_001, Duration::ZERO, |_| json!({}));
    let oldest = list(&emulator, "order=asc&limit=1").await;
    assert_eq!(ids(&oldest)[0], inserted[1]);
}

#[tokio::test]
async fn a_sign_in_and_its_end_add_events() {
    let emulator = TestEmulator::start();
    let control = emulator.control();
    let wrong = [("email", ADA), ("password", "wrong")];
    assert_eq!(emulator.submit_form(&[], &wrong).await.status(), 422);
    let ada = emulator.sign_in(ADA).await;
    let sid = claims(&ada)["sid"].as_str().unwrap().to_owned();
    assert!(control.revoke_session(&sid));
    assert!(control.delete_user(&emulator.user_id(ADA)));
    let page = list(&emulator, "order=asc").await;
    assert_eq!(
        names(&page),
        [
            "authentication.password_failed",
            "authentication.password_succeeded",
            "session.created",
            "session.revoked",
            "user.deleted",
        ]
    );
    let data = |number: usize| &page["data"][number]["data"];
    assert_eq!(
        (&data(0)["email"], &data(0)["error"]["code"]),
        (&json!(ADA), &json!("invalid_credentials"))
    );
    assert_eq!(data(1)["user_id"], ada["user"]["id"]);
    for (number, status) in [(2, "active"), (3, "revoked")] {
        assert_eq!(
            (
                &data(number)["id"],
                &data(number)["status"],
                &data(number)["auth_method"]
            ),
            (&json!(sid), &json!(status), &json!("password"))
        );
    }
    assert!(data(2)["ended_at"].is_null() && data(3)["ended_at"].is_string());
    assert_eq!(data(4)["email"], ADA);
}

#[tokio::test]
async fn steps_and_invitations_add_events() {
    let emulator = TestEmulator::start();
    let (_, pending) = emulator
        .exchange(&emulator.code("una@example.com", &[]).await)
        .await;
    for code in ["000000", "123456"] {
        let grant = "urn:workos:oauth:grant-type:email-verification:code";
        let token = &pending["pending_authentication_token"];
        emulator
            .authenticate(json!({
                "grant_type": grant, "pending_authentication_token": token, "code": code,
            }))
            .await;
    }
    let invitation = [("invitation_token", Some("demo-invitation"))];
    let form = [
        ("email", "ivy@example.com"),
        ("password", "ivy-demo-password"),
        ("sign_up", "1"),
    ];
    assert_eq!(emulator.submit_form(&invitation, &form).await.status(), 302);
    let page = list(&emulator, "order=asc&limit=100").await;
    assert_eq!(
        names(&page),
        [
            "authentication.password_succeeded",
            "authentication.email_verification_failed",
            "authentication.email_verification_succeeded",
            "user.updated",
            "session.created",
            "user.created",
            "invitation.accepted",
            "user.updated",
            "organization_membership.created",
            "authentication.password_succeeded",
        ]
    );
    let membership = &page["data"][8]["data"];
    assert_eq!(membership["role"], json!({ "slug": "member" }));
    assert_eq!(membership["status"], "active");
}

#[tokio::test]
async fn each_change_of_control_adds_its_event() {
    let emulator = TestEmulator::start();
    let control = emulator.control();
    let orchards = control.organization("Example Orchards").unwrap();
    let (olive, ada) = (emulator.user_id("olive@example.com"), emulator.user_id(ADA));
    assert!(control.add_member(&orchards, &ada, &["member"]));
    assert!(control.set_roles(&orchards, &olive, &["member", "admin"]));
    assert!(control.deactivate_membership(&orchards, &ada));
    assert!(control.reactivate_membership(&orchards, &ada));
    assert!(control.end_membership(&orchards, &ada));
    assert!(control.remove_permission("member", "reports:read"));
    control.set_permissions("auditor", &["reports:read"]);
    assert!(control.set_entitlements(&orchards, &["single-sign-on"]));
    assert!(control.rename_organization(&orchards, "Orchards"));
    control.set_feature_flag("beta", true);
    control.set_feature_flag("beta", false);
    control.set_feature_flag_targets("beta", &[&orchards]);
    let page = list(&emulator, "order=asc&limit=100").await;
    assert_eq!(
        names(&page),
        [
            "organization_membership.created",
            "organization_membership.updated",
            "organization_membership.updated",
            "organization_membership.updated",
            "organization_membership.deleted",
            "role.updated",
            "role.created",
            "organization.updated",
            "flag.created",
            "flag.updated",
            "flag.rule_updated",
        ]
    );
    let statuses: Vec<&Value> = (2..4).map(|n| &page["data"][n]["data"]["status"]).collect();
    assert_eq!(statuses, [&json!("inactive"), &json!("active")]);
    let events = control.events();
    let distinct: HashSet<&Value> = events.iter().map(|event| &event["id"]).collect();
    assert_eq!((events.len(), distinct.len()), (11, 11));
    for nothing in [
        control.add_member(&orchards, "user_unknown", &["member"]),
        control.set_roles(&orchards, &ada, &["member"]),
        control.end_membership("org_unknown", &olive),
        control.remove_permission("member", "reports:read"),
        control.rename_organization("org_unknown", "Nobody's"),
        control.set_challenge("user_unknown", None),
    ] {
        assert!(!nothing);
    }
    assert_eq!(control.events().len(), 11);
}

#[tokio::test]
async fn a_deleted_user_leaves_the_organizations() {
    let emulator = TestEmulator::start();
    let control = emulator.control();
    let twyla = emulator.user_id("twyla@example.com");
    assert!(control.delete_user(&twyla));
    let page = list(&emulator, "order=asc").await;
    let deleted = "organization_membership.deleted";
    assert_eq!(names(&page), [deleted, deleted, "user.deleted"]);
    assert_eq!(page["data"][2]["data"]["id"], twyla);
    assert!(!control.delete_user(&twyla));
    assert_eq!(control.events().len(), 3);
}
