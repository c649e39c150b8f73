//! `vestibule emulator`.

use std::net::SocketAddr;
use std::path::Path;

use authkit_emulator::{Config, Seed, StartError, start};

use super::signals::Stop;
use super::{CommandError, say};
use crate::logging;
use crate::settings::{LogSettings, SettingsError, Source};

pub(super) fn run(bind: SocketAddr, seed: Option<&Path>) -> Result<(), CommandError> {
    let source = Source::load().map_err(SettingsError::from)?;
    logging::start(&LogSettings::from_source(&source)?);
    let seed = match seed {
        Some(path) => Seed::load(path).map_err(|error| CommandError::Failed(error.to_string()))?,
        None => Seed::default(),
    };
    actix_web::rt::System::new().block_on(async {
        let stop = Stop::listen()?;
        let emulator = start(Config {
            bind,
            seed,
            ..Config::default()
        })?;
        say(emulator.startup_message().trim_end())?;
        tokio::select! {
            () = stop.asked() => emulator.stop(true).await,
            () = emulator.finished() => {}
        }
        Ok(())
    })
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind { .. } => {
                Self::Failed(format!("{error}; choose another address with --bind"))
            }
            error => Self::Failed(error.to_string()),
        }
    }
}
