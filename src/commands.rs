//! The management commands, one file for each, with Django's names.

mod account;
mod activate;
mod backup;
mod changepassword;
mod check;
mod createsuperuser;
mod database;
mod deactivate;
mod demo;
mod emulator;
mod error;
mod flushexpiredtokens;
mod import_django;
mod logout;
mod migrate;
mod openapi;
mod output;
mod prompt;
mod resettotp;
mod restored;
mod runserver;
mod signals;
mod source;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use secrecy::SecretString;

use crate::settings::parse_bind;
use check::CheckArguments;
pub use error::CommandError;
use import_django::ImportDjangoArguments;

/// Sign-in and sessions for web applications, with WorkOS AuthKit, in one binary.
///
/// Serves the sign-in with WorkOS (or with a password, Google or Okta), server-side sessions that
/// users can list and end, account pages, a JSON API with tokens that are compatible with Django's
/// simplejwt, and WorkOS's webhooks. Users are stored in SQLite or PostgreSQL, and can be imported
/// from a Django project.
///
/// To try it without any settings: `vestibule runserver --demo`.
///
/// Settings are read from the environment, then from `.env` in the working directory. The file
/// `.env.example` explains each of them.
#[derive(Debug, Parser)]
#[command(
    name = "vestibule",
    version,
    about,
    long_about,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the server.
    ///
    /// Does not start if a system check of level ERROR fails or a migration is not applied. Ctrl-C and
    /// SIGTERM stop it after SHUTDOWN_GRACE and the requests in flight; a second one stops it at once.
    Runserver {
        /// Starts a demo that needs no settings and no WorkOS account: with the embedded AuthKit
        /// emulator, made-up users, and the database vestibule-demo.sqlite3 in this folder.
        #[arg(long)]
        demo: bool,
        /// The address and port to listen on, instead of BIND.
        #[arg(long, value_name = "ADDR", value_parser = parse_bind_option)]
        bind: Option<SocketAddr>,
        /// The loopback address and port of the demo's AuthKit emulator. Default: a free port.
        #[arg(long, value_name = "ADDR", value_parser = parse_bind_option, requires = "demo")]
        emulator_bind: Option<SocketAddr>,
    },
    /// Creates and updates the tables of the database.
    ///
    /// Applies every migration that is not applied yet.
    Migrate {
        /// Applies nothing, and fails if a migration is not applied.
        #[arg(long)]
        check: bool,
        /// Applies nothing, and prints the migrations that would be applied.
        #[arg(long)]
        plan: bool,
    },
    /// Checks the settings, the keys, the database and the accounts for problems.
    ///
    /// SILENCED_SYSTEM_CHECKS lists the ids of checks whose findings are ignored.
    Check(CheckArguments),
    /// Creates an account with all permissions.
    ///
    /// Asks for the email, with LOGIN_FIELD=username first for the username, and twice for the password,
    /// which is not shown. Weak passwords are refused.
    Createsuperuser {
        /// The account's username.
        #[arg(long, value_name = "USERNAME")]
        username: Option<String>,
        /// The account's email, which counts as verified.
        #[arg(long, value_name = "EMAIL")]
        email: Option<String>,
        /// Asks no questions: the username is that of --username or DJANGO_SUPERUSER_USERNAME, the email
        /// that of --email or DJANGO_SUPERUSER_EMAIL, the password that of DJANGO_SUPERUSER_PASSWORD.
        /// Without a password, the account signs in through WorkOS.
        #[arg(long, visible_alias = "no-input")]
        noinput: bool,
    },
    /// Sets a new password for an account, and ends its sessions and tokens.
    ///
    /// Asks twice for the password, which is not shown. Without a terminal it reads two lines from
    /// the standard input.
    Changepassword {
        /// The account's email, in any case, or its username.
        #[arg(value_name = "EMAIL")]
        name: String,
    },
    /// Deactivates an account: its sessions and tokens end at once, and it cannot sign in.
    Deactivate {
        /// The account's email, in any case, or its username.
        #[arg(value_name = "EMAIL")]
        name: String,
    },
    /// Ends all sessions and tokens of an account, here and at WorkOS. The account stays active.
    ///
    /// For a lost device, or a session that somebody else may use. The user can log in again.
    Logout {
        /// The account's email, in any case, or its username.
        #[arg(value_name = "EMAIL")]
        name: String,
    },
    /// Activates a deactivated account again.
    Activate {
        /// The account's email, in any case, or its username.
        #[arg(value_name = "EMAIL")]
        name: String,
    },
    /// Removes the authenticator app and the recovery codes of an account.
    ///
    /// For a user who has lost both. The password alone is then enough to log in, until the user sets
    /// up an authenticator app again. Sessions and tokens stay valid.
    Resettotp {
        /// The account's email, in any case, or its username.
        #[arg(value_name = "EMAIL")]
        name: String,
    },
    /// Ends what a restored backup must not bring back. To be run after the database was restored.
    ///
    /// Everything that was issued after the backup ends: sessions, tokens and unfinished sign-ins. So do
    /// all tokens and all sessions with a local password that were valid in the backup, because nothing
    /// can tell which of them have ended since. Sessions of WorkOS go on once WorkOS has confirmed
    /// them. New accounts get ids that were not given out before. Servers may be running.
    Restored,
    /// Imports the users of a Django project, with their ids and passwords.
    ///
    /// Reads the database of --from, which it never changes, and writes to DATABASE_URL. A second run
    /// imports the users that are new in Django, and keeps the changes that were made here. The
    /// blacklisted tokens of simplejwt are imported too.
    ///
    /// Example: vestibule import-django --from sqlite:/srv/shop/db.sqlite3 --dry-run
    #[command(verbatim_doc_comment)]
    ImportDjango(Box<ImportDjangoArguments>),
    /// Copies the SQLite database to a new file, also while a server runs.
    ///
    /// The file is checked, and only its owner can read it. A PostgreSQL database is backed up with pg_dump.
    Backup {
        /// The file to write. It must not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Replaces the SQLite database by a file that `vestibule backup` wrote.
    ///
    /// Stop the server first: the command is refused while a process has the database open. The previous
    /// file is kept beside the database. Then it does what `vestibule restored` does. A PostgreSQL database
    /// is restored with pg_restore.
    Restore {
        /// The backup. It is not changed.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Deletes expired refresh tokens, sessions and pending sign-ins, and old webhook events.
    ///
    /// A running server does the same once an hour.
    Flushexpiredtokens,
    /// Prints the OpenAPI document of the JSON API.
    Openapi,
    /// Runs the embedded AuthKit emulator alone, for development and tests.
    ///
    /// Prints the users who can sign in and the settings that connect an application to it.
    Emulator {
        /// The loopback address and port to listen on.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4100", value_parser = parse_bind_option)]
        bind: SocketAddr,
        /// A JSON file with users, organisations, roles and feature flags, instead of the built-in ones.
        #[arg(long, value_name = "FILE")]
        seed: Option<PathBuf>,
    },
}

impl Cli {
    /// Parses the program's arguments. Wrong usage ends the process with exit code 2 and a message.
    pub fn from_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| usage::with_bind_tip(error).exit())
    }

    /// Runs the command.
    pub fn run(self) -> Result<(), CommandError> {
        match self.command {
            Command::Runserver {
                demo: true,
                bind,
                emulator_bind,
            } => demo::run(bind, emulator_bind),
            Command::Runserver { bind, .. } => runserver::run(bind),
            Command::Migrate { check, plan } => migrate::run(check, plan),
            Command::Check(arguments) => check::run(arguments),
            Command::Createsuperuser {
                username,
                email,
                noinput,
            } => createsuperuser::run(username, email, noinput),
            Command::Changepassword { name } => changepassword::run(name),
            Command::Deactivate { name } => deactivate::run(&name),
            Command::Logout { name } => logout::run(&name),
            Command::Activate { name } => activate::run(&name),
            Command::Resettotp { name } => resettotp::run(&name),
            Command::Restored => restored::run(),
            Command::ImportDjango(arguments) => import_django::run(*arguments),
            Command::Backup { file } => backup::back_up(&file),
            Command::Restore { file } => backup::restore(&file),
            Command::Flushexpiredtokens => flushexpiredtokens::run(),
            Command::Openapi => openapi::run(),
            Command::Emulator { bind, seed } => emulator::run(bind, seed.as_deref()),
        }
    }
}

fn parse_bind_option(text: &str) -> Result<SocketAddr, String> {
    parse_bind(text)
        .ok_or_else(|| "expected an address and a port, such as 127.0.0.1:8000".to_owned())
}

/// Accepts any text, because an error of clap's would show it.
fn parse_secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}
