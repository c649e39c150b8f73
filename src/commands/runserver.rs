//! `vestibule runserver`.

use std::net::{SocketAddr, TcpListener};

use super::signals::Stop;
use super::{CommandError, listen, say};
use crate::checks::{self, Level, Report};
use crate::clock::Clock;
use crate::db::Database;
use crate::logging;
use crate::server::Application;
use crate::settings::{Settings, SettingsError, Source};
use crate::state::AppState;

pub(super) fn run(bind: Option<SocketAddr>) -> Result<(), CommandError> {
    let mut source = Source::load().map_err(SettingsError::from)?;
    if let Some(bind) = bind {
        source = source.with("BIND", &bind.to_string());
    }
    let settings = Settings::read(&source)?;
    logging::start(&settings.log);
    let report = Report::new(checks::settings(&settings));
    if report.reaches(Level::Error) {
        return Err(CommandError::Failed(report.to_string()));
    }
    if !report.is_empty() {
        log::warn!("{report}");
    }
    let database = up_to_date(&settings)?;
    let listener = listen(settings.bind)?;
    let greeting = format!(
        "vestibule serves {} (listening on {})",
        settings.public_url.as_str(),
        listener.local_addr()?
    );
    serve(settings, database, listener, &greeting)
}

/// Serves until SIGTERM or Ctrl-C, and to the end of what is in flight. The greeting comes once
/// both signals are listened for: who reads it may send one.
pub(super) fn serve(
    settings: Settings,
    database: Database,
    listener: TcpListener,
    greeting: &str,
) -> Result<(), CommandError> {
    actix_web::rt::System::new().block_on(async {
        let stop = Stop::listen()?;
        let state = AppState::new(settings, database, Clock::system())?;
        let application = Application::build(listener, state, None)?;
        if let Err(error) = say(greeting) {
            log::warn!("the greeting cannot be printed: {error}");
        }
        application.run_until(stop.asked()).await?;
        Ok(())
    })
}

fn up_to_date(settings: &Settings) -> Result<Database, CommandError> {
    let database = Database::open(&settings.database)?;
    let pending = database.migrations()?.pending()?.len();
    if pending > 0 {
        let message = format!("{}; run `vestibule migrate`", checks::not_applied(pending));
        return Err(CommandError::Failed(message));
    }
    // A file that cannot be written to would fail every sign-in, later and one by one.
    database.check_writable().map_err(|error| {
        CommandError::Failed(format!(
            "{}: {error}; let whoever runs vestibule write to it and to its folder",
            settings.database.url
        ))
    })?;
    Ok(database)
}
