//! `vestibule runserver`.

use std::net::{SocketAddr, TcpListener};

use super::signals::Stop;
use super::{CommandError, listen, say, up_to_date};
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
    let database = up_to_date(&settings.database)?;
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
        let state = AppState::builder(settings, database, Clock::system()).build()?;
        let application = Application::build(listener, state, None)?;
        if let Err(error) = say(greeting) {
            log::warn!("the greeting cannot be printed: {error}");
        }
        application.run_until(stop.asked()).await?;
        Ok(())
    })
}
