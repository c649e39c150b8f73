//! The HTTP server on a listening socket.
//!
//! actix-web's own `HttpServer` gives no access to a connection's stream, so that a connection could be
//! closed later only through a second descriptor. The server is built from the same parts here, with a
//! stream that [`OpenConnections`] can refuse and close.

use std::fmt::Debug;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, Server, ServiceResponse};
use actix_web::http::KeepAlive;
use actix_web::rt::net::TcpStream;

use crate::middleware::{OpenConnections, TrackedStream};

/// How long a client may take to send a request's headers. For the first request of a connection, actix-web
/// counts from the beginning of the connection, and for later ones [`OpenConnections`] counts from their first
/// byte.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to close a connection that the server has ended.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection is kept: a little longer than browsers and proxies reuse it.
const KEEP_ALIVE: Duration = Duration::from_secs(65);
/// How long a stopping server waits for running requests: longer than the slowest call to WorkOS.
const SHUTDOWN_SECONDS: u64 = 20;
/// The connections that the kernel holds until they are accepted. The kernel's own maximum is
/// `net.core.somaxconn`, 4096 by default; the standard library asks for 128.
const BACKLOG: i32 = 4_096;

/// Serves the application that `app` builds, on `workers` threads.
pub(super) fn listen<F, I, S, B>(
    listener: TcpListener,
    connections: &Arc<OpenConnections>,
    workers: usize,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
        > + 'static,
    S::InitError: Debug,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    rustix::net::listen(&listener, BACKLOG)?;
    let builder = Server::build()
        .workers(workers)
        // The caller handles signals. The default handlers would end the process, or a test run,
        // without a message.
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .max_concurrent_connections(connections.limits().accepted.div_ceil(workers));
    let stopping = builder.graceful_shutdown_signal();
    let connections = Arc::clone(connections);
    let factory = move || {
        let (connections, stopping) = (Arc::clone(&connections), stopping.clone());
        let http = HttpService::build()
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(HEADER_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|stream: &TrackedStream, data: &mut Extensions| {
                data.insert(Arc::clone(stream.connection()));
            })
            .finish(map_config(app(), |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let admitted = connections.admit(stream);
            async move {
                let stream = admitted.ok_or_else(refused)?;
                let peer = stream.peer_address();
                Ok((stream, Protocol::Http1, peer))
            }
        })
        .and_then(http)
    };
    Ok(builder.listen("vestibule", listener, factory)?.run())
}

