//! The queue in which the writes of one account wait, whatever a request names the account by: otherwise the
//! requests of an account whose rows are locked would occupy two connections for each of its sessions.

use diesel::prelude::*;

use crate::db::schema::{identities, refresh_tokens, sessions, users};
use crate::db::{Conn, Database, DbError};
use crate::ids::{SessionId, UserId, WorkosSid};

/// What a request names the account by whose rows it changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AccountReference {
    /// One of its sessions.
    Session(SessionId),
    /// The WorkOS session of one of its sessions.
    WorkosSession(WorkosSid),
    /// Its user at WorkOS.
    WorkosUser(String),
    /// Its identity at Google or Okta.
    Identity {
        /// The provider's issuer.
        issuer: String,
        /// The user's id at the provider.
        subject: String,
    },
    /// The `jti` of one of its refresh tokens.
    RefreshToken(String),
}

impl AccountReference {
    /// A handle whose writes wait in the queue of the account. The account is read before, on PostgreSQL only: SQLite
    /// has one writer.
    pub(crate) async fn queue(self, database: &Database) -> Result<Database, DbError> {
        if !database.has_queues() {
            return Ok(database.clone());
        }
        let reference = self.clone();
        let user_id = database.read(move |conn| reference.user_id(conn).map_err(DbError::from));
        Ok(match user_id.await? {
            Some(user_id) => database.queued_by(user_id),
            None => database.queued_by(self),
        })
    }

    fn user_id(&self, conn: &mut Conn) -> QueryResult<Option<UserId>> {
        match self {
            Self::Session(id) => {
                let row = sessions::table.find(id).select(sessions::user_id);
                row.first(conn).optional()
            }
            Self::WorkosSession(sid) => {
                let rows = sessions::table.filter(sessions::workos_sid.eq(sid));
                rows.select(sessions::user_id).first(conn).optional()
            }
            Self::WorkosUser(id) => {
                let rows = users::table.filter(users::workos_user_id.eq(id));
                rows.select(users::id).first(conn).optional()
            }
            Self::Identity { issuer, subject } => {
                let row = identities::table.find((issuer, subject));
                row.select(identities::user_id).first(conn).optional()
            }
            Self::RefreshToken(jti) => {
                let row = refresh_tokens::table.find(jti);
                let user_id = row.select(refresh_tokens::user_id).first(conn).optional();
                user_id.map(Option::flatten)
            }
        }
    }
}
