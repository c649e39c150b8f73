//! The username and the email of a new superuser: from options, from the environment or asked for.

use crate::accounts::email_address::validate_email_address;
use crate::accounts::{User, normalize_username, validate_username};
use crate::commands::error::CommandError;
use crate::commands::prompt;
use crate::db::{Conn, Database, DbError};
use crate::settings::LoginField;

/// Django's error if another account has the email.
pub(super) const TAKEN_EMAIL: &str = "Error: That email address is already taken.";

/// The names of a new superuser.
pub(super) struct SuperuserNames {
    /// `None` if the account gets none.
    pub(super) username: Option<String>,
    pub(super) email: String,
}

/// A name that is asked for, with Django's texts.
#[derive(Clone, Copy)]
enum NameField {
    Username,
    Email,
}

impl SuperuserNames {
    /// The names of the options or of the environment.
    pub(super) fn given(
        database: &Database,
        field: LoginField,
        username: Option<String>,
        email: Option<String>,
    ) -> Result<Self, CommandError> {
        if username.is_none() && field == LoginField::Username {
            return Err(django_error("You must use --username with --noinput."));
        }
        let email = email.ok_or_else(|| django_error("You must use --email with --noinput."))?;
        let username = username
            .map(|username| NameField::Username.accept(database, &username))
            .transpose()?;
        let email = NameField::Email.accept(database, &email)?;
        Ok(Self { username, email })
    }

    /// The names of the options, or else those that are asked for.
    pub(super) fn asked(
        database: &Database,
        field: LoginField,
        username: Option<String>,
        email: Option<String>,
    ) -> Result<Self, CommandError> {
        let asks_username = field == LoginField::Username || username.is_some();
        let username = asks_username
            .then(|| NameField::Username.accept_or_ask(database, username))
            .transpose()?;
        let email = NameField::Email.accept_or_ask(database, email)?;
        Ok(Self { username, email })
    }
}

impl NameField {
    /// The name that Django stores for this text.
    fn normalized(self, text: &str) -> String {
        match self {
            Self::Username => normalize_username(text),
            Self::Email => text.to_owned(),
        }
    }

    fn question(self) -> &'static str {
        match self {
            Self::Username => "Username: ",
            Self::Email => "Email address: ",
        }
    }

    fn blank(self) -> &'static str {
        match self {
            Self::Username => "Username cannot be blank.",
            Self::Email => "Email address cannot be blank.",
        }
    }

    /// Django's error if another account has the name.
    fn taken(self) -> &'static str {
        match self {
            Self::Username => "Error: That username is already taken.",
            Self::Email => TAKEN_EMAIL,
        }
    }

    fn validate(self, text: &str) -> Option<String> {
        match self {
            Self::Username => validate_username(text),
            Self::Email => validate_email_address(text),
        }
    }

    fn is_taken(self, database: &Database, text: &str) -> Result<bool, CommandError> {
        let find = |conn: &mut Conn| match self {
            Self::Username => User::by_username(conn, text),
            Self::Email => User::by_email(conn, text),
        };
        let found = database.read_blocking(|conn| find(conn).map_err(DbError::from))?;
        Ok(found.is_some())
    }

    /// What is wrong with a name from an option or the environment. Django's messages differ from those at
    /// the question.
    fn option_problem(
        self,
        database: &Database,
        text: &str,
    ) -> Result<Option<String>, CommandError> {
        if text.is_empty() {
            return Ok(Some(self.blank().to_owned()));
        }
        let problem = self.validate(text);
        if problem.is_none() && self.is_taken(database, text)? {
            return Ok(Some(self.taken().to_owned()));
        }
        Ok(problem)
    }

    fn accept(self, database: &Database, text: &str) -> Result<String, CommandError> {
        let name = self.normalized(text);
        match self.option_problem(database, &name)? {
            None => Ok(name),
            Some(problem) => Err(django_error(problem)),
        }
    }

    fn accept_or_ask(
        self,
        database: &Database,
        option: Option<String>,
    ) -> Result<String, CommandError> {
        let Some(name) = option.map(|text| self.normalized(&text)) else {
            return self.ask(database);
        };
        match self.option_problem(database, &name)? {
            None => Ok(name),
            Some(problem) if name.is_empty() => Err(django_error(problem)),
            Some(problem) => {
                prompt::print_errors(&[problem])?;
                self.ask(database)
            }
        }
    }

    /// Asks until the name is acceptable.
    fn ask(self, database: &Database) -> Result<String, CommandError> {
        loop {
            let name = self.normalized(&prompt::visible(self.question())?);
            let problem = match self.validate(&name) {
                Some(problem) => format!("Error: {problem}"),
                None if self.is_taken(database, &name)? => self.taken().to_owned(),
                None => return Ok(name),
            };
            prompt::print_errors(&[problem])?;
        }
    }
}

fn django_error(message: impl Into<String>) -> CommandError {
    CommandError::Django(message.into())
}
