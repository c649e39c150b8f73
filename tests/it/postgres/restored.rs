//! `vestibule restored` at the same moment as the heartbeats of servers.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use vestibule::database_epoch::{DatabaseEpoch, RestoreMark};
use vestibule::restore::end_what_was_restored;

use super::locks::{Waiting, wait_for_locks};
use super::{connect, migrated};
use crate::support::app::TestApp;
use crate::support::django::execute;
use crate::support::readings::becomes_true;

/// The transactions that set and remove the note wait for a lock before they end.
const GATES: &str = "CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    PERFORM set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true); \
    PERFORM pg_advisory_xact_lock(TG_ARGV[0]::int); RETURN NEW; END $$; \
    CREATE TRIGGER gate_1 AFTER UPDATE ON database_epoch FOR EACH ROW \
    WHEN (NEW.epoch <> OLD.epoch) EXECUTE FUNCTION pass_gate(1); \
    CREATE TRIGGER gate_2 AFTER UPDATE ON database_epoch FOR EACH ROW \
    WHEN (NEW.restore_noticed_at IS NULL AND OLD.restore_noticed_at IS NOT NULL) \
    EXECUTE FUNCTION pass_gate(2)";

/// Starts a server, whose first heartbeat has to wait for the row, and then opens a gate.
async fn beat_at_gate(app: &TestApp, gates: &mut PgConnection, gate: u8) -> TestApp {
    let url = app.database_url();
    wait_for_locks(url, 1).await;
    let replica = app.replica().start();
    wait_for_locks(url, 2).await;
    let open = format!("SELECT pg_advisory_unlock({gate})");
    gates.batch_execute(&open).unwrap();
    replica
}

#[tokio::test]
async fn a_heartbeat_does_not_undo_what_restored_does_at_the_same_moment() {
    let Some(database) = migrated() else { return };
    let app = TestApp::builder().database(database).start();
    let url = app.database_url().to_owned();
    execute(&url, GATES);
    let mut gates = connect(&url);
    let close = "SELECT pg_advisory_lock(1), pg_advisory_lock(2)";
    gates.batch_execute(close).unwrap();
    let row = || app.rows(DatabaseEpoch::read);
    let heartbeat = row().heartbeat_at;
    let (database, now) = (app.database.clone(), app.now());
    let restored = std::thread::spawn(move || {
        end_what_was_restored(&database, &mut RestoreMark::open(None), now).unwrap()
    });
    let first = beat_at_gate(&app, &mut gates, 1).await;
    let beats = becomes_true(async || row().heartbeat_at > heartbeat);
    assert!(beats.await, "no heartbeat was written");
    // If the command is killed now, the next start notices it.
    let noted = row().restore_noticed_at;
    assert!(noted.is_some());

    let second = beat_at_gate(&app, &mut gates, 2).await;
    let report = restored.join().unwrap();
    assert_eq!(noted, Some(report.data_until));
    let is_over = async || {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
        let open: Waiting = diesel::sql_query(open)
            .get_result(&mut connect(&url))
            .unwrap();
        open.count == 0
    };
    assert!(becomes_true(is_over).await);
    assert_eq!(row().restore_noticed_at, None, "the note is back");
    drop((first, second));
}
