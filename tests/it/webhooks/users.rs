//! Events about users: created, updated and deleted.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::db::schema::users;
use vestibule::purge::purge_expired_at;

use super::{SECRET, app, is_signed_in, post, send_event, signature, user};
use crate::support::app::TestApp;
use crate::support::program::Program;

#[tokio::test]
async fn a_user_is_created_and_updated_by_the_rules_of_a_sign_in() {
    let app = app();
    send_event(
        &app,
        "event_1",
        "user.created",
        user(&app, "user_new", "new@example.com", 0),
    )
    .await;
    let made = app.user("new@example.com");
    assert_eq!(made.workos_user_id.as_deref(), Some("user_new"));
    assert!(made.password.starts_with('!'));
    let changed = user(&app, "user_new", "newer@example.com", 10);
    send_event(&app, "event_2", "user.updated", changed).await;
    let after = app.user("newer@example.com");
    assert_eq!((after.id, after.last_name.as_str()), (made.id, "At 10"));

    // A user with an unverified address gets no account until they sign in.
    let mut unverified = user(&app, "user_other", "other@example.com", 0);
    unverified["email_verified"] = json!(false);
    send_event(&app, "event_3", "user.created", unverified).await;
    // An account that is linked to another WorkOS user is not changed.
    send_event(
        &app,
        "event_4",
        "user.created",
        user(&app, "user_thief", "newer@example.com", 99),
    )
    .await;
    assert_eq!(app.users(), [after]);
}

#[tokio::test]
async fn an_event_alone_links_no_account_of_staff_or_a_superuser() {
    let app = app();
    let root = app.add_user("root@example.com", true);
    app.set_superuser(root.id);
    let clerk = app.add_user("ada@example.com", true);
    app.change(|conn| {
        diesel::update(users::table.find(clerk.id))
            .set(users::is_staff.eq(true))
            .execute(conn)
    });
    let plain = app.add_user("plain@example.com", true);
    for (number, event, email) in [
        (1, "user.created", "root@example.com"),
        (2, "user.updated", " ROOT@example.com "),
        (3, "user.updated", "ada@example.com"),
        (4, "user.created", "plain@example.com"),
    ] {
        let id = format!("user_{number}");
        let data = user(&app, &id, email, 0);
        send_event(&app, &format!("event_{number}"), event, data).await;
    }
    let linked: Vec<_> = app.users().into_iter().collect();
    let linked: Vec<_> = linked
        .iter()
        .map(|user| user.workos_user_id.as_deref())
        .collect();
    assert_eq!(linked, [None, None, Some("user_4")]);
    assert_eq!(app.user("plain@example.com").id, plain.id);
    // A linked user's event does not take over the address either.
    let data = user(&app, "user_4", "root@example.com", 60);
    send_event(&app, "event_5", "user.updated", data).await;
    assert_eq!(app.user("root@example.com").id, root.id);
    // The sign-in of the user does.
    app.signed_in("ada@example.com").await;
    assert!(app.user("ada@example.com").workos_user_id.is_some());
    assert_eq!(app.users().len(), 3);
}

#[tokio::test]
async fn late_and_repeated_events_change_nothing() {
    let app = app();
    let at = |seconds| user(&app, "user_new", "new@example.com", seconds);
    send_event(&app, "event_1", "user.created", at(0)).await;
    send_event(&app, "event_3", "user.updated", at(20)).await;
    send_event(&app, "event_2", "user.updated", at(10)).await;
    assert_eq!(app.user("new@example.com").last_name, "At 20");
    // The same event id with other content.
    send_event(&app, "event_3", "user.updated", at(30)).await;
    send_event(&app, "event_3", "user.deleted", json!({ "id": "user_new" })).await;
    let user = app.user("new@example.com");
    assert!(user.is_active && user.last_name == "At 20");
}

