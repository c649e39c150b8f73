//! Ends the arrival of connections without losing one.
//!
//! When a listening socket is closed, the kernel resets the connections that it has not handed to the program.
//! Their clients have sent requests, and a proxy answers 502 for those that it may not repeat. So the socket
//! first gets a filter that drops the first packet of new connections, the connections that the kernel holds
//! are accepted, and only then is the socket closed. A client whose packet was dropped sends it again after
//! a second, and is refused then, before it has sent a request.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockFilter, SockRef};

use crate::middleware::OpenConnections;

/// How often a condition is checked.
const INTERVAL: Duration = Duration::from_millis(5);
/// When no connection has been admitted for this long, none is on its way from the kernel to a worker.
const QUIET: Duration = Duration::from_millis(30);
/// How long to wait for either. At a limit of connections, those that the kernel holds are not accepted.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Drops packets with the flag SYN, and accepts all others (classic BPF; the TCP header is at 0).
const DROP_NEW_CONNECTIONS: [SockFilter; 4] = [
    // Load the byte with the flags.
    SockFilter::new(0x30, 0, 0, 13),
    // Continue with the next instruction if SYN is set, otherwise with the one after it.
    SockFilter::new(0x45, 0, 1, 0x02),
    // Drop the packet.
    SockFilter::new(0x06, 0, 0, 0),
    // Accept it.
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// The socket on which a server listens, through a second descriptor.
pub(super) struct ListeningSocket {
    socket: TcpListener,
    /// Whether the service manager keeps the socket for the next process.
    is_inherited: bool,
}

impl ListeningSocket {
    /// Duplicates the descriptor of `listener`.
    pub(super) fn of(listener: &TcpListener) -> std::io::Result<Self> {
        Ok(Self {
            socket: listener.try_clone()?,
            is_inherited: false,
        })
    }

    /// Leaves the connections that have not been accepted to another process that has the same socket.
    pub(super) fn set_inherited(&mut self) {
        self.is_inherited = true;
    }

    /// Ends the arrival of connections at `server`. Those that have arrived are in `connections` afterwards.
    pub(super) async fn close(self, server: &ServerHandle, connections: &OpenConnections) {
        if self.is_inherited {
            server.pause().await;
        } else {
            // Without the filter, connections that arrive at this moment are reset.
            if let Err(error) = SockRef::from(&self.socket).attach_filter(&DROP_NEW_CONNECTIONS) {
                log::debug!("cannot filter new connections: {error}");
            }
            wait_until(|| !self.has_waiting()).await;
        }
        let mut admitted = connections.admitted();
        let quiet_checks = QUIET.as_millis() / INTERVAL.as_millis();
        let mut checks = 0;
        wait_until(|| {
            let now = connections.admitted();
            checks = if now == admitted { checks + 1 } else { 0 };
            admitted = now;
            checks > quiet_checks
        })
        .await;
    }

    /// Whether the kernel holds connections that have not been accepted.
    fn has_waiting(&self) -> bool {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut sockets, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

async fn wait_until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    if tokio::time::timeout(LONGEST_WAIT, wait).await.is_err() {
        log::debug!("connections still arrive after {LONGEST_WAIT:?}");
    }
}
