//! Host names: patterns of them, as Django's `ALLOWED_HOSTS` has, and the name in a `Host` header.

use url::Host;

/// One entry of `ALLOWED_HOSTS` or `LOGIN_REDIRECT_HOSTS`, with the rules of Django's `ALLOWED_HOSTS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: any host.
    Any,
    /// `.example.com`: the domain and its subdomains (stored without the leading dot).
    Domain(String),
    /// This host only.
    Exact(String),
}

impl HostPattern {
    /// Parses one entry; an entry with a scheme, a port or a path is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let name = text.strip_prefix('.').unwrap_or(&text);
        let plain =
            !name.contains('*') && Host::parse(name).is_ok_and(|host| host.to_string() == name);
        match (text.as_str(), plain) {
            ("*", _) => Some(Self::Any),
            (_, true) if text.starts_with('.') => Some(Self::Domain(name.to_owned())),
            (_, true) => Some(Self::Exact(text)),
            (_, false) => None,
        }
    }

    /// Whether the pattern matches `host`, which is in lower case, without port and trailing dot.
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => host == name,
            Self::Domain(name) => {
                host == name
                    || host
                        .strip_suffix(name.as_str())
                        .is_some_and(|front| front.ends_with('.'))
            }
        }
    }
}

/// The host of a `Host` header without port and trailing dot, in lower case; `None` if it is not a host name or address.
pub fn host_name(host: &str) -> Option<String> {
    let (name, port) = match host.rfind(':') {
        Some(at) if !host.ends_with(']') => (&host[..at], &host[at + 1..]),
        _ => (host, ""),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let inner = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let plain = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
        }
    };
    (plain && port.chars().all(|c| c.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_patterns_follow_django() {
        let domain = HostPattern::parse(".Example.com").unwrap();
        assert!(domain.allows("example.com") && domain.allows("a.b.example.com"));
        assert!(!domain.allows("badexample.com") && !domain.allows("example.com.evil.example"));
        assert!(HostPattern::parse("*").unwrap().allows("anything"));
        assert!(
            !HostPattern::parse("example.com")
                .unwrap()
                .allows("a.example.com")
        );
        assert!(HostPattern::parse("[::1]").unwrap().allows("[::1]"));
        for bad in [
            "",
            ".",
            "https://example.com",
            "example.com:80",
            "a b",
            "*.example.com",
            "a/b",
        ] {
            assert_eq!(HostPattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_is_normalised_as_django_does() {
        assert_eq!(
            host_name("Example.com:8000").as_deref(),
            Some("example.com")
        );
        assert_eq!(host_name("example.com.").as_deref(), Some("example.com"));
        assert_eq!(host_name("[::1]:8000").as_deref(), Some("[::1]"));
        assert_eq!(host_name("[::1]").as_deref(), Some("[::1]"));
        for bad in [
            "",
            ":80",
            "a b",
            "example.com:80x",
            "user@example.com",
            "[::zz]",
            "a/b",
            "example.com:80:80",
        ] {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }
}