#[tokio::test]
async fn one_of_many_simultaneous_deliveries_is_applied() {
    let app = app();
    let replica = app
        .replica()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    let data = user(&app, "user_new", "new@example.com", 0);
    let body = json!({ "id": "event_1", "event": "user.created", "data": data }).to_string();
    let header = signature(&app, SECRET, &body);
    let posts = (0..8).map(|number| {
        let to = if number % 2 == 0 { &app } else { &replica };
        post(to, &body, &header)
    });
    let statuses = futures_util::future::join_all(posts).await;
    assert_eq!(statuses, [StatusCode::OK; 8]);
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn a_deleted_user_is_closed_and_no_event_restores_it() {
    let app = app();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = ada.cookies("/");
    let account = app.user("ada@example.com");
    let id = account.workos_user_id.clone().unwrap();
    assert!(is_signed_in(&app, &cookies).await);
    send_event(&app, "event_1", "user.deleted", json!({ "id": id })).await;
    assert!(
        !is_signed_in(&app, &cookies).await,
        "the session ends immediately"
    );
    let closed = app.user("ada@example.com");
    assert!(!closed.is_active && closed.token_version > account.token_version);

    let late = user(&app, &id, "ada@example.com", 60);
    send_event(&app, "event_2", "user.updated", late.clone()).await;
    send_event(&app, "event_3", "user.created", late).await;
    assert_eq!(app.user("ada@example.com"), closed);
    // A sign-in does not restore it either, although the emulator still has the user.
    assert_eq!(app.visitor().sign_in("ada@example.com").await.status(), 403);

    // A late event does not create an account for a user who was deleted before they had one.
    send_event(
        &app,
        "event_4",
        "user.deleted",
        json!({ "id": "user_gone" }),
    )
    .await;
    send_event(
        &app,
        "event_5",
        "user.created",
        user(&app, "user_gone", "gone@example.com", 0),
    )
    .await;
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn deleted_users_are_recorded_for_thirty_days() {
    let app = app();
    let gone = json!({ "id": "user_gone" });
    send_event(&app, "event_1", "user.deleted", gone).await;
    let purged = async |seconds| {
        app.clock.advance(TimeDelta::seconds(seconds));
        let retention = &app.settings.retention;
        let deleted = purge_expired_at(&app.database, retention, app.now())
            .await
            .unwrap();
        deleted.webhook_events
    };
    assert_eq!(purged(30 * 86_400 - 1).await, 0);
    let back = |app: &TestApp| user(app, "user_gone", "gone@example.com", 0);
    send_event(&app, "event_2", "user.created", back(&app)).await;
    assert!(app.users().is_empty(), "a late event creates no account");
    assert_eq!(purged(1).await, 1);
    send_event(&app, "event_3", "user.created", back(&app)).await;
    assert_eq!(app.users().len(), 1);
}

#[tokio::test]
async fn activate_unlinks_a_deleted_user_from_the_account() {
    let app = app();
    app.signed_in("ada@example.com").await;
    let id = app.user("ada@example.com").workos_user_id.unwrap();
    send_event(&app, "event_1", "user.deleted", json!({ "id": id })).await;
    let again = user(&app, "user_again", "ada@example.com", 60);
    send_event(&app, "event_2", "user.created", again.clone()).await;
    assert_eq!(
        app.user("ada@example.com").workos_user_id.as_ref(),
        Some(&id)
    );

    let activate = Program::new(&["activate", "ada@example.com"]);
    activate
        .env("DATABASE_URL", app.database_url())
        .run()
        .exits_with(0);
    let freed = app.user("ada@example.com");
    assert!(freed.is_active && freed.workos_user_id.is_none());
    send_event(&app, "event_3", "user.updated", again).await;
    let linked = app.user("ada@example.com");
    assert_eq!(linked.workos_user_id.as_deref(), Some("user_again"));
    assert_eq!(linked.id, freed.id);
    // The first WorkOS user stays deleted.
    let late = user(&app, &id, "late@example.com", 90);
    send_event(&app, "event_4", "user.updated", late).await;
    assert_eq!(app.users().len(), 1);
}
