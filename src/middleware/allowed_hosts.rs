//! `ALLOWED_HOSTS`: a request with another `Host` gets 400, so that no link or cookie is created for it.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::web;

use crate::error::Error;
use crate::state::AppState;

/// Load balancers call these by IP address.
const ANY_HOST: [&str; 4] = ["/healthz", "/healthz/", "/readyz", "/readyz/"];

/// Rejects requests whose `Host` is not allowed.
pub async fn allowed_hosts(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host_name(host);
    let allowed = name.as_ref().is_some_and(|name| {
        app.settings
            .allowed_hosts
            .iter()
            .any(|pattern| pattern.allows(name))
    });
    if allowed || ANY_HOST.contains(&request.path()) {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    let error = Error::HostNotAllowed(host.to_owned());
    Ok(request.error_response(error))
}

/// The host without port and trailing dot, in lower case; `None` if it is not a host name or address.
fn host_name(host: &str) -> Option<String> {
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
    use super::host_name;

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
