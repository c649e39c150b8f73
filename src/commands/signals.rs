//! The signals of a server: SIGTERM and Ctrl-C stop it after the requests in flight, and at once if they are
//! sent again.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The signals that stop a server. They are caught from the moment of [`StopSignals::listen`].
pub(super) struct StopSignals {
    /// How many have been received.
    count: watch::Receiver<u32>,
}

impl StopSignals {
    /// Catches the signals. SIGHUP and SIGQUIT have no effect from now on: a terminal that is closed, or a
    /// service manager's request to reload, must not end requests in flight.
    pub(super) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut quit = signal(SignalKind::quit())?;
        let (sender, count) = watch::channel(0);
        actix_web::rt::spawn(async move {
            loop {
                let ignored = tokio::select! {
                    _ = terminate.recv() => None,
                    _ = interrupt.recv() => None,
                    _ = hang_up.recv() => Some("SIGHUP"),
                    _ = quit.recv() => Some("SIGQUIT"),
                };
                match ignored {
                    Some(name) => log::info!("{name} has no effect; SIGTERM stops the server"),
                    None => sender.send_modify(|count| *count += 1),
                }
            }
        });
        Ok(Self { count })
    }

    /// Waits until so many of SIGTERM and SIGINT have been received.
    pub(super) async fn received(&self, times: u32) {
        let mut count = self.count.clone();
        // The sender lives as long as the runtime.
        drop(count.wait_for(|count| *count >= times).await);
    }
}
