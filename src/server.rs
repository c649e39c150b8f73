//! The application: built listener first, so that a port of 0 works; run by `main` and by the
//! tests alike.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::KeepAlive;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};

use crate::error_pages::error_pages;
use crate::middleware::{
    OpenConnections, allowed_hosts, bounded_body, cors, cross_site, mark_busy,
    open_with_fallback_keys, request_log, reseal, security_headers, session_middleware,
};
use crate::purge;
use crate::state::AppState;
use crate::urls;

/// A client that has not sent its headers by then is not going to.
const HEADERS_IN_TIME: Duration = Duration::from_secs(5);
/// How long a stopping server waits for what is in flight: longer than WorkOS's slowest answer.
const SHUTDOWN_SECONDS: u64 = 20;
/// Idle connections are kept a little longer than browsers and proxies reuse them.
const KEEP_ALIVE: Duration = Duration::from_secs(65);
/// A connection that still is neither answered nor closed by then is being held open on purpose.
const LONGEST_IDLE: Duration = Duration::from_secs(75);

/// A server that listens already and runs when it is awaited.
pub struct Application {
    server: Server,
    connections: Arc<OpenConnections>,
    state: web::Data<AppState>,
}

impl Application {
    /// Serves `state` on `listener`. `workers`: threads, one for each core when `None`.
    pub fn build(
        listener: TcpListener,
        state: AppState,
        workers: Option<usize>,
    ) -> io::Result<Self> {
        let state = web::Data::new(state);
        // Where this fails nobody counts as signed in, until the first reading that succeeds.
        let read = state
            .revocations
            .refresh_blocking(&state.database, state.clock.now());
        if let Err(error) = read {
            log::error!("failed to read revoked sessions: {error}");
        }
        let shared = state.clone();
        let connections = OpenConnections::new(LONGEST_IDLE);
        let tracked = Arc::clone(&connections);
        let mut server = HttpServer::new(move || {
            // The last one wrapped meets a request first.
            App::new()
                .app_data(state.clone())
                .configure(urls::routes)
                .wrap(from_fn(reseal))
                .wrap(session_middleware(&state.settings, &state.keys))
                .wrap(from_fn(open_with_fallback_keys))
                .wrap(from_fn(cross_site))
                .wrap(from_fn(bounded_body))
                .wrap(from_fn(allowed_hosts))
                .wrap(from_fn(error_pages))
                // Outside everything that can refuse, so that a page of a listed origin can read the
                // refusal, and a preflight is answered before anything else has a say.
                .wrap(from_fn(cors))
                .wrap(Compress::default())
                .wrap(from_fn(security_headers))
                .wrap(from_fn(request_log))
                .wrap(from_fn(mark_busy))
        })
        .on_connect(move |stream, data| tracked.track(stream, data))
        // Signals are the caller's: here they would end the process without a word, or a test run.
        .disable_signals()
        .client_request_timeout(HEADERS_IN_TIME)
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
        .shutdown_timeout(SHUTDOWN_SECONDS);
        if let Some(workers) = workers {
            server = server.workers(workers);
        }
        Ok(Self {
            server: server.listen(listener)?.run(),
            connections,
            state: shared,
        })
    }

    /// Serves until `stop` is ready, finishes what is in flight, and returns.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (handle, state) = (self.server.handle(), self.state);
        let access_lifetime = state.settings.tokens.access_lifetime;
        tokio::pin!(stop);
        let mut server = self.server;
        tokio::select! {
            result = &mut server => return result,
            () = self.connections.close_idle() => {}
            () = state.revocations.refresh_periodically(&state.database, &state.clock) => {}
            () = purge::keep_purging(&state.database, access_lifetime, &state.clock) => {}
            () = &mut stop => {}
        }
        tokio::join!(handle.stop(true), server).1
    }
}
