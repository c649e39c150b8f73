//! The rows of `audit_events`, and the line of the log that belongs to each.

use std::num::NonZeroU32;

use diesel::prelude::*;
use log::{Level, Record};
use serde_json::Value;

use super::columns::{EventColumns, SIGNED_IN};
use super::event::AuditEvent;
use crate::clock::Timestamp;
use crate::db::schema::audit_events;
use crate::db::{Conn, after_commit, load_unlocked};
use crate::ids::{SessionId, UserId};
use crate::sessions::truncate_user_agent;
use crate::workos::ClientDevice;

/// The target of the audit lines in the log.
const LOG_TARGET: &str = "vestibule::audit";

/// An event as the database stores it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_events)]
pub struct AuditEventRow {
    /// Increases with each event.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The event's name, such as `signed_in`.
    pub event: String,
    /// The user whose account it is about, who may have been deleted since.
    pub user_id: Option<UserId>,
    /// The browser session that it is about.
    pub session_id: Option<SessionId>,
    /// The client's address.
    pub address: Option<String>,
    /// The client's `User-Agent`, truncated.
    pub user_agent: Option<String>,
    /// The id of the request, as in the log.
    pub request_id: Option<String>,
    /// More about the event, as a JSON object.
    pub detail: String,
}

#[derive(Insertable)]
#[diesel(table_name = audit_events)]
struct NewAuditEvent<'a> {
    at: Timestamp,
    event: &'a str,
    user_id: Option<UserId>,
    session_id: Option<&'a SessionId>,
    address: Option<&'a str>,
    user_agent: Option<String>,
    request_id: Option<&'a str>,
    detail: String,
}

impl AuditEvent {
    /// Inserts the event, and logs it after the commit. Must be called in the transaction of the change. A command has
    /// no client, and passes `ClientDevice::default()`.
    pub fn record(
        &self,
        conn: &mut Conn,
        device: &ClientDevice,
        now: Timestamp,
    ) -> QueryResult<()> {
        self.record_times(conn, device, now, 1)
    }

    /// The same for an event that happened `times` times since the last record.
    pub(super) fn record_times(
        &self,
        conn: &mut Conn,
        device: &ClientDevice,
        now: Timestamp,
        times: u64,
    ) -> QueryResult<()> {
        let mut columns = self.columns();
        if times > 1 {
            columns.detail.insert("times".to_owned(), times.into());
        }
        columns.detail.retain(|_, value| !value.is_null());
        let new = NewAuditEvent {
            at: now,
            event: columns.name,
            user_id: columns.user_id,
            session_id: columns.session_id.as_ref(),
            address: device.ip_address.as_deref(),
            user_agent: truncate_user_agent(device.user_agent.as_deref()),
            request_id: device.request_id.as_deref(),
            // JSON escapes a NUL, which PostgreSQL would refuse.
            detail: Value::Object(columns.detail.clone()).to_string(),
        };
        diesel::insert_into(audit_events::table)
            .values(new)
            .execute(conn)?;
        let level = if self.is_alarming() {
            Level::Warn
        } else {
            Level::Info
        };
        let device = device.clone();
        after_commit(move || write_log_line(level, &columns, &device));
        Ok(())
    }
}

/// When a user signed in for the `number`th last time; `None` if they have signed in less often.
pub fn nth_last_sign_in(
    conn: &mut Conn,
    user_id: UserId,
    number: NonZeroU32,
) -> QueryResult<Option<Timestamp>> {
    audit_events::table
        .filter(audit_events::user_id.eq(user_id))
        .filter(audit_events::event.eq(SIGNED_IN))
        .order(audit_events::at.desc())
        .offset(i64::from(number.get()) - 1)
        .limit(1)
        .select(audit_events::at)
        .first(conn)
        .optional()
}

/// Deletes at most `limit` events that happened before `oldest`.
pub fn delete_old_events(conn: &mut Conn, oldest: Timestamp, limit: i64) -> QueryResult<usize> {
    let old: Vec<i64> = load_unlocked!(
        conn,
        audit_events::table
            .filter(audit_events::at.lt(oldest))
            .select(audit_events::id)
            .limit(limit)
    )?;
    diesel::delete(audit_events::table.filter(audit_events::id.eq_any(old))).execute(conn)
}

/// Logs the event as `name key=value …`, and in JSON with the same keys. The request's id is in the line
/// anyway, unless the event is written later.
fn write_log_line(level: Level, columns: &EventColumns, device: &ClientDevice) {
    let mut fields: Vec<(&str, String)> = Vec::new();
    fields.extend(columns.user_id.map(|id| ("user_id", id.to_string())));
    fields.extend(
        columns
            .session_id
            .iter()
            .map(|id| ("session_id", id.to_string())),
    );
    fields.extend(device.ip_address.iter().map(|ip| ("address", ip.clone())));
    for (name, value) in &columns.detail {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        fields.push((name, text));
    }
    let words: Vec<String> = fields
        .iter()
        .map(|(name, text)| format!(" {name}={text:?}"))
        .collect();
    let pairs: Vec<(&str, &str)> = std::iter::once(("event", columns.name))
        .chain(fields.iter().map(|(name, text)| (*name, text.as_str())))
        .collect();
    log::logger().log(
        &Record::builder()
            .level(level)
            .target(LOG_TARGET)
            .module_path(Some(module_path!()))
            .key_values(&pairs.as_slice())
            .args(format_args!("{}{}", columns.name, words.concat()))
            .build(),
    );
}
