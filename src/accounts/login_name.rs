//! What a client enters, besides the password, to say which account it signs in to.

use diesel::prelude::*;

use super::email_key::email_key;
use super::user::User;
use super::username::normalize_username;
use crate::db::{Conn, Database, DbError};
use crate::settings::LoginField;

/// An email or a username, as it was entered.
#[derive(Clone, Debug)]
pub struct LoginName {
    text: String,
    kind: LoginNameKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginNameKind {
    Email,
    Username,
    /// A username or else an email.
    Either,
}

impl LoginName {
    /// The login field of an API request. Django compares a username exactly there.
    pub fn of_request(field: LoginField, text: &str) -> Self {
        let kind = match field {
            LoginField::Email => LoginNameKind::Email,
            LoginField::Username => LoginNameKind::Username,
        };
        Self::new(text, kind)
    }

    /// The login field of the log-in form, which accepts an email too if accounts have usernames.
    pub fn of_form(field: LoginField, text: &str) -> Self {
        let kind = match field {
            LoginField::Email => LoginNameKind::Email,
            LoginField::Username => LoginNameKind::Either,
        };
        Self::new(text, kind)
    }

    fn new(text: &str, kind: LoginNameKind) -> Self {
        let text = text.trim().to_owned();
        Self { text, kind }
    }

    /// The account with this name. If the text is the username of one account and the email of another, the
    /// username counts, as in Django.
    pub fn find(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        let text = self.text.as_str();
        // PostgreSQL refuses NUL in a query, and no account's email or username contains it.
        if text.contains('\0') {
            return Ok(None);
        }
        match self.kind {
            LoginNameKind::Email => User::by_email(conn, text),
            LoginNameKind::Username => User::by_username(conn, text),
            LoginNameKind::Either => {
                let named = User::by_username(conn, &normalize_username(text))?;
                match named {
                    Some(user) => Ok(Some(user)),
                    None => User::by_email(conn, text),
                }
            }
        }
    }

    /// The key under which the limits and the known browsers count the account: the account's
    /// [`email_key`](User::email_key), by whichever name it is reached, or the key of the text if there is no
    /// such account.
    pub async fn account_key(&self, database: &Database) -> Result<String, DbError> {
        let found = match self.kind {
            // The key of the text is the key of the account.
            LoginNameKind::Email => None,
            LoginNameKind::Username | LoginNameKind::Either => {
                let name = self.clone();
                database
                    .read(move |conn| name.find(conn).map_err(DbError::from))
                    .await?
            }
        };
        Ok(found.map_or_else(|| email_key(&self.text), |user| user.email_key))
    }
}
