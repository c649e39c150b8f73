//! The purge: which rows it deletes.

mod replicas;
mod writers;

use chrono::TimeDelta;
use diesel::prelude::*;
use serde_json::json;
use vestibule::accounts::record_deleted_workos_user;
use vestibule::clock::Timestamp;
use vestibule::db::schema::{
    deleted_workos_users, pending_sign_ins, refresh_tokens, sessions, webhook_events,
};
use vestibule::db::{Conn, Database};
use vestibule::ids::UserId;
use vestibule::purge::{DeletedRows, purge_expired_at};
use vestibule::sessions::NewSession;
use vestibule::settings::RetentionSettings;
use vestibule::tokens::{RefreshTokenRow, TokenGrant};

use crate::support::app::TestApp;

const RETENTION: RetentionSettings = RetentionSettings {
    leeway: TimeDelta::zero(),
    access_lifetime: TimeDelta::minutes(5),
    audit_events: TimeDelta::days(400),
};

/// Longer in seconds than an expired refresh token is kept.
const LONG: i64 = 100_000;

struct PurgeTest {
    app: TestApp,
    user_id: UserId,
}

impl PurgeTest {
    fn new() -> Self {
        let app = TestApp::start();
        let user_id = app.add_user("ada@example.com", true).id;
        Self { app, user_id }
    }

    /// The app's time plus these seconds.
    fn at(&self, seconds: i64) -> Timestamp {
        self.app.now().plus(TimeDelta::seconds(seconds))
    }

    fn token(&self, jti: &str, ends_in: i64) -> RefreshTokenRow {
        RefreshTokenRow {
            jti: jti.to_owned(),
            family: "family".to_owned(),
            user_id: Some(self.user_id),
            sid: None,
            session_id: None,
            issued_at: self.at(-1_000),
            expires_at: self.at(ends_in),
            family_expires_at: Some(self.at(100_000)),
            consumed_at: None,
            successor: None,
            revoked_at: None,
            sign_in_method: None,
            sign_in_subject: None,
        }
    }

    fn add_token(&self, token: &RefreshTokenRow) {
        self.app.change(|conn| token.insert(conn));
    }

    fn add_session(&self, id: &str, ends_in: i64, revoked: Option<i64>) {
        let new = NewSession {
            id: id.into(),
            user_id: self.user_id,
            login_attempt: None,
            callback_proof: None,
            workos_sid: None,
            workos_refresh_token: None,
            confirmed_until: None,
            created_at: self.at(-1_000_000),
            auth_time: None,
            expires_at: self.at(ends_in),
            organization_id: None,
            workos_facts: None,
            role: None,
            ip_address: None,
            user_agent: None,
            impersonator: None,
        };
        assert!(self.app.change(|conn| new.insert(conn)));
        if let Some(seconds) = revoked {
            let at = self.at(seconds);
            self.app.change(|conn: &mut Conn| {
                let row = diesel::update(sessions::table.find(id));
                row.set(sessions::revoked_at.eq(at)).execute(conn)
            });
        }
    }

    fn add_event(&self, id: &str, event: &str, received: i64) {
        let row = (
            webhook_events::id.eq(id),
            webhook_events::event.eq(event),
            webhook_events::object_id.eq("user_made_up"),
            webhook_events::received_at.eq(self.at(received)),
        );
        let row = diesel::insert_into(webhook_events::table).values(row);
        self.app.change(|conn| row.execute(conn));
    }

    fn add_pending(&self, id: &str, ends_in: i64) {
        let row = (
            pending_sign_ins::id.eq(id),
            pending_sign_ins::content.eq(b"sealed".as_slice()),
            pending_sign_ins::asked_at.eq(self.at(-600)),
            pending_sign_ins::expires_at.eq(self.at(ends_in)),
        );
        let row = diesel::insert_into(pending_sign_ins::table).values(row);
        self.app.change(|conn| row.execute(conn));
    }

