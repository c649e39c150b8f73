//! Changes at WorkOS show everywhere within the lifetime of an access token of WorkOS, on each replica, without a
//! webhook: by the renewal of the session, and sooner if the server polls.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::OLIVE;
use crate::support::app::{TestApp, TestAppBuilder};
use crate::support::readings::becomes_true;
use crate::support::renewal::eventually;
use crate::support::rows::count_rows;
use crate::support::tokens::token_claims;

const ORCHARDS: &str = "Example Orchards";
/// The lifetime of WorkOS's access tokens in seconds.
const LIFETIME: u8 = 20;

#[derive(Clone, Copy, Debug)]
enum Change {
    SessionRevoked,
    UserDeleted,
    MembershipEnded,
    PermissionRemoved,
}

/// What a place says of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    SignedOut,
    WithPermission,
    WithoutPermission,
}

use Shown::{SignedOut, WithPermission, WithoutPermission};

impl Change {
    fn make(self, app: &TestApp) {
        let workos = app.workos();
        let orchards = app.organization(ORCHARDS);
        let olive = app.user(OLIVE).workos_user_id.expect("linked");
        let done = match self {
            Self::SessionRevoked => workos.revoke_session(&workos.sessions_of(&olive)[0]),
            Self::UserDeleted => workos.delete_user(&olive),
            Self::MembershipEnded => workos.end_membership(&orchards, &olive),
            Self::PermissionRemoved => workos.remove_permission("admin", "posts:write"),
        };
        assert!(done, "{self:?}");
    }

    fn shows(self) -> Shown {
        match self {
            // A session in an organisation that the user has left ends.
            Self::SessionRevoked | Self::UserDeleted | Self::MembershipEnded => SignedOut,
            Self::PermissionRemoved => WithoutPermission,
        }
    }
}

/// Two replicas, and a user with a browser and with tokens of the same session.
struct SignedIn {
    replicas: [TestApp; 2],
    cookies: String,
    refresh: String,
}

impl SignedIn {
    async fn start(settings: impl Fn(TestAppBuilder) -> TestAppBuilder) -> Self {
        let app = settings(TestApp::builder()).start();
        let workos = app.workos();
        workos.set_access_token_lifetime(Duration::from_secs(LIFETIME.into()));
        workos.set_permissions("admin", &["posts:read", "posts:write"]);
        let other = settings(app.replica()).start();
        let olive = app.signed_in(OLIVE).await;
        let tokens = olive.post_json("/api/auth/session", &json!({})).await;
        Self {
            cookies: olive.cookies("/"),
            refresh: tokens.text("refresh_token"),
            // The replica must stop first.
            replicas: [other, app],
        }
    }

    fn app(&self) -> &TestApp {
        &self.replicas[1]
    }

    /// What `/`, `/account`, `/api/users/me`, `/auth/verify` and a refresh of the token say.
    async fn shown(&self, app: &TestApp) -> Vec<(&'static str, Shown)> {
        let shows = |is_signed_in: bool, permissions: &str| match is_signed_in {
            false => SignedOut,
            true if permissions.contains("posts:write") => WithPermission,
            true => WithoutPermission,
        };
        let visitor = app.visitor();
        let mut shown = Vec::new();
        for path in ["/account", "/api/users/me", "/auth/verify"] {
            let answer = visitor.get_with_cookies(path, &self.cookies).await;
            let is_signed_in = answer.status() == 200;
            let header = answer.headers().get("x-auth-permissions").cloned();
            let header = header.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
            let body = answer.text().await.unwrap();
            shown.push((path, shows(is_signed_in, &format!("{header}{body}"))));
        }
        let home = visitor.get_with_cookies("/", &self.cookies).await;
        let is_signed_in = home.text().await.unwrap().contains("Welcome, ");
        // The home page shows no permissions.
        let account = shown[0].1;
        let home = if is_signed_in { account } else { SignedOut };
        shown.push(("/", home));
        let path = "/api/token/refresh";
        let answer = visitor.post_refresh_token(path, &self.refresh).await;
        let permissions = match answer.status.as_u16() {
            200 => token_claims(&answer.text("access"))["permissions"].to_string(),
            status => {
                assert_eq!(status, 401, "{answer:?}");
                String::new()
            }
        };
        shown.push((path, shows(answer.status == 200, &permissions)));
        shown
    }

    async fn is_shown_everywhere(&self, expected: Shown) -> bool {
        for replica in &self.replicas {
            let shown = self.shown(replica).await;
            if shown.iter().any(|(_, shown)| *shown != expected) {
                return false;
            }
        }
        true
    }
}

async fn shows_after_a_lifetime(change: Change) {
    let signed_in = SignedIn::start(|builder| builder).await;
    assert!(signed_in.is_shown_everywhere(WithPermission).await);
    change.make(signed_in.app());
    signed_in.app().advance(LIFETIME.into());
    for replica in &signed_in.replicas {
        for (place, shown) in signed_in.shown(replica).await {
            assert_eq!(shown, change.shows(), "{change:?} at {place}");
        }
    }
}

#[tokio::test]
async fn a_change_shows_within_one_lifetime_without_polling() {
    let changes = [
        Change::SessionRevoked,
        Change::UserDeleted,
        Change::MembershipEnded,
        Change::PermissionRemoved,
    ];
    join_all(changes.map(shows_after_a_lifetime)).await;
}

/// The clocks stand still, so that no renewal is due.
async fn shows_by_polling(change: Change) {
    let polling = |builder: TestAppBuilder| builder.setting("WORKOS_EVENTS_POLL", "1");
    let signed_in = SignedIn::start(polling).await;
    let database = &signed_in.app().database;
    eventually(|| count_rows(database, "FROM workos_event_cursor") == 1).await;
    assert!(signed_in.is_shown_everywhere(WithPermission).await);
    change.make(signed_in.app());
    let is_shown = || signed_in.is_shown_everywhere(change.shows());
    assert!(becomes_true(is_shown).await, "{change:?}");
}

#[tokio::test]
async fn a_change_shows_sooner_by_polling() {
    let changes = [
        Change::SessionRevoked,
        Change::UserDeleted,
        Change::MembershipEnded,
    ];
    join_all(changes.map(shows_by_polling)).await;
}
