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

/// Takes their effect from SIGHUP and SIGQUIT, for as long as the process runs: a terminal that is closed, or a service
/// manager's request to reload, must not end a server, not even while it starts. Until [`StopSignals::listen`] nothing
/// has been served, so SIGTERM and SIGINT end the process at once.
pub(super) fn ignore_reloads() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _in_runtime = runtime.enter();
    // Tokio never gives a signal its effect back.
    drop((signal(SignalKind::hangup())?, signal(SignalKind::quit())?));
    Ok(())
}

impl StopSignals {
    /// Catches the signals, and logs those without effect.
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