    fn tokens(&self) -> Vec<String> {
        let all = refresh_tokens::table.order(refresh_tokens::jti);
        self.app
            .rows(|conn| all.select(refresh_tokens::jti).load(conn))
    }

    fn sessions(&self) -> Vec<String> {
        let sessions = self.app.sessions();
        sessions
            .into_iter()
            .map(|session| session.id.into())
            .collect()
    }

    fn another_pool(&self) -> Database {
        Database::open(&self.app.settings.database).unwrap()
    }
}

#[tokio::test]
async fn only_expired_rows_are_deleted() {
    let test = PurgeTest::new();
    const DAY: i64 = 86_400;
    test.add_token(&test.token("ended", -DAY - 1));
    test.add_token(&test.token("ended-a-day-ago", -DAY));
    test.add_token(&test.token("ended-lately", 1 - DAY));
    test.add_token(&test.token("lives", 1));
    let consumed = RefreshTokenRow {
        consumed_at: Some(test.at(-500)),
        ..test.token("consumed", 1)
    };
    test.add_token(&consumed);
    let revoked = RefreshTokenRow {
        revoked_at: Some(test.at(-500)),
        ..test.token("revoked", 1)
    };
    test.add_token(&revoked);
    test.add_session("ended", 0, None);
    test.add_session("lives", 1, None);
    test.add_session("revoked", 1, Some(-100_000));
    test.add_session("revoked-and-ended", -1, Some(-100_000));
    test.add_session("revoked-lately-and-ended", -1, Some(-100));
    const MONTH: i64 = 30 * DAY;
    for (id, event, age) in [
        ("older", "user.updated", MONTH + 1),
        ("old", "user.deleted", MONTH),
        ("younger", "user.deleted", MONTH - 1),
        ("new", "session.revoked", 0),
    ] {
        test.add_event(id, event, -age);
    }
    for (id, ends_in) in [("ended", -1), ("ends-now", 0), ("lives", 1)] {
        test.add_pending(id, ends_in);
    }
    for (id, age) in [("old", MONTH), ("younger", MONTH - 1)] {
        let at = test.at(-age);
        test.app
            .change(|conn| record_deleted_workos_user(conn, id, at));
    }

    let deleted_rows = purge_expired_at(&test.app.database, &RETENTION, test.app.now())
        .await
        .unwrap();
    let expected = DeletedRows {
        refresh_tokens: 2,
        sessions: 2,
        webhook_events: 2,
        pending_sign_ins: 2,
    };
    assert_eq!(deleted_rows, expected);
    let remaining = ["consumed", "ended-lately", "lives", "revoked"];
    assert_eq!(test.tokens(), remaining);
    let remaining = ["lives", "revoked", "revoked-lately-and-ended"];
    assert_eq!(test.sessions(), remaining);
    let events = webhook_events::table.select(webhook_events::id);
    let events: Vec<String> = test
        .app
        .rows(|conn| events.order(webhook_events::id).load(conn));
    assert_eq!(events, ["new", "younger"]);
    let pending = pending_sign_ins::table.select(pending_sign_ins::id);
    let pending: Vec<String> = test.app.rows(|conn| pending.load(conn));
    assert_eq!(pending, ["lives"]);
    let deleted = deleted_workos_users::table.select(deleted_workos_users::workos_user_id);
    let deleted: Vec<String> = test.app.rows(|conn| deleted.load(conn));
    assert_eq!(deleted, ["younger"]);
}

#[tokio::test]
async fn a_revoked_session_is_kept_for_the_lifetime_of_an_access_token() {
    let test = PurgeTest::new();
    test.add_session("revoked", -1, Some(-100_000));
    let long = RetentionSettings {
        access_lifetime: TimeDelta::days(7),
        ..RETENTION
    };
    let purged = async |retention| {
        let deleted = purge_expired_at(&test.app.database, retention, test.app.now()).await;
        deleted.unwrap().sessions
    };
    assert_eq!(purged(&long).await, 0);
    assert_eq!(purged(&RETENTION).await, 1);
}

