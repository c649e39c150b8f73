//! `vestibule emulator`.

use std::net::SocketAddr;
use std::path::Path;

use authkit_emulator::{Config, EmulatorHandle, Seed, StartError, start};

use super::error::CommandError;
use super::output::print_line;
use super::signals::StopSignals;
use super::source::load_source;
use crate::logging;
use crate::settings::LogSettings;

pub(super) fn run(bind: SocketAddr, seed: Option<&Path>) -> Result<(), CommandError> {
    logging::start(&LogSettings::from_source(&load_source()?)?);
    let seed = match seed {
        Some(path) => Seed::load(path).map_err(|error| CommandError::Failed(error.to_string()))?,
        None => Seed::default(),
    };
    actix_web::rt::System::new().block_on(async {
        let stop = StopSignals::listen()?;
        let emulator = start_emulator(
            Config {
                bind,
                seed,
                ..Config::default()
            },
            "--bind",
        )?;
        print_line(emulator.startup_message().trim_end())?;
        tokio::select! {
            () = stop.received(1) => emulator.stop(true).await,
            () = emulator.finished() => {}
        }
        Ok(())
    })
}

/// Starts an emulator; `bind_option` is the option that an error about the address names.
pub(super) fn start_emulator(
    config: Config,
    bind_option: &str,
) -> Result<EmulatorHandle, CommandError> {
    start(config).map_err(|error| {
        CommandError::Failed(match error {
            StartError::Bind { .. } => {
                format!("{error}; choose another address with {bind_option}")
            }
            error => error.to_string(),
        })
    })
}
