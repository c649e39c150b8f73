//! The management commands, one file each, with Django's verbs.

mod account;
mod activate;
mod changepassword;
mod check;
mod createsuperuser;
mod deactivate;
mod demo;
mod emulator;
mod flushexpiredtokens;
mod import_django;
mod migrate;
mod openapi;
mod prompt;
mod runserver;
mod signals;

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use secrecy::SecretString;

use crate::accounts::passwords::PasswordError;
use crate::checks::{Level, not_applied};
use crate::db::{Database, DbError};
use crate::django_import::ImportOptions;
use crate::settings::{DatabaseSettings, SettingError, SettingsError, parse_bind};
use crate::state::BuildError;

/// The entrance hall of a web application: WorkOS AuthKit sign-in, server-rendered sessions and a
/// shared user table, in one binary.
///
/// Settings come from the environment, then from `.env` in this folder; `.env.example` lists them
/// all. To look around without any: `vestibule runserver --demo`.
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
    /// Serves the site.
    ///
    /// Refuses to start on failed checks of level error and on unapplied migrations. Ctrl-C and
    /// SIGTERM finish what is in flight.
    Runserver {
        /// Needs no settings and no account anywhere: uses the embedded AuthKit emulator and the
        /// file vestibule-demo.sqlite3, and prints where to go and who can sign in.
        #[arg(long)]
        demo: bool,
        /// Address and port to listen on, instead of BIND.
        #[arg(long, value_name = "ADDR", value_parser = bind)]
        bind: Option<SocketAddr>,
    },
    /// Applies the migrations that are not applied yet.
    Migrate {
        /// Applies nothing; fails when any is pending.
        #[arg(long)]
        check: bool,
        /// Applies nothing; prints what would be applied.
        #[arg(long)]
        plan: bool,
    },
    /// Looks for mistakes in the set-up.
    Check {
        /// Adds what matters before real users come.
        #[arg(long)]
        deploy: bool,
        /// Fails on this level and above.
        #[arg(
            long,
            value_name = "LEVEL",
            default_value = "ERROR",
            ignore_case = true
        )]
        fail_level: Level,
        /// Asks WorkOS whether the API key and the client id work together.
        #[arg(long)]
        online: bool,
    },
    /// Makes an account with every right.
    ///
    /// Asks for the e-mail and, hidden and twice, for the password. A weak password is not taken.
    Createsuperuser {
        /// The account's e-mail; it counts as verified.
        #[arg(long, value_name = "EMAIL")]
        email: Option<String>,
        /// Asks nothing: takes the e-mail from --email or DJANGO_SUPERUSER_EMAIL, the password from
        /// DJANGO_SUPERUSER_PASSWORD. Without one, the account signs in through WorkOS.
        #[arg(long, visible_alias = "no-input")]
        noinput: bool,
    },
    /// Gives an account a new password, and ends its sessions and tokens.
    ///
    /// Asks for it, hidden and twice; where there is no terminal, it reads two lines.
    Changepassword {
        /// The account's e-mail, in any case.
        email: String,
    },
    /// Closes an account: its sessions and tokens end now, and no door opens.
    Deactivate {
        /// The account's e-mail, in any case.
        email: String,
    },
    /// Opens a closed account again.
    Activate {
        /// The account's e-mail, in any case.
        email: String,
    },
    /// Copies the users of a Django project, with their ids and passwords.
    ///
    /// Reads --from, never writes to it, and writes to DATABASE_URL. Run again, it brings what is new
    /// in Django and leaves what has changed here. simplejwt's blacklist comes along.
    ///
    /// Example: vestibule import-django --from sqlite:/srv/shop/db.sqlite3 --dry-run
    #[command(verbatim_doc_comment)]
    ImportDjango {
        /// Django's database: sqlite:PATH, or postgres://USER@HOST/DATABASE.
        #[arg(long, value_name = "URL", value_parser = secret)]
        from: SecretString,
        /// The user table, on PostgreSQL also SCHEMA.TABLE.
        #[arg(long, value_name = "TABLE", default_value = "auth_user")]
        table: String,
        /// The column with the ids of WorkOS's users, where the project kept them.
        #[arg(long, value_name = "COLUMN")]
        workos_id_column: Option<String>,
        /// Vouches for every e-mail: Django let nobody in whose address it had not verified.
        #[arg(long)]
        emails_verified: bool,
        /// Writes nothing; prints what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Deletes what has ended by itself: refresh tokens, sessions, sign-ins that nobody finished, and
    /// the memory of old webhook events.
    ///
    /// A running server does the same once an hour.
    Flushexpiredtokens,
    /// Prints the API's OpenAPI document.
    Openapi,
    /// Runs the embedded AuthKit emulator alone, for development and tests.
    Emulator {
        /// Loopback address and port to listen on.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4100", value_parser = bind)]
        bind: SocketAddr,
        /// A JSON file of users and organisations, instead of the built-in ones.
        #[arg(long, value_name = "FILE")]
        seed: Option<PathBuf>,
    },
}

