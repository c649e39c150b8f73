//! Sources of an import: other tables and keys, and unusable databases.

use crate::support::database::TestDatabase;
use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::Program;
use crate::support::real_django::RealDjango;

const SMALL: &str = "password varchar(128), email varchar(254))";

#[test]
fn a_custom_table_with_other_names_is_imported() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(&format!(
        "CREATE TABLE \"Shop \"\"People\"\"\" (person_id bigint PRIMARY KEY, {SMALL}; \
         INSERT INTO \"Shop \"\"People\"\"\" VALUES (7, 'made-up', 'ann@example.com')"
    ));
    let output = target.import(&django, &["--table", "Shop \"People\"", "--all-active"]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 0]);
    let user = target.user(7);
    assert!(user.is_active && !user.is_staff && !user.is_superuser);
    assert_eq!((user.first_name.as_str(), user.last_login), ("", None));
}

#[test]
fn a_real_table_with_emails_as_user_names_is_imported() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    let table = ["--table", "people_subscriber"];
    let missing = target.program(django.url(), &table).run().exits_with(1);
    missing.reports_one_error(&["no column email", "--column email=COLUMN"]);
    for (column, part) in [
        ("mail=username", "no field mail"),
        ("email=mail", "no column mail"),
    ] {
        let options = [&table[..], &["--column", column]].concat();
        let wrong = target.program(django.url(), &options).run().exits_with(1);
        wrong.reports_one_error(&["--column", part]);
    }
    let options = [&table[..], &["--column", "email=username"]].concat();
    let output = target.import(&django, &options);
    assert_eq!(counts(&output, 0), [1, 0, 0, 1]);
    assert!(output.stdout.contains("email without @: 2"), "{output:#?}");
    assert_eq!(target.user(1).email, "Ada@example.com");
}

#[test]
fn a_view_of_a_real_table_is_imported() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    django.run(
        "CREATE VIEW open_readers AS SELECT id, password, email, \
             is_active AND NOT is_banned AND deleted_at IS NULL AS is_active FROM people_reader",
    );
    let output = target.import(&django, &["--table", "open_readers"]);
    assert_eq!(counts(&output, 0), [5, 0, 0, 1]);
    let open = target.users().into_iter().filter(|user| user.is_active);
    let open: Vec<_> = open.map(|user| user.email).collect();
    assert_eq!(open, ["open@example.com", "again@example.com"]);
}

/// One of the rows may close the account, and another one open it.
#[test]
fn a_view_that_returns_a_person_twice_is_refused() {
    let ((django, _), target) = (RealDjango::on_this_runs_backend(), ImportTarget::new());
    django.run(
        "CREATE TABLE ban_history (reader_id integer, banned boolean); \
         INSERT INTO ban_history SELECT id, false FROM people_reader; \
         INSERT INTO ban_history SELECT id, true FROM people_reader WHERE id < 3; \
         CREATE VIEW readers AS SELECT id, password, email, NOT banned AS is_active \
             FROM people_reader JOIN ban_history ON reader_id = id",
    );
    let table = ["--table", "readers"];
    for more in [&["--dry-run"][..], &[]] {
        let refused = target.program(django.url(), &[&table, more].concat()).run();
        refused.exits_with(1).reports_one_error(&[
            "several rows with the same key: 1, 2. ",
            "Each person must have one row",
        ]);
    }
    assert!(target.users().is_empty());
}

#[test]
fn a_missing_table_or_column_is_reported_with_alternatives() {
    let (django, target) = (Django::empty(), ImportTarget::new());
    django.run(&format!(
        "CREATE TABLE shop_user (id integer PRIMARY KEY, {SMALL}"
    ));
    django.run("CREATE TABLE other (id integer PRIMARY KEY, email text)");
    let refused = |options: &[&str], parts: &[&str]| {
        let output = target.program(django.url(), options).run();
        output.exits_with(1).reports_one_error(parts);
    };
    refused(
        &[],
        &[
            "no table \"auth_user\"",
            "a password and an email: shop_user",
        ],
    );
    refused(
        &["--table", "other"],
        &["no column password; it has id, email;", "shop_user"],
    );
    refused(
        &["--table", "shop_user", "--workos-id-column", "wid"],
        &["--workos-id-column", "no column wid", "id, password, email"],
    );
    django.run(&format!(
        "CREATE TABLE pairs (a integer, b integer, {SMALL}"
    ));
    refused(
        &["--table", "pairs"],
        &["neither a primary key of one column nor a column id"],
    );
    django.run("DROP TABLE shop_user; DROP TABLE pairs");
    refused(&[], &["no table there has both a password and an email"]);
    assert!(target.users().is_empty());
}

#[test]
fn an_unusable_database_is_reported_with_a_hint() {
    let target = ImportTarget::new();
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.sqlite3");
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "These are notes and no database. ".repeat(100)).unwrap();
    for (from, parts) in [
        (
            absent.display().to_string(),
            &["has no scheme", "set it to sqlite:PATH"][..],
        ),
        (
            format!("sqlite:{}", absent.display()),
            &["--from", "the file does not exist"],
        ),
        (
            format!("sqlite:{}", notes.display()),
            &["--from", "notes.txt", "not a database"],
        ),
        (
            "mysql://root:hunter2@host/app".to_owned(),
            &["the scheme `mysql:`"],
        ),
        (
            "postgres://u:hunter2@x@h/d".to_owned(),
            &["--from", "percent-encoded"],
        ),
    ] {
        let output = target.program(&from, &[]).run().exits_with(1);
        assert!(!output.stderr.contains("hunter2"), "{output:#?}");
        output.reports_one_error(parts);
    }
    assert!(!absent.exists());
}

