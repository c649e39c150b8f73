//! `vestibule runserver`.

use std::net::{SocketAddr, TcpListener};
use std::process;

use listenfd::ListenFd;

use super::database::open_migrated;
use super::error::CommandError;
use super::output::print_line;
use super::signals::{StopSignals, ignore_reloads};
use crate::checks::{self, CheckLevel, CheckMessage, CheckReport};
use crate::clock::Clock;
use crate::db::Database;
use crate::logging;
use crate::middleware::raise_descriptor_limit;
use crate::server::Application;
use crate::settings::{Settings, SettingsError, Source};
use crate::state::AppState;

pub(super) fn run(bind: Option<SocketAddr>) -> Result<(), CommandError> {
    ignore_reloads()?;
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
    let socket = match inherited_socket()? {
        Some(socket) => socket,
        None => listen(settings.bind)?,
    };
    let greeting = format!(
        "vestibule serves {} (listening on {})",
        settings.public_url.as_str(),
        socket.listener.local_addr()?
    );
    serve(settings, &database, socket, &greeting)
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

/// A socket to serve on.
pub(super) struct ServerSocket {
    /// The listening socket.
    pub(super) listener: TcpListener,
    /// Whether the service manager opened it, and keeps it for the next process.
    is_inherited: bool,
}

/// Serves until SIGTERM or Ctrl-C, and until the requests in flight are finished; a second signal ends the
/// process at once. The greeting is printed only after the signals are caught, because its reader may send
/// one at once.
pub(super) fn serve(
    settings: Settings,
    database: &Database,
    socket: ServerSocket,
    greeting: &str,
) -> Result<(), CommandError> {
    actix_web::rt::System::new().block_on(async {
        let stop = StopSignals::listen()?;
        raise_descriptor_limit();
        let state = AppState::builder(settings, database.clone(), Clock::system()).build()?;
        let mut application = Application::build(socket.listener, state, None)?;
        if socket.is_inherited {
            application = application.with_inherited_socket();
        }
        if let Err(error) = print_line(greeting) {
            log::warn!("the greeting cannot be printed: {error}");
        }
        tokio::select! {
            result = application.run_until(stop.received(1)) => {
                if let Err(error) = database.close() {
                    log::error!("stopped without closing the database: {error}");
                    logging::flush();
                    process::exit(1)
                }
                if result.is_ok() && database.is_unanswered() {
                    log::warn!("stopped without the answers of the database to some queries");
                    logging::flush();
                    process::exit(0)
                }
                Ok(result?)
            }
            () = stop.received(2) => {
                log::warn!("stopped at once: requests in flight are not answered");
                logging::flush();
                // Returning would wait for the database queries in progress.
                process::exit(1)
            }
        }
    })
}

/// Opens the listening socket.
pub(super) fn listen(address: SocketAddr) -> Result<ServerSocket, CommandError> {
    match TcpListener::bind(address) {
        Ok(listener) => Ok(ServerSocket {
            listener,
            is_inherited: false,
        }),
        Err(error) => Err(CommandError::Failed(format!(
            "cannot listen on {address}: {error}; choose another address with --bind"
        ))),
    }
}

/// The socket that systemd's socket activation passes to this process, if it does.
fn inherited_socket() -> Result<Option<ServerSocket>, CommandError> {
    let mut sockets = ListenFd::from_env();
    match sockets.take_tcp_listener(0) {
        Ok(listener) if sockets.len() <= 1 => Ok(listener.map(|listener| ServerSocket {
            listener,
            is_inherited: true,
        })),
        Ok(_) => Err(CommandError::Failed(format!(
            "the service manager passes {} sockets; one TCP socket can be served",
            sockets.len()
        ))),
        Err(error) => Err(CommandError::Failed(format!(
            "the socket of the service manager cannot be used: {error}; it must be a listening TCP socket (ListenStream=)"
        ))),
    }
}
