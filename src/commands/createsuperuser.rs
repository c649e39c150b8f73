//! `vestibule createsuperuser`.
//!
//! Django offers to take a weak password all the same; here it never is, asked for or not.

use secrecy::{ExposeSecret, SecretString};

use super::{CommandError, prompt, say, up_to_date};
use crate::accounts::email_address::problem_with;
use crate::accounts::passwords::{self, validators};
use crate::accounts::{NewUser, User};
use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::settings::{DatabaseSettings, SettingsError, Source, SuperuserSettings};

const TAKEN: &str = "Error: That email address is already taken.";
const BLANK_EMAIL: &str = "Email address cannot be blank.";

pub(super) fn run(email: Option<String>, noinput: bool) -> Result<(), CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    let settings = DatabaseSettings::from_source(&source)?;
    if noinput {
        return without_asking(&settings, email, SuperuserSettings::from_source(&source));
    }
    if !prompt::is_terminal() {
        return Err(refused(
            "Superuser creation skipped due to not running in a TTY. Run `vestibule createsuperuser` in a terminal, or with --noinput.",
        ));
    }
    prompt::cancellable(move || by_asking(&settings, email))
}

fn without_asking(
    settings: &DatabaseSettings,
    email: Option<String>,
    wanted: SuperuserSettings,
) -> Result<(), CommandError> {
    let email = email
        .or(wanted.email)
        .ok_or_else(|| refused("You must use --email with --noinput."))?;
    let database = up_to_date(settings)?;
    if let Some(problem) = problem_with_option(&database, &email)? {
        return Err(refused(problem));
    }
    let complaints = wanted
        .password
        .as_ref()
        .map(|password| complaints_about(password, &email))
        .unwrap_or_default();
    if !complaints.is_empty() {
        return Err(refused(complaints.join("; ")));
    }
    create(&database, email, wanted.password.as_ref())
}

fn by_asking(settings: &DatabaseSettings, email: Option<String>) -> Result<(), CommandError> {
    let database = up_to_date(settings)?;
    let email = match email {
        Some(email) if email.is_empty() => return Err(refused(BLANK_EMAIL)),
        Some(email) => match problem_with_option(&database, &email)? {
            None => email,
            Some(problem) => {
                prompt::complain(&[problem])?;
                ask_email(&database)?
            }
        },
        None => ask_email(&database)?,
    };
    let password = ask_password(&email)?;
    create(&database, email, Some(&password))
}

/// Asks until there is an e-mail that will do.
fn ask_email(database: &Database) -> Result<String, CommandError> {
    loop {
        let email = prompt::visible("Email address: ")?;
        let problem = match problem_with(&email) {
            Some(problem) => format!("Error: {problem}"),
            None if is_taken(database, &email)? => TAKEN.to_owned(),
            None => return Ok(email),
        };
        prompt::complain(&[problem])?;
    }
}

/// Asks for a password that will do, three times at most.
fn ask_password(email: &str) -> Result<SecretString, CommandError> {
    for _ in 0..prompt::TRIES {
        let password = prompt::hidden("Password: ")?;
        let again = prompt::hidden("Password (again): ")?;
        let complaints = if password.expose_secret() == again.expose_secret() {
            complaints_about(&password, email)
        } else {
            vec!["Error: Your passwords didn't match.".to_owned()]
        };
        if complaints.is_empty() {
            return Ok(password);
        }
        prompt::complain(&complaints)?;
    }
    Err(refused(format!(
        "Aborting superuser creation after {} attempts",
        prompt::TRIES
    )))
}

fn complaints_about(password: &SecretString, email: &str) -> Vec<String> {
    let password = password.expose_secret();
    if password.trim().is_empty() {
        return vec!["Error: Blank passwords aren't allowed.".to_owned()];
    }
    let about = validators::UserAttributes {
        email,
        ..validators::UserAttributes::default()
    };
    validators::validate(password, &about)
}

/// What is wrong with an e-mail that was not typed at the question: Django's sentences differ.
fn problem_with_option(database: &Database, email: &str) -> Result<Option<String>, CommandError> {
    if email.is_empty() {
        return Ok(Some(BLANK_EMAIL.to_owned()));
    }
    let problem = problem_with(email);
    if problem.is_none() && is_taken(database, email)? {
        return Ok(Some(TAKEN.to_owned()));
    }
    Ok(problem)
}

fn is_taken(database: &Database, email: &str) -> Result<bool, CommandError> {
    let found =
        database.read_blocking(|conn| User::by_email(conn, email).map_err(DbError::from))?;
    Ok(found.is_some())
}

fn create(
    database: &Database,
    email: String,
    password: Option<&SecretString>,
) -> Result<(), CommandError> {
    let encoded = match password {
        Some(password) => passwords::hash(password.expose_secret())?,
        None => passwords::unusable_password()?,
    };
    // An operator vouches for the e-mail.
    let new = NewUser::unlinked(email, encoded, Clock::system().now());
    // The e-mail may have been taken while the password was typed.
    database
        .write_blocking(|conn| new.insert_superuser(conn).map_err(DbError::from))?
        .ok_or_else(|| refused(TAKEN))?;
    say("Superuser created successfully.")?;
    Ok(())
}

fn refused(message: impl Into<String>) -> CommandError {
    CommandError::Django(message.into())
}
