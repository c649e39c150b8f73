//! Which redirect URIs are allowed.

use url::{Host, Url};

/// Parses the URI if it is allowed: if it is in the list, or, with an empty list, if it is a URI of
/// this machine. A listed URI must match exactly.
pub(crate) fn parse_allowed(list: &[String], uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let is_allowed = if list.is_empty() {
        is_local(&url)
    } else {
        list.iter().any(|listed| listed == uri)
    };
    is_allowed.then_some(url)
}

/// Whether the URL is on this machine and has neither a fragment nor credentials. HTTPS is allowed,
/// because the application may be behind a TLS proxy on this machine.
fn is_local(url: &Url) -> bool {
    let is_local_host = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    is_local_host && is_bare && matches!(url.scheme(), "http" | "https")
}
