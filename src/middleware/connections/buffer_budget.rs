//! A limit on the bytes of all requests that have arrived and are not answered, and of all responses that are not
//! read. Without it, clients that never complete their requests, or read no response, could use up the memory. When half
//! of it is used, each network has a share of the rest, so that clients that flood the site leave a part to others.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use crate::client_network::{ClientNetwork, has_its_share};
use crate::logging::RepeatedWarning;

/// The bytes of a request that are not counted. A request without a large body or many cookies has fewer, so
/// that it is never refused.
pub(super) const UNCOUNTED: usize = 16 * 1024;
/// The most bytes that are counted for one connection: headers and body are no larger, and what follows a
/// refused body is not kept.
const MOST_OF_A_CONNECTION: usize = 192 * 1024;
/// What is counted for a response that the client does not read: the most that actix-web keeps of it (measured).
const UNREAD_RESPONSE: usize = 64 * 1024;

/// One client, an address or an IPv6 /64, may use this part of the budget.
const PART_OF_A_CLIENT: usize = 4;

/// The counted bytes of all connections.
pub(super) struct BufferBudget {
    most: usize,
    used: Mutex<CountedBytes>,
    used_up: RepeatedWarning,
}

#[derive(Default)]
struct CountedBytes {
    total: usize,
    /// Those of each network of the clients that have some.
    of_networks: HashMap<ClientNetwork, usize>,
}

impl BufferBudget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            used: Mutex::default(),
            used_up: RepeatedWarning::new(module_path!()),
        }
    }

    /// Counts a connection of this client on which this many bytes have arrived, and of which `counted` have been counted.
    /// Returns how many are counted now; `None` if all connections together, or those of one of the client's networks,
    /// have too many. A connection without a client, which belongs to many, has no share of its own.
    pub(super) fn count(
        &self,
        client: Option<IpAddr>,
        received: usize,
        counted: usize,
    ) -> Option<usize> {
        let to_count = received.saturating_sub(UNCOUNTED).min(MOST_OF_A_CONNECTION);
        let more = to_count.saturating_sub(counted);
        if more == 0 {
            return Some(counted);
        }
        self.take(client, more).then_some(to_count)
    }

    /// Counts a response that the client does not read. Returns how many bytes are counted; `None` as in
    /// [`count`](Self::count).
    pub(super) fn count_unread_response(&self, client: Option<IpAddr>) -> Option<usize> {
        self.take(client, UNREAD_RESPONSE)
            .then_some(UNREAD_RESPONSE)
    }

    fn take(&self, client: Option<IpAddr>, more: usize) -> bool {
        let networks = networks_of(client);
        let mut used = self.used.lock();
        let left = self.most.saturating_sub(used.total);
        let counted = |network| used.of_networks.get(&network).copied().unwrap_or_default();
        let most_of_a_client = self.most / PART_OF_A_CLIENT;
        let is_over = |own: &ClientNetwork| counted(*own) + more > most_of_a_client;
        let has_shares = left < self.most / 2;
        if more > left
            || networks.first().is_some_and(is_over)
            || has_shares && has_its_share(&networks, left, counted)
        {
            drop(used);
            self.used_up.log(|repeated| {
                format!("too many large requests are arriving, or too many responses are not read, so connections are closed{repeated}; the last client was {}", shown(client))
            });
            return false;
        }
        used.total += more;
        for network in networks {
            *used.of_networks.entry(network).or_default() += more;
        }
        true
    }

    /// No longer counts these bytes of this client.
    pub(super) fn give_back(&self, client: Option<IpAddr>, counted: usize) {
        if counted == 0 {
            return;
        }
        let mut used = self.used.lock();
        used.total = used.total.saturating_sub(counted);
        for network in networks_of(client) {
            if let Some(of_network) = used.of_networks.get_mut(&network) {
                *of_network = of_network.saturating_sub(counted);
                if *of_network == 0 {
                    used.of_networks.remove(&network);
                }
            }
        }
    }
}

fn networks_of(client: Option<IpAddr>) -> Vec<ClientNetwork> {
    client.map(ClientNetwork::containing).unwrap_or_default()
}

fn shown(client: Option<IpAddr>) -> String {
    client.map_or_else(|| "a proxy".to_owned(), |client| client.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_requests_are_not_counted_and_large_ones_up_to_the_limit() {
        let budget = BufferBudget::new(100);
        assert_eq!(budget.count(None, UNCOUNTED, 0), Some(0));
        assert_eq!(budget.count(None, UNCOUNTED + 60, 0), Some(60));
        assert_eq!(budget.count(None, UNCOUNTED + 90, 60), Some(90));
        assert_eq!(budget.count(None, UNCOUNTED + 11, 0), None);
        assert_eq!(budget.count(None, UNCOUNTED + 10, 0), Some(10));
        budget.give_back(None, 90);
        assert_eq!(budget.count(None, UNCOUNTED + 90, 0), Some(90));
        assert_eq!(budget.used.lock().total, 100);
    }

    #[test]
    fn one_connection_cannot_use_up_the_budget() {
        let budget = BufferBudget::new(2 * MOST_OF_A_CONNECTION);
        let counted = budget.count(None, usize::MAX, 0);
        assert_eq!(counted, Some(MOST_OF_A_CONNECTION));
    }

    /// Opens connections of this client that read no response, until one is closed. Returns how many remain.
    fn flood(budget: &BufferBudget, address: &str) -> usize {
        let client = Some(address.parse().unwrap());
        let unread = std::iter::from_fn(|| budget.count_unread_response(client));
        unread.count()
    }

    #[test]
    fn clients_that_read_nothing_leave_a_part_to_others() {
        const RESPONSES: usize = 512;
        for (flooding, neighbour, network, others) in [
            (
                "192.0.2.1",
                "192.0.2.2",
                "192.0.2",
                ["198.51.100.1", "203.0.113.1"],
            ),
            (
                "2001:db8::1",
                "2001:db8:0:1::1",
                "2001:db8:0:",
                ["2001:db9::1", "2001:dba::1"],
            ),
        ] {
            let budget = BufferBudget::new(RESPONSES * UNREAD_RESPONSE);
            assert_eq!(flood(&budget, flooding), RESPONSES / 4);
            let next = flood(&budget, neighbour);
            assert!(next >= RESPONSES / 8, "{neighbour}: {next}");
            for number in 3..200 {
                let address = match network.contains(':') {
                    true => format!("{network}{number}::1"),
                    false => format!("{network}.{number}"),
                };
                flood(&budget, &address);
            }
            for other in others {
                let left = flood(&budget, other);
                assert!(left >= 4, "{other}: {left}");
            }
            // A large request of a client that has nothing else.
            let client = Some("100.64.0.1".parse().unwrap());
            assert!(budget.count(client, usize::MAX, 0).is_some());
        }
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let budget = BufferBudget::new(16 * UNREAD_RESPONSE);
        let client = Some("192.0.2.1".parse().unwrap());
        for _ in 0..3 {
            let counted: Vec<_> =
                std::iter::from_fn(|| budget.count_unread_response(client)).collect();
            assert_eq!(counted.len(), 4);
            for bytes in counted {
                budget.give_back(client, bytes);
            }
        }
        let used = budget.used.lock();
        assert_eq!((used.total, used.of_networks.len()), (0, 0));
    }

    #[test]
    fn a_proxy_may_use_the_whole_budget() {
        let budget = BufferBudget::new(16 * UNREAD_RESPONSE);
        let unread = std::iter::from_fn(|| budget.count_unread_response(None));
        assert_eq!(unread.count(), 16);
    }
}
