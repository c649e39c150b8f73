//! `vestibule changepassword`.

use secrecy::{ExposeSecret, SecretString};

use super::account::find_account;
use super::database::open_database;
use super::error::CommandError;
use super::output::print_line;
use super::prompt;
use crate::accounts::passwords::{self, validators};
use crate::accounts::{self, User};
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Clock;
use crate::db::DbError;
use crate::workos::ClientDevice;

pub(super) fn run(email: String) -> Result<(), CommandError> {
    prompt::cancellable(move || change(&email))
}

fn change(email: &str) -> Result<(), CommandError> {
    let database = open_database()?;
    let user = find_account(&database, email)?;
    print_line(format_args!("Changing password for user '{}'", user.email))?;
    let password = ask_password(&user)?;
    let encoded = passwords::hash(password.expose_secret())?;
    let now = Clock::system().now();
    database.write_blocking(|conn| {
        let changed = AuditEvent::PasswordChanged {
            user_id: user.id,
            by: ChangedBy::Command,
            ended_sessions: accounts::set_password(conn, user.id, &encoded, now, None)?,
        };
        changed.record(conn, &ClientDevice::default(), now)?;
        Ok::<_, DbError>(())
    })?;
    print_line(format_args!(
        "Password changed successfully for user '{}'",
        user.email
    ))?;
    Ok(())
}

/// Asks for an acceptable password, three times at most.
fn ask_password(user: &User) -> Result<SecretString, CommandError> {
    let user_attributes = validators::UserAttributes {
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
        let errors = validators::validate(password.expose_secret(), &user_attributes);
        if errors.is_empty() {
            return Ok(password);
        }
        prompt::print_errors(&errors)?;
    }
    Err(CommandError::Django(format!(
        "Aborting password change for user '{}' after {} attempts",
        user.email,
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
