//! Opens connections to PostgreSQL, and chooses the settings of their sessions.

mod url;

use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use secrecy::{ExposeSecret, SecretString};

use crate::db::error::DbError;
use crate::db::session_sql::{LONG_LOCK_TIMEOUT, SHORT_LOCK_TIMEOUT, SessionSql};
use url::{add_default, has_several_hosts, with_option, with_timeouts};

/// A statement that hangs must not keep its connection for ever.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server waits for the next statement of a transaction.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A parameter of the session that has no effect. A connection pooler refuses or ignores it, PostgreSQL keeps it.
const MARKER: &str = "vestibule.direct";
const NAME: &str = "DATABASE_URL";

/// What the first connection tells about the server and the role.
#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Nullable<Text>)]
    marker: Option<String>,
    /// The timeouts of the role or the database, in milliseconds; 0 if there is none.
    #[diesel(sql_type = BigInt)]
    statement_timeout: i64,
    #[diesel(sql_type = BigInt)]
    lock_timeout: i64,
    #[diesel(sql_type = BigInt)]
    idle_timeout: i64,
}

/// Opens a first connection, checks the database, and chooses the settings of all sessions.
pub(super) fn session_sql(url: &SecretString) -> Result<SessionSql, DbError> {
    let marked = SecretString::from(with_option(url.expose_secret(), MARKER, "on"));
    let mut conn = match establish_own(&marked) {
        Err(DbError::Unavailable(message)) if is_refused_parameter(&message) => establish_own(url)?,
        opened => opened?,
    };
    // Behind a pooler only the statements of one transaction are certain to reach the same server process.
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    let server: Server = conn.transaction(|conn| {
        let setting =
            |name| format!("(SELECT setting::bigint FROM pg_settings WHERE name = '{name}')");
        let query = format!(
            "SELECT current_setting('server_encoding') AS encoding, \
             current_setting('{MARKER}', true) AS marker, \
             {} AS statement_timeout, {} AS lock_timeout, {} AS idle_timeout",
            setting("statement_timeout"),
            setting("lock_timeout"),
            setting("idle_in_transaction_session_timeout"),
        );
        diesel::sql_query(query).get_result(conn)
    })?;
    if server.encoding != "UTF8" {
        return Err(DbError::Unsuitable(format!(
            "the encoding of the PostgreSQL database is {}, and it must be UTF8; create another one with \
             `CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'` and restore a dump into it",
            server.encoding
        )));
    }
    Ok(server.session_sql())
}

impl Server {
    fn session_sql(&self) -> SessionSql {
        let lock_timeout = shorter(self.lock_timeout, SHORT_LOCK_TIMEOUT);
        let settings = [
            format!(
                "statement_timeout = {}",
                shorter(self.statement_timeout, STATEMENT_TIMEOUT)
            ),
            format!("lock_timeout = {lock_timeout}"),
            format!(
                "idle_in_transaction_session_timeout = {}",
                shorter(self.idle_timeout, IDLE_TIMEOUT)
            ),
            "TIME ZONE 'UTC'".to_owned(),
        ];
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let long_wait = shorter(self.lock_timeout, LONG_LOCK_TIMEOUT);
        let long_wait = format!("SET LOCAL lock_timeout = {long_wait}");
        let is_behind_pooler = self.marker.as_deref() != Some("on");
        let (on_connect, begin) = if is_behind_pooler {
            log::info!(
                "PostgreSQL is reached through a connection pooler: every query runs in a transaction with its own settings"
            );
            let settings = settings.map(|setting| format!("SET LOCAL {setting}"));
            (String::new(), format!("{begin}; {}", settings.join("; ")))
        } else {
            let isolation = "SET default_transaction_isolation = 'read committed'";
            let settings = settings.map(|setting| format!("SET {setting}"));
            let on_connect = format!("{}; {isolation}", settings.join("; "));
            (on_connect, begin.to_owned())
        };
        SessionSql {
            on_connect,
            begin_with_long_wait: Some(format!("{begin}; {long_wait}")),
            begin,
            is_behind_pooler,
        }
    }
}

