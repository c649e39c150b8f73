//! `DATABASE_URL`: which database, from the scheme of its URL.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

/// The database to use.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://…`, with every parameter of libpq; secret, since it may hold a password.
    Postgres(SecretString),
}

/// Shows `sqlite:PATH`, or `postgres://…` without any part that may be secret.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl DatabaseUrl {
    /// Whether a server on another machine is reached without proof that it is the right one.
    pub fn is_unverified(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(url) => is_unverified(url.expose_secret()),
        }
    }

    /// Parses `sqlite:PATH` or `postgres://…`; the error says what is wrong, and never shows a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            "postgres" | "postgresql" if !rest.starts_with("//") => {
                Err(format!("`{scheme}:` has no `//` after it"))
            }
            "postgres" | "postgresql" if has_unencoded_password(rest) => Err(format!(
                "the password in `{scheme}://…` has a `@`, `/`, `?`, `#` or `%` that is not percent-encoded"
            )),
            "postgres" | "postgresql" if cfg!(feature = "postgres") => {
                Ok(Self::Postgres(SecretString::from(text)))
            }
            "postgres" | "postgresql" => Err(format!(
                "this build has no PostgreSQL, which `{scheme}://…` needs (build it with `--features postgres`)"
            )),
            "" => Err("the value has no scheme".to_owned()),
            other
                if other
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
            {
                Err(format!("the scheme `{other}:` is not supported"))
            }
            _ => Err("the value has no scheme".to_owned()),
        }
    }
}

/// Whether this URL of PostgreSQL names a server on another machine and has libpq not verify the server's certificate:
/// `sslmode` is neither `verify-full` nor `verify-ca`. Then libpq sends the password to whoever answers.
fn is_unverified(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or(rest);
    let hosts = authority.rsplit('@').next().unwrap_or(authority);
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    // The last one counts.
    let value = |name: &str| {
        let mut found = parameters.iter().rev();
        let found = found.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_ref())
    };
    let is_verified = matches!(value("sslmode"), Some("verify-full" | "verify-ca"));
    let hosts = value("hostaddr").or_else(|| value("host")).unwrap_or(hosts);
    !is_verified && hosts.split(',').any(is_remote)
}

/// Whether a host of a PostgreSQL URL, perhaps with a port, is on another machine. No host, and a folder with a socket,
/// are on this one.
fn is_remote(host: &str) -> bool {
    let host = host.replace("%2F", "/").replace("%2f", "/");
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None if host.parse::<IpAddr>().is_ok() => &host,
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_here = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.is_empty() || host.starts_with(['/', '@']) || host == "localhost",
    };
    !is_here
}

/// Whether the password seems to hold a character that ends it early. libpq would take the rest for a
/// host or a port, and show it in its error.
fn has_unencoded_password(rest: &str) -> bool {
    let is_hex = |code: &[u8]| code.iter().all(u8::is_ascii_hexdigit) && code != b"00";
    let bare_percent = |after: &str| !after.as_bytes().get(..2).is_some_and(is_hex);
    if rest.split('%').skip(1).any(bare_percent) {
        return true;
    }
    let rest = rest.trim_start_matches('/');
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let ats = authority.matches('@').count();
    // A parameter may hold a `@`, as in `?user=me@tenant`: there is a `=` before it.
    let at_in_tail = tail
        .split_once('@')
        .is_some_and(|(before, _)| !before.contains('='));
    ats > 1 || (ats == 0 && authority.contains(':') && at_in_tail)
}

fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    if rest.is_empty() || rest == "." || rest.ends_with('/') {
        return Err("`sqlite:` has no path of a file after it".to_owned());
    }
    if rest.starts_with(":memory:") || rest.starts_with("file:") {
        // Every pooled connection would open a database of its own.
        return Err(format!("`sqlite:{rest}` is not the path of a file"));
    }
    if rest.starts_with("//") {
        // Other tools read `sqlite:///x` as a relative path and `sqlite:////x` as an absolute one.
        return Err(format!(
            "tools interpret the slashes of `sqlite:{rest}` differently"
        ));
    }
    Ok(PathBuf::from(rest))
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
    fn a_password_that_libpq_would_misread_is_refused_and_not_shown() {
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
            assert!(!has_unencoded_password(&format!("//{good}")), "{good}");
        }
    }

    #[test]
    fn a_server_on_another_machine_must_be_verified() {
        for unverified in [
            "postgres://u:p@db.example.com/v",
            "postgresql://db.example.com:5432/v?sslmode=require",
            "postgres://192.0.2.1/v?sslmode=verify-full&sslmode=prefer",
            "postgres://localhost,db.example.com/v",
            "postgres:///v?host=db.example.com",
            "postgres://[2001:db8::1]:5432/v",
            "postgres://localhost/v?hostaddr=192.0.2.1",
        ] {
            assert!(is_unverified(unverified), "{unverified}");
        }
        for sound in [
            "postgres://u:p@db.example.com/v?sslmode=verify-full",
            "postgres://db.example.com/v?application_name=a&sslmode=verify-ca",
            "postgres://u:p@localhost:5432/v",
            "postgres://127.0.0.2:5433/v",
            "postgres://[::1]:5432/v",
            "postgres:///v",
            "postgres:///v?host=/run/postgresql",
            "postgres://%2Frun%2Fpostgresql/v",
        ] {
            assert!(!is_unverified(sound), "{sound}");
        }
    }
}
