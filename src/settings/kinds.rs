//! The types of settings that are more than a number or a word, and how each is read from text.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::SecretString;
use url::{Host, Url};

/// Which database, from the scheme of `DATABASE_URL`.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://…`, with all that libpq understands; secret, since it may hold a password.
    Postgres(SecretString),
}

/// `sqlite:PATH`, or `postgres://…` without what may be secret.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// Who may use a password, at `/login` and for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordLogin {
    /// Accounts without a WorkOS user, and superusers: a password is no way around single sign-on.
    Unlinked,
    /// Superusers alone.
    Superusers,
    /// Everybody who has one, as in Django.
    All,
    /// Nobody.
    Off,
}

impl PasswordLogin {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "unlinked" => Self::Unlinked,
            "superusers" => Self::Superusers,
            "all" => Self::All,
            "off" => Self::Off,
            _ => return None,
        })
    }
}

impl DatabaseUrl {
    /// Reads `sqlite:PATH` or `postgres://…`; the error says what is wrong, without any password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            "postgres" | "postgresql" if !rest.starts_with("//") => {
                Err(format!("read `{scheme}:` without `//` behind it"))
            }
            "postgres" | "postgresql" if has_bare_password(rest) => Err(format!(
                "read `{scheme}://…` with a `@`, `/`, `?`, `#` or `%` in the password that is not percent-encoded"
            )),
            "postgres" | "postgresql" if cfg!(feature = "postgres") => {
                Ok(Self::Postgres(SecretString::from(text)))
            }
            "postgres" | "postgresql" => Err(format!(
                "read `{scheme}://…`, and this build has no PostgreSQL (build it with `--features postgres`)"
            )),
            "" => Err("read a value without a scheme".to_owned()),
            other
                if other
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
            {
                Err(format!("read the scheme `{other}:`"))
            }
            _ => Err("read a value without a scheme".to_owned()),
        }
    }
}

/// Whether the password seems to hold what ends it early; libpq would take the rest for a host or a
/// port, and show it in its error.
fn has_bare_password(rest: &str) -> bool {
    let is_hex = |code: &[u8]| code.iter().all(u8::is_ascii_hexdigit) && code != b"00";
    let bare_percent = |after: &str| !after.as_bytes().get(..2).is_some_and(is_hex);
    if rest.split('%').skip(1).any(bare_percent) {
        return true;
    }
    let rest = rest.trim_start_matches('/');
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let ats = authority.matches('@').count();
    // Parameters may hold a `@`, as in `?user=me@tenant`; they are told by the `=` before it.
    let strays = tail
        .split_once('@')
        .is_some_and(|(before, _)| !before.contains('='));
    ats > 1 || (ats == 0 && authority.contains(':') && strays)
}

fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    if rest.is_empty() || rest == "." || rest.ends_with('/') {
        return Err("read `sqlite:` without a file's path".to_owned());
    }
    if rest.starts_with(":memory:") || rest.starts_with("file:") {
        // Every pooled connection would open a database of its own.
        return Err(format!("read `sqlite:{rest}`, which is no file's path"));
    }
    if rest.starts_with("//") {
        // Other tools read `sqlite:///x` as a relative path and `sqlite:////x` as an absolute one.
        return Err(format!(
            "read `sqlite:{rest}`, which tools understand differently"
        ));
    }
    Ok(PathBuf::from(rest))
}

/// One entry of `ALLOWED_HOSTS`, with Django's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: any host.
    Any,
    /// `.example.com`: the domain and everything below it (kept without the dot).
    Domain(String),
    /// Just this host.
    Exact(String),
}

impl HostPattern {
    /// Reads one entry; a scheme, a port or a path in it is a mistake.
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

    /// Whether `host` (lower case, no port, no trailing dot) falls under it.
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

/// Reads `HOST:PORT` for listening: an address, or `localhost`.
pub fn parse_bind(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .ok()
            .map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port))),
        None => text.parse().ok(),
    }
}

/// Reads a network (`10.0.0.0/8`) or a single address.
pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Reads an absolute `http` or `https` URL without credentials or fragment.
pub(super) fn parse_http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

/// Whether a cookie may be called this: a name that every server and browser takes (RFC 6265 allows
/// more), short enough to leave the value its room.
pub(super) fn is_cookie_name(text: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(token)
}

/// `true` or `false`, and how else people write them.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_names_its_backend_or_is_refused() {
        assert!(
            matches!(DatabaseUrl::parse("sqlite:a.db"), Ok(DatabaseUrl::Sqlite(p)) if p.as_os_str() == "a.db")
        );
        assert!(matches!(
            DatabaseUrl::parse("sqlite:/var/a.db"),
            Ok(DatabaseUrl::Sqlite(_))
        ));
        for bad in [
            "",
            "a.db",
            "sqlite:",
            "sqlite:/",
            "sqlite::memory:",
            "sqlite:file:x?mode=memory",
            "sqlite:///a.db",
            "postgres:app",
            "mysql://u:hidden@h/d",
            "://x",
            "/var/a.db",
        ] {
            let error = DatabaseUrl::parse(bad).unwrap_err();
            assert!(!error.contains("hidden"), "{error}");
        }
        assert_eq!(
            DatabaseUrl::parse("postgres://h/d").is_ok(),
            cfg!(feature = "postgres")
        );
    }

    #[test]
    fn a_password_that_libpq_would_misread_is_refused_unseen() {
        for bad in [
            "u:hid%zen@h/d",
            "u:hid%",
            "h/d?password=hid%q",
            "u:hid%00@h/d",
            "u:hid@den@h/d",
            "u:hid/den@h/d",
            "u:hid?den@h/d",
            "u:hid#den@h/d",
        ] {
            let error = DatabaseUrl::parse(&format!("postgres://{bad}")).unwrap_err();
            assert!(
                error.contains("percent-encoded") && !error.contains("hid"),
                "{error}"
            );
        }
        for good in [
            "u:p@h/d",
            "u@h:5432,i:5433/d",
            "/d?host=/run/postgresql",
            "h:5432/d?user=me@tenant",
        ] {
            assert!(!has_bare_password(&format!("//{good}")), "{good}");
        }
    }

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
    fn addresses_to_listen_on() {
        assert_eq!(
            parse_bind("localhost:80"),
            Some(SocketAddr::from(([127, 0, 0, 1], 80)))
        );
        assert!(parse_bind("[::]:80").is_some());
        for bad in ["8000", "localhost", "example.com:80", "127.0.0.1:99999", ""] {
            assert_eq!(parse_bind(bad), None, "{bad}");
        }
    }
}
