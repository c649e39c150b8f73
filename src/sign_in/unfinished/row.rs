//! The row of an unfinished sign-in, and the row as a lock: of all that would pass an answer on, one
//! at a time does. What its holder changes is conditional on the lease.

use chrono::TimeDelta;
use diesel::prelude::*;

use super::{END_REMEMBERED, REMEMBERED};
use crate::clock::Timestamp;
use crate::db::schema::pending_sign_ins as rows;
use crate::db::{Conn, on_unique_violation};

/// As long as WorkOS's codes are good.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// What the database keeps of it.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = rows)]
pub struct UnfinishedRow {
    /// SHA-256 of what the browser's cookie holds, in hex.
    pub id: String,
    /// A [`Kept`](super::Kept), encrypted.
    pub content: Vec<u8>,
    /// When WorkOS asked.
    pub asked_at: Timestamp,
    /// From when on the row may go.
    pub expires_at: Timestamp,
    /// Until when whoever is asking WorkOS keeps the others from it.
    pub answering_until: Option<Timestamp>,
}

impl UnfinishedRow {
    pub(super) fn new(id: &str, content: Vec<u8>, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            content,
            asked_at: now,
            expires_at: now.plus(REMEMBERED),
            answering_until: None,
        }
    }

    /// Whether WorkOS may still take an answer, or its end is still told.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.asked_at.plus(LIFETIME) && now < self.expires_at
    }

    /// Takes the lease until `until`, in one statement; `false` when somebody else has it, or the row
    /// no longer says what it said.
    pub fn take_lease(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        until: Timestamp,
    ) -> QueryResult<bool> {
        let free = rows::answering_until
            .is_null()
            .or(rows::answering_until.le(now));
        let taken = diesel::update(rows::table.find(&self.id))
            .filter(rows::content.eq(&self.content))
            .filter(free)
            .set(rows::answering_until.eq(until))
            .execute(conn)?;
        Ok(taken > 0)
    }

    /// Gives the lease back: the question is as it was.
    pub fn release_lease(&self, conn: &mut Conn, lease: Timestamp) -> QueryResult<usize> {
        diesel::update(rows::table.find(&self.id))
            .filter(rows::answering_until.eq(lease))
            .set(rows::answering_until.eq(None::<Timestamp>))
            .execute(conn)
    }

    /// Gives the lease back, and asks the next question.
    pub fn ask_next(
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
                rows::expires_at.eq(now.plus(REMEMBERED)),
                rows::answering_until.eq(None::<Timestamp>),
            ))
            .execute(conn)
    }

    /// Gives the lease back, and says what the sign-in came to.
    pub fn end(
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
                rows::expires_at.eq(now.plus(END_REMEMBERED)),
                rows::answering_until.eq(None::<Timestamp>),
            ))
            .execute(conn)
    }

    /// Deletes the row: nothing more can come of it.
    pub fn forget(&self, conn: &mut Conn, lease: Timestamp) -> QueryResult<usize> {
        diesel::delete(
            rows::table
                .find(&self.id)
                .filter(rows::answering_until.eq(lease)),
        )
        .execute(conn)
    }

    /// Deletes up to `most` rows that nobody needs any more.
    pub fn delete_expired(conn: &mut Conn, now: Timestamp, most: i64) -> QueryResult<usize> {
        let expired: Vec<String> = rows::table
            .filter(rows::expires_at.le(now))
            .select(rows::id)
            .limit(most)
            .load(conn)?;
        diesel::delete(rows::table.filter(rows::id.eq_any(expired))).execute(conn)
    }

    pub(super) fn newest_of(conn: &mut Conn, ids: &[String]) -> QueryResult<Vec<Self>> {
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
