//! `vestibule runserver`.

use std::net::{SocketAddr, TcpListener};

use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::signals::StopSignals;
use crate::checks::{self, CheckLevel, CheckMessage, CheckReport};
use crate::clock::Clock;
use crate::db::Database;
use crate::logging;
use crate::middleware::raise_descriptor_limit;
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
    report(&settings, checks::settings(&settings))?;
    let database = open_migrated(&settings.database)?;
    report(&settings, checks::django(&settings, Some(&database)))?;
    report(&settings, checks::restored(&settings, &database)?)?;
    if !settings.bind.ip().is_loopback() || !settings.public_url.is_loopback() {
        // Other machines can reach the site, perhaps through a proxy, so it has real users.
        let mut issues = checks::deployment(&settings);
        issues.extend(checks::deployed_accounts(&settings));
        report(&settings, issues)?;
    }
    let listener = listen(settings.bind)?;
    let greeting = format!(
        "vestibule serves {} (listening on {})",
        settings.public_url.as_str(),
        listener.local_addr()?
    );
    serve(settings, database, listener, &greeting)
}

/// Fails on findings of level error, and logs the warnings.
fn report(settings: &Settings, issues: Vec<CheckMessage>) -> Result<(), CommandError> {
    let report = CheckReport::new(issues, &settings.silenced_system_checks);
    if report.reaches(CheckLevel::Error) {
        return Err(CommandError::Failed(report.to_string()));
    }
    let warnings = report.issues().iter();
    for issue in warnings.filter(|issue| issue.level >= CheckLevel::Warning) {
        log::warn!(
            "system check {}: {} {}",
            issue.id,
            issue.message,
            issue.hint
        );
    }
    Ok(())
}

/// Serves until SIGTERM or Ctrl-C, and until the requests in flight are finished. The greeting is
/// printed only after both signals are caught, because its reader may send one at once.
pub(super) fn serve(
    settings: Settings,
    database: Database,
    listener: TcpListener,
    greeting: &str,
) -> Result<(), CommandError> {
    actix_web::rt::System::new().block_on(async {
        let stop = StopSignals::listen()?;
        raise_descriptor_limit();
        let state = AppState::builder(settings, database, Clock::system()).build()?;
        let application = Application::build(listener, state, None)?;
        if let Err(error) = print_line(greeting) {
            log::warn!("the greeting cannot be printed: {error}");
        }
        application.run_until(stop.received()).await?;
        Ok(())
    })
}

/// Opens the listening socket.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).map_err(|error| {
        CommandError::Failed(format!(
            "cannot listen on {address}: {error}; choose another address with --bind"
        ))
    })
}
