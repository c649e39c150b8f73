//! A TCP forwarder that can be cut and restored, to make a database unavailable for a time.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc as mpsc_async, watch};
use tokio::task::JoinSet;

enum Command {
    Cut,
    Restore,
    Freeze,
}

/// A command with a channel on which the thread reports that it has been carried out.
type PendingCommand = (Command, mpsc::Sender<()>);

/// Listens on a loopback port and forwards every connection. It runs on a thread of its own, so that a
/// test which blocks its thread in a database call does not block the forwarding.
pub(crate) struct Forwarder {
    address: SocketAddr,
    commands: Option<mpsc_async::UnboundedSender<PendingCommand>>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Starts to forward to `upstream`.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let (commands, inbox) = mpsc_async::unbounded_channel();
        let (started, address) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for the forwarder");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                started
                    .send(listener.local_addr().expect("the listener's address"))
                    .expect("the test waits");
                forward(listener, upstream, inbox).await;
            });
        });
        let address = address.recv().expect("the forwarder starts");
        Self {
            address,
            commands: Some(commands),
            thread: Some(thread),
        }
    }

    /// The address that replaces the upstream's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection and refuses new ones. Returns when this is done.
    pub(crate) fn cut(&self) {
        self.run(Command::Cut);
    }

    /// Accepts connections again, on the same port.
    pub(crate) fn restore(&self) {
        self.run(Command::Restore);
    }

    /// Keeps every open connection, and forwards nothing on it any more. New ones work.
    pub(crate) fn freeze(&self) {
        self.run(Command::Freeze);
    }

    fn run(&self, command: Command) {
        let (done, carried_out) = mpsc::channel();
        self.commands
            .as_ref()
            .and_then(|commands| commands.send((command, done)).ok())
            .expect("the forwarder runs");
        carried_out
            .recv()
            .expect("the forwarder carries the command out");
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        drop(self.commands.take());
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            eprintln!("the forwarder panicked");
        }
    }
}

async fn forward(
    listener: TcpListener,
    upstream: SocketAddr,
    mut commands: mpsc_async::UnboundedReceiver<PendingCommand>,
) {
    let address = listener.local_addr().expect("the listener's address");
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let frozen = watch::Sender::new(());
    loop {
        tokio::select! {
            downstream = accept(listener.as_ref()) => {
                connections.spawn(relay(downstream, upstream, frozen.subscribe()));
            }
            received = commands.recv() => {
                let Some((command, done)) = received else { return };
                match command {
                    Command::Cut => {
                        listener = None;
                        connections.shutdown().await;
                    }
                    Command::Restore => {
                        listener = Some(TcpListener::bind(address).await.expect("the same port"));
                    }
                    Command::Freeze => frozen.send_replace(()),
                }
                done.send(()).expect("the test waits");
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.expect("a connection").0,
        None => std::future::pending().await,
    }
}

async fn relay(mut downstream: TcpStream, upstream: SocketAddr, mut frozen: watch::Receiver<()>) {
    // If one side closes its connection, the other side's connection is closed too.
    if let Ok(mut upstream) = TcpStream::connect(upstream).await {
        tokio::select! {
            _ = copy_bidirectional(&mut downstream, &mut upstream) => {}
            Ok(()) = frozen.changed() => std::future::pending().await,
        }
    }
}
