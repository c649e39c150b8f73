//! Origins (scheme, host and port), patterns of hosts, and redirect targets on the same origin or on a listed host.

mod host_pattern;
mod listed_target;
mod local_target;

use url::{Host, Url};

pub use host_pattern::{HostPattern, host_name};
pub use listed_target::listed_target;
pub use local_target::{is_local_path, local_target};

/// An origin in the form that browsers send: scheme, host and port, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    authority: String,
    host: String,
    https: bool,
}

impl Origin {
    /// Parses `http(s)://host[:port]`, with or without a trailing slash.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        // The crate `url` accepts it in a host.
        let is_pattern = text.contains('*');
        (bare && anonymous && !is_pattern)
            .then(|| Self::of(&url))
            .flatten()
    }

    /// The origin of an `http` or `https` URL.
    pub fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let text = url.origin().ascii_serialization();
        let authority = text.split_once("://")?.1.to_owned();
        Some(Self {
            text,
            authority,
            host: url.host_str()?.to_owned(),
            https,
        })
    }

    /// The origin as text, such as `https://app.example.com`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port as in the `Host` header, without a default port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host; an IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is this machine: `localhost`, `*.localhost`, `127.0.0.0/8`, `[::1]`.
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }
}

/// The origin of a page or of an installed application, `scheme://host[:port]` with any scheme, in the form
/// in which two spellings of it are equal. A trailing slash is ignored.
pub fn normalized_origin(text: &str) -> Option<String> {
    if let Some(origin) = Origin::parse(text) {
        return Some(origin.text);
    }
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let is_web = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let is_authority = !authority.is_empty()
        && authority
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
    (!is_web && is_scheme && is_authority)
        .then(|| format!("{scheme}://{authority}").to_ascii_lowercase())
}

/// Whether data sent to the URL cannot be intercepted: the URL uses HTTPS or a loopback host.
pub fn is_https_or_loopback(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback_host),
        _ => false,
    }
}

/// Whether a host, as written in a URL, is this machine.
pub fn is_loopback_host(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_only_scheme_host_and_port() {
        let origin = Origin::parse("https://App.Example.com:443/").unwrap();
        assert_eq!(origin.as_str(), "https://app.example.com");
        assert_eq!(origin.authority(), "app.example.com");
        assert!(origin.is_https() && !origin.is_loopback());
        assert_eq!(
            Origin::parse("http://[::1]:8000").unwrap().authority(),
            "[::1]:8000"
        );
        for bad in [
            "app.example.com",
            "ftp://x",
            "https://x/path",
            "https://u@x",
            "https://x?q",
            "https://*.example.com",
            "https://",
            "null",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn loopback_hosts_are_recognized_by_name_and_address() {
        for host in [
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
        ] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "[::2]", "mylocalhost"] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
