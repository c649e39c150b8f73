//! Finds the row of an open session.

use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::ids::SessionId;
use crate::sessions::SessionRow;

/// Returns the session and its account if both are open.
pub(super) async fn find_open(
    database: &Database,
    session_id: &SessionId,
    now: Timestamp,
) -> Result<Option<(SessionRow, User)>, DbError> {
    let id = session_id.clone();
    database
        .read(move |conn| {
            let row = SessionRow::by_id(conn, &id)?;
            let Some(row) = row.filter(|row| row.revoked_at.is_none() && now < row.expires_at)
            else {
                return Ok(None);
            };
            let user = User::by_id(conn, row.user_id)?.filter(|user| user.is_active);
            Ok::<_, DbError>(user.map(|user| (row, user)))
        })
        .await
}

/// Whether the session and its account are open.
pub async fn is_open(
    database: &Database,
    session_id: &SessionId,
    now: Timestamp,
) -> Result<bool, DbError> {
    Ok(find_open(database, session_id, now).await?.is_some())
}
