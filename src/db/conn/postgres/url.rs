//! Parameters of a URL of PostgreSQL. It is not parsed: libpq accepts more than a URL may hold.

/// The URL with timeouts where it has none. Without them, libpq waits for ever for a host that does not
/// answer.
pub(super) fn with_timeouts(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [
        ("connect_timeout", "5"),
        ("tcp_user_timeout", "10000"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "3"),
    ] {
        add_default(&mut url, name, value);
    }
    url
}

pub(super) fn add_default(url: &mut String, name: &str, value: &str) {
    if !url.contains(name) {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{name}={value}"));
    }
}

/// The URL with a further parameter of the session in `options`, after those that it has.
pub(super) fn with_option(url: &str, name: &str, value: &str) -> String {
    let option = format!("-c%20{name}%3D{value}");
    let begin = ["?options=", "&options="]
        .iter()
        .find_map(|key| url.find(key).map(|at| at + key.len()));
    let Some(begin) = begin else {
        let mut url = url.to_owned();
        add_default(&mut url, "options", &option);
        return url;
    };
    let end = url[begin..].find('&').map_or(url.len(), |at| begin + at);
    format!("{}%20{option}{}", &url[..end], &url[end..])
}

/// Whether the URL names several hosts: `postgres://one,two/` or `postgres:///?host=one,two`.
pub(super) fn has_several_hosts(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let hosts = authority.rsplit('@').next().unwrap_or(authority);
    let parameters = rest.split_once('?').map_or("", |(_, query)| query);
    hosts.contains(',')
        || parameters.split('&').any(|parameter| {
            let is_host = parameter.starts_with("host=") || parameter.starts_with("hostaddr=");
            is_host && (parameter.contains(',') || parameter.to_ascii_uppercase().contains("%2C"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gets_the_timeouts_that_it_lacks() {
        assert_eq!(
            with_timeouts("postgres://h/d"),
            "postgres://h/d?connect_timeout=5&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
        assert_eq!(
            with_timeouts("postgres://h/d?sslmode=require&connect_timeout=1"),
            "postgres://h/d?sslmode=require&connect_timeout=1&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
        );
    }

    #[test]
    fn an_option_is_added_to_those_of_the_url() {
        let marked = |url| with_option(url, "a.b", "on");
        assert_eq!(
            marked("postgres://h/d"),
            "postgres://h/d?options=-c%20a.b%3Don"
        );
        assert_eq!(
            marked("postgres://h/d?options=-csearch_path%3Dx&sslmode=require"),
            "postgres://h/d?options=-csearch_path%3Dx%20-c%20a.b%3Don&sslmode=require"
        );
        assert_eq!(
            marked("postgres://h/d?sslmode=require&options=-csearch_path%3Dx"),
            "postgres://h/d?sslmode=require&options=-csearch_path%3Dx%20-c%20a.b%3Don"
        );
    }

    #[test]
    fn several_hosts_are_recognised() {
        for url in [
            "postgres://u:p,w@one:5432,two:5432/d",
            "postgres:///d?host=one,two",
            "postgres:///d?user=u&host=one%2ctwo",
        ] {
            assert!(has_several_hosts(url), "{url}");
        }
        for url in [
            "postgres://u:p,w@one/d",
            "postgres://one/d?application_name=a,b",
        ] {
            assert!(!has_several_hosts(url), "{url}");
        }
    }
}