#[test]
fn an_unmigrated_target_is_refused_and_not_changed() {
    let (django, target) = (Django::new(), TestDatabase::new());
    django.add(1, "ann@example.com");
    for options in [&[][..], &["--dry-run"]] {
        let arguments = [&["import-django", "--from", django.url()], options].concat();
        let program = Program::new(&arguments).env("DATABASE_URL", target.url());
        program
            .run()
            .exits_with(1)
            .reports_one_error(&["vestibule migrate"]);
    }
    if let Some(path) = target.url().strip_prefix("sqlite:") {
        assert!(!std::path::Path::new(path).exists());
    }
}

#[test]
fn a_sqlite_file_is_not_imported_into_itself() {
    let django = Django::sqlite();
    django.add(1, "ann@example.com");
    let file = django.file().unwrap();
    let before = std::fs::read(&file).unwrap();
    let link = file.with_extension("link");
    std::fs::hard_link(&file, &link).unwrap();
    for ours in [
        django.url().to_owned(),
        format!("sqlite:{}", link.display()),
    ] {
        Program::new(&["import-django", "--from", django.url()])
            .env("DATABASE_URL", &ours)
            .run()
            .exits_with(1)
            .reports_one_error(&["the same file"]);
    }
    assert!(
        std::fs::read(&file).unwrap() == before,
        "the file was written to"
    );
}

/// The source is opened read-only, so that its file need not be writable.
#[test]
fn a_source_may_be_read_only_and_in_wal_mode() {
    let (django, target) = (Django::sqlite(), ImportTarget::new());
    django.add(1, "ann@example.com");
    let file = django.file().unwrap();
    let mut permissions = std::fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&file, permissions).unwrap();
    assert_eq!(counts(&target.import(&django, &[]), 0), [1, 0, 0, 0]);

    let wal = Django::sqlite();
    wal.run("PRAGMA journal_mode = WAL");
    wal.add(2, "bob@example.com");
    assert_eq!(counts(&target.import(&wal, &[]), 0), [1, 0, 0, 0]);
}

mod postgres {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::support::django::execute;

    /// Without this variable the tests use SQLite files.
    fn on_postgres() -> bool {
        std::env::var_os("TEST_DATABASE_URL").is_some()
    }

    #[test]
    fn django_may_live_in_the_same_database_and_in_another_schema() {
        if !on_postgres() {
            return;
        }
        let (django, target) = (Django::empty(), ImportTarget::new());
        let shop = format!(
            "CREATE SCHEMA shop; CREATE TABLE shop.users (id integer PRIMARY KEY, {SMALL}; \
             INSERT INTO shop.users VALUES (7, 'made-up', 'ann@example.com')"
        );
        django.run(&shop);
        assert_eq!(
            counts(
                &target.import(&django, &["--table", "shop.users", "--all-active"]),
                0
            ),
            [1, 0, 0, 0]
        );
        // The hint names tables outside the search path with their schema.
        let missing = target.program(django.url(), &[]).run().exits_with(1);
        missing.reports_one_error(&["shop.users"]);

        let both = ImportTarget::new();
        execute(both.url(), &shop);
        let same = both
            .program(both.url(), &["--table", "shop.users", "--all-active"])
            .run()
            .exits_with(0);
        assert_eq!(counts(&same, 0), [1, 0, 0, 0]);
        for table in ["users", "public.users"] {
            both.program(both.url(), &["--table", table])
                .run()
                .exits_with(1)
                .reports_one_error(&["vestibule's own table users", "auth_user"]);
        }
    }

    /// An argument is visible to the other users of the machine.
    #[test]
    fn the_password_may_be_in_pgpass_or_in_a_variable() {
        if !on_postgres() {
            return;
        }
        let (django, target) = (Django::new(), ImportTarget::new());
        django.add(1, "ann@example.com");
        let mut url = reqwest::Url::parse(django.url()).unwrap();
        let password = url.password().expect("a password").to_owned();
        let line = format!("*:*:*:{}:{password}\n", url.username());
        url.set_password(None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        std::fs::write(&file, line).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let program = || target.program(url.as_str(), &["--dry-run"]);
        for program in [
            program().env("PGPASSFILE", file.to_str().unwrap()),
            program().env("PGPASSWORD", &password),
        ] {
            assert_eq!(counts(&program.run().exits_with(0), 0), [1, 0, 0, 0]);
        }
    }

    #[test]
    fn times_are_read_in_utc_regardless_of_the_servers_settings() {
        if !on_postgres() {
            return;
        }
        let (django, target) = (Django::new(), ImportTarget::new());
        django.add(1, "ann@example.com");
        django.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kolkata''', current_database()); \
                    EXECUTE format('ALTER DATABASE %I SET datestyle = ''German''', current_database()); END $$");
        target.import(&django, &[]);
        assert_eq!(
            target.user(1).date_joined,
            super::super::timestamp("2026-01-02T03:04:05.678901Z")
        );
    }
}
