//! An upgrade keeps every row.

use chrono::TimeDelta;
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use vestibule::database_epoch::DatabaseEpoch;
use vestibule::db::DbError;
use vestibule::db::schema::{deleted_workos_users, identities, refresh_tokens};
use vestibule::ids::SessionId;

use super::Upgraded;
use crate::support::rows::count_rows;

/// The number of migrations since the version that wrote the fixture.
const NEW_MIGRATIONS: usize = 29;

#[tokio::test]
async fn every_row_is_kept() {
    let upgraded = Upgraded::start();
    let found = upgraded.app.rows_of_tables();
    let expected = [
        ("__diesel_schema_migrations", 12 + NEW_MIGRATIONS as i64),
        ("account_addresses", 0),
        ("account_groups", 0),
        ("audit_events", 0),
        ("database_epoch", 1),
        ("deleted_workos_users", 2),
        ("django_import_items", 0),
        ("django_import_options", 0),
        ("django_imports", 1),
        ("ended_sessions", 1),
        ("identities", 1),
        ("jobs", 3),
        ("pending_sign_ins", 2),
        ("recovery_codes", 0),
        ("refresh_tokens", 13),
        ("sessions", 11),
        ("space_probe", 0),
        ("totp_factors", 0),
        ("users", 9),
        ("webhook_events", 5),
        ("workos_event_cursor", 0),
        ("workos_revocations", 0),
    ];
    let expected = expected.map(|(table, rows)| (table.to_owned(), rows));
    assert_eq!(found, expected.into());
}

#[tokio::test]
async fn the_last_session_says_up_to_when_the_data_of_an_earlier_version_go() {
    let upgraded = Upgraded::start();
    let sessions = upgraded.app.sessions();
    let last = sessions.iter().map(|row| row.created_at).max();
    let later = upgraded.app.now().plus(TimeDelta::hours(1));
    let (_reverted, database, _) = upgraded.revert();
    let mut migrations = database.migrations().unwrap();
    while migrations.apply_next().unwrap().is_some() {}
    drop(migrations);
    let epoch = database.read_blocking(|conn| DatabaseEpoch::read(conn).map_err(DbError::from));
    let epoch = epoch.unwrap();
    assert_eq!(Some(epoch.heartbeat_at), last);
    assert_eq!(epoch.restore_noticed_at, None);
    assert_eq!(epoch.restored_from(Some(later)), last);
}

#[tokio::test]
async fn session_ids_are_moved_from_the_sid_column_to_their_own() {
    let upgraded = Upgraded::start();
    let app = &upgraded.app;
    let dora = app.user("dora@example.com").id;
    let sessions = app.sessions();
    let tokens: Vec<(Option<String>, Option<SessionId>)> = app.rows(|conn| {
        refresh_tokens::table
            .select((refresh_tokens::sid, refresh_tokens::session_id))
            .load(conn)
    });
    let with_sid = tokens.iter().filter(|(sid, _)| sid.is_some());
    assert!(with_sid.clone().count() >= 3);
    for (sid, session_id) in with_sid {
        assert!(!sid.as_ref().unwrap().contains(':'), "{sid:?}");
        assert_eq!(*session_id, None);
    }
    let with_session: Vec<_> = tokens.iter().filter_map(|(_, id)| id.as_ref()).collect();
    assert_eq!(with_session.len(), 2);
    for id in with_session {
        let row = sessions.iter().find(|row| row.id == *id);
        assert_eq!(row.expect("the session's row").user_id, dora);
    }
}

#[tokio::test]
async fn deleted_users_and_identities_are_read() {
    let upgraded = Upgraded::start();
    let deleted: Vec<String> = upgraded.app.rows(|conn| {
        deleted_workos_users::table
            .select(deleted_workos_users::workos_user_id)
            .order(deleted_workos_users::workos_user_id)
            .load(conn)
    });
    let mut expected = [
        upgraded.issued("/deleted_workos_user_id").to_owned(),
        "user_never_here".to_owned(),
    ];
    expected.sort();
    assert_eq!(deleted, expected);
    let subjects: Vec<String> = upgraded
        .app
        .rows(|conn| identities::table.select(identities::subject).load(conn));
    assert_eq!(subjects, ["subject-1"]);
}

#[tokio::test]
async fn the_migrations_can_be_reverted_and_applied_again() {
    let upgraded = Upgraded::start();
    let before = upgraded.app.rows_of_tables();
    let (reverted, database, issued) = upgraded.revert();
    let shared = count_rows(&database, "FROM refresh_tokens WHERE sid LIKE 'local:%'");
    assert_eq!(shared, 2, "the session's id is in `sid` again");
    let renamed = count_rows(&database, "FROM sessions WHERE marks > 0");
    assert_eq!(renamed, 2, "the column is called `marks` again");
    count_rows(&database, "FROM unfinished_sign_ins");
    let pending = database.migrations().unwrap().pending().unwrap();
    assert_eq!(pending.len(), NEW_MIGRATIONS);
    drop(database);

    let app = Upgraded::app_on(reverted, &issued);
    let upgraded = Upgraded { app, issued };
    assert_eq!(upgraded.app.rows_of_tables(), before);
    assert!(upgraded.is_signed_in("dora").await);
    let answer = upgraded.exchange_refresh(upgraded.refresh("dora")).await;
    assert_eq!(answer.status, 200);
}

pub(super) fn revert_new_migrations(url: &str) {
    match url.strip_prefix("sqlite:") {
        Some(path) => revert(SqliteConnection::establish(path).unwrap(), "sqlite"),
        None => revert_on_postgres(url),
    }
}

fn revert_on_postgres(url: &str) {
    revert(PgConnection::establish(url).unwrap(), "postgres");
}

fn revert<DB: Backend>(mut conn: impl MigrationHarness<DB>, folder: &str) {
    let folder = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
    let source = FileBasedMigrations::from_path(folder).unwrap();
    for _ in 0..NEW_MIGRATIONS {
        conn.revert_last_migration(source.clone()).unwrap();
    }
}
