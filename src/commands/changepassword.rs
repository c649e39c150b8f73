//! `vestibule changepassword`.

use secrecy::{ExposeSecret, SecretString};

use super::account::find_account;
use super::database::open_migrated;
use super::error::CommandError;
use super::logout::end_at_workos;
use super::output::print_line;
use super::prompt;
use super::source::load_source;
use crate::accounts::passwords;
use crate::accounts::passwords::validators::{PasswordValidator, UserAttributes};
use crate::accounts::{self, User};
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Clock;
use crate::db::DbError;
use crate::sessions::WorkosRevocation;
use crate::settings::{DatabaseSettings, password_blocklist_file};
use crate::workos::ClientDevice;

pub(super) fn run(name: String) -> Result<(), CommandError> {
    prompt::cancellable(move || change(&name))
}

fn change(name: &str) -> Result<(), CommandError> {
    let source = load_source()?;
    let database = open_migrated(&DatabaseSettings::from_source(&source)?)?;
    let validator = PasswordValidator::new(password_blocklist_file(&source).as_deref())?;
    let user = find_account(&database, name)?;
    let label = user.label();
    print_line(format_args!("Changing password for user '{label}'"))?;
    let password = ask_password(&user, &validator)?;
    let encoded = passwords::hash(password.expose_secret())?;
    let now = Clock::system().now();
    database.write_blocking(|conn| {
        let ended = accounts::set_password(conn, user.id, &encoded, now, None)?;
        let changed = AuditEvent::PasswordChanged {
            user_id: user.id,
            by: ChangedBy::Command,
            ended_sessions: ended.count,
        };
        changed.record(conn, &ClientDevice::default(), now)?;
        Ok::<_, DbError>(WorkosRevocation::request(conn, &ended.workos_sids, now)?)
    })?;
    print_line(format_args!(
        "Password changed successfully for user '{label}'"
    ))?;
    // The password is changed, so this is no failure of the command.
    if let Err(error) = end_at_workos(&source, &database, user.id) {
        prompt::print_errors(&error.lines())?;
    }
    Ok(())
}

/// Asks for an acceptable password, three times at most.
fn ask_password(user: &User, validator: &PasswordValidator) -> Result<SecretString, CommandError> {
    let user_attributes = UserAttributes {
        username: user.username.as_deref().unwrap_or_default(),
        email: &user.email,
        first_name: &user.first_name,
        last_name: &user.last_name,
    };
    for _ in 0..prompt::TRIES {
        let password = ask_or_abort("Password: ")?;
        let again = ask_or_abort("Password (again): ")?;
        if password.expose_secret() != again.expose_secret() {
            print_line("Passwords do not match. Please try again.")?;
            continue;
        }
        let errors = validator.validate(password.expose_secret(), &user_attributes)?;
        if errors.is_empty() {
            return Ok(password);
        }
        prompt::print_errors(&errors)?;
    }
    Err(CommandError::Django(format!(
        "Aborting password change for user '{}' after {} attempts",
        user.label(),
        prompt::TRIES
    )))
}

/// Asks for a password; an empty answer ends the command, as in Django.
fn ask_or_abort(question: &str) -> Result<SecretString, CommandError> {
    let answer = prompt::hidden(question)?;
    if answer.expose_secret().is_empty() {
        return Err(CommandError::Django("aborted".to_owned()));
    }
    Ok(answer)
}
