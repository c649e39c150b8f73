//! The networks of a client's address. Limits and queues count a network, because a client can have
//! many addresses of it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::hex::sha256_hex;
use crate::workos::ClientDevice;

/// The prefix lengths of an IPv4 address, the smallest network first, as lengths of the IPv4-mapped
/// IPv6 address: one address, the /24 that is usually routed and assigned as a whole, and the /16 of a provider
/// or a large organisation.
const IPV4_LENGTHS: [u8; 3] = [128, 120, 112];
/// The prefix lengths of an IPv6 address: /64 is the smallest network of a customer, /56 and /48 are
/// the usual assignments to homes and to organisations (RFC 6177), /40 is that to large organisations, and /32
/// that to providers, which anybody can become.
const IPV6_LENGTHS: [u8; 5] = [64, 56, 48, 40, 32];

/// A network prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork {
    prefix: u128,
    length: u8,
}

impl ClientNetwork {
    /// The networks that contain this address, the smallest first.
    pub fn containing(address: IpAddr) -> Vec<Self> {
        let (bits, lengths) = match address.to_canonical() {
            IpAddr::V4(ip) => (ip.to_ipv6_mapped().to_bits(), IPV4_LENGTHS.as_slice()),
            IpAddr::V6(ip) => (ip.to_bits(), IPV6_LENGTHS.as_slice()),
        };
        let network = |length: &u8| Self {
            prefix: bits & (!0 << (128 - u32::from(*length))),
            length: *length,
        };
        lengths.iter().map(network).collect()
    }

    /// The network within which one client's address may change from request to request: the /24 of an
    /// IPv4 address, for the addresses of one operator's NAT, and the /64 of an IPv6 address.
    pub fn around(address: IpAddr) -> Self {
        let (bits, length) = match address.to_canonical() {
            IpAddr::V4(ip) => (ip.to_ipv6_mapped().to_bits(), 120),
            IpAddr::V6(ip) => (ip.to_bits(), 64),
        };
        let prefix = bits & (!0 << (128 - u32::from(length)));
        Self { prefix, length }
    }

    /// How many times the limit of the smallest network this network has. The limit grows more slowly
    /// than the number of addresses, so that a client gains little by using all its addresses.
    pub fn limit_factor(self) -> u32 {
        match self.length {
            56 => 4,
            48 | 120 => 16,
            40 | 112 => 64,
            32 => 256,
            _ => 1,
        }
    }

    /// The prefix and its length as bytes, for hashes.
    pub fn octets(self) -> [u8; 17] {
        let mut octets = [self.length; 17];
        octets[..16].copy_from_slice(&self.prefix.to_be_bytes());
        octets
    }
}

/// `2001:db8::/56`.
impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv6Addr::from_bits(self.prefix), self.length)
    }
}

/// Whether one of a client's networks, the smallest first, has its share of something limited. The largest one may have
/// half as much as is left, the next smaller one half of that, and so on: however many networks flood the site, a part
/// is left for those that do not.
pub fn has_its_share<N: Copy>(networks: &[N], left: usize, counted: impl Fn(N) -> usize) -> bool {
    let mut part = left;
    networks.iter().rev().any(|network| {
        part /= 2;
        counted(*network) > part
    })
}

/// A hash of the client's network, as [`ClientNetwork::around`] finds it, and of its `User-Agent`. What is given
/// out again goes only to the client that got it before.
pub fn client_hash(device: &ClientDevice) -> String {
    let address = device.ip_address.as_deref();
    let address = address.and_then(|address| address.parse().ok());
    let network = address.map(|address| ClientNetwork::around(address).to_string());
    let user_agent = device.user_agent.as_deref().unwrap_or_default();
    sha256_hex(&format!("{} {user_agent}", network.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(address: &str) -> Vec<String> {
        let networks = ClientNetwork::containing(address.parse().unwrap());
        let shown = networks
            .iter()
            .map(|network| format!("{network} {}", network.limit_factor()));
        shown.collect()
    }

    #[test]
    fn an_address_belongs_to_networks_of_growing_size_and_limit() {
        assert_eq!(
            networks("2001:db8:1:2345::1"),
            [
                "2001:db8:1:2345::/64 1",
                "2001:db8:1:2300::/56 4",
                "2001:db8:1::/48 16",
                "2001:db8::/40 64",
                "2001:db8::/32 256"
            ]
        );
        let ipv4 = [
            "::ffff:192.0.2.1/128 1",
            "::ffff:192.0.2.0/120 16",
            "::ffff:192.0.0.0/112 64",
        ];
        assert_eq!(networks("192.0.2.1"), ipv4);
        assert_eq!(networks("::ffff:192.0.2.1"), ipv4);
    }
}
