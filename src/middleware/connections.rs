//! The open connections: how many there can be, and when an idle one is closed.
//!
//! actix-web limits the time for the headers of a connection's first request only, and not the time
//! for the rest of a rejected body. Without this, a client that sends a byte now and then could keep
//! its connection open forever, and a client with many connections could use up the descriptors, or the memory
//! with requests that are never completed.

mod buffer_budget;
mod connection;
mod header_end;
mod limits;
mod stream;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use ipnet::IpNet;
use parking_lot::Mutex;

use buffer_budget::BufferBudget;
pub use connection::TrackedConnection;
pub use limits::{ConnectionLimits, raise_descriptor_limit};
pub use stream::TrackedStream;
use table::{ConnectionTable, network_of};

use crate::logging::RepeatedWarning;

/// The open connections of a server.
pub struct OpenConnections {
    limits: ConnectionLimits,
    idle_limit: Duration,
    header_limit: Duration,
    proxies: Vec<IpNet>,
    table: Arc<Mutex<ConnectionTable>>,
    budget: Arc<BufferBudget>,
    limit_reached: RepeatedWarning,
    admitted: AtomicU64,
    draining: Arc<AtomicBool>,
}

impl OpenConnections {
    /// At most `limits` connections, which are closed after `idle_limit` without a request being
    /// processed, or after `header_limit` with incomplete headers. Connections from `proxies` and from this
    /// machine belong to many clients.
    pub fn new(
        limits: ConnectionLimits,
        (idle_limit, header_limit): (Duration, Duration),
        proxies: &[IpNet],
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            idle_limit,
            header_limit,
            budget: Arc::new(BufferBudget::new(limits.received)),
            proxies: proxies.to_vec(),
            table: Arc::default(),
            limit_reached: RepeatedWarning::new(module_path!()),
            admitted: AtomicU64::new(0),
            draining: Arc::default(),
        })
    }

    /// The limits.
    pub fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    /// Closes every connection after its next response.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The number of connections that have been admitted or refused so far.
    pub fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Adds a new connection. `None`: it is closed, because a limit is reached and no connection is idle.
    pub fn admit(&self, stream: TcpStream) -> Option<TrackedStream> {
        self.admitted.fetch_add(1, Ordering::Relaxed);
        let address = stream.peer_addr().ok()?.ip().to_canonical();
        let is_proxy =
            address.is_loopback() || self.proxies.iter().any(|proxy| proxy.contains(&address));
        let network = network_of(address);
        let connection = Arc::new(TrackedConnection::new(
            Arc::clone(&self.budget),
            (!is_proxy).then_some(address),
            Arc::clone(&self.draining),
        ));
        let admission = self
            .table
            .lock()
            .add(network, is_proxy, self.limits, &connection);
        if admission.id.is_none() || admission.closed > 0 {
            self.limit_reached.log(|repeated| {
                let action = match admission.id {
                    Some(_) => "idle connections are closed",
                    None => "new connections are refused",
                };
                format!("a limit of open connections is reached, and {action}{repeated}; the last client was {address}")
            });
        }
        let place = (network, admission.id?);
        Some(TrackedStream::new(
            stream,
            connection,
            Arc::clone(&self.table),
            place,
        ))
    }

    /// Closes connections that have been idle, or have incomplete headers, for too long. Never returns.
    pub async fn close_idle(self: Arc<Self>) {
        let shortest = self.idle_limit.min(self.header_limit);
        let pause = (shortest / 10).min(Duration::from_secs(1));
        loop {
            tokio::time::sleep(pause).await;
            let table = self.table.lock();
            table.close_idle(self.idle_limit, self.header_limit);
        }
    }
}

/// Records when a request's headers are complete and when its response is ready. A connection on which much
/// has arrived is closed after the response, and every connection of a server that is about to stop.
pub async fn track_request(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let connection = request.conn_data::<Arc<TrackedConnection>>().cloned();
    if let Some(connection) = &connection {
        connection.begin_request();
    }
    let mut response = next.call(request).await;
    let closes = connection.is_some_and(|connection| connection.end_request());
    if let (true, Ok(response)) = (closes, &mut response) {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    response
}

/// Marks the connection as busy while a request is processed. A request is not processed before its body
/// has been read: a connection on which a body arrives slowly is idle.
pub async fn mark_busy(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let connection = request.conn_data::<Arc<TrackedConnection>>().cloned();
    if let Some(connection) = &connection {
        connection.set_busy(true);
    }
    let response = next.call(request).await;
    if let Some(connection) = &connection {
        connection.set_busy(false);
    }
    response
}