/// Ends a connection that is not admitted. Nothing is sent to the client, which sees a closed connection.
fn refused() -> DispatchError {
    DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel};

    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, web};
    use parking_lot::Mutex;

    use super::*;
    use crate::middleware::{ConnectionLimits, mark_busy, track_request};

    const LIMIT: Duration = Duration::from_millis(300);
    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(60);

    /// Starts a server whose requests for `/slow` take three times the limit. One sends a message when it begins.
    fn serve(idle_limit: Duration, header_limit: Duration) -> (SocketAddr, Receiver<()>) {
        let (begun, begins) = channel();
        let slow = move || {
            // Not every test waits for it.
            begun.send(()).unwrap_or_default();
            async {
                tokio::time::sleep(LIMIT * 3).await;
                HttpResponse::Ok().body("late")
            }
        };
        let address = serve_routes((idle_limit, header_limit), move |config| {
            config.route("/slow", web::get().to(slow.clone()));
        });
        (address, begins)
    }

    /// Starts a server with one worker and at most eight connections.
    fn serve_routes(
        times: (Duration, Duration),
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let limits = ConnectionLimits {
            total: 8,
            per_network: 4,
            accepted: 12,
            received: 64 * 1024,
        };
        let connections = OpenConnections::new(limits, times, &[]);
        let app = move || {
            App::new()
                .configure(routes.clone())
                .wrap(from_fn(mark_busy))
                .wrap(from_fn(track_request))
        };
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let server = listen(listener, &connections, 1, app).unwrap();
                actix_web::rt::spawn(connections.close_idle());
                server.await
            })
        });
        address
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends a request for a page that does not exist, and reads a part of the answer.
    fn ask(stream: &mut TcpStream) -> String {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    fn is_closed(stream: &mut TcpStream) -> bool {
        match stream.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    #[test]
    fn incomplete_headers_of_a_later_request_are_closed_before_an_idle_connection() {
        let (address, _) = serve(LONG, LIMIT);
        let mut idle = connect(address);
        assert!(ask(&mut idle).starts_with("HTTP/1.1 404"));
        for headers in ["GET / HTT", "GET / HTTP/1.1\r\nHost: x\r\nX: a"] {
            let mut stream = connect(address);
            assert!(ask(&mut stream).starts_with("HTTP/1.1 404"));
            stream.write_all(headers.as_bytes()).unwrap();
            assert!(is_closed(&mut stream));
        }
        assert!(ask(&mut idle).starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn large_incomplete_requests_are_closed_at_their_limit_and_small_ones_are_not() {
        let (address, _) = serve(LONG, LONG);
        let mut small = connect(address);
        let mut large = connect(address);
        for stream in [&mut small, &mut large] {
            assert!(ask(stream).starts_with("HTTP/1.1 404"));
            stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
        }
        small.write_all(&[b'a'; 10_000]).unwrap();
        // It may be closed before everything is sent.
        large.write_all(&[b'a'; 100_000]).unwrap_or_default();
        assert!(is_closed(&mut large));
        small.write_all(b"\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        small.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
    }

    #[test]
    fn a_second_request_that_is_never_completed_is_closed() {
        let mut stream = connect(serve(LIMIT, LONG).0);
        assert!(ask(&mut stream).starts_with("HTTP/1.1 404"));
        stream.write_all(b"GET / HTT").unwrap();
        assert!(is_closed(&mut stream));
    }

    #[test]
    fn pipelined_headers_that_are_never_completed_are_closed() {
        let mut stream = connect(serve(LONG, LIMIT).0);
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT")
            .unwrap();
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        assert!(answer.starts_with(b"HTTP/1.1 404"));
    }

    #[test]
    fn a_connection_with_a_request_in_progress_is_not_idle() {
        let mut stream = connect(serve(LIMIT, LONG).0);
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("late"), "{answer}");
    }

    #[test]
    fn idle_connections_make_room_for_new_ones_and_requests_in_progress_do_not() {
        let (address, slow_request) = serve(LONG, LONG);
        let mut slow = connect(address);
        slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        slow_request.recv().unwrap();
        let mut idle: Vec<_> = (0..30).map(|_| connect(address)).collect();
        assert!(ask(&mut connect(address)).starts_with("HTTP/1.1 404"));
        assert!(is_closed(&mut idle[0]));
        let mut answer = String::new();
        slow.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("late"), "{answer}");
    }

    #[test]
    fn pipelined_requests_of_one_connection_do_not_delay_another() {
        let (begun, begins) = channel();
        let (resume, resumes) = channel();
        let (answered, answers) = channel();
        let gate = Arc::new(Mutex::new((begun, resumes)));
        let address = serve_routes((LONG, LONG), move |config| {
            let gate = Arc::clone(&gate);
            let answered = answered.clone();
            // Holds the only worker until the other connection has sent its request.
            let first = move || {
                let (begun, resumes) = &*gate.lock();
                begun.send(()).unwrap();
                resumes.recv().unwrap();
                std::future::ready(HttpResponse::Ok().finish())
            };
            let named = move |name: web::Path<String>| {
                answered.send(name.into_inner()).unwrap();
                std::future::ready(HttpResponse::Ok().finish())
            };
            config
                .route("/first", web::get().to(first))
                .route("/named/{name}", web::get().to(named));
        });
        let mut other = connect(address);
        assert!(ask(&mut other).starts_with("HTTP/1.1 404"));
        let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut pipelined = request("/first");
        for _ in 0..50 {
            pipelined.push_str(&request("/named/pipelined"));
        }
        let mut sender = connect(address);
        sender.write_all(pipelined.as_bytes()).unwrap();
        begins.recv().unwrap();
        other.write_all(request("/named/other").as_bytes()).unwrap();
        resume.send(()).unwrap();
        let before = answers.iter().take_while(|name| name != "other").count();
        assert!(before < 25, "{before} requests were answered before");
    }
}
