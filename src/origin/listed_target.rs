//! Checks redirect targets on other hosts, which `LOGIN_REDIRECT_HOSTS` lists (CWE-601).

use url::Url;

use super::local_target::MAX_LENGTH;
use super::{HostPattern, is_loopback_host};

/// The URL `value` with its path, query and fragment percent-encoded, if its host is listed and it uses https, or
/// http on this machine. The port is not compared, as in Django's `ALLOWED_HOSTS`: browsers send the cookies of a
/// host to all of its ports.
///
/// Scheme and host must be written in the form in which every parser reads them alike: in lower case, in ASCII,
/// without credentials, and the host followed by nothing but a port.
pub fn listed_target(value: &str, hosts: &[HostPattern]) -> Option<String> {
    let is_plain = |c: char| !c.is_control() && c != '\\';
    if value.chars().count() > MAX_LENGTH || !value.chars().all(is_plain) {
        return None;
    }
    let (scheme, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let url = Url::parse(value).ok()?;
    let host = url.host_str()?;
    let port = format!(":{}", url.port_or_known_default()?);
    let is_exact = authority.strip_suffix(&port).unwrap_or(authority) == host;
    let is_protected = scheme == "https" || (scheme == "http" && is_loopback_host(host));
    let is_listed = hosts.iter().any(|pattern| is_target(pattern, host));
    (is_exact && is_protected && is_listed && url.as_str().len() <= MAX_LENGTH)
        .then(|| url.as_str().to_owned())
}

/// Whether the pattern lists the host. Below a domain, names in Punycode are not accepted: people see them as other
/// letters than the entry has.
fn is_target(pattern: &HostPattern, host: &str) -> bool {
    match pattern {
        HostPattern::Any => false,
        HostPattern::Exact(_) => pattern.allows(host),
        HostPattern::Domain(name) => {
            let front = host.strip_suffix(name.as_str());
            pattern.allows(host) && front.is_some_and(|front| !front.contains("xn--"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<HostPattern> {
        [
            "app.example.com",
            ".site.example",
            "*",
            ".localhost",
            "192.0.2.7",
        ]
        .map(|text| HostPattern::parse(text).unwrap())
        .into()
    }

    fn target(value: &str) -> Option<String> {
        listed_target(value, &hosts())
    }

    #[test]
    fn targets_on_listed_hosts_are_accepted() {
        for (value, expected) in [
            ("https://app.example.com", "https://app.example.com/"),
            (
                "https://app.example.com/a?b#c",
                "https://app.example.com/a?b#c",
            ),
            (
                "https://app.example.com:8443/a",
                "https://app.example.com:8443/a",
            ),
            ("https://app.example.com:443/a", "https://app.example.com/a"),
            (
                "https://app.example.com//evil.com",
                "https://app.example.com//evil.com",
            ),
            (
                "https://app.example.com/a b/ü",
                "https://app.example.com/a%20b/%C3%BC",
            ),
            (
                "https://app.example.com/@x:1",
                "https://app.example.com/@x:1",
            ),
            ("https://site.example/a", "https://site.example/a"),
            ("https://a.b.site.example/a", "https://a.b.site.example/a"),
            ("http://b.localhost:8000/a", "http://b.localhost:8000/a"),
            ("https://192.0.2.7/a", "https://192.0.2.7/a"),
        ] {
            assert_eq!(target(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn other_targets_are_refused() {
        for value in [
            "",
            "/a",
            "//app.example.com/a",
            "https:app.example.com",
            "https:/app.example.com",
            "https:///app.example.com",
            "http://app.example.com/",
            "ftp://app.example.com/",
            "javascript://app.example.com/%0aalert(1)",
            "HTTPS://app.example.com/",
            "https://APP.example.com/",
            "https://app.example.com./",
            "https://app.example.com.evil.example/",
            "https://evil.example/",
            "https://sub.app.example.com/",
            "https://badsite.example/",
            "https://user@app.example.com/",
            "https://app.example.com@evil.example/",
            "https://evil.example@app.example.com/",
            "https://:@app.example.com/",
            "https://app.example.com:/",
            "https://app.example.com:0443/",
            "https://app.example.com:x/",
            "https://app.example.com\\@evil.example/",
            "https://evil.example\\app.example.com/",
            "https://app.example.com/\\evil.example",
            "https://app.example.com%2eevil.example/",
            "https://%61pp.example.com/",
            "https://ａpp.example.com/",
            "https://xn--80ak6aa92e.site.example/",
            "https://b.site.example./",
            "https://app.example.com/a\n",
            "https://app.exa\tmple.com/",
            " https://app.example.com/",
            "http://192.0.2.7/",
            "https://[::1]/",
            "https://localhost.evil.example/",
        ] {
            assert_eq!(target(value), None, "{value:?}");
        }
        assert!(target(&format!("https://app.example.com/{}", "a".repeat(2_024))).is_some());
        assert_eq!(
            target(&format!("https://app.example.com/{}", "a".repeat(2_025))),
            None
        );
    }

    proptest::proptest! {
        /// A browser that follows an accepted target arrives at a listed host.
        #[test]
        fn accepted_targets_lead_to_listed_hosts(
            value in r"https?:/{1,3}(app\.example\.com|evil|[/\\:.@?#a-z \t]){0,6}"
        ) {
            if let Some(target) = target(&value) {
                for form in [target.clone(), target.replace('\\', "/"), value.replace('\\', "/")] {
                    let url = Url::parse(&form).unwrap();
                    let host = url.host_str().unwrap();
                    proptest::prop_assert!(hosts().iter().any(|one| is_target(one, host)));
                }
            }
        }
    }
}
