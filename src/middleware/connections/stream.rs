//! The stream of an open connection.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use actix_web::web::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::TrackedConnection;
use super::header_end::HeaderEnds;
use super::table::{ConnectionId, ConnectionNetwork, ConnectionTable};

/// actix-web reads all bytes that have arrived, up to 128 KiB, before it processes them.
const MOST_UNPROCESSED: usize = 8 * 1024;

/// A stream that the table of connections can close. It uses one descriptor. Nothing is read while a request
/// is processed or the client does not read a response, and pipelined requests are read one by one, so that a
/// client cannot fill the memory with requests that it sends without waiting for responses, nor with their
/// responses: actix-web takes six kilobytes for the headers of a request, also of a small one (measured).
pub struct TrackedStream {
    stream: TcpStream,
    connection: Arc<TrackedConnection>,
    table: Arc<Mutex<ConnectionTable>>,
    place: (ConnectionNetwork, ConnectionId),
    /// Whether bytes of a response wait until the client has read others.
    is_write_blocked: bool,
    /// The bytes that have been read since the task last had time to process them.
    unprocessed: usize,
    header_ends: HeaderEnds,
    /// What has arrived after the end of headers.
    next: BytesMut,
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
            is_write_blocked: false,
            unprocessed: 0,
            header_ends: HeaderEnds::default(),
            next: BytesMut::new(),
        }
    }

    /// Passes on what has arrived before, up to the end of headers.
    fn read_next(&mut self, buf: &mut ReadBuf<'_>) {
        let available = self.next.len().min(buf.remaining());
        let part = self.header_ends.part(&self.next[..available]);
        buf.put_slice(&self.next.split_to(part));
        self.connection.record_headers();
        if self.next.is_empty() {
            self.next = BytesMut::new();
        }
    }

    /// Reads from the socket, and keeps what follows the end of headers.
    fn read_socket(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let received = &buf.filled()[before..];
        let (length, part) = (received.len(), self.header_ends.part(received));
        self.next.extend_from_slice(&received[part..]);
        buf.set_filled(before + part);
        Poll::Ready(Ok(length))
    }

    /// Records whether a write has to wait. Afterwards reading continues. Fails if too many connections wait.
    fn record_write<T>(&mut self, written: &Poll<io::Result<T>>) -> io::Result<()> {
        let was_blocked = std::mem::replace(&mut self.is_write_blocked, written.is_pending());
        if was_blocked != self.is_write_blocked {
            self.connection.record_unread_response(!was_blocked)?;
        }
        if was_blocked && !self.is_write_blocked {
            self.connection.wake();
        }
        Ok(())
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

/// Has the task called again, after the other tasks and what has arrived for them: with `wake_by_ref` the runtime
/// would look for that only after sixty-one calls.
fn call_again(cx: &mut Context<'_>) {
    let yielding = pin!(tokio::task::yield_now()).poll(cx);
    debug_assert!(yielding.is_pending());
}

impl AsyncRead for TrackedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.check_open(cx)?;
        if self.is_write_blocked || self.connection.pauses_reading() {
            return Poll::Pending;
        }
        if self.unprocessed >= MOST_UNPROCESSED {
            self.unprocessed = 0;
            call_again(cx);
            return Poll::Pending;
        }
        if self.next.is_empty() {
            let read = self.read_socket(cx, buf);
            if read.is_pending() {
                self.unprocessed = 0;
            }
            let received = ready!(read)?;
            self.unprocessed += received;
            if received > 0 {
                self.connection.record_received(received)?;
            }
        } else {
            self.read_next(buf);
        }
        if !self.next.is_empty() {
            // The request is processed before the next one is read.
            self.unprocessed = MOST_UNPROCESSED;
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
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.record_write(&written)?;
        written
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.record_write(&written)?;
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::middleware::{ConnectionLimits, OpenConnections};

    #[derive(Default)]
    struct CountedWakes(AtomicUsize);

    impl Wake for CountedWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn connections(limits: ConnectionLimits) -> Arc<OpenConnections> {
        let times = (Duration::from_secs(60), Duration::from_secs(60));
        OpenConnections::new(limits, times, &[])
    }

    /// A client and the server's end of its connection.
    async fn connect() -> (TcpStream, TrackedStream) {
        connect_to(&connections(ConnectionLimits::of_this_process())).await
    }

    async fn connect_to(connections: &OpenConnections) -> (TcpStream, TrackedStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, _) = listener.accept().await.unwrap();
        (client.unwrap(), connections.admit(stream).unwrap())
    }

    /// Reads until the stream has to wait, as one call of a task does. Returns how many bytes were read.
    fn read_available(stream: &mut TrackedStream, wakes: &Arc<CountedWakes>) -> usize {
        let waker = Waker::from(Arc::clone(wakes));
        let mut context = Context::from_waker(&waker);
        let mut total = 0;
        let mut bytes = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *stream).poll_read(&mut context, &mut buffer) {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => return total,
            }
            total += buffer.filled().len();
        }
    }

    #[tokio::test]
    async fn nothing_is_read_while_a_request_is_processed() {
        let (mut client, mut stream) = connect().await;
        let wakes = Arc::default();
        stream.connection.set_busy(true);
        client.write_all(b"next").await.unwrap();
        stream.stream.readable().await.unwrap();
        assert_eq!(read_available(&mut stream, &wakes), 0);
        assert_eq!(wakes.0.load(Ordering::Acquire), 0);
        stream.connection.set_busy(false);
        assert_eq!(wakes.0.load(Ordering::Acquire), 1);
        assert_eq!(read_available(&mut stream, &wakes), 4);
    }

    /// Writes until the client would have to read, or the connection is closed. Returns how many bytes were written.
    fn write_available(stream: &mut TrackedStream, wakes: &Arc<CountedWakes>) -> io::Result<usize> {
        let waker = Waker::from(Arc::clone(wakes));
        let mut context = Context::from_waker(&waker);
        let response = [0; 64 * 1024];
        let mut sent = 0;
        while let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(&mut context, &response)
        {
            sent += written?;
        }
        Ok(sent)
    }

    #[tokio::test]
    async fn a_limited_number_of_clients_reads_no_response() {
        let connections = connections(ConnectionLimits {
            received: 128 * 1024,
            ..ConnectionLimits::of_this_process()
        });
        let wakes = Arc::default();
        let (mut first, mut stream) = connect_to(&connections).await;
        let sent = write_available(&mut stream, &wakes).unwrap();
        let (second, mut ended) = connect_to(&connections).await;
        write_available(&mut ended, &wakes).unwrap();
        for _ in 0..2 {
            let (_third, mut refused) = connect_to(&connections).await;
            let error = write_available(&mut refused, &wakes).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        }
        // One client reads its response, the other one is gone.
        first.read_exact(&mut vec![0; sent]).await.unwrap();
        poll_fn(|task| Pin::new(&mut stream).poll_write(task, b"rest"))
            .await
            .unwrap();
        drop((second, ended));
        let (_fourth, mut another) = connect_to(&connections).await;
        write_available(&mut another, &wakes).unwrap();
        write_available(&mut stream, &wakes).unwrap();
        let (_fifth, mut refused) = connect_to(&connections).await;
        assert!(write_available(&mut refused, &wakes).is_err());
    }

    #[tokio::test]
    async fn nothing_is_read_while_the_client_does_not_read_a_response() {
        let (mut client, mut stream) = connect().await;
        let wakes = Arc::default();
        let sent = write_available(&mut stream, &wakes).unwrap();
        client.write_all(b"next").await.unwrap();
        stream.stream.readable().await.unwrap();
        assert_eq!(read_available(&mut stream, &wakes), 0);
        client.read_exact(&mut vec![0; sent]).await.unwrap();
        poll_fn(|task| Pin::new(&mut stream).poll_write(task, b"rest"))
            .await
            .unwrap();
        // The last `poll_write` has registered another waker than this one.
        assert_eq!(read_available(&mut stream, &wakes), 4);
    }

    #[tokio::test]
    async fn pipelined_requests_are_read_one_by_one() {
        let (mut client, mut stream) = connect().await;
        let wakes: Arc<CountedWakes> = Arc::default();
        let requests = [
            "GET / HTTP/1.1\r\n\r\n",
            "GET /a HTTP/1.1\r\n\r\n",
            "GET /b",
        ];
        client
            .write_all(requests.concat().as_bytes())
            .await
            .unwrap();
        stream.stream.readable().await.unwrap();
        for (number, request) in requests.iter().enumerate() {
            assert_eq!(read_available(&mut stream, &wakes), request.len());
            if number < 2 {
                // The task is called again, and reads nothing while the request is processed.
                tokio::task::yield_now().await;
                assert!(wakes.0.load(Ordering::Acquire) > number);
                stream.connection.set_busy(true);
                assert_eq!(read_available(&mut stream, &wakes), 0);
                stream.connection.set_busy(false);
            }
        }
        assert!(stream.next.is_empty());
    }

    #[tokio::test]
    async fn a_part_of_many_bytes_is_processed_before_more_is_read() {
        let (mut client, mut stream) = connect().await;
        let wakes = Arc::default();
        let sent = 3 * MOST_UNPROCESSED;
        client.write_all(&vec![0; sent]).await.unwrap();
        let mut parts = Vec::new();
        while parts.iter().sum::<usize>() < sent {
            stream.stream.readable().await.unwrap();
            parts.push(read_available(&mut stream, &wakes));
        }
        assert!(
            parts.iter().all(|part| *part <= MOST_UNPROCESSED),
            "{parts:?}"
        );
        tokio::task::yield_now().await;
        assert!(wakes.0.load(Ordering::Acquire) >= 1);
    }
}
