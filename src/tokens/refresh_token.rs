//! The row of a refresh token and its queries.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::refresh_tokens;
use crate::db::{Conn, insert_all};

/// What is kept of a refresh token; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
pub struct RefreshTokenRow {
    /// The token's id.
    pub jti: String,
    /// The jti of the first token of a sign-in.
    pub family: String,
    /// Whose; `None`: nobody's that is known here.
    pub user_id: Option<i64>,
    /// WorkOS's session.
    pub sid: Option<String>,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// The token's end.
    pub expires_at: Timestamp,
    /// Since when it is no longer good.
    pub revoked_at: Option<Timestamp>,
}

impl RefreshTokenRow {
    /// Those that are known of these ids.
    pub fn with_jtis(conn: &mut Conn, jtis: &[&str]) -> QueryResult<Vec<Self>> {
        refresh_tokens::table
            .filter(refresh_tokens::jti.eq_any(jtis))
            .select(Self::as_select())
            .load(conn)
    }

    /// Inserts them all; a thousand at most, for the databases' bounds on parameters.
    pub fn insert_all(conn: &mut Conn, rows: &[Self]) -> QueryResult<usize> {
        insert_all!(conn, refresh_tokens::table, rows)
    }

    /// Ends one early; `false` when it had ended before.
    pub fn revoke(conn: &mut Conn, jti: &str, since: Timestamp) -> QueryResult<bool> {
        let revoked = diesel::update(refresh_tokens::table.find(jti))
            .filter(refresh_tokens::revoked_at.is_null())
            .set(refresh_tokens::revoked_at.eq(since))
            .execute(conn)?;
        Ok(revoked > 0)
    }
}
