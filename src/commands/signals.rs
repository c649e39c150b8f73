//! SIGTERM and Ctrl-C, which stop a server after the requests in flight.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop a server. They are caught from the moment of [`StopSignals::listen`].
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either signal.
    pub(super) async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        log::info!("stopping: waiting for requests in flight");
    }
}
