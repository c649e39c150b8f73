//! `vestibule migrate`.

use std::sync::Barrier;

use vestibule::db::Database;
use vestibule::settings::{DatabaseSettings, Source};

use crate::support::database::TestDatabase;
use crate::support::program::Program;

pub(super) const NAMES: [&str; 41] = [
    "2026-11-21-000001_create_users",
    "2026-11-21-000002_create_sessions",
    "2026-11-21-000003_create_django_imports",
    "2026-11-21-000004_create_refresh_tokens",
    "2026-11-21-000005_index_revoked_sessions",
    "2026-11-21-000006_create_identities",
    "2026-11-21-000007_create_jobs",
    "2026-11-21-000008_follow_workos",
    "2026-11-21-000009_create_webhook_events",
    "2026-11-21-000010_create_unfinished_sign_ins",
    "2026-11-21-000011_describe_sessions",
    "2026-11-21-000012_ask_for_renewal",
    "2026-11-28-000013_rename_marks_to_generation",
    "2026-11-28-000014_add_session_id_to_refresh_tokens",
    "2026-11-28-000015_create_deleted_workos_users",
    "2026-11-28-000016_rename_unfinished_to_pending_sign_ins",
    "2026-11-28-000017_create_audit_events",
    "2026-11-28-000018_add_auth_time_to_sessions",
    "2026-11-28-000020_add_sign_in_method_to_refresh_tokens",
    "2026-11-28-000021_add_sign_in_subject_to_refresh_tokens",
    "2026-11-28-000026_create_second_factors",
    "2026-11-29-000022_add_django_id",
    "2026-11-29-000023_add_username_to_users",
    "2026-11-29-000025_create_account_addresses",
    "2026-11-29-000027_create_account_groups",
    "2026-11-29-000028_add_sessions_ended_at_to_users",
    "2026-11-29-000029_create_django_import_options",
    "2026-11-29-000030_create_database_epoch",
    "2026-11-29-000031_keep_requests_to_workos",
    "2026-11-29-000032_trigger_search_path",
    "2026-11-29-000034_add_changed_at_to_sessions",
    "2026-11-29-000035_add_source_table_to_django_imports",
    "2026-11-29-000036_create_space_probe",
    "2026-11-29-000037_index_changes_of_sessions",
    "2026-11-29-000038_add_priority_to_workos_revocations",
    "2026-11-29-000039_add_workos_facts_to_sessions",
    "2026-11-29-000040_add_callback_proof_to_sessions",
    "2026-11-29-000041_index_open_sessions_of_users",
    "2026-11-30-000042_create_workos_event_cursor",
    "2026-11-30-000043_new_generation_for_changed_accounts",
    "2026-11-30-000045_add_workos_access_token_to_sessions",
];

fn migrate(database: &TestDatabase, options: &[&str]) -> Program {
    let arguments = [&["migrate"], options].concat();
    Program::new(&arguments).env("DATABASE_URL", database.url())
}

#[test]
fn a_second_run_has_nothing_to_apply() {
    let database = TestDatabase::new();
    let first = migrate(&database, &[]).run().exits_with(0).stdout;
    let applied = NAMES.map(|name| format!("  Applying {name}... OK"));
    assert_eq!(
        first,
        format!("Running migrations:\n{}", applied.join("\n"))
    );
    let second = migrate(&database, &[]).run().exits_with(0).stdout;
    assert_eq!(second, "Running migrations:\n  No migrations to apply.");
}

#[test]
fn check_fails_until_every_migration_is_applied() {
    let database = TestDatabase::new();
    let before = migrate(&database, &["--check"]).run().exits_with(1);
    for name in NAMES {
        assert!(before.stdout.contains(name), "{before:#?}");
    }
    let missing = format!("{} migrations are not applied", NAMES.len());
    before.reports_one_error(&[&missing, "run `vestibule migrate`"]);
    migrate(&database, &[]).run().exits_with(0);
    let after = migrate(&database, &["--check"]).run().exits_with(0);
    assert_eq!(after.stderr, "");
    let both = migrate(&database, &["--check", "--plan"])
        .run()
        .exits_with(0);
    assert_eq!(
        both.stdout,
        "Planned operations:\n  No planned migration operations."
    );
}

#[test]
fn plan_and_check_write_nothing() {
    let database = TestDatabase::new();
    let plan = migrate(&database, &["--plan"]).run().exits_with(0).stdout;
    assert_eq!(
        plan,
        format!("Planned operations:\n  {}", NAMES.join("\n  "))
    );
    let again = migrate(&database, &["--plan"]).run().exits_with(0).stdout;
    assert_eq!(again, plan);
    // The default is a SQLite file in the folder, which neither option creates.
    for options in [
        &["migrate", "--plan"][..],
        &["migrate", "--check"],
        &["migrate", "--check", "--plan"],
    ] {
        let output = Program::new(options).run();
        assert!(output.stdout.contains(NAMES[0]), "{output:#?}");
        output.leaves_files(&[]);
    }
}