/// The database's clock is behind the app's in this test, as it may be by seconds in production.
#[tokio::test]
async fn deleting_an_expired_session_revokes_no_tokens() {
    let test = PurgeTest::new();
    for (id, ends_in) in [("first", 100), ("second", 10_000)] {
        test.add_session(id, ends_in, None);
    }
    test.app.change(|conn| {
        let both = diesel::update(sessions::table);
        both.set(sessions::workos_sid.eq("session_made_up"))
            .execute(conn)
    });
    let token = RefreshTokenRow {
        sid: Some("session_made_up".into()),
        ..test.token("lives", 10_000)
    };
    test.add_token(&token);
    test.app.clock.advance(TimeDelta::seconds(101));
    purge_expired_at(&test.app.database, &RETENTION, test.app.now())
        .await
        .unwrap();
    assert_eq!(test.sessions(), ["second"]);
    let row = test.app.rows(|conn| RefreshTokenRow::by_jti(conn, "lives"));
    assert_eq!(row.unwrap().revoked_at, None);
}

#[tokio::test]
async fn expired_replay_responses_are_deleted() {
    let test = PurgeTest::new();
    for (jti, seconds) in [("old", -31), ("replayable", -30)] {
        let consumed = RefreshTokenRow {
            consumed_at: Some(test.at(seconds)),
            successor: Some(b"sealed".to_vec()),
            ..test.token(jti, 100)
        };
        test.add_token(&consumed);
    }
    purge_expired_at(&test.app.database, &RETENTION, test.app.now())
        .await
        .unwrap();
    let stored = |jti| {
        let row = test.app.rows(|conn| RefreshTokenRow::by_jti(conn, jti));
        row.unwrap().successor
    };
    assert_eq!(stored("old"), None);
    assert_eq!(stored("replayable"), Some(b"sealed".to_vec()));
}

#[tokio::test]
async fn more_rows_than_a_batch_are_deleted() {
    let test = PurgeTest::new();
    let names = (0..2_001).map(|number| format!("{number:04}"));
    let rows: Vec<_> = names.map(|jti| test.token(&jti, -LONG)).collect();
    for batch in rows.chunks(1_000) {
        test.app
            .change(|conn| RefreshTokenRow::insert_all(conn, batch));
    }
    let deleted_rows = purge_expired_at(&test.app.database, &RETENTION, test.app.now())
        .await
        .unwrap();
    assert_eq!(deleted_rows.refresh_tokens, 2_001);
    assert!(test.tokens().is_empty());
}

/// The access token lives longer than its refresh token.
#[tokio::test]
async fn a_log_out_is_remembered_when_the_refresh_token_has_expired() {
    let (app, user) = TestApp::builder()
        .setting("ACCESS_TOKEN_LIFETIME", "86400")
        .setting("REFRESH_TOKEN_LIFETIME", "60")
        .start_with_user();
    let first = app.issue_tokens(&user, TokenGrant::default());
    let second = app.issue_tokens(&user, TokenGrant::default());
    let visitor = app.visitor();
    let status = async |token: &str| visitor.get_me_with_token(token).await.status;
    let log_out = async |token: &str| {
        let header = format!("Bearer {token}");
        let headers = [("authorization", header.as_str())];
        let url = "/api/auth/logout";
        visitor
            .post_json_with_headers(url, &json!({}), &headers)
            .await;
    };
    log_out(&first.access).await;
    assert_eq!(status(&first.access).await, 401);
    app.clock.advance(TimeDelta::hours(23));
    let retention = &app.settings.retention;
    let purged = purge_expired_at(&app.database, retention, app.now());
    purged.await.unwrap();
    assert_eq!(status(&first.access).await, 401);
    assert_eq!(status(&second.access).await, 200);
    // The rows are needed for this log-out too.
    log_out(&second.access).await;
    assert_eq!(status(&second.access).await, 401);
    app.clock.advance(TimeDelta::hours(2));
    let purged = purge_expired_at(&app.database, retention, app.now());
    assert_eq!(purged.await.unwrap().refresh_tokens, 2);
}
