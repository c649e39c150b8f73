//! The HTTP server. The commands and the tests build it in the same way.

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

/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a stopping server waits for running requests: longer than the slowest call to WorkOS.
const SHUTDOWN_SECONDS: u64 = 20;
/// How long an idle connection is kept: a little longer than browsers and proxies reuse it.
const KEEP_ALIVE: Duration = Duration::from_secs(65);
/// How long a connection may stay open without a complete request.
const LONGEST_IDLE: Duration = Duration::from_secs(75);

/// A server that is listening. It handles requests while [`run_until`](Self::run_until) is awaited.
pub struct Application {
    server: Server,
    connections: Arc<OpenConnections>,
    state: web::Data<AppState>,
}

impl Application {
    /// Builds a server on `listener`, so that the caller can bind port 0. `workers` is the number of
    /// threads, by default one for each core.
    pub fn build(
        listener: TcpListener,
        state: AppState,
        workers: Option<usize>,
    ) -> io::Result<Self> {
        let state = web::Data::new(state);
        // If this fails, no session is accepted until a later reading succeeds.
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
            // The middleware that is wrapped last sees a request first.
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
                // Outside every middleware that can refuse a request: a page of an allowed origin can
                // then read the refusal, and a preflight request is never refused.
                .wrap(from_fn(cors))
                .wrap(Compress::default())
                .wrap(from_fn(security_headers))
                .wrap(from_fn(request_log))
                .wrap(from_fn(mark_busy))
        })
        .on_connect(move |stream, data| tracked.track(stream, data))
        // The caller handles signals. The default handlers would end the process, or a test run,
        // without a message.
        .disable_signals()
        .client_request_timeout(HEADER_TIMEOUT)
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

    /// Handles requests until `stop` is ready, completes the running requests, and returns.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (handle, state) = (self.server.handle(), self.state);
        tokio::pin!(stop);
        let mut server = self.server;
        tokio::select! {
            result = &mut server => return result,
            () = self.connections.close_idle() => {}
            () = state.revocations.refresh_periodically(&state.database, &state.clock) => {}
            () = purge::purge_periodically(&state.database, &state.settings.retention, &state.clock) => {}
            () = state.failures.write_periodically(&state.database, &state.clock) => {}
            () = &mut stop => {}
        }
        let stopped = tokio::join!(handle.stop(true), server).1;
        state
            .failures
            .write(&state.database, state.clock.now())
            .await;
        stopped
    }
}
