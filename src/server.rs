//! The HTTP server. The commands and the tests build it in the same way.

mod drain;
mod listen;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, web};

use crate::accounts::second_factor::reseal_secrets;
use crate::accounts::{
    measure_password_costs, measure_password_costs_periodically, rewrite_email_keys,
};
use crate::database_epoch::{self, RestoreMark};
use crate::error_pages::error_pages;
use crate::middleware::{
    ConnectionLimits, OpenConnections, allowed_hosts, bounded_body, cors, cross_site,
    keep_error_page_user, mark_busy, open_with_fallback_keys, remove_credentials, request_log,
    reseal, security_headers, session_middleware, settle_throttle, track_request,
};
use crate::purge;
use crate::state::AppState;
use crate::urls;
use drain::ListeningSocket;

/// How long a connection may stay open without a complete request: longer than keep-alive and the time for
/// a body together.
const LONGEST_IDLE: Duration = Duration::from_secs(75);
/// How long a stopping server waits for renewals in the background, and then for the last audit events.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that is listening. It handles requests while [`run_until`](Self::run_until) is awaited.
pub struct Application {
    server: Server,
    socket: ListeningSocket,
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
        if let Err(error) = measure_password_costs(&state.database, &state.hasher) {
            log::error!("failed to read the stored password hashes: {error}");
        }
        match rewrite_email_keys(&state.database) {
            Ok(rewritten) => rewritten.log(),
            Err(error) => log::error!("failed to update the keys of emails: {error}"),
        }
        if let Err(error) = reseal_secrets(&state.database, &state.keys) {
            log::error!("failed to encrypt the secrets of authenticator apps again: {error}");
        }
        let shared = state.clone();
        let limits = ConnectionLimits::of_this_process();
        let connections = OpenConnections::new(
            limits,
            (LONGEST_IDLE, listen::HEADER_TIMEOUT),
            &state.settings.trusted_proxies,
        );
        let socket = ListeningSocket::of(&listener)?;
        let open_connections = web::Data::from(Arc::clone(&connections));
        let app = move || {
            // The middleware that is wrapped last sees a request first.
            App::new()
                .app_data(state.clone())
                .app_data(open_connections.clone())
                .configure(|config| urls::routes(config, &state.settings.api.prefix))
                .wrap(from_fn(settle_throttle))
                .wrap(from_fn(remove_credentials))
                .wrap(from_fn(keep_error_page_user))
                .wrap(from_fn(reseal))
                .wrap(session_middleware(&state.settings, &state.keys))
                .wrap(from_fn(open_with_fallback_keys))
                .wrap(from_fn(cross_site))
                .wrap(from_fn(mark_busy))
                .wrap(from_fn(bounded_body))
                .wrap(from_fn(allowed_hosts))
                .wrap(from_fn(error_pages))
                // Outside every middleware that can refuse a request: a page of an allowed origin can
                // then read the refusal, and a preflight request is never refused.
                .wrap(from_fn(cors))
                .wrap(Compress::default())
                .wrap(from_fn(security_headers))
                .wrap(from_fn(request_log))
                .wrap(from_fn(track_request))
        };
        let cores = || std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        let workers = workers.unwrap_or_else(cores);
        log::info!(
            "at most {} connections, {} of one client's network",
            limits.total,
            limits.per_network
        );
        Ok(Self {
            server: listen::listen(listener, &connections, workers, app)?,
            socket,
            connections,
            state: shared,
        })
    }

    /// Says that the service manager keeps the listening socket: connections that arrive while the server stops
    /// wait for the next process instead of being refused.
    #[must_use]
    pub fn with_inherited_socket(mut self) -> Self {
        self.socket.set_inherited();
        self
    }

    /// Handles requests until `stop` is ready, and for `SHUTDOWN_GRACE` after it, completes the running
    /// requests, and returns.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (handle, state) = (self.server.handle(), self.state);
        let mark = RestoreMark::open(state.settings.database.restore_mark_file.as_deref());
        let (socket, connections) = (self.socket, Arc::clone(&self.connections));
        let grace = state.settings.shutdown_grace;
        let stop = async {
            stop.await;
            connections.drain();
            if !grace.is_zero() {
                log::info!(
                    "stopping in {grace:?}: /readyz answers 503, and connections are closed after their next response"
                );
                tokio::time::sleep(grace).await;
            }
            // Before the socket is closed: meanwhile connections are accepted, and log-outs are read.
            if let Err(elapsed) = tokio::time::timeout(FINISH_TIMEOUT, state.renewal.finish()).await
            {
                log::warn!("renewals of sessions were not finished before the stop: {elapsed}");
            }
            log::info!("stopping: waiting for requests in flight");
            socket.close(&handle, &connections).await;
        };
        tokio::pin!(stop);
        let mut server = self.server;
        tokio::select! {
            result = &mut server => return result,
            () = self.connections.close_idle() => {}
            () = state.revocations.refresh_periodically(&state.database, &state.clock) => {}
            () = state.renewal.recover_periodically() => {}
            () = state.at_workos.send_periodically() => {}
            () = state.event_poller.poll_periodically() => {}
            () = purge::purge_periodically(&state.database, &state.settings.retention) => {}
            () = state.failures.write_periodically(&state.database, &state.clock) => {}
            () = database_epoch::beat_periodically(&state.database, mark, &state.clock) => {}
            () = state.database.watch() => {}
            () = measure_password_costs_periodically(&state.database, &state.hasher) => {}
            () = &mut stop => {}
        }
        let stopped = tokio::join!(handle.stop(true), server).1;
        let failures = state.failures.write(&state.database, state.clock.now());
        if let Err(elapsed) = tokio::time::timeout(FINISH_TIMEOUT, failures).await {
            log::error!("failed to write the audit events of failures, which are lost: {elapsed}");
        }
        stopped
    }
}
