//! Closes idle connections.
//!
//! actix-web limits the time for the headers of a connection's first request only, and not the time
//! for the rest of a rejected body. Without this, a client that sends a byte now and then could keep
//! its connection open forever.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream as AsyncTcpStream;

/// The open connections of a server.
pub struct OpenConnections {
    idle_limit: Duration,
    open: Mutex<Vec<Weak<TrackedConnection>>>,
}

struct TrackedConnection {
    stream: TcpStream,
    busy: AtomicBool,
    idle_since: Mutex<Instant>,
}

impl OpenConnections {
    /// Connections are closed after `idle_limit` without a request being processed.
    pub fn new(idle_limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            idle_limit,
            open: Mutex::default(),
        })
    }

    /// Must be called for each new connection.
    pub fn track(&self, stream: &dyn Any, data: &mut Extensions) {
        let stream = stream.downcast_ref::<AsyncTcpStream>();
        let Some(Ok(stream)) = stream.map(|stream| stream.as_fd().try_clone_to_owned()) else {
            return;
        };
        let connection = Arc::new(TrackedConnection {
            stream: stream.into(),
            busy: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
        });
        lock(&self.open).push(Arc::downgrade(&connection));
        // The connection's data owns the entry, so that it is dropped with the connection.
        data.insert(connection);
    }

    /// Closes connections that have been idle for too long. Never returns.
    pub async fn close_idle(self: Arc<Self>) {
        let pause = (self.idle_limit / 10).min(Duration::from_secs(1));
        loop {
            tokio::time::sleep(pause).await;
            lock(&self.open).retain(|connection| match connection.upgrade() {
                Some(connection) => {
                    connection.close_if_idle(self.idle_limit);
                    true
                }
                None => false,
            });
        }
    }
}

impl TrackedConnection {
    fn close_if_idle(&self, limit: Duration) {
        if !self.busy.load(Ordering::Relaxed)
            && lock(&self.idle_since).elapsed() > limit
            && let Err(error) = self.stream.shutdown(Shutdown::Both)
        {
            log::debug!("an idle connection was already closed: {error}");
        }
    }
}

/// Marks the connection as busy while a request is being processed.
pub async fn mark_busy(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let connection = request.conn_data::<Arc<TrackedConnection>>().cloned();
    if let Some(connection) = &connection {
        connection.busy.store(true, Ordering::Relaxed);
    }
    let response = next.call(request).await;
    if let Some(connection) = &connection {
        *lock(&connection.idle_since) = Instant::now();
        connection.busy.store(false, Ordering::Relaxed);
    }
    response
}

/// Ignores poisoning: a panic cannot leave these values inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, HttpServer, web};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);

    /// Starts a server; a request for `/slow` takes three times the limit.
    fn serve() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = OpenConnections::new(LIMIT);
        let tracked = Arc::clone(&connections);
        let slow = || async {
            tokio::time::sleep(LIMIT * 3).await;
            HttpResponse::Ok().body("late")
        };
        let app = move || {
            App::new()
                .wrap(from_fn(mark_busy))
                .route("/slow", web::get().to(slow))
        };
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                actix_web::rt::spawn(connections.close_idle());
                let server = HttpServer::new(app).workers(1).disable_signals();
                let server = server.on_connect(move |stream, data| tracked.track(stream, data));
                server.listen(listener).unwrap().run().await
            })
        });
        address
    }

    fn connect(address: std::net::SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    #[test]
    fn a_second_request_that_is_never_completed_is_closed() {
        let mut stream = connect(serve());
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = [0; 512];
        assert!(stream.read(&mut answer).unwrap() > 0);
        stream.write_all(b"GET / HTT").unwrap();
        let end = stream.read_to_end(&mut Vec::new());
        assert!(end.is_ok() || end.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_connection_with_a_request_in_progress_is_not_idle() {
        let mut stream = connect(serve());
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("late"), "{answer}");
    }
}
