//! A membership that changes or ends: what WorkOS has confirmed of its member's sessions is taken back.

use serde_json::json;

use super::{app, tell};

#[tokio::test]
async fn the_sessions_of_whoever_loses_a_membership_are_to_be_renewed() {
    let app = app();
    app.signed_in("olive@example.com").await;
    app.signed_in("ada@example.com").await;
    let id = |email: &str| app.user(email).workos_user_id.unwrap();
    let confirmed = |email: &str| {
        let user = app.user(email).id;
        let rows = app.sessions().into_iter();
        let mut rows = rows.filter(|row| row.user_id == user);
        rows.next().unwrap().confirmed_until.unwrap()
    };
    let later = confirmed("ada@example.com");
    assert!(confirmed("olive@example.com") > app.now());
    let membership = json!({
        "id": "om_1",
        "user_id": id("olive@example.com"),
        "organization_id": "org_1",
        "status": "inactive",
    });
    tell(
        &app,
        "event_1",
        "organization_membership.updated",
        membership,
    )
    .await;
    assert_eq!(confirmed("olive@example.com"), app.now());
    assert_eq!(confirmed("ada@example.com"), later);
}
