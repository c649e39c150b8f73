//! `ALLOWED_HOSTS`: a request with another `Host` gets 400, so that no link or cookie is created for it.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::web;

use super::client_ip::is_from_trusted_proxy;
use crate::error::Error;
use crate::origin::host_name;
use crate::state::AppState;

/// Load balancers call these by IP address.
const ANY_HOST: [&str; 4] = ["/healthz", "/healthz/", "/readyz", "/readyz/"];
/// Traefik asks by the address of its configuration, and gives the client's host in another header.
const ANY_HOST_FOR_PROXIES: [&str; 2] = ["/auth/verify", "/auth/verify/"];

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
    let is_for_any = ANY_HOST.contains(&request.path())
        || ANY_HOST_FOR_PROXIES.contains(&request.path())
            && is_from_trusted_proxy(request.request(), &app.settings.trusted_proxies);
    if allowed || is_for_any {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    let error = Error::HostNotAllowed(host.to_owned());
    Ok(request.error_response(error))
}
