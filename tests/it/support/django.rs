//! Databases like Django's, written by the tests, and what `import-django` makes of them.

use std::path::PathBuf;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use vestibule::accounts::User;
use vestibule::db::schema::{refresh_tokens, users};
use vestibule::db::{Conn, Database, DbError};
use vestibule::settings::{DatabaseSettings, Source};
use vestibule::tokens::RefreshTokenRow;

use super::database::TestDatabase;
use super::program::{Program, ProgramOutput};
use super::rows::change;

/// Django's default user table, in SQL that both databases accept.
const AUTH_USER: &str = "CREATE TABLE auth_user (
    id integer NOT NULL PRIMARY KEY, password varchar(128) NOT NULL, last_login TIMESTAMPTZ NULL,
    is_superuser bool NOT NULL, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
    last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff bool NOT NULL,
    is_active bool NOT NULL, date_joined TIMESTAMPTZ NOT NULL)";
/// The blacklist tables of simplejwt.
const BLACKLIST: &str = "
CREATE TABLE token_blacklist_outstandingtoken (id bigint NOT NULL PRIMARY KEY, token text NOT NULL,
    created_at TIMESTAMPTZ NULL, expires_at TIMESTAMPTZ NOT NULL, user_id integer NULL,
    jti varchar(255) NOT NULL UNIQUE);
CREATE TABLE token_blacklist_blacklistedtoken (id bigint NOT NULL PRIMARY KEY,
    blacklisted_at TIMESTAMPTZ NOT NULL, token_id bigint NOT NULL UNIQUE)";

/// A database with Django's tables.
pub(crate) struct Django {
    database: TestDatabase,
}

impl Django {
    /// With the default user table, without users.
    pub(crate) fn new() -> Self {
        let django = Self::empty();
        django.run(AUTH_USER);
        django
    }

    /// Without tables, on the backend of this run.
    pub(crate) fn empty() -> Self {
        Self::without_tables(TestDatabase::new())
    }

    /// In this database, without adding tables.
    pub(crate) fn without_tables(database: TestDatabase) -> Self {
        Self { database }
    }

    /// A SQLite file with the default user table, whatever the backend of this run is.
    pub(crate) fn sqlite() -> Self {
        let database = TestDatabase::sqlite();
        let django = Self { database };
        django.run(AUTH_USER);
        django
    }

    /// Adds simplejwt's blacklist.
    pub(crate) fn with_blacklist(self) -> Self {
        self.run(BLACKLIST);
        self
    }

    /// The value for `--from`.
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    /// The path of the SQLite file. `None` on PostgreSQL.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.url().strip_prefix("sqlite:").map(PathBuf::from)
    }

    /// Runs statements in it.
    pub(crate) fn run(&self, statements: &str) {
        execute(self.url(), statements);
    }

    /// Adds a user with a made-up password hash.
    pub(crate) fn add(&self, id: i64, email: &str) {
        let email = email.replace('\'', "''");
        self.run(&format!(
            "INSERT INTO auth_user VALUES ({id}, 'made-up${id}', NULL, false, 'user{id}', 'First {id}', \
             'Last {id}', '{email}', false, true, '2026-01-02 03:04:05.678901')"
        ));
    }

    /// Changes one user.
    pub(crate) fn set(&self, id: i64, changes: &str) {
        self.run(&format!("UPDATE auth_user SET {changes} WHERE id = {id}"));
    }

    /// Adds a blacklisted token.
    pub(crate) fn blacklist(&self, id: i64, user_id: &str, jti: &str, expires_at: &str) {
        self.run(&format!(
            "INSERT INTO token_blacklist_outstandingtoken VALUES \
                 ({id}, 'made.up.token', '2026-01-02 03:04:05', '{expires_at}', {user_id}, '{jti}'); \
             INSERT INTO token_blacklist_blacklistedtoken VALUES ({id}, '2026-01-03 03:04:05', {id})"
        ));
    }
}

