//! The stream of an open connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::TrackedConnection;
use super::table::{ConnectionId, ConnectionNetwork, ConnectionTable};

/// A stream that the table of connections can close. It uses one descriptor.
pub struct TrackedStream {
    stream: TcpStream,
    connection: Arc<TrackedConnection>,
    table: Arc<Mutex<ConnectionTable>>,
    place: (ConnectionNetwork, ConnectionId),
}

impl TrackedStream {
    pub(super) fn new(
        stream: TcpStream,
        connection: Arc<TrackedConnection>,
        table: Arc<Mutex<ConnectionTable>>,
        place: (ConnectionNetwork, ConnectionId),
    ) -> Self {
        Self {
            stream,
            connection,
            table,
            place,
        }
    }

    /// The client's address.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// The state of the connection.
    pub fn connection(&self) -> &Arc<TrackedConnection> {
        &self.connection
    }
}

impl Drop for TrackedStream {
    fn drop(&mut self) {
        let (network, id) = self.place;
        self.table.lock().remove(network, id);
    }
}

impl AsyncRead for TrackedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.check_open(cx)?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let received = buf.filled().len() - before;
        if received > 0 {
            self.connection.record_received(received)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TrackedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.check_open(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check_open(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check_open(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.check_open(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
