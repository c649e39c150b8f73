//! `vestibule createsuperuser`.
//!
//! A weak password is never accepted, unlike in Django, which offers to bypass the validation.

use secrecy::{ExposeSecret, SecretString};

use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::prompt;
use super::source::load_source;
use crate::accounts::email_address::validate_email_address;
use crate::accounts::passwords;
use crate::accounts::passwords::validators::{PasswordValidator, UserAttributes};
use crate::accounts::{NewUser, User};
use crate::audit::AuditEvent;
use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::settings::{DatabaseSettings, SuperuserSettings, password_blocklist_file};
use crate::workos::ClientDevice;

const TAKEN: &str = "Error: That email address is already taken.";
const BLANK_EMAIL: &str = "Email address cannot be blank.";

pub(super) fn run(email: Option<String>, noinput: bool) -> Result<(), CommandError> {
    let source = load_source()?;
    let settings = DatabaseSettings::from_source(&source)?;
    let validator = PasswordValidator::new(password_blocklist_file(&source).as_deref())?;
    if noinput {
        let superuser = SuperuserSettings::from_source(&source);
        return create_from_settings(&settings, email, superuser, &validator);
    }
    if !prompt::is_terminal() {
        return Err(django_error(
            "Superuser creation skipped due to not running in a TTY. Run `vestibule createsuperuser` in a terminal, or with --noinput.",
        ));
    }
    prompt::cancellable(move || create_by_asking(&settings, email, &validator))
}

fn create_from_settings(
    settings: &DatabaseSettings,
    email: Option<String>,
    superuser: SuperuserSettings,
    validator: &PasswordValidator,
) -> Result<(), CommandError> {
    let email = email
        .or(superuser.email)
        .ok_or_else(|| django_error("You must use --email with --noinput."))?;
    let database = open_migrated(settings)?;
    if let Some(problem) = option_email_problem(&database, &email)? {
        return Err(django_error(problem));
    }
    let errors = superuser
        .password
        .as_ref()
        .map(|password| password_errors(password, &email, validator))
        .transpose()?
        .unwrap_or_default();
    if !errors.is_empty() {
        return Err(django_error(errors.join("; ")));
    }
    create(&database, email, superuser.password.as_ref())
}

fn create_by_asking(
    settings: &DatabaseSettings,
    email: Option<String>,
    validator: &PasswordValidator,
) -> Result<(), CommandError> {
    let database = open_migrated(settings)?;
    let email = match email {
        Some(email) if email.is_empty() => return Err(django_error(BLANK_EMAIL)),
        Some(email) => match option_email_problem(&database, &email)? {
            None => email,
            Some(problem) => {
                prompt::print_errors(&[problem])?;
                ask_email(&database)?
            }
        },
        None => ask_email(&database)?,
    };
    let password = ask_password(&email, validator)?;
    create(&database, email, Some(&password))
}

/// Asks until the email is acceptable.
fn ask_email(database: &Database) -> Result<String, CommandError> {
    loop {
        let email = prompt::visible("Email address: ")?;
        let problem = match validate_email_address(&email) {
            Some(problem) => format!("Error: {problem}"),
            None if is_taken(database, &email)? => TAKEN.to_owned(),
            None => return Ok(email),
        };
        prompt::print_errors(&[problem])?;
    }
}

/// Asks for an acceptable password, three times at most.
fn ask_password(email: &str, validator: &PasswordValidator) -> Result<SecretString, CommandError> {
    for _ in 0..prompt::TRIES {
        let password = prompt::hidden("Password: ")?;
        let again = prompt::hidden("Password (again): ")?;
        let errors = if password.expose_secret() == again.expose_secret() {
            password_errors(&password, email, validator)?
        } else {
            vec!["Error: Your passwords didn't match.".to_owned()]
        };
        if errors.is_empty() {
            return Ok(password);
        }
        prompt::print_errors(&errors)?;
    }
    Err(django_error(format!(
        "Aborting superuser creation after {} attempts",
        prompt::TRIES
    )))
}

fn password_errors(
    password: &SecretString,
    email: &str,
    validator: &PasswordValidator,
) -> Result<Vec<String>, CommandError> {
    let password = password.expose_secret();
    if password.trim().is_empty() {
        return Ok(vec!["Error: Blank passwords aren't allowed.".to_owned()]);
    }
    let user_attributes = UserAttributes {
        email,
        ..UserAttributes::default()
    };
    Ok(validator.validate(password, &user_attributes)?)
}

/// What is wrong with an email from an option or the environment. Django's messages differ from those
/// at the question.
fn option_email_problem(database: &Database, email: &str) -> Result<Option<String>, CommandError> {
    if email.is_empty() {
        return Ok(Some(BLANK_EMAIL.to_owned()));
    }
    let problem = validate_email_address(email);
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
    // The email counts as verified, because an operator typed it.
    let now = Clock::system().now();
    let new = NewUser::unlinked(email, encoded, now);
    // Another process may have taken the email while the password was typed.
    database
        .write_blocking(|conn| {
            let user = new.insert_superuser(conn)?;
            if let Some(user) = &user {
                let created = AuditEvent::SuperuserCreated { user_id: user.id };
                created.record(conn, &ClientDevice::default(), now)?;
            }
            Ok::<_, DbError>(user)
        })?
        .ok_or_else(|| django_error(TAKEN))?;
    print_line("Superuser created successfully.")?;
    Ok(())
}

fn django_error(message: impl Into<String>) -> CommandError {
    CommandError::Django(message.into())
}
