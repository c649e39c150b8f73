//! The commands about accounts.

mod blocklist;
mod changepassword;
mod check;
mod closing;
mod createsuperuser;
mod logout;
mod resettotp;
mod running;
mod terminal;

use diesel::prelude::*;
use vestibule::accounts::{NewUser, User, email_key, passwords};
use vestibule::audit::AuditEventRow;
use vestibule::clock::Timestamp;
use vestibule::db::schema::{sessions, users};
use vestibule::db::{Conn, Database};
use vestibule::ids::UserId;
use vestibule::sessions::NewSession;
use vestibule::settings::{DatabaseSettings, Source};

use crate::audit::events_of;
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::rows::change;

/// A password that the validators accept.
const GOOD: &str = "Correct-horse-9";

/// A migrated database on which the commands run.
struct MigratedDatabase {
    database: Database,
    test: TestDatabase,
}

impl MigratedDatabase {
    fn new() -> Self {
        let test = TestDatabase::migrated();
        let source = Source::from_pairs([("DATABASE_URL", test.url())]);
        let settings = DatabaseSettings::from_source(&source).unwrap();
        let database = Database::open_or_create(&settings).unwrap();
        Self { database, test }
    }

    /// A command on this database, without the settings of WorkOS.
    fn command(&self, arguments: &[&str]) -> Program {
        Program::new(arguments).env("DATABASE_URL", self.test.url())
    }

    fn change<T>(&self, statement: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        change(&self.database, statement)
    }

    fn users(&self) -> Vec<User> {
        let all = users::table.order(users::id).select(User::as_select());
        self.change(|conn| all.load(conn))
    }

    fn user(&self, email: &str) -> User {
        self.change(|conn| User::by_email(conn, email)).unwrap()
    }

    /// Adds an account with this stored password.
    fn add(&self, email: &str, password: &str) -> User {
        let new = NewUser {
            email: email.to_owned(),
            email_key: email_key(email),
            email_verified: true,
            first_name: "Ada".to_owned(),
            last_name: "Quillane".to_owned(),
            password: password.to_owned(),
            workos_user_id: None,
            workos_updated_at: None,
            picture_url: None,
            date_joined: Timestamp::from_seconds(1_700_000_000).unwrap(),
            username: None,
        };
        self.change(|conn| new.insert(conn))
    }

    /// Adds an open session of this account.
    fn add_session(&self, user: &User, id: &str) {
        let new = NewSession {
            id: id.into(),
            user_id: user.id,
            login_attempt: None,
            callback_proof: None,
            workos_sid: None,
            workos_refresh_token: None,
            confirmed_until: None,
            created_at: user.date_joined,
            auth_time: None,
            expires_at: Timestamp::from_seconds(4_000_000_000).unwrap(),
            organization_id: None,
            workos_facts: None,
            role: None,
            ip_address: None,
            user_agent: None,
            impersonator: None,
        };
        assert!(self.change(|conn| new.insert(conn)));
    }

    /// The ids of the open sessions.
    fn open_sessions(&self) -> Vec<String> {
        let open = sessions::table.filter(sessions::revoked_at.is_null());
        let ids = open.order(sessions::id).select(sessions::id);
        self.change(|conn| ids.load(conn))
    }

    /// The audit trail, the oldest event first.
    fn audit_events(&self) -> Vec<AuditEventRow> {
        events_of(&self.database)
    }

    fn set(&self, email: &str, change: impl FnOnce(&mut Conn, UserId) -> QueryResult<usize>) {
        let id = self.user(email).id;
        assert_eq!(self.change(|conn| change(conn, id)), 1);
    }
}

fn has_password(user: &User, password: &str) -> bool {
    passwords::verify(password, &user.password)
}

#[test]
fn pending_migrations_are_an_error_before_any_question() {
    let database = TestDatabase::sqlite();
    for arguments in [
        &["createsuperuser", "--noinput", "--email", "ada@example.com"][..],
        &["changepassword", "ada@example.com"],
        &["deactivate", "ada@example.com"],
        &["logout", "ada@example.com"],
        &["activate", "ada@example.com"],
        &["resettotp", "ada@example.com"],
    ] {
        // An empty file is a SQLite database without tables.
        let output = Program::new(arguments)
            .env("DATABASE_URL", "sqlite:empty.sqlite3")
            .file("empty.sqlite3", "")
            .run();
        output
            .exits_with(1)
            .reports_one_error(&["not applied", "run `vestibule migrate`"]);
        let missing = Program::new(arguments).env("DATABASE_URL", database.url());
        missing
            .run()
            .exits_with(1)
            .reports_one_error(&["does not exist", "`vestibule migrate`"]);
    }
}

#[test]
fn an_unknown_account_is_an_error_in_djangos_words() {
    let accounts = MigratedDatabase::new();
    for command in [
        "changepassword",
        "deactivate",
        "logout",
        "activate",
        "resettotp",
    ] {
        let output = accounts.command(&[command, "Nobody@example.com"]).run();
        let output = output.exits_with(1);
        assert_eq!(output.stdout, "");
        assert_eq!(
            output.stderr,
            "CommandError: user 'Nobody@example.com' does not exist"
        );
    }
}
