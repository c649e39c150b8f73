//! When the purge runs: in one replica at a time, and by the command.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::prelude::*;
use vestibule::clock::Timestamp;
use vestibule::db::DbError;
use vestibule::db::schema::{jobs, pending_sign_ins};
use vestibule::purge::{DeletedRows, purge_expired_at, purge_if_due};

use super::{LONG, PurgeTest, RETENTION};
use crate::support::database::TestDatabase;
use crate::support::program::Program;

/// Much longer than the interval in which a replica checks whether the job is due.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// Moves the time at which the job is due by these seconds.
fn move_due_time(test: &PurgeTest, seconds: i64) {
    test.app.change(|conn| {
        let job = jobs::table.find("flushexpiredtokens");
        let due_at: Timestamp = job.select(jobs::due_at).first(conn)?;
        let moved = due_at.plus(TimeDelta::seconds(seconds));
        diesel::update(job)
            .set(jobs::due_at.eq(moved))
            .execute(conn)
    });
}

#[tokio::test]
async fn a_job_claimed_with_a_wrong_clock_can_be_claimed_again() {
    let test = PurgeTest::new();
    let pool = test.another_pool();
    // The app itself may claim the job first, here and below.
    purge_if_due(&pool, &RETENTION).await.unwrap();
    test.add_token(&test.token("ended", -LONG));
    move_due_time(&test, 1_000_000);
    purge_if_due(&pool, &RETENTION).await.unwrap();
    wait_until(|| test.tokens().is_empty()).await;
}

#[tokio::test]
async fn a_replica_whose_clock_is_ahead_deletes_nothing_that_is_valid() {
    let test = PurgeTest::new();
    test.add_token(&test.token("lives", 3_600));
    test.add_session("lives", 3_600, None);
    test.add_pending("lives", 600);
    test.add_token(&test.token("ended", -LONG));
    test.app.clock.advance(TimeDelta::days(1));
    purge_if_due(&test.app.database, &RETENTION).await.unwrap();
    wait_until(|| test.tokens() == ["lives"]).await;
    assert_eq!(test.sessions(), ["lives"]);
    let pending = pending_sign_ins::table.count();
    assert_eq!(test.app.rows(|conn| pending.get_result::<i64>(conn)), 1);
}

#[tokio::test]
async fn one_of_several_replicas_purges_each_hour() {
    let test = PurgeTest::new();
    let replicas: Vec<_> = (0..4).map(|_| test.another_pool()).collect();
    for hour in 0..3 {
        test.add_token(&test.token(&hour.to_string(), -LONG));
        let attempts = replicas
            .iter()
            .map(|replica| purge_if_due(replica, &RETENTION));
        let runs = futures_util::future::try_join_all(attempts).await.unwrap();
        let runs: Vec<_> = runs.into_iter().flatten().collect();
        let one = DeletedRows {
            refresh_tokens: 1,
            ..DeletedRows::default()
        };
        // The app itself may have claimed the job first.
        assert!(runs == [one] || runs.is_empty(), "{runs:?}");
        wait_until(|| test.tokens().is_empty()).await;

        move_due_time(&test, -59 * 60);
        for replica in &replicas {
            let early = purge_if_due(replica, &RETENTION).await.unwrap();
            assert_eq!(early, None, "an hour has not passed");
        }
        move_due_time(&test, -60);
    }
}

#[tokio::test]
async fn a_running_server_purges() {
    let test = PurgeTest::new();
    test.add_token(&test.token("ended", -LONG));
    test.add_session("ended", -1, None);
    wait_until(|| test.tokens().is_empty() && test.sessions().is_empty()).await;
}

async fn wait_until(done: impl Fn() -> bool) {
    let until = Instant::now() + HANG_TIMEOUT;
    while !done() {
        assert!(Instant::now() < until, "no replica has purged");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn the_command_needs_only_the_database_and_prints_the_counts() {
    let test = PurgeTest::new();
    // The command uses the system's clock, which is slightly ahead of the app's.
    test.add_token(&test.token("ended", -LONG));
    test.add_token(&test.token("lives", 3_600));
    test.add_session("ended-1", -3_600, None);
    test.add_session("ended-2", -3_600, None);
    let command = || {
        let url = match &test.app.settings.database.url {
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
        "Deleted 1 expired refresh token, 2 expired sessions, 0 pending sign-ins and 0 old webhook events."
    );
    assert_eq!(first.stderr, "");
    assert_eq!(test.tokens(), ["lives"]);
    let again = command();
    assert_eq!(
        again.stdout,
        "Deleted 0 expired refresh tokens, 0 expired sessions, 0 pending sign-ins and 0 old webhook events."
    );
}

/// Locks on rows are PostgreSQL's.
#[tokio::test]
async fn a_locked_row_does_not_stop_the_purge_of_others() {
    if !TestDatabase::is_postgres_run() {
        return;
    }
    let test = PurgeTest::new();
    for jti in ["a", "locked", "z"] {
        test.add_token(&test.token(jti, -LONG));
    }
    test.add_session("ended", -1, None);
    let locking = test.another_pool();
    let (locked, is_locked) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let holding = std::thread::spawn(move || {
        locking.write_blocking(|conn| {
            diesel::sql_query("SELECT FROM refresh_tokens WHERE jti = 'locked' FOR UPDATE")
                .execute(conn)?;
            locked.send(()).unwrap();
            released.recv().unwrap();
            Ok::<_, DbError>(())
        })
    });
    is_locked.recv().unwrap();
    let purged = purge_expired_at(&test.app.database, &RETENTION, test.app.now()).await;
    release.send(()).unwrap();
    holding.join().unwrap().unwrap();
    assert_eq!(purged.unwrap().refresh_tokens, 2);
    assert!(test.sessions().is_empty());
    assert_eq!(test.tokens(), ["locked"]);
}
