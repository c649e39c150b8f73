//! The row of a pending sign-in. A lease in the row lets one request at a time send an answer to
//! WorkOS. What the holder of the lease stores is conditional on the lease.

use chrono::TimeDelta;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::pending_sign_ins as rows;
use crate::db::{Conn, load_unlocked, on_unique_violation};
use crate::lease::lease_is_free;

/// How long a question can be answered: the lifetime of WorkOS's codes.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How long the row is kept. A user who answers too late is told so, with a link to start again.
pub(super) const RETENTION: TimeDelta = TimeDelta::hours(1);
/// How long the result of a sign-in is kept for another request with the same form.
const RESULT_RETENTION: TimeDelta = TimeDelta::seconds(30);

/// A row of `pending_sign_ins`.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = rows)]
pub struct PendingSignInRow {
    /// The SHA-256 digest of the secret in the browser's cookie, in hexadecimal.
    pub id: String,
    /// The encrypted `PendingState`.
    pub content: Vec<u8>,
    /// When WorkOS asked the question.
    pub asked_at: Timestamp,
    /// When the row can be deleted.
    pub expires_at: Timestamp,
    /// The end of the lease of the request that is asking WorkOS.
    pub answering_until: Option<Timestamp>,
}

impl PendingSignInRow {
    pub(super) fn new(id: &str, content: Vec<u8>, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            content,
            asked_at: now,
            expires_at: now.plus(RETENTION),
            answering_until: None,
        }
    }

    /// Whether the question can still be answered, or its result is still kept.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.asked_at.plus(LIFETIME) && now < self.expires_at
    }

    /// Takes the lease until `until`, in one statement. Returns `false` if another request holds it,
    /// or if the content of the row has changed.
    pub fn take_lease(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        until: Timestamp,
    ) -> QueryResult<bool> {
        let taken = diesel::update(rows::table.find(&self.id))
            .filter(rows::content.eq(&self.content))
            .filter(lease_is_free!(rows::answering_until, now, until))
            .set(rows::answering_until.eq(until))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// Releases the lease; the question stays open.
    pub fn release_lease(&self, conn: &mut Conn, lease: Timestamp) -> QueryResult<usize> {
        diesel::update(rows::table.find(&self.id))
            .filter(rows::answering_until.eq(lease))
            .set(rows::answering_until.eq(None::<Timestamp>))
            .execute(conn)
    }

    /// Releases the lease and stores the next question.
    pub fn store_question(
        &self,
        conn: &mut Conn,
        lease: Timestamp,
        content: &[u8],
        now: Timestamp,
    ) -> QueryResult<usize> {
        diesel::update(rows::table.find(&self.id))
            .filter(rows::answering_until.eq(lease))
            .set((
                rows::content.eq(content),
                rows::asked_at.eq(now),
                rows::expires_at.eq(now.plus(RETENTION)),
                rows::answering_until.eq(None::<Timestamp>),
            ))
            .execute(conn)
    }

    /// Releases the lease and stores the result of the sign-in.
    pub fn store_end(
        &self,
        conn: &mut Conn,
        lease: Timestamp,
        content: &[u8],
        now: Timestamp,
    ) -> QueryResult<usize> {
        diesel::update(rows::table.find(&self.id))
            .filter(rows::answering_until.eq(lease))
            .set((
                rows::content.eq(content),
                rows::expires_at.eq(now.plus(RESULT_RETENTION)),
                rows::answering_until.eq(None::<Timestamp>),
            ))
            .execute(conn)
    }

    /// Deletes the row, because the sign-in has failed.
    pub fn delete(&self, conn: &mut Conn, lease: Timestamp) -> QueryResult<usize> {
        diesel::delete(
            rows::table
                .find(&self.id)
                .filter(rows::answering_until.eq(lease)),
        )
        .execute(conn)
    }

    /// Deletes at most `limit` expired rows.
    pub fn delete_expired(conn: &mut Conn, now: Timestamp, limit: i64) -> QueryResult<usize> {
        let expired: Vec<String> = load_unlocked!(
            conn,
            rows::table
                .filter(rows::expires_at.le(now))
                .select(rows::id)
                .limit(limit)
        )?;
        diesel::delete(rows::table.filter(rows::id.eq_any(expired))).execute(conn)
    }

    /// Deletes the rows with these ids.
    pub(super) fn delete_all(conn: &mut Conn, ids: &[String]) -> QueryResult<usize> {
        diesel::delete(rows::table.filter(rows::id.eq_any(ids.to_vec()))).execute(conn)
    }

    pub(super) fn newest_first(conn: &mut Conn, ids: &[String]) -> QueryResult<Vec<Self>> {
        rows::table
            .filter(rows::id.eq_any(ids.to_vec()))
            .order((rows::asked_at.desc(), rows::id))
            .select(Self::as_select())
            .load(conn)
    }

    pub(super) fn insert(&self, conn: &mut Conn) -> QueryResult<()> {
        on_unique_violation(conn, |conn| {
            let row = diesel::insert_into(rows::table).values(self);
            row.execute(conn)
        })
        .map(drop)
    }
}
