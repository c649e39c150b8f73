//! `vestibule backup` and `vestibule restore`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};

use super::{beside, emails, kill, query, run, sign_in, site, stop};
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::site::Site;

#[tokio::test]
async fn a_backup_of_a_running_server_is_complete_and_private() {
    let Some(site) = site() else { return };
    sign_in(&site, "ada@example.com").await;
    let url = format!("sqlite:{}", site.database_path().display());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("it's a copy?.sqlite3");
    let name = copy.to_str().unwrap();
    let back_up = || {
        Program::new(&["backup", name])
            .env("DATABASE_URL", &url)
            .run()
    };
    let output = back_up().exits_with(0);
    assert!(output.stdout.contains("Backed up sqlite:"), "{output:#?}");
    let mode = fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What happens afterwards is not in it.
    sign_in(&site, "olive@example.com").await;
    assert_eq!(emails(&copy), ["ada@example.com"]);
    let content = fs::read(&copy).unwrap();
    back_up()
        .exits_with(1)
        .reports_one_error(&["exists; name a new file"]);
    assert_eq!(fs::read(&copy).unwrap(), content);
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 1, "no temporary file is left");
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let database = TestDatabase::migrated_sqlite();
    run(&database, &["backup", "no/such/folder/copy.sqlite3"])
        .exits_with(1)
        .reports_one_error(&["no/such/folder"]);
    let missing = TestDatabase::sqlite();
    run(&missing, &["backup", "copy.sqlite3"])
        .exits_with(1)
        .reports_one_error(&["does not exist"])
        .leaves_files(&[]);
}

#[test]
fn on_postgresql_the_commands_name_its_programs() {
    for (command, program) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let output = Program::new(&[command, "file"])
            .env("DATABASE_URL", "postgres://app:hunter2@127.0.0.1/app")
            .run()
            .exits_with(1)
            .reports_one_error(&[program, "for SQLite"]);
        assert!(!output.stderr.contains("hunter2"), "{output:#?}");
    }
}

#[tokio::test]
async fn a_restore_waits_for_the_end_of_the_server_and_keeps_the_previous_file() {
    let Some(site) = site() else { return };
    sign_in(&site, "ada@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite3");
    let copy = copy.to_str().unwrap();
    let path = site.database_path().to_owned();
    let url = format!("sqlite:{}", path.display());
    let command = |arguments: &[&str]| Program::new(arguments).env("DATABASE_URL", &url).run();
    command(&["backup", copy]).exits_with(0);
    sign_in(&site, "olive@example.com").await;
    command(&["restore", copy])
        .exits_with(1)
        .reports_one_error(&["another process has", "stop the server first"]);
    sign_in(&site, "ada@example.com").await;

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let database = stop(site);
    let output = command(&["restore", copy]).exits_with(0);
    assert_eq!(output.stderr, "");
    let kept = output.stdout.lines().find_map(|line| {
        let kept = line.strip_prefix("The previous file is kept as ")?;
        kept.strip_suffix('.')
    });
    assert_eq!(
        emails(kept.unwrap().as_ref()),
        ["ada@example.com", "olive@example.com"]
    );
    assert_eq!(emails(&path), ["ada@example.com"]);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "the mode is that of the previous file");
    command(&["restore", path.to_str().unwrap()])
        .exits_with(1)
        .reports_one_error(&["is the database itself"]);
    let site = Site::on(database, &[]);
    sign_in(&site, "olive@example.com").await;
}

#[tokio::test]
async fn a_restore_after_a_kill_uses_nothing_of_the_old_log() {
    let Some(site) = site() else { return };
    sign_in(&site, "ada@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite3");
    let copy = copy.to_str().unwrap();
    let path = site.database_path().to_owned();
    let url = format!("sqlite:{}", path.display());
    let backup = Program::new(&["backup", copy]).env("DATABASE_URL", &url);
    backup.run().exits_with(0);
    sign_in(&site, "olive@example.com").await;
    let database = kill(site);
    let output = run(&database, &["restore", copy]).exits_with(0);
    assert!(!beside(&path, "-wal").exists());
    assert!(!beside(&path, "-shm").exists());
    let kept = output
        .stdout
        .lines()
        .find(|line| line.contains("is kept as"));
    let kept = kept.unwrap().split_whitespace().last().unwrap();
    let kept = kept.trim_end_matches('.');
    // The log is kept with it.
    assert_eq!(
        emails(kept.as_ref()),
        ["ada@example.com", "olive@example.com"]
    );
    let site = Site::on(database, &[]);
    assert_eq!(emails(&path), ["ada@example.com"]);
    drop(site);
}

