//! Connections that hold on without asking for anything.
//!
//! actix-web times the headers of a connection's first request only, and not the rest of a body
//! that was refused; a client that drips a byte now and then would keep its connection for ever.

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
pub struct Connections {
    idle_limit: Duration,
    open: Mutex<Vec<Weak<Connection>>>,
}

struct Connection {
    stream: TcpStream,
    busy: AtomicBool,
    idle_since: Mutex<Instant>,
}

impl Connections {
    /// Connections that may go without a request being answered for `idle_limit`.
    pub fn new(idle_limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            idle_limit,
            open: Mutex::default(),
        })
    }

    /// To be called for each new connection.
    pub fn watch(&self, stream: &dyn Any, data: &mut Extensions) {
        let stream = stream.downcast_ref::<AsyncTcpStream>();
        let Some(Ok(stream)) = stream.map(|stream| stream.as_fd().try_clone_to_owned()) else {
            return;
        };
        let connection = Arc::new(Connection {
            stream: stream.into(),
            busy: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
        });
        lock(&self.open).push(Arc::downgrade(&connection));
        // Held by the connection itself, so that it is let go of with it.
        data.insert(connection);
    }

    /// Cuts off those that have been idle for too long, for as long as it is awaited.
    pub async fn cut_off_idle(self: Arc<Self>) {
        let pause = (self.idle_limit / 10).min(Duration::from_secs(1));
        loop {
            tokio::time::sleep(pause).await;
            lock(&self.open).retain(|connection| match connection.upgrade() {
                Some(connection) => {
                    connection.cut_off_after(self.idle_limit);
                    true
                }
                None => false,
            });
        }
    }
}

impl Connection {
    fn cut_off_after(&self, limit: Duration) {
        if !self.busy.load(Ordering::Relaxed) && lock(&self.idle_since).elapsed() > limit {
            // It may be gone already, which is as good.
            if let Err(error) = self.stream.shutdown(Shutdown::Both) {
                log::debug!("an idle connection was gone already: {error}");
            }
        }
    }
}

/// Tells a connection that is being answered from one that is idle.
pub async fn busy_connection(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    if let Some(connection) = &connection {
        connection.busy.store(true, Ordering::Relaxed);
    }
    let answer = next.call(request).await;
    if let Some(connection) = &connection {
        *lock(&connection.idle_since) = Instant::now();
        connection.busy.store(false, Ordering::Relaxed);
    }
    answer
}

/// A thread that panicked left nothing half-done here.
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

    /// Serves until the test's runtime ends; a request for `/slow` takes three times the limit.
    fn serve() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::new(LIMIT);
        let watched = Arc::clone(&connections);
        let slow = || async {
            tokio::time::sleep(LIMIT * 3).await;
            HttpResponse::Ok().body("late")
        };
        let app = move || {
            App::new()
                .wrap(from_fn(busy_connection))
                .route("/slow", web::get().to(slow))
        };
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                actix_web::rt::spawn(connections.cut_off_idle());
                let server = HttpServer::new(app).workers(1).disable_signals();
                let server = server.on_connect(move |stream, data| watched.watch(stream, data));
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
    fn a_later_request_that_never_ends_is_cut_off() {
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
    fn a_connection_that_is_being_answered_is_not_idle() {
        let mut stream = connect(serve());
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("late"), "{answer}");
    }
}
