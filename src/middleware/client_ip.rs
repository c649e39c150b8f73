//! The client's address, seen through the proxies of `TRUSTED_PROXIES`.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use ipnet::IpNet;

use crate::logging::current_request_id;
use crate::workos::ClientDevice;

/// The client's address: the peer's, or, if the peer is a trusted proxy, the last address in
/// `X-Forwarded-For` that is not a trusted proxy's. Earlier addresses may be forged.
pub fn client_ip(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer_ip(request)?;
    let is_trusted = |ip: &IpAddr| is_trusted(*ip, trusted);
    // Split as bytes: invalid UTF-8 from the client must not hide what our proxy appended.
    let lines = request.headers().get_all("x-forwarded-for");
    let hops: Vec<&str> = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|hop| std::str::from_utf8(hop).unwrap_or_default().trim())
        .collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Some(ip) = address(hop) else { break };
        client = ip.to_canonical();
    }
    Some(client)
}

/// Whether a trusted proxy sent the request, so that its `X-Forwarded-…` headers are believed.
pub fn is_from_trusted_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    peer_ip(request).is_some_and(|peer| is_trusted(peer, trusted))
}

fn peer_ip(request: &HttpRequest) -> Option<IpAddr> {
    Some(request.peer_addr()?.ip().to_canonical())
}

fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// The device that sent the request, for WorkOS, the list of sessions and the audit trail.
pub fn device(request: &HttpRequest, trusted_proxies: &[IpNet]) -> ClientDevice {
    let user_agent = request.headers().get(USER_AGENT);
    ClientDevice {
        ip_address: client_ip(request, trusted_proxies).map(|ip| ip.to_string()),
        user_agent: user_agent
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        request_id: current_request_id(),
    }
}

/// An address as proxies write it, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
    hop.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for line in forwarded {
            request = request.append_header(("x-forwarded-for", *line));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        client_ip(&request.to_http_request(), &trusted)
            .unwrap()
            .to_string()
    }

    #[test]
    fn only_addresses_from_trusted_proxies_are_used() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            seen("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(
            seen("10.0.0.1", &["203.0.113.9", "198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(seen("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }
}