/// Runs statements in a database.
pub(crate) fn execute(url: &str, statements: &str) {
    let done = match url.strip_prefix("sqlite:") {
        Some(path) => SqliteConnection::establish(path)
            .expect("a SQLite file")
            .batch_execute(statements),
        None => on_postgres(url, statements),
    };
    done.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

fn on_postgres(url: &str, statements: &str) -> QueryResult<()> {
    let mut conn = diesel::PgConnection::establish(url).expect("a PostgreSQL database");
    conn.batch_execute("SET TIME ZONE 'UTC'")?;
    conn.batch_execute(statements)
}

/// A migrated database of the app into which Django's users are imported.
pub(crate) struct ImportTarget {
    /// For reading and changing rows.
    pub(crate) database: Database,
    test_database: TestDatabase,
}

impl ImportTarget {
    /// A migrated, empty database on the backend of this run.
    pub(crate) fn new() -> Self {
        Self::on(TestDatabase::migrated())
    }

    /// A migrated, empty database on SQLite.
    pub(crate) fn sqlite() -> Self {
        Self::on(TestDatabase::migrated_sqlite())
    }

    fn on(test_database: TestDatabase) -> Self {
        let settings = Source::from_pairs([("DATABASE_URL", test_database.url())]);
        let settings = DatabaseSettings::from_source(&settings).expect("settings");
        let database = Database::open_or_create(&settings).expect("a database");
        Self {
            database,
            test_database,
        }
    }

    /// `DATABASE_URL`.
    pub(crate) fn url(&self) -> &str {
        self.test_database.url()
    }

    /// The command `import-django` with this source and these options.
    pub(crate) fn program(&self, from: &str, options: &[&str]) -> Program {
        let arguments = [&["import-django", "--from", from], options].concat();
        Program::new(&arguments).env("DATABASE_URL", self.url())
    }

    /// Runs an import and asserts that it succeeds without a message.
    #[track_caller]
    pub(crate) fn import(&self, django: &Django, options: &[&str]) -> ProgramOutput {
        let output = self.program(django.url(), options).run().exits_with(0);
        assert_eq!(output.stderr, "", "the import prints no error: {output:#?}");
        output
    }

    /// Imports without and with writing, whose reports are the same.
    #[track_caller]
    pub(crate) fn import_with_dry_run(&self, django: &Django, options: &[&str]) -> ProgramOutput {
        let dry = self.import(django, &[options, &["--dry-run"]].concat());
        let output = self.import(django, options);
        let dry = dry.stdout.replace(", had this not been a dry run", "");
        assert_eq!(dry, output.stdout);
        output
    }

    /// Every account, the lowest id first.
    pub(crate) fn users(&self) -> Vec<User> {
        self.rows(|conn| {
            let all = users::table.order(users::id);
            all.select(User::as_select()).load(conn)
        })
    }

    /// The account with this id.
    #[track_caller]
    pub(crate) fn user(&self, id: i64) -> User {
        self.rows(|conn| User::by_id(conn, id.into()))
            .expect("the account")
    }

    /// Every refresh token, ordered by id.
    pub(crate) fn tokens(&self) -> Vec<RefreshTokenRow> {
        self.rows(|conn| {
            let all = refresh_tokens::table.order(refresh_tokens::jti);
            all.select(RefreshTokenRow::as_select()).load(conn)
        })
    }

    /// Runs a query.
    pub(crate) fn rows<T>(&self, query: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        let rows = self
            .database
            .read_blocking(|conn| query(conn).map_err(DbError::from));
        rows.expect("the rows can be read")
    }

    /// Runs a statement.
    pub(crate) fn change<T>(&self, statement: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        change(&self.database, statement)
    }
}

/// The counts of one table of the summary (0 is the first): taken, updated, unchanged, refused.
#[track_caller]
pub(crate) fn counts(output: &ProgramOutput, table: usize) -> [u64; 4] {
    let numbers = |name: &str| {
        let lines = output
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("  "));
        let mut counts = lines.filter_map(|line| line.strip_prefix(name));
        let count = counts.nth(table).expect("a count");
        count.trim().parse().expect("a number")
    };
    ["taken", "updated", "unchanged", "refused"].map(numbers)
}
