//! `vestibule runserver`.

use std::net::{SocketAddr, TcpListener};

use super::signals::Stop;
use super::{CommandError, listen};
use crate::checks::{self, Level, Report};
use crate::clock::Clock;
use crate::db::Database;
use crate::logging;
use crate::server::{AppState, Application};
use crate::settings::{Settings, SettingsError, Source};

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
    println!(
        "vestibule serves {} (listening on {})",
        settings.public_url.as_str(),
        listener.local_addr()?
    );
    serve(settings, database, listener)
}

/// Serves until SIGTERM or Ctrl-C, and to the end of what is in flight.
pub(super) fn serve(
    settings: Settings,
    database: Database,
    listener: TcpListener,
) -> Result<(), CommandError> {
    actix_web::rt::System::new().block_on(async {
        let stop = Stop::listen()?;
        let state = AppState::new(settings, database, Clock::system())?;
        Application::build(listener, state, None)?
            .run_until(stop.asked())
            .await?;
        Ok(())
    })
}

fn up_to_date(settings: &Settings) -> Result<Database, CommandError> {
    let database = Database::open(&settings.database)?;
    let pending = database.migrations()?.pending()?.len();
    if pending > 0 {
        let message = format!("{pending} migrations are not applied; run `vestibule migrate`");
        return Err(CommandError::Failed(message));
    }
    // A file that cannot be written to would fail every sign-in, later and one by one.
    database.check_writable()?;
    Ok(database)
}
