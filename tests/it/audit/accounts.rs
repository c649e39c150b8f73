//! The events of changed passwords and of closed and opened accounts.

use serde_json::json;

use super::{detail, events, names, only};
use crate::support::app::TestApp;
use crate::support::exchange::post;
use crate::support::oidc_provider::{OidcProvider, REDIRECT_URI, WithOidcIssuer, verified};
use crate::webhooks::{SECRET, send_event, user};

const EMAIL: &str = "grace@example.com";
const OLD: &str = "a made-up passphrase";
const NEW: &str = "another made-up passphrase";

#[tokio::test]
async fn a_changed_password_is_recorded() {
    let app = TestApp::start();
    let user = app.add_user_with_password(EMAIL, OLD);
    app.visitor().log_in(EMAIL, OLD).await;
    let grace = app.visitor();
    grace.log_in(EMAIL, OLD).await;
    let fields = [
        ("old_password", OLD),
        ("new_password1", NEW),
        ("new_password2", NEW),
    ];
    grace.submit("/account/password", &fields).await;
    let changed = only(&app, "password_changed");
    assert_eq!(changed.user_id, Some(user.id));
    assert_eq!(changed.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(
        detail(&changed),
        json!({ "by": "owner", "ended_sessions": 1 })
    );
}

#[tokio::test]
async fn an_account_that_is_deleted_at_workos_is_recorded_as_closed() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    app.signed_in("ada@example.com").await;
    let ada = app.user("ada@example.com");
    for id in ["event_1", "event_2"] {
        let gone = json!({ "id": ada.workos_user_id });
        send_event(&app, id, "user.deleted", gone).await;
    }
    let closed = only(&app, "account_closed");
    assert_eq!(closed.user_id, Some(ada.id));
    assert_eq!(
        detail(&closed),
        json!({ "by": "workos", "ended_sessions": 1 })
    );
    let expected = ["account_created", "signed_in", "account_closed"];
    assert_eq!(names(&app), expected);
}

/// The account existed without a proof of its address: WorkOS links it, and what was given out before ends.
#[tokio::test]
async fn a_link_and_a_verified_address_are_recorded() {
    let app = TestApp::start();
    let user = app.add_user("ada@example.com", false);
    app.signed_in("ada@example.com").await;
    let linked = only(&app, "provider_connected");
    assert_eq!(linked.user_id, Some(user.id));
    assert_eq!(linked.address.as_deref(), Some("127.0.0.1"));
    let subject = app.user("ada@example.com").workos_user_id;
    let expected = json!({ "provider": "workos", "subject": subject });
    assert_eq!(detail(&linked), expected);
    let ended = only(&app, "sessions_revoked");
    let signed_in = only(&app, "signed_in");
    assert_eq!(ended.user_id, Some(user.id));
    assert_eq!(ended.request_id, signed_in.request_id);
    let expected = json!({ "reason": "email_verified", "ended_sessions": 0 });
    assert_eq!(detail(&ended), expected);
}

#[tokio::test]
async fn a_link_by_an_address_at_another_provider_is_recorded_once() {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .start();
    let user = app.add_user("ada@example.com", true);
    provider.configure(verified("ada@example.com")).await;
    let body = json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI });
    for _ in 0..2 {
        post(&app, "/api/auth/okta", &body).await;
    }
    let linked = only(&app, "provider_connected");
    assert_eq!(linked.user_id, Some(user.id));
    assert_eq!(detail(&linked)["provider"], provider.issuer());
    let names = names(&app);
    assert_eq!(names, ["provider_connected", "signed_in", "signed_in"]);
    assert!(events(&app)[0].request_id.is_some());
}

#[tokio::test]
async fn a_new_account_and_its_changed_address_are_recorded() {
    let app = TestApp::builder()
        .setting("WORKOS_WEBHOOK_SECRET", SECRET)
        .start();
    app.signed_in("ada@example.com").await;
    let created = only(&app, "account_created");
    let ada = app.user("ada@example.com");
    assert_eq!(created.user_id, Some(ada.id));
    let id = ada.workos_user_id.expect("linked");
    let renamed = user(&app, &id, "ada.example@example.com", 1);
    send_event(&app, "event_1", "user.updated", renamed).await;
    let changed = only(&app, "address_changed");
    assert_eq!(changed.user_id, Some(ada.id));
    let expected = json!({
        "from": "ada@example.com", "to": "ada.example@example.com", "verified": true,
    });
    assert_eq!(detail(&changed), expected);
    // Another user of WorkOS has the address now.
    let other = app.add_user("olive@example.com", true);
    app.signed_in("olive@example.com").await;
    let olive = app
        .user("olive@example.com")
        .workos_user_id
        .expect("linked");
    let taken = user(&app, &olive, "ada.example@example.com", 2);
    send_event(&app, "event_2", "user.updated", taken).await;
    let removed = only(&app, "address_removed");
    assert_eq!(removed.user_id, Some(ada.id));
    let expected = json!({ "address": "ada.example@example.com", "by": "workos" });
    assert_eq!(detail(&removed), expected);
    let last = events(&app).pop().expect("an event");
    assert_eq!(
        (last.event.as_str(), last.user_id),
        ("address_changed", Some(other.id))
    );
}
