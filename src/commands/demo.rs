//! `vestibule runserver --demo`: the server and the AuthKit emulator together, without settings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use authkit_emulator::{Config, DemoInvitation, DemoUser, EmulatorHandle};
use diesel::prelude::*;

use super::emulator::start_emulator;
use super::error::CommandError;
use super::runserver::{self, listen};
use super::signals::ignore_reloads;
use crate::accounts::{self, NewUser, User, passwords};
use crate::clock::{Clock, Timestamp};
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError};
use crate::ids::UserId;
use crate::links::login_with_url;
use crate::logging;
use crate::random::random_text;
use crate::settings::{DatabaseSettings, LogFormat, LogSettings, Settings, Source};

/// A database of its own, so that a demo never changes a real user table.
const DATABASE: &str = "sqlite:vestibule-demo.sqlite3";
/// Requests and warnings, without the log lines of the framework.
const LOG: &str = "warn,vestibule=info,authkit_emulator=info";
const BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);
/// The account that shows the sign-in with a password at `/login`. The emulator does not know it.
const LOCAL_EMAIL: &str = "lois@example.com";
const LOCAL_PASSWORD: &str = "lois-demo-password";

pub(super) fn run(
    bind: Option<SocketAddr>,
    emulator_bind: Option<SocketAddr>,
) -> Result<(), CommandError> {
    ignore_reloads()?;
    let bind = bind.unwrap_or(BIND);
    if !bind.ip().is_loopback() {
        return Err(CommandError::Failed(format!(
            "anybody can sign in to the demo, so it listens on this machine only: {bind} is not a loopback address, use 127.0.0.1"
        )));
    }
    let socket = listen(bind)?;
    let address = socket.listener.local_addr()?;
    logging::start(&LogSettings {
        filter: LOG.to_owned(),
        format: LogFormat::Text,
    });
    let mut config = Config::default();
    config.bind = emulator_bind.unwrap_or(config.bind);
    let emulator = start_emulator(config, "--emulator-bind")?;
    let settings = settings(address, &emulator)?;
    // Whoever deletes the file wants to start afresh.
    let database = Database::open_or_create(&DatabaseSettings {
        restore_mark_file: None,
        ..settings.database.clone()
    })?;
    let mut migrations = database.migrations()?;
    while migrations.apply_next()?.is_some() {}
    drop(migrations);
    prepare_accounts(&database, Clock::system().now())?;
    let greeting = greeting(&settings, &emulator);
    runserver::serve(settings, &database, socket, &greeting)
}

/// The settings of a demo: none from the environment, and a random secret key.
fn settings(address: SocketAddr, emulator: &EmulatorHandle) -> Result<Settings, CommandError> {
    let secret_key = random_text()
        .and_then(|half| Ok(half + &random_text()?))
        .map_err(|_| {
            CommandError::Failed("the system returned no random bytes; try again".to_owned())
        })?;
    let source = Source::from_pairs([
        ("BIND", address.to_string()),
        ("DATABASE_URL", DATABASE.to_owned()),
        ("SECRET_KEY", secret_key),
        ("WORKOS_API_BASE_URL", emulator.base_url()),
        ("WORKOS_API_KEY", emulator.api_key().to_owned()),
        ("WORKOS_CLIENT_ID", emulator.client_id().to_owned()),
    ]);
    let mut settings = Settings::read(&source)?;
    settings.demo = true;
    Ok(settings)
}

/// Ends the sessions of the previous demo, whose secret key and emulator are gone, and creates the
/// account that signs in with a password.
fn prepare_accounts(database: &Database, now: Timestamp) -> Result<(), CommandError> {
    let encoded = passwords::hash(LOCAL_PASSWORD)?;
    database.write_blocking(|conn| {
        let ids: Vec<UserId> = users::table.select(users::id).load(conn)?;
        for id in ids {
            accounts::revoke_all_sessions(conn, id, now)?;
        }
        let id = local_account(conn, now)?;
        accounts::set_password(conn, id, &encoded, now, None)?;
        Ok::<_, DbError>(())
    })?;
    Ok(())
}

fn local_account(conn: &mut Conn, now: Timestamp) -> QueryResult<UserId> {
    if let Some(user) = User::by_email(conn, LOCAL_EMAIL)? {
        return Ok(user.id);
    }
    let new = NewUser {
        first_name: "Lois".to_owned(),
        last_name: "Local".to_owned(),
        ..NewUser::unlinked(LOCAL_EMAIL.to_owned(), String::new(), now)
    };
    Ok(new.insert(conn)?.id)
}

fn greeting(settings: &Settings, emulator: &EmulatorHandle) -> String {
    let url = settings.public_url.as_str();
    let file = DATABASE.trim_start_matches("sqlite:");
    format!(
        "vestibule is running as a demo. Open\n\n    {url}\n\n\
         and log in as one of these made-up people. AuthKit's page signs them in with a click, or with\n\
         their email address and password:\n\n\
         {people}{invitations}\n\
         The page {url}/login is for accounts with a password of this site, which\n\
         AuthKit does not know:\n\n    {LOCAL_EMAIL}  {LOCAL_PASSWORD}\n\n\
         una, quinn and the invitation show their steps only once, and enid has a second factor after\n\
         her first sign-in. To see these steps again, restart the demo: AuthKit then forgets what\n\
         happened, and all sessions end. The accounts are kept in {file};\n\
         to remove them too, stop the demo and delete that file.\n\n\
         The AuthKit emulator is on {emulator_url}. Ctrl-C stops both.\n",
        people = people(emulator),
        invitations = invitations(settings, emulator),
        emulator_url = emulator.base_url(),
    )
}

fn people(emulator: &EmulatorHandle) -> String {
    let users = emulator.users();
    let width = |field: fn(&DemoUser) -> &str| {
        let lengths = users.iter().map(|user| field(user).len());
        lengths.max().unwrap_or_default()
    };
    let (email, password) = (width(|user| &user.email), width(|user| &user.password));
    let line = |user: &DemoUser| {
        format!(
            "    {:email$}  {:password$}  {}\n",
            user.email, user.password, user.description
        )
    };
    users.iter().map(line).collect()
}

fn invitations(settings: &Settings, emulator: &EmulatorHandle) -> String {
    let invitations = emulator.invitations();
    let paragraph = |invitation: &DemoInvitation| {
        let link = login_with_url("/", &[("invitation_token", invitation.token.clone())]);
        format!(
            "\n{} is invited to {}. The link of the invitation is\n\n    {}{link}\n",
            invitation.email,
            invitation.organization,
            settings.public_url.as_str()
        )
    };
    invitations.iter().map(paragraph).collect()
}