/// The shorter of a setting in milliseconds, of which 0 means none, and our own limit.
fn shorter(setting: i64, limit: Duration) -> i64 {
    let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
    if setting == 0 {
        limit
    } else {
        setting.min(limit)
    }
}

/// Opens a connection with the settings of the session.
pub(super) fn connect(url: &SecretString, sql: &SessionSql) -> Result<PgConnection, DbError> {
    let mut conn = establish_own(url)?;
    if sql.is_behind_pooler {
        // A prepared statement exists in one server process, and the next transaction may get another.
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    } else {
        conn.batch_execute(&sql.on_connect)?;
    }
    Ok(conn)
}

/// Fails if the server does not answer, or only allows reading. The condition is one that a standby and a
/// database with `default_transaction_read_only` have in common.
pub(super) fn check_not_read_only(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(&format!("DO $$ BEGIN {REFUSE_IF_READ_ONLY} END $$"))
}

/// Commits a transaction with an id, which every server that allows writing records on its disk. This waits for
/// no lock and leaves nothing to vacuum.
pub(super) fn probe_write(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(&format!(
        "DO $$ BEGIN {REFUSE_IF_READ_ONLY} PERFORM txid_current(); END $$"
    ))
}

/// Writes more than the free space of a table's pages can hold, and takes it back.
pub(super) fn probe_space(conn: &mut PgConnection) -> QueryResult<()> {
    let rolled_back = conn.transaction(|conn| {
        conn.batch_execute(
            "INSERT INTO space_probe SELECT decode(string_agg(md5(random()::text), ''), 'hex') \
             FROM generate_series(1, 8192)",
        )?;
        Err(diesel::result::Error::RollbackTransaction)
    });
    match rolled_back {
        Err(diesel::result::Error::RollbackTransaction) => Ok(()),
        outcome => outcome,
    }
}

const REFUSE_IF_READ_ONLY: &str = "IF current_setting('transaction_read_only')::boolean THEN \
     RAISE read_only_sql_transaction USING MESSAGE = 'the PostgreSQL server only allows reading'; END IF;";

/// Connects to the application's database, without settings of the session.
fn establish_own(url: &SecretString) -> Result<PgConnection, DbError> {
    let mut text = url.expose_secret().to_owned();
    if has_several_hosts(&text) {
        // libpq would take the first one that answers, which may be a standby.
        add_default(&mut text, "target_session_attrs", "read-write");
    }
    establish(&SecretString::from(text), NAME)
}

/// Connects without settings of the session. `name` is the setting or option that gave the address.
pub(in crate::db) fn establish(url: &SecretString, name: &str) -> Result<PgConnection, DbError> {
    PgConnection::establish(&with_timeouts(url.expose_secret()))
        .map_err(|error| DbError::Unavailable(format!("PostgreSQL: {}", one_line(&error, name))))
}

/// libpq's message on one line, without a URL.
fn one_line(error: &ConnectionError, name: &str) -> String {
    let text = error.to_string();
    let about_the_url = ["://", " URI", "percent-encoded"]
        .iter()
        .any(|sign| text.contains(sign));
    if about_the_url {
        // The message repeats the part of the URL that is wrong, which may be the password.
        return format!("libpq cannot read {name}");
    }
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = text.lines().map(words).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(". ")
}

/// Whether a pooler refused the connection because of its parameter `options`. PgBouncer says "unsupported
/// startup parameter", others name the options.
fn is_refused_parameter(message: &str) -> bool {
    ["startup parameter", "options"]
        .iter()
        .any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_timeout_of_the_role_is_kept() {
        assert_eq!(shorter(0, LONG_LOCK_TIMEOUT), 2_000);
        assert_eq!(shorter(500, LONG_LOCK_TIMEOUT), 500);
        assert_eq!(shorter(60_000, LONG_LOCK_TIMEOUT), 2_000);
    }
}
