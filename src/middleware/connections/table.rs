//! The open connections by network, and which of them are closed to make room for others.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::TrackedConnection;
use super::limits::ConnectionLimits;

/// A network whose connections are counted together: an IPv4 address, or the /48 of an IPv6 address, the
/// largest network that one customer usually has.
pub(super) type ConnectionNetwork = Ipv6Addr;
pub(super) type ConnectionId = u64;
type Connections = HashMap<ConnectionId, Arc<TrackedConnection>>;

const IPV6_NETWORK_MASK: u128 = !0 << 80;
/// A provider's network: the /32 of an IPv6 address, and the /16 of an IPv4 address.
const IPV6_PROVIDER_MASK: u128 = !0 << 96;
const IPV4_PROVIDER_MASK: u128 = !0 << 16;
/// To make room for one connection, this part of the connections of its network, or of a provider, is closed, so that
/// under attack the table is not searched for every new connection.
const REPLACED_PART: usize = 32;

/// The network of an address.
pub(super) fn network_of(address: IpAddr) -> ConnectionNetwork {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) if ip.is_loopback() => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & IPV6_NETWORK_MASK),
    }
}

/// The provider's network that contains this one.
fn provider_of(network: ConnectionNetwork) -> ConnectionNetwork {
    let mask = match network.to_ipv4_mapped() {
        Some(_) => IPV4_PROVIDER_MASK,
        None => IPV6_PROVIDER_MASK,
    };
    Ipv6Addr::from_bits(network.to_bits() & mask)
}

/// The result of adding a connection.
pub(super) struct Admission {
    /// The id of the connection, or `None` if it is refused.
    pub(super) id: Option<ConnectionId>,
    /// How many idle connections were closed to make room for it.
    pub(super) closed: usize,
}

/// The open connections.
#[derive(Default)]
pub(super) struct ConnectionTable {
    networks: HashMap<ConnectionNetwork, Connections>,
    total: usize,
    last_id: ConnectionId,
}

impl ConnectionTable {
    /// Adds a connection. If a limit is reached, the connections that have been idle for the longest time
    /// are closed: those of the same network, or of the provider that has the most connections. If none is
    /// idle, the new connection is refused. A trusted proxy has no limit of its own.
    pub(super) fn add(
        &mut self,
        network: ConnectionNetwork,
        is_proxy: bool,
        limits: ConnectionLimits,
        connection: &Arc<TrackedConnection>,
    ) -> Admission {
        let now = Instant::now();
        let mut closed = 0;
        if !is_proxy && self.count(network) >= limits.per_network {
            closed += self.replace_idle(&[network], now);
            if self.count(network) >= limits.per_network {
                return Admission { id: None, closed };
            }
        }
        if self.total >= limits.total {
            closed += self.replace_idle_anywhere(now);
            if self.total >= limits.total {
                return Admission { id: None, closed };
            }
        }
        self.last_id += 1;
        let connections = self.networks.entry(network).or_default();
        connections.insert(self.last_id, Arc::clone(connection));
        self.total += 1;
        Admission {
            id: Some(self.last_id),
            closed,
        }
    }

    /// Removes a connection, unless it has been removed before.
    pub(super) fn remove(&mut self, network: ConnectionNetwork, id: ConnectionId) {
        let Some(connections) = self.networks.get_mut(&network) else {
            return;
        };
        if connections.remove(&id).is_some() {
            self.total -= 1;
        }
        if connections.is_empty() {
            self.networks.remove(&network);
        }
    }

    /// Closes the connections that have been idle for longer than `limit`, and those on which the headers of
    /// a request have been arriving for longer than `header_limit`.
    pub(super) fn close_idle(&self, limit: Duration, header_limit: Duration) {
        let now = Instant::now();
        let is_over = |since: Option<Instant>, limit| {
            since.is_some_and(|since| now.duration_since(since) > limit)
        };
        for connection in self.networks.values().flat_map(HashMap::values) {
            if is_over(connection.idle_since(), limit)
                || is_over(connection.headers_since(), header_limit)
            {
                connection.close();
            }
        }
    }

    fn count(&self, network: ConnectionNetwork) -> usize {
        self.networks.get(&network).map_or(0, HashMap::len)
    }

    /// Closes idle connections of the provider with the most connections. If networks were compared instead, one
    /// connection from each of the many /48s of a /32 would displace those of everybody who has two.
    fn replace_idle_anywhere(&mut self, now: Instant) -> usize {
        let mut providers: HashMap<ConnectionNetwork, (usize, Vec<ConnectionNetwork>)> =
            HashMap::new();
        for (network, own) in &self.networks {
            let (size, networks) = providers.entry(provider_of(*network)).or_default();
            *size += own.len();
            networks.push(*network);
        }
        let mut by_size: Vec<_> = providers.into_values().collect();
        by_size.sort_unstable_by_key(|(size, _)| Reverse(*size));
        let mut closed = by_size
            .into_iter()
            .map(|(_, networks)| self.replace_idle(&networks, now));
        closed.find(|closed| *closed > 0).unwrap_or_default()
    }

    /// Closes a part of the connections of these networks: of the largest network first, those that have been idle
    /// for the longest time.
    fn replace_idle(&mut self, networks: &[ConnectionNetwork], now: Instant) -> usize {
        let mut size = 0;
        let mut idle = Vec::new();
        for network in networks {
            let Some(connections) = self.networks.get(network) else {
                continue;
            };
            size += connections.len();
            let largest_first = Reverse(connections.len());
            idle.extend(connections.iter().filter_map(|(id, one)| {
                Some((largest_first, one.replaceable_since(now)?, *network, *id))
            }));
        }
        idle.sort_unstable();
        idle.truncate((size / REPLACED_PART).max(1));
        for (_, _, network, id) in &idle {
            let own = self.networks.get(network);
            if let Some(connection) = own.and_then(|own| own.get(id)) {
                connection.close();
            }
            self.remove(*network, *id);
        }
        idle.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffer_budget::BufferBudget;
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        total: 10,
        per_network: 4,
        accepted: 12,
        received: 0,
    };

