//! The events of changed passwords and of closed and opened accounts.

use serde_json::json;

use super::{detail, names, only};
use crate::support::app::TestApp;
use crate::webhooks::{SECRET, send_event};

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
    assert_eq!(names(&app), ["signed_in", "account_closed"]);
}