#[test]
fn a_restore_that_fails_puts_the_database_back() {
    let database = TestDatabase::migrated_sqlite();
    let path = database.sqlite_path();
    let copy = beside(path, ".copy");
    run(&database, &["backup", copy.to_str().unwrap()]).exits_with(0);
    fs::write(beside(path, "-wal"), "made up").unwrap();
    let names = || fs::read_dir(path.parent().unwrap()).unwrap().count();
    // It cannot be removed as a file.
    fs::create_dir(beside(path, "-shm")).unwrap();
    let (before, names_before) = (fs::read(path).unwrap(), names());
    run(&database, &["restore", copy.to_str().unwrap()])
        .exits_with(1)
        .reports_one_error(&["-shm: "]);
    assert_eq!(fs::read(path).unwrap(), before);
    assert_eq!(fs::read(beside(path, "-wal")).unwrap(), b"made up");
    assert_eq!(names(), names_before, "nothing else is left");
}

/// SQLite keeps `-wal` beside the target of a symbolic link, where a kill leaves it.
#[test]
fn a_database_behind_a_symbolic_link_is_checked_and_restored_at_its_target() {
    let database = TestDatabase::migrated_sqlite();
    let target = database.sqlite_path();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.sqlite3");
    std::os::unix::fs::symlink(target, &link).unwrap();
    let url = format!("sqlite:{}", link.display());
    let command = |arguments: &[&str]| {
        Program::with_settings(arguments)
            .env("DATABASE_URL", &url)
            .run()
    };
    let copy = folder.path().join("copy.sqlite3");
    let copy = copy.to_str().unwrap();
    command(&["backup", copy]).exits_with(0);

    let mut conn = diesel::SqliteConnection::establish(target.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
        .unwrap();
    let log = fs::read(beside(target, "-wal")).unwrap();
    drop(conn);
    fs::copy(copy, target).unwrap();
    fs::write(beside(target, "-wal"), log).unwrap();
    command(&["migrate"])
        .exits_with(1)
        .reports_one_error(&["-wal belongs to another database"]);

    command(&["restore", copy]).exits_with(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(!beside(target, "-wal").exists());
    assert_eq!(emails(target), Vec::<String>::new());

    // A new file is private too, also where the link leads to none yet.
    for entry in fs::read_dir(target.parent().unwrap()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::remove_file(beside(&link, ".heartbeat")).unwrap();
    command(&["migrate"]).exits_with(0);
    let mode = fs::metadata(target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn only_a_whole_database_of_this_version_or_an_earlier_one_is_restored() {
    let database = TestDatabase::migrated_sqlite();
    let before = fs::read(database.sqlite_path()).unwrap();
    let restore = |file: &str| run(&database, &["restore", file]).exits_with(1);
    restore("missing.sqlite3").reports_one_error(&["missing.sqlite3"]);

    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.sqlite3");
    let other = other.to_str().unwrap();
    query(other.as_ref(), "SELECT 'x' AS text");
    fs::write(other, "These are notes and no database. ".repeat(100)).unwrap();
    restore(other).reports_one_error(&["is damaged", "not a database"]);
    fs::remove_file(other).unwrap();
    query(other.as_ref(), "CREATE TABLE t (x)");
    restore(other).reports_one_error(&["has no tables of vestibule"]);

    let newer = TestDatabase::migrated_sqlite();
    let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000001')";
    query(newer.sqlite_path(), insert);
    restore(newer.sqlite_path().to_str().unwrap()).reports_one_error(&["a newer version"]);

    let damaged = TestDatabase::migrated_sqlite();
    super::left_over_log::damage(damaged.sqlite_path());
    restore(damaged.sqlite_path().to_str().unwrap()).reports_one_error(&["is damaged"]);
    assert_eq!(fs::read(database.sqlite_path()).unwrap(), before);

    let older = TestDatabase::migrated_sqlite();
    let folder = format!("{}/migrations/sqlite", env!("CARGO_MANIFEST_DIR"));
    let migrations = FileBasedMigrations::from_path(folder).unwrap();
    let mut conn = SqliteConnection::establish(older.sqlite_path().to_str().unwrap()).unwrap();
    conn.revert_last_migration(migrations).unwrap();
    drop(conn);
    let output = run(
        &database,
        &["restore", older.sqlite_path().to_str().unwrap()],
    );
    let output = output.exits_with(0);
    assert!(
        output.stdout.contains("run `vestibule migrate`"),
        "{output:#?}"
    );
    // Until `restored` has run, no server starts, although the backup is not older than any mark.
    run(&database, &["migrate"]).exits_with(0);
    let check = || run(&database, &["check"]);
    let refused = check().exits_with(1);
    assert!(refused.stderr.contains("database.E002"), "{refused:#?}");
    run(&database, &["restored"]).exits_with(0);
    check().exits_with(0);
}
