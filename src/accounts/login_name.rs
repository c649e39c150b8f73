//! What a client enters, besides the password, to say which account it signs in to.

use diesel::prelude::*;

use super::email_key::{MAX_EMAIL_LENGTH, email_key, is_longer};
use super::user::User;
use super::username::normalize_username;
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::settings::LoginField;

/// An account as a browser remembers it in which it has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedAccount {
    /// The account.
    pub user_id: UserId,
    /// A new password raises it.
    pub token_version: i64,
    /// Its email and its username, as [`LoginName::exact_names`] returns them.
    pub names: Vec<String>,
}

impl From<&User> for RememberedAccount {
    fn from(user: &User) -> Self {
        let email = (!user.email.is_empty()).then(|| exact_email(&user.email_key));
        let username = user.username.as_deref().map(exact_username);
        Self {
            user_id: user.id,
            token_version: user.token_version,
            names: email.into_iter().chain(username).collect(),
        }
    }
}

/// An email or a username, as it was entered.
#[derive(Clone, Debug)]
pub struct LoginName {
    text: String,
    kind: LoginNameKind,
    /// Whether every password is refused as if it were wrong, because of a limit that the client must not see.
    refused: bool,
    /// The account with this name, if it was read already.
    read: Option<Option<User>>,
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
        Self {
            text,
            kind,
            refused: false,
            read: None,
        }
    }

    /// The account with this name. As in Django, a username comes first: a text that is the username of one account and
    /// the email of another is the username.
    fn find(&self, conn: &mut Conn) -> QueryResult<Option<User>> {
        let text = self.text.as_str();
        // PostgreSQL refuses NUL in a query, and no account's email or username contains it.
        if text.contains('\0') || self.is_too_long() {
            return Ok(None);
        }
        match self.kind {
            LoginNameKind::Email => User::by_email(conn, text),
            LoginNameKind::Username => User::by_username(conn, text),
            LoginNameKind::Either => match User::by_username(conn, &normalize_username(text))? {
                Some(named) if named.is_active => Ok(Some(named)),
                // A closed account gets no log-ins, so it takes none away either.
                named => {
                    let owner = User::by_email(conn, text)?;
                    let owner = owner.filter(|owner| owner.is_active || named.is_none());
                    Ok(owner.or(named))
                }
            },
        }
    }

    /// Whether the text is longer than any account's name. A username is shorter than an email.
    fn is_too_long(&self) -> bool {
        is_longer(&self.text, MAX_EMAIL_LENGTH)
    }

    /// The key under which the limits count the text: the same whether or not an account has this name.
    pub fn key(&self) -> String {
        email_key(&self.text)
    }

    /// The names that the text can be where it was entered, in a form in which they are compared exactly. An email
    /// never equals a username.
    pub fn exact_names(&self) -> Vec<String> {
        let text = self.text.as_str();
        let email = || exact_email(&email_key(text));
        match self.kind {
            _ if self.is_too_long() => Vec::new(),
            LoginNameKind::Email => vec![email()],
            LoginNameKind::Username => vec![exact_username(text)],
            LoginNameKind::Either => vec![exact_username(&normalize_username(text)), email()],
        }
    }

    /// The account with this name. Reads it unless [`read_account`](Self::read_account) has.
    pub async fn account(&self, database: &Database) -> Result<Option<User>, DbError> {
        if let Some(account) = &self.read {
            return Ok(account.clone());
        }
        let name = self.clone();
        database
            .read(move |conn| name.find(conn).map_err(DbError::from))
            .await
    }

    /// Reads the account, and keeps it for the comparison of the password.
    pub async fn read_account(&mut self, database: &Database) -> Result<Option<&User>, DbError> {
        self.read = Some(self.account(database).await?);
        Ok(self.read.as_ref().and_then(Option::as_ref))
    }

    /// Reads the account if it can have several names, and keeps it for the comparison of the password; `None` if the
    /// text is its only one, or if there is none.
    pub async fn read_account_of_names(
        &mut self,
        database: &Database,
    ) -> Result<Option<&User>, DbError> {
        match self.kind {
            LoginNameKind::Email => Ok(None),
            LoginNameKind::Username | LoginNameKind::Either => self.read_account(database).await,
        }
    }

    /// The name, whose account has changed since it was read.
    #[must_use]
    pub fn unread(self) -> Self {
        Self { read: None, ..self }
    }

    /// The name, with which no password is accepted any more.
    #[must_use]
    pub fn refused(self) -> Self {
        let refused = true;
        Self { refused, ..self }
    }

    /// Whether no password is accepted with this name.
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}

fn exact_email(key: &str) -> String {
    format!("email {key}")
}

fn exact_username(username: &str) -> String {
    format!("username {username}")
}

/// The [keys](LoginName::key) of the login names of an account, the email's first.
pub fn name_keys(user: &User) -> Vec<String> {
    let email = (!user.email.is_empty()).then(|| user.email_key.clone());
    let username = user.username.as_deref().map(email_key);
    email.into_iter().chain(username).collect()
}
