//! What has ended by itself goes: by the command, and by one replica of those that run.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::prelude::*;
use vestibule::accounts::record_deleted_workos_user;
use vestibule::clock::Timestamp;
use vestibule::db::schema::{
    deleted_workos_users, pending_sign_ins, refresh_tokens, sessions, webhook_events,
};
use vestibule::db::{Conn, Database};
use vestibule::purge::{DeletedRows, purge, purge_if_due};
use vestibule::sessions::NewSession;
use vestibule::tokens::RefreshTokenRow;

use crate::support::app::TestApp;
use crate::support::program::Program;

/// Far longer than a replica takes to look.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// Of an access token.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

struct Place {
    app: TestApp,
    user_id: i64,
}

impl Place {
    fn new() -> Self {
        let app = TestApp::start();
        let user_id = app.add_user("ada@example.com", true).id;
        Self { app, user_id }
    }

    /// The app's present, moved by these seconds.
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
        }
    }

    fn add_token(&self, token: &RefreshTokenRow) {
        self.app.change(|conn| token.insert(conn));
    }

    fn add_session(&self, id: &str, ends_in: i64, revoked: Option<i64>) {
        let new = NewSession {
            id: id.to_owned(),
            user_id: self.user_id,
            login_attempt: None,
            workos_sid: None,
            workos_refresh_token: None,
            confirmed_until: None,
            created_at: self.at(-1_000_000),
            expires_at: self.at(ends_in),
            organization_id: None,
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

    fn add_unfinished(&self, id: &str, ends_in: i64) {
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
        sessions.into_iter().map(|session| session.id).collect()
    }

    fn another_pool(&self) -> Database {
        Database::open(&self.app.settings.database).unwrap()
    }
}

#[tokio::test]
async fn what_has_ended_by_itself_goes_and_nothing_else() {
    let place = Place::new();
    place.add_token(&place.token("ended", -1));
    place.add_token(&place.token("ends-now", 0));
    place.add_token(&place.token("lives", 1));
    let consumed = RefreshTokenRow {
        consumed_at: Some(place.at(-500)),
        ..place.token("consumed", 1)
    };
    place.add_token(&consumed);
    let revoked = RefreshTokenRow {
        revoked_at: Some(place.at(-500)),
        ..place.token("revoked", 1)
    };
    place.add_token(&revoked);
    place.add_session("ended", 0, None);
    place.add_session("lives", 1, None);
    place.add_session("revoked", 1, Some(-100_000));
    place.add_session("revoked-and-ended", -1, Some(-100_000));
    place.add_session("revoked-lately-and-ended", -1, Some(-100));
    const MONTH: i64 = 30 * 86_400;
    for (id, event, age) in [
        ("older", "user.updated", MONTH + 1),
        ("old", "user.deleted", MONTH),
        ("younger", "user.deleted", MONTH - 1),
        ("new", "session.revoked", 0),
    ] {
        place.add_event(id, event, -age);
    }
    for (id, ends_in) in [("ended", -1), ("ends-now", 0), ("lives", 1)] {
        place.add_unfinished(id, ends_in);
    }
    for (id, age) in [("old", MONTH), ("younger", MONTH - 1)] {
        let at = place.at(-age);
        place
            .app
            .change(|conn| record_deleted_workos_user(conn, id, at));
    }

    let gone = purge(&place.app.database, LIFETIME, place.app.now())
        .await
        .unwrap();
    let expected = DeletedRows {
        refresh_tokens: 2,
        sessions: 2,
        webhook_events: 2,
        pending_sign_ins: 2,
    };
    assert_eq!(gone, expected);
    assert_eq!(place.tokens(), ["consumed", "lives", "revoked"]);
    let kept = ["lives", "revoked", "revoked-lately-and-ended"];
    assert_eq!(place.sessions(), kept);
    let events = webhook_events::table.select(webhook_events::id);
    let events: Vec<String> = place
        .app
        .rows(|conn| events.order(webhook_events::id).load(conn));
    assert_eq!(events, ["new", "younger"]);
    let unfinished = pending_sign_ins::table.select(pending_sign_ins::id);
    let unfinished: Vec<String> = place.app.rows(|conn| unfinished.load(conn));
    assert_eq!(unfinished, ["lives"]);
    let deleted = deleted_workos_users::table.select(deleted_workos_users::workos_user_id);
    let deleted: Vec<String> = place.app.rows(|conn| deleted.load(conn));
    assert_eq!(deleted, ["younger"]);
}

#[tokio::test]
async fn an_ended_session_is_remembered_for_as_long_as_an_access_token_lives() {
    let place = Place::new();
    place.add_session("revoked", -1, Some(-100_000));
    let days = TimeDelta::days(7);
    let purged = |lifetime| purge(&place.app.database, lifetime, place.app.now());
    assert_eq!(purged(days).await.unwrap().sessions, 0);
    assert_eq!(purged(LIFETIME).await.unwrap().sessions, 1);
}

/// The database's clock stands behind the app's here, as it may anywhere by seconds.
#[tokio::test]
async fn a_session_that_has_ended_by_itself_takes_no_tokens_along() {
    let place = Place::new();
    for (id, ends_in) in [("first", 100), ("second", 10_000)] {
        place.add_session(id, ends_in, None);
    }
    place.app.change(|conn| {
        let both = diesel::update(sessions::table);
        both.set(sessions::workos_sid.eq("session_made_up"))
            .execute(conn)
    });
    let token = RefreshTokenRow {
        sid: Some("session_made_up".into()),
        ..place.token("lives", 10_000)
    };
    place.add_token(&token);
    place.app.clock.advance(TimeDelta::seconds(101));
    purge(&place.app.database, LIFETIME, place.app.now())
        .await
        .unwrap();
    assert_eq!(place.sessions(), ["second"]);
    let row = place
        .app
        .rows(|conn| RefreshTokenRow::by_jti(conn, "lives"));
    assert_eq!(row.unwrap().revoked_at, None);
}

#[tokio::test]
async fn a_pair_that_nobody_gets_any_more_is_forgotten() {
    let place = Place::new();
    for (jti, seconds) in [("old", -31), ("waits", -30)] {
        let consumed = RefreshTokenRow {
            consumed_at: Some(place.at(seconds)),
            successor: Some(b"sealed".to_vec()),
            ..place.token(jti, 100)
        };
        place.add_token(&consumed);
    }
    purge(&place.app.database, LIFETIME, place.app.now())
        .await
        .unwrap();
    let left = |jti| {
        let row = place.app.rows(|conn| RefreshTokenRow::by_jti(conn, jti));
        row.unwrap().successor
    };
    assert_eq!(left("old"), None);
    assert_eq!(left("waits"), Some(b"sealed".to_vec()));
}

#[tokio::test]
async fn a_turn_that_a_wrong_clock_took_is_no_turn() {
    let place = Place::new();
    let pool = place.another_pool();
    let ahead = place.at(1_000_000);
    // The app itself may have been the quicker one, and so may it be below.
    purge_if_due(&pool, LIFETIME, ahead).await.unwrap();
    place.add_token(&place.token("ended", -1));
    purge_if_due(&pool, LIFETIME, place.app.now())
        .await
        .unwrap();
    wait_until(|| place.tokens().is_empty()).await;
}

#[tokio::test]
async fn more_than_a_batch_goes_too() {
    let place = Place::new();
    let names = (0..2_001).map(|number| format!("{number:04}"));
    let rows: Vec<_> = names.map(|jti| place.token(&jti, -1)).collect();
    for some in rows.chunks(1_000) {
        place
            .app
            .change(|conn| RefreshTokenRow::insert_all(conn, some));
    }
    let gone = purge(&place.app.database, LIFETIME, place.app.now())
        .await
        .unwrap();
    assert_eq!(gone.refresh_tokens, 2_001);
    assert!(place.tokens().is_empty());
}

#[tokio::test]
async fn of_replicas_that_look_at_once_one_purges_each_hour() {
    let place = Place::new();
    let replicas: Vec<_> = (0..4).map(|_| place.another_pool()).collect();
    for hour in 0..3 {
        place.add_token(&place.token(&hour.to_string(), -1));
        let now = place.app.now();
        let looks = replicas
            .iter()
            .map(|replica| purge_if_due(replica, LIFETIME, now));
        let turns = futures_util::future::try_join_all(looks).await.unwrap();
        let turns: Vec<_> = turns.into_iter().flatten().collect();
        let one = DeletedRows {
            refresh_tokens: 1,
            ..DeletedRows::default()
        };
        // The app's own look may have been the quicker one.
        assert!(turns == [one] || turns.is_empty(), "{turns:?}");
        wait_until(|| place.tokens().is_empty()).await;

        place.app.clock.advance(TimeDelta::minutes(59));
        for replica in &replicas {
            let early = purge_if_due(replica, LIFETIME, place.app.now())
                .await
                .unwrap();
            assert_eq!(early, None, "an hour has not passed");
        }
        place.app.clock.advance(TimeDelta::minutes(1));
    }
}

#[tokio::test]
async fn a_running_server_purges_by_itself() {
    let place = Place::new();
    place.add_token(&place.token("ended", -1));
    place.add_session("ended", -1, None);
    wait_until(|| place.tokens().is_empty() && place.sessions().is_empty()).await;
}

async fn wait_until(done: impl Fn() -> bool) {
    let until = Instant::now() + HANG_TIMEOUT;
    while !done() {
        assert!(Instant::now() < until, "nobody has purged");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn the_command_needs_the_database_alone_and_says_how_many_went() {
    let place = Place::new();
    // The command goes by the system's clock, behind which the app's does not stay far.
    place.add_token(&place.token("ended", -3_600));
    place.add_token(&place.token("lives", 3_600));
    place.add_session("ended-1", -3_600, None);
    place.add_session("ended-2", -3_600, None);
    let command = || {
        let url = match &place.app.settings.database.url {
            vestibule::settings::DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            vestibule::settings::DatabaseUrl::Postgres(url) => {
                secrecy::ExposeSecret::expose_secret(url).to_owned()
            }
        };
        let program = Program::new(&["flushexpiredtokens"]).env("DATABASE_URL", &url);
        program.run().exits_with(0)
    };
    let first = command();
    assert_eq!(
        first.stdout,
        "Deleted 1 expired refresh token, 2 expired sessions, 0 unfinished sign-ins and 0 old webhook events."
    );
    assert_eq!(first.stderr, "");
    assert_eq!(place.tokens(), ["lives"]);
    let again = command();
    assert_eq!(
        again.stdout,
        "Deleted 0 expired refresh tokens, 0 expired sessions, 0 unfinished sign-ins and 0 old webhook events."
    );
}