#[test]
fn concurrent_runs_apply_each_migration_once() {
    let database = TestDatabase::new();
    let all: Vec<_> = (0..6).map(|_| migrate(&database, &[]).start()).collect();
    let outputs: Vec<_> = all
        .into_iter()
        .map(|program| program.wait().exits_with(0).stdout)
        .collect();
    let together = outputs.join("\n");
    for name in NAMES {
        assert_eq!(together.matches(name).count(), 1, "{together}");
    }
}

#[test]
fn replicas_that_start_at_the_same_time_wait_for_one_another() {
    for _ in 0..3 {
        let database = TestDatabase::new();
        let settings = Source::from_pairs([("DATABASE_URL", database.url())]);
        let settings = DatabaseSettings::from_source(&settings).unwrap();
        let together = Barrier::new(8);
        let replica = || {
            let database = Database::open_or_create(&settings).unwrap();
            let mut migrations = database.migrations().unwrap();
            together.wait();
            let mut applied = Vec::new();
            while let Some(name) = migrations.apply_next().unwrap() {
                applied.push(name);
            }
            applied
        };
        let mut applied: Vec<_> = std::thread::scope(|scope| {
            let replicas: Vec<_> = (0..8).map(|_| scope.spawn(replica)).collect();
            let ended = replicas.into_iter().map(|replica| replica.join().unwrap());
            ended.flatten().collect()
        });
        applied.sort();
        assert_eq!(applied, NAMES);
    }
}

#[test]
fn the_default_is_a_file_in_this_folder_and_needs_no_api_key() {
    let output = Program::new(&["migrate"]).run().exits_with(0);
    assert!(
        output.files.contains(&"vestibule.sqlite3".to_owned()),
        "{output:#?}"
    );
}

#[test]
fn an_unusable_database_is_named_with_what_to_set() {
    let refused = [
        ("postgres:app", "`postgres:` has no `//`"),
        ("mysql://root:hunter2@host/app", "the scheme `mysql:`"),
        ("app.sqlite3", "has no scheme"),
        ("sqlite:", "has no path of a file"),
        ("sqlite::memory:", "not the path of a file"),
    ];
    for (url, problem) in refused {
        for arguments in [
            &["migrate"][..],
            &["migrate", "--plan"],
            &["runserver"],
            &["check"],
        ] {
            let output = Program::with_settings(arguments)
                .env("DATABASE_URL", url)
                .run()
                .exits_with(1);
            assert!(output.stderr.contains(problem), "{output:#?}");
            assert!(
                output
                    .stderr
                    .contains("et it to sqlite:PATH or postgres://"),
                "{output:#?}"
            );
            assert!(!output.stderr.contains("hunter2"), "{output:#?}");
            output.leaves_files(&[]);
        }
    }
    Program::new(&["migrate"])
        .env("DATABASE_URL", "sqlite:no/such/folder/app.sqlite3")
        .run()
        .exits_with(1)
        .reports_one_error(&[
            "no/such/folder/app.sqlite3",
            "in an existing, writable folder",
        ])
        .leaves_files(&[]);
    Program::new(&["migrate"])
        .env("DATABASE_URL", "sqlite:notes.txt")
        .file(
            "notes.txt",
            &"These are notes and no database. ".repeat(100),
        )
        .run()
        .exits_with(1)
        .reports_one_error(&["file is not a database"])
        .leaves_files(&["notes.txt"]);
}

#[test]
fn a_build_without_postgresql_says_how_to_get_one_with_it() {
    let Some(program) = Program::without_postgres(&["migrate"]) else {
        return;
    };
    program
        .env("DATABASE_URL", "postgres://app:hunter2@127.0.0.1/app")
        .run()
        .exits_with(1)
        .reports_one_error(&["no PostgreSQL", "--features postgres"])
        .leaves_files(&[]);
}

#[test]
fn a_postgresql_that_does_not_answer_is_one_line_without_its_password() {
    let port = crate::support::site::free_port();
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/app");
    let output = Program::new(&["migrate"])
        .env("DATABASE_URL", &url)
        .run()
        .exits_with(1)
        .reports_one_error(&["the database is unavailable", "Connection refused"]);
    assert!(!output.stderr.contains("hunter2"), "{output:#?}");
}

#[test]
fn a_reader_that_stops_does_not_stop_the_migrations() {
    let database = TestDatabase::new();
    let output = migrate(&database, &[]).with_closed_stdout().run();
    assert_eq!(output.exits_with(0).stderr, "");
    migrate(&database, &["--check"]).run().exits_with(0);
}

#[test]
fn a_full_disk_of_the_output_does_not_stop_the_migrations() {
    let database = TestDatabase::new();
    let output = migrate(&database, &[]).with_full_stdout().run();
    output
        .exits_with(1)
        .reports_one_error(&["cannot write", "No space left"]);
    migrate(&database, &["--check"]).run().exits_with(0);
}
