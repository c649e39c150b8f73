//! Reads and changes rows of the app's database directly.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use diesel::prelude::*;
use vestibule::accounts::{NewUser, User, email_key, passwords};
use vestibule::db::schema::{pending_sign_ins, sessions, users};
use vestibule::db::{Conn, Database, DbError};
use vestibule::ids::UserId;
use vestibule::sessions::SessionRow;

use super::app::TestApp;

impl TestApp {
    /// Every account, the oldest first.
    pub(crate) fn users(&self) -> Vec<User> {
        self.rows(|conn| {
            let all = users::table.order(users::id);
            all.select(User::as_select()).load(conn)
        })
    }

    /// The account with this email.
    pub(crate) fn user(&self, email: &str) -> User {
        self.rows(|conn| User::by_email(conn, email))
            .expect("an account with this email")
    }

    /// Every session, including ended ones, in no particular order.
    pub(crate) fn sessions(&self) -> Vec<SessionRow> {
        self.rows(|conn| {
            sessions::table
                .select(SessionRow::as_select())
                .order(sessions::id)
                .load(conn)
        })
    }

    /// The sealed content of every sign-in that waits for an answer.
    pub(crate) fn pending_sign_ins(&self) -> Vec<Vec<u8>> {
        // The result of a finished sign-in is kept for half a minute.
        let retention_end = self.now().plus(TimeDelta::seconds(30));
        self.rows(|conn| {
            pending_sign_ins::table
                .filter(pending_sign_ins::expires_at.gt(retention_end))
                .select(pending_sign_ins::content)
                .load(conn)
        })
    }

    /// The only session. Fails if there is none or more than one.
    pub(crate) fn only_session(&self) -> SessionRow {
        let mut sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "one session: {sessions:?}");
        sessions.remove(0)
    }

    /// Adds an account that is not linked to WorkOS, with a stored password that no password matches.
    pub(crate) fn add_user(&self, email: &str, email_verified: bool) -> User {
        self.insert_user(email, email_verified, "argon2$made-up")
    }

    /// Adds an account that is not linked to WorkOS, with this password hashed by the current scheme.
    pub(crate) fn add_user_with_password(&self, email: &str, password: &str) -> User {
        let encoded = passwords::hash(password).expect("a hash");
        self.add_user_with_stored_password(email, &encoded)
    }

    /// The same with this value in the password column.
    pub(crate) fn add_user_with_stored_password(&self, email: &str, stored: &str) -> User {
        self.insert_user(email, true, stored)
    }

    /// Adds an account with this username and password, without an email if that is empty.
    pub(crate) fn add_user_with_username(
        &self,
        username: &str,
        email: &str,
        password: &str,
    ) -> User {
        let key = match email {
            "" => format!("NONE:{username}"),
            email => email_key(email),
        };
        let encoded = passwords::hash(password).expect("a hash");
        let new = NewUser {
            email_key: key,
            username: Some(username.to_owned()),
            ..NewUser::unlinked(email.to_owned(), encoded, self.now())
        };
        self.change(|conn| new.insert(conn))
    }

    fn insert_user(&self, email: &str, email_verified: bool, stored: &str) -> User {
        let new = NewUser {
            email_verified,
            ..NewUser::unlinked(email.to_owned(), stored.to_owned(), self.now())
        };
        self.change(|conn| new.insert(conn))
    }

    /// Sets an account's `is_active` in the database, without the app.
    pub(crate) fn set_active(&self, id: UserId, is_active: bool) {
        let changed = self.change(|conn| {
            diesel::update(users::table.find(id))
                .set(users::is_active.eq(is_active))
                .execute(conn)
        });
        assert_eq!(changed, 1);
    }

    /// The number of rows of every table.
    pub(crate) fn rows_of_tables(&self) -> BTreeMap<String, i64> {
        #[derive(QueryableByName)]
        struct Table {
            #[diesel(sql_type = diesel::sql_types::Text)]
            name: String,
        }
        let catalogue = if self.is_postgres() {
            "SELECT tablename::text AS name FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        };
        let tables: Vec<Table> = self.rows(|conn| diesel::sql_query(catalogue).load(conn));
        let counted = tables.into_iter().map(|Table { name }| {
            let rows = self.count_rows(&format!("FROM \"{name}\""));
            (name, rows)
        });
        counted.collect()
    }

    /// The number of rows that `SELECT COUNT(*)` returns with this `FROM` clause.
    pub(crate) fn count_rows(&self, from: &str) -> i64 {
        count_rows(&self.database, from)
    }

    /// Runs a statement as an administrator would, on PostgreSQL with a time zone other than UTC.
    pub(crate) fn run_sql(&self, statement: &str) {
        self.change(|conn| {
            if self.is_postgres() {
                diesel::sql_query("SET LOCAL TIME ZONE 'Asia/Tokyo'").execute(conn)?;
            }
            diesel::sql_query(statement).execute(conn)
        });
    }

    /// Drops a trigger of this table.
    pub(crate) fn drop_trigger(&self, name: &str, table: &str) {
        let of_table = if self.is_postgres() {
            format!(" ON {table}")
        } else {
            String::new()
        };
        let statement = format!("DROP TRIGGER {name}{of_table}");
        self.change(|conn| diesel::sql_query(statement).execute(conn));
    }

    /// Whether this run is for PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.database_url().starts_with("postgres")
    }

    /// Makes an account a superuser.
    pub(crate) fn set_superuser(&self, id: UserId) {
        let changed = self.change(|conn| {
            diesel::update(users::table.find(id))
                .set(users::is_superuser.eq(true))
                .execute(conn)
        });
        assert_eq!(changed, 1);
    }

    /// Links an account to a WorkOS user.
    pub(crate) fn link_to_workos(&self, id: UserId, workos_user_id: &str) {
        let changed = self.change(|conn| {
            diesel::update(users::table.find(id))
                .set(users::workos_user_id.eq(workos_user_id))
                .execute(conn)
        });
        assert_eq!(changed, 1);
    }

    /// Runs a query on the app's database.
    pub(crate) fn rows<T>(&self, query: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        self.database
            .read_blocking(|conn| query(conn).map_err(DbError::from))
            .expect("the rows can be read")
    }

    /// Runs a statement on the app's database.
    pub(crate) fn change<T>(&self, statement: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        change(&self.database, statement)
    }
}

/// Runs a statement on this database, once.
pub(crate) fn change<T>(
    database: &Database,
    statement: impl FnOnce(&mut Conn) -> QueryResult<T>,
) -> T {
    let mut statement = Some(statement);
    database
        .write_blocking(|conn| {
            let statement = statement.take().expect("nothing else changes the rows");
            statement(conn).map_err(DbError::from)
        })
        .expect("the rows can be changed")
}

/// The number of rows of `SELECT COUNT(*)` with this `FROM`.
pub(crate) fn count_rows(database: &Database, from: &str) -> i64 {
    #[derive(QueryableByName)]
    struct RowCount {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    let statement = format!("SELECT COUNT(*) AS rows {from}");
    let count = database.read_blocking(|conn| {
        let count = diesel::sql_query(statement).get_result::<RowCount>(conn);
        count.map_err(DbError::from)
    });
    count.expect("the rows can be counted").rows
}
