//! SIGTERM and Ctrl-C: finish what is in flight, then go.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, listened for from now on.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ready when either arrives.
    pub(super) async fn asked(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        log::info!("stopping: finishing what is in flight");
    }
}