/// A command that failed, in words that name the mend.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// What went wrong and what to do.
    #[error("{0}")]
    Failed(String),
    /// The same in Django's words, behind Django's prefix: scripts look for them.
    #[error("CommandError: {0}")]
    Django(String),
    /// Ctrl-C at a question.
    #[error("Operation cancelled.")]
    Cancelled,
    /// Settings that cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A password that could not be hashed.
    #[error("{0}; try again")]
    Password(#[from] PasswordError),
    /// The application could not be put together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The output went away.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

impl CommandError {
    /// What stderr is told: one line for each mistake; the report of `check` keeps its own lines.
    pub fn lines(&self) -> Vec<String> {
        let lines = match self {
            Self::Django(_) => return vec![self.to_string()],
            // The question's line, where Ctrl-C was pressed, comes to its end first.
            Self::Cancelled => return vec![String::new(), self.to_string()],
            Self::Settings(errors) => settings_lines(errors),
            _ => vec![self.to_string()],
        };
        let named = |line| format!("vestibule: {line}");
        lines.into_iter().map(named).collect()
    }
}

fn settings_lines(errors: &SettingsError) -> Vec<String> {
    let mut lines: Vec<_> = errors.0.iter().map(ToString::to_string).collect();
    if errors.0.iter().any(SettingError::is_not_set) {
        lines.push(
            "`.env.example` explains every setting; `vestibule runserver --demo` needs none"
                .to_owned(),
        );
    }
    lines
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Result<(), CommandError> {
        match self.command {
            Command::Runserver { demo: true, bind } => demo::run(bind),
            Command::Runserver { demo: false, bind } => runserver::run(bind),
            Command::Migrate { check, plan } => migrate::run(check, plan),
            Command::Check {
                deploy,
                fail_level,
                online,
            } => check::run(deploy, fail_level, online),
            Command::Createsuperuser { email, noinput } => createsuperuser::run(email, noinput),
            Command::Changepassword { email } => changepassword::run(email),
            Command::Deactivate { email } => deactivate::run(&email),
            Command::Activate { email } => activate::run(&email),
            Command::ImportDjango {
                from,
                table,
                workos_id_column,
                emails_verified,
                dry_run,
            } => import_django::run(&ImportOptions {
                from: import_django::from(&from)?,
                table,
                workos_id_column,
                emails_verified,
                dry_run,
            }),
            Command::Flushexpiredtokens => flushexpiredtokens::run(),
            Command::Openapi => openapi::run(),
            Command::Emulator { bind, seed } => emulator::run(bind, seed.as_deref()),
        }
    }
}

fn bind(text: &str) -> Result<SocketAddr, String> {
    parse_bind(text).ok_or_else(|| "wants an address and a port, such as 127.0.0.1:8000".to_owned())
}

/// Takes any text: clap's own error would repeat it.
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

/// Prints a line. `println!` would panic where nobody reads any more.
fn say(line: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener, CommandError> {
    std::net::TcpListener::bind(address).map_err(|error| {
        CommandError::Failed(format!(
            "cannot listen on {address}: {error}; choose another address with --bind"
        ))
    })
}

/// Opens a database that can be used: every migration applied, and writable.
fn up_to_date(settings: &DatabaseSettings) -> Result<Database, CommandError> {
    let database = Database::open(settings)?;
    let pending = database.migrations()?.pending()?.len();
    if pending > 0 {
        let message = format!("{}; run `vestibule migrate`", not_applied(pending));
        return Err(CommandError::Failed(message));
    }
    // A file that cannot be written to would fail every sign-in, later and one by one.
    database.check_writable().map_err(|error| {
        CommandError::Failed(format!(
            "{}: {error}; let whoever runs vestibule write to it and to its folder",
            settings.url
        ))
    })?;
    Ok(database)
}