    struct Tried {
        connection: Arc<TrackedConnection>,
        admission: Admission,
    }

    fn connect(table: &mut ConnectionTable, address: &str, is_proxy: bool) -> Tried {
        connect_within(table, address, is_proxy, LIMITS)
    }

    fn connect_within(
        table: &mut ConnectionTable,
        address: &str,
        is_proxy: bool,
        limits: ConnectionLimits,
    ) -> Tried {
        let budget = Arc::new(BufferBudget::new(LIMITS.received));
        let connection = Arc::new(TrackedConnection::new(budget, None, Arc::default()));
        let network = network_of(address.parse().unwrap());
        let admission = table.add(network, is_proxy, limits, &connection);
        Tried {
            connection,
            admission,
        }
    }

    #[test]
    fn a_network_at_its_limit_loses_its_longest_idle_connection() {
        let mut table = ConnectionTable::default();
        let other = connect(&mut table, "198.51.100.1", false);
        let own: Vec<_> = (0..5)
            .map(|_| connect(&mut table, "192.0.2.1", false))
            .collect();
        let closed: Vec<_> = own.iter().map(|one| one.connection.is_closed()).collect();
        assert_eq!(closed, [true, false, false, false, false]);
        assert!(own[4].admission.id.is_some());
        assert!(!other.connection.is_closed());
        assert_eq!(table.total, 5);
    }

    #[test]
    fn requests_in_progress_are_not_interrupted() {
        let mut table = ConnectionTable::default();
        for _ in 0..4 {
            connect(&mut table, "192.0.2.1", false)
                .connection
                .set_busy(true);
        }
        let refused = connect(&mut table, "192.0.2.1", false);
        assert!(refused.admission.id.is_none());
        let other = connect(&mut table, "192.0.2.2", false);
        assert!(other.admission.id.is_some());
        // A response that has just been given may not have been sent yet.
        let served = connect(&mut table, "192.0.2.3", false).connection;
        served.set_busy(false);
        let now = Instant::now();
        assert!(served.replaceable_since(now).is_none());
        assert!(
            served
                .replaceable_since(now + Duration::from_secs(2))
                .is_some()
        );
    }

    #[test]
    fn at_the_total_limit_the_largest_network_makes_room() {
        let mut table = ConnectionTable::default();
        let single = connect(&mut table, "198.51.100.1", false);
        for network in 0..3 {
            for host in 1..=3 {
                connect(&mut table, &format!("2001:db8:{network}::{host}"), false);
            }
        }
        assert_eq!(table.total, 10);
        let another = connect(&mut table, "198.51.100.2", false);
        assert!(another.admission.id.is_some());
        assert_eq!(another.admission.closed, 1);
        assert!(!single.connection.is_closed());
        assert_eq!(table.total, 10);
    }

    #[test]
    fn at_the_total_limit_the_largest_provider_makes_room() {
        let of_one_provider: [fn(usize) -> String; 2] = [
            |number| format!("2001:db8:{number}::1"),
            |number| format!("203.0.{number}.1"),
        ];
        for flooding in of_one_provider {
            let mut table = ConnectionTable::default();
            let own: Vec<_> = (0..3)
                .map(|_| connect(&mut table, "198.51.100.1", false))
                .collect();
            for number in 0..17 {
                connect(&mut table, &flooding(number), false);
            }
            assert_eq!(table.total, 10);
            assert!(own.iter().all(|one| !one.connection.is_closed()));
            let another = connect(&mut table, "192.0.2.1", false);
            assert!(another.admission.id.is_some());
        }
    }

    #[test]
    fn a_provider_loses_the_connections_of_its_largest_network_first() {
        let mut table = ConnectionTable::default();
        let single = connect(&mut table, "2001:db8:1::1", false);
        for _ in 0..4 {
            connect(&mut table, "2001:db8:2::1", false);
        }
        for host in 1..=4 {
            connect(&mut table, &format!("198.51.{host}.1"), false);
        }
        connect(&mut table, "203.0.113.1", false);
        connect(&mut table, "192.0.2.1", false);
        assert!(!single.connection.is_closed());
        assert_eq!(table.count(network_of("2001:db8:2::1".parse().unwrap())), 3);
    }

    #[test]
    fn a_part_of_the_connections_of_a_large_provider_is_closed_at_once() {
        let mut table = ConnectionTable::default();
        let limits = ConnectionLimits {
            total: 64,
            ..LIMITS
        };
        let mut closed = Vec::new();
        for number in 0..65 {
            let address = format!("2001:db8:{number}::1");
            closed.push(
                connect_within(&mut table, &address, false, limits)
                    .admission
                    .closed,
            );
        }
        assert_eq!(closed.pop(), Some(2));
        assert_eq!(table.total, 63);
    }

    #[test]
    fn a_proxy_has_no_limit_of_its_own() {
        let mut table = ConnectionTable::default();
        for _ in 0..9 {
            let admission = connect(&mut table, "10.0.0.1", true).admission;
            assert_eq!((admission.id.is_some(), admission.closed), (true, 0));
        }
    }

    #[test]
    fn a_connection_is_removed_once() {
        let mut table = ConnectionTable::default();
        let id = connect(&mut table, "192.0.2.1", false)
            .admission
            .id
            .unwrap();
        let network = network_of("192.0.2.1".parse().unwrap());
        table.remove(network, id);
        table.remove(network, id);
        assert_eq!((table.total, table.networks.len()), (0, 0));
    }
}
