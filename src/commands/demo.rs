//! `vestibule runserver --demo`: everything at once, with nothing set up.

use std::net::{Ipv4Addr, SocketAddr};

use authkit_emulator::{Config, DemoUser, EmulatorHandle};

use super::{CommandError, listen, runserver};
use crate::db::Database;
use crate::links::login_with_url;
use crate::logging;
use crate::random::random_text;
use crate::settings::{LogFormat, LogSettings, Settings, Source};

/// Its own file, so that a demo never touches a real user table.
const DATABASE: &str = "sqlite:vestibule-demo.sqlite3";
/// Requests and warnings, without the framework's own lines between the greeting's.
const LOG: &str = "warn,vestibule=info,authkit_emulator=info";
const BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

pub(super) fn run(bind: Option<SocketAddr>) -> Result<(), CommandError> {
    let bind = bind.unwrap_or(BIND);
    if !bind.ip().is_loopback() {
        return Err(CommandError::Failed(format!(
            "--demo signs anybody in, so it listens on this machine only: {bind} is no loopback address, use 127.0.0.1"
        )));
    }
    let listener = listen(bind)?;
    let address = listener.local_addr()?;
    logging::start(&LogSettings {
        filter: LOG.to_owned(),
        format: LogFormat::Text,
    });
    let emulator = authkit_emulator::start(Config::default())?;
    let settings = settings(address, &emulator)?;
    let database = Database::open_or_create(&settings.database)?;
    let mut migrations = database.migrations()?;
    while migrations.apply_next()?.is_some() {}
    drop(migrations);
    let greeting = welcome(&settings, &emulator);
    runserver::serve(settings, database, listener, &greeting)
}

/// The settings of a demo: nothing of the environment's, and a key that nobody can know.
fn settings(address: SocketAddr, emulator: &EmulatorHandle) -> Result<Settings, CommandError> {
    let secret_key = random_text()
        .and_then(|half| Ok(half + &random_text()?))
        .map_err(|error| CommandError::Failed(format!("{error}; try again")))?;
    let source = Source::from_pairs([
        ("BIND", address.to_string()),
        ("DATABASE_URL", DATABASE.to_owned()),
        ("SECRET_KEY", secret_key),
        ("WORKOS_API_BASE_URL", emulator.base_url()),
        ("WORKOS_API_KEY", emulator.api_key().to_owned()),
        ("WORKOS_CLIENT_ID", emulator.client_id().to_owned()),
    ]);
    Ok(Settings::read(&source)?)
}

fn welcome(settings: &Settings, emulator: &EmulatorHandle) -> String {
    let users = emulator.users();
    let width = |field: fn(&DemoUser) -> &str| {
        let lengths = users.iter().map(|user| field(user).len());
        lengths.max().unwrap_or_default()
    };
    let (email, password) = (width(|user| &user.email), width(|user| &user.password));
    let people: String = users
        .iter()
        .map(|user| {
            format!(
                "    {:email$}  {:password$}  {}\n",
                user.email, user.password, user.description
            )
        })
        .collect();
    let invitations: String = emulator
        .invitations()
        .iter()
        .map(|one| {
            let link = login_with_url("/", &[("invitation_token", one.token.clone())]);
            format!(
                "\n{} is invited to {}, and comes in by this link:\n\n    {}{link}\n",
                one.email,
                one.organization,
                settings.public_url.as_str()
            )
        })
        .collect();
    format!(
        "vestibule is running as a demo. Open\n\n    {}\n\n\
         and sign in as one of these made-up people, with a click or with e-mail and password:\n\n\
         {people}{invitations}\n\
         The AuthKit emulator is on {}. The users are kept in vestibule-demo.sqlite3.\n\
         Ctrl-C stops both.\n",
        settings.public_url.as_str(),
        emulator.base_url(),
    )
}
