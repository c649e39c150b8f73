//! `vestibule changepassword`.

use secrecy::{ExposeSecret, SecretString};

use super::{CommandError, account, prompt, say};
use crate::accounts::passwords::{self, validators};
use crate::accounts::{self, User};
use crate::clock::Clock;
use crate::db::DbError;

pub(super) fn run(email: String) -> Result<(), CommandError> {
    prompt::cancellable(move || change(&email))
}

fn change(email: &str) -> Result<(), CommandError> {
    let database = account::database()?;
    let user = account::find(&database, email)?;
    say(format_args!("Changing password for user '{}'", user.email))?;
    let password = ask(&user)?;
    let encoded = passwords::hash(password.expose_secret())?;
    let now = Clock::system().now();
    database.write_blocking(|conn| {
        accounts::set_password(conn, user.id, &encoded, now, None).map_err(DbError::from)
    })?;
    say(format_args!(
        "Password changed successfully for user '{}'",
        user.email
    ))?;
    Ok(())
}

/// Asks for a password that will do, three times at most.
fn ask(user: &User) -> Result<SecretString, CommandError> {
    let about = validators::UserAttributes {
        email: &user.email,
        first_name: &user.first_name,
        last_name: &user.last_name,
    };
    for _ in 0..prompt::TRIES {
        let password = not_empty("Password: ")?;
        let again = not_empty("Password (again): ")?;
        if password.expose_secret() != again.expose_secret() {
            say("Passwords do not match. Please try again.")?;
            continue;
        }
        let complaints = validators::validate(password.expose_secret(), &about);
        if complaints.is_empty() {
            return Ok(password);
        }
        prompt::complain(&complaints)?;
    }
    Err(CommandError::Django(format!(
        "Aborting password change for user '{}' after {} attempts",
        user.email,
        prompt::TRIES
    )))
}

/// An empty answer gives the whole thing up, as in Django.
fn not_empty(question: &str) -> Result<SecretString, CommandError> {
    let answer = prompt::hidden(question)?;
    if answer.expose_secret().is_empty() {
        return Err(CommandError::Django("aborted".to_owned()));
    }
    Ok(answer)
}
