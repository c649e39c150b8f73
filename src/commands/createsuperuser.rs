//! `vestibule createsuperuser`.
//!
//! A weak password is never accepted, unlike in Django, which offers to bypass the validation.

mod names;

use names::{SuperuserNames, TAKEN_EMAIL};
use secrecy::{ExposeSecret, SecretString};

use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::prompt;
use super::source::load_source;
use crate::accounts::NewUser;
use crate::accounts::passwords;
use crate::accounts::passwords::validators::{PasswordValidator, UserAttributes};
use crate::audit::AuditEvent;
use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::settings::{DatabaseSettings, LoginField, SuperuserSettings, password_blocklist_file};
use crate::workos::ClientDevice;

pub(super) fn run(
    username: Option<String>,
    email: Option<String>,
    noinput: bool,
) -> Result<(), CommandError> {
    let source = load_source()?;
    let settings = DatabaseSettings::from_source(&source)?;
    let field = LoginField::from_source(&source)?;
    let validator = PasswordValidator::new(password_blocklist_file(&source).as_deref())?;
    if noinput {
        let superuser = SuperuserSettings::from_source(&source);
        let given = SuperuserSettings {
            username: username.or(superuser.username),
            email: email.or(superuser.email),
            password: superuser.password,
        };
        return create_from_settings(&settings, field, given, &validator);
    }
    if !prompt::is_terminal() {
        return Err(django_error(
            "Superuser creation skipped due to not running in a TTY. Run `vestibule createsuperuser` in a terminal, or with --noinput.",
        ));
    }
    prompt::cancellable(move || {
        let database = open_migrated(&settings)?;
        let names = SuperuserNames::asked(&database, field, username, email)?;
        let password = ask_password(&names, &validator)?;
        create(&database, names, Some(&password))
    })
}

fn create_from_settings(
    settings: &DatabaseSettings,
    field: LoginField,
    given: SuperuserSettings,
    validator: &PasswordValidator,
) -> Result<(), CommandError> {
    let database = open_migrated(settings)?;
    let names = SuperuserNames::given(&database, field, given.username, given.email)?;
    let password = given.password.as_ref();
    let errors = password
        .map(|password| password_errors(password, &names, validator))
        .transpose()?
        .unwrap_or_default();
    if !errors.is_empty() {
        return Err(django_error(errors.join("; ")));
    }
    create(&database, names, password)
}

/// Asks for an acceptable password, three times at most.
fn ask_password(
    names: &SuperuserNames,
    validator: &PasswordValidator,
) -> Result<SecretString, CommandError> {
    for _ in 0..prompt::TRIES {
        let password = prompt::hidden("Password: ")?;
        let again = prompt::hidden("Password (again): ")?;
        let errors = if password.expose_secret() == again.expose_secret() {
            password_errors(&password, names, validator)?
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
    names: &SuperuserNames,
    validator: &PasswordValidator,
) -> Result<Vec<String>, CommandError> {
    let password = password.expose_secret();
    if password.trim().is_empty() {
        return Ok(vec!["Error: Blank passwords aren't allowed.".to_owned()]);
    }
    let user_attributes = UserAttributes {
        username: names.username.as_deref().unwrap_or_default(),
        email: &names.email,
        ..UserAttributes::default()
    };
    Ok(validator.validate(password, &user_attributes)?)
}

fn create(
    database: &Database,
    names: SuperuserNames,
    password: Option<&SecretString>,
) -> Result<(), CommandError> {
    let encoded = match password {
        Some(password) => passwords::hash(password.expose_secret())?,
        None => passwords::unusable_password()?,
    };
    // The email counts as verified, because an operator typed it.
    let now = Clock::system().now();
    let new = NewUser {
        username: names.username,
        ..NewUser::unlinked(names.email, encoded, now)
    };
    // Another process may have taken a name while the password was typed.
    database
        .write_blocking(|conn| {
            let user = new.insert_superuser(conn)?;
            if let Some(user) = &user {
                let created = AuditEvent::SuperuserCreated { user_id: user.id };
                created.record(conn, &ClientDevice::default(), now)?;
            }
            Ok::<_, DbError>(user)
        })?
        .ok_or_else(|| django_error(TAKEN_EMAIL))?;
    print_line("Superuser created successfully.")?;
    Ok(())
}

fn django_error(message: impl Into<String>) -> CommandError {
    CommandError::Django(message.into())
}
