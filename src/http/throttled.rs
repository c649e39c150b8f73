//! The rate limits, as extractors. They must be the first argument of a handler, so that a request
//! over the limit is rejected before its body is read.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::error::{Error, InternalError};
use crate::middleware::client_ip;
use crate::state::AppState;

/// Counts a sign-in by password or code exchange, and rejects it over the limit. Holds the client's
/// address.
pub struct SignInThrottle(pub IpAddr);

/// The client's address, for limits that are counted later.
pub struct ClientAddress(pub IpAddr);

/// Counts a token refresh, and rejects it over the limit.
pub struct RefreshThrottle;

impl FromRequest for SignInThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(client(request, payload).and_then(|(app, client)| {
            // A throttled page leads back to its form, which has the same address.
            let form = request.uri().path_and_query();
            let form = form.map_or("/", |target| target.as_str());
            let throttled = app.throttle.count_sign_in(client);
            throttled.map_err(|error| error.on_form(form))?;
            Ok(Self(client))
        }))
    }
}

impl FromRequest for ClientAddress {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(client(request, payload).map(|(_, client)| Self(client)))
    }
}

impl FromRequest for RefreshThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(client(request, payload).and_then(|(app, client)| {
            app.throttle.count_refresh(client)?;
            Ok(Self)
        }))
    }
}

fn client(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<(web::Data<AppState>, IpAddr), Error> {
    let app = web::Data::<AppState>::from_request(request, payload).into_inner();
    let app =
        app.map_err(|error| InternalError::new("find the application's state", error.to_string()))?;
    // Only connections that are not TCP have no address, and the server opens none.
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let client = client_ip(request, &app.settings.trusted_proxies).unwrap_or(unknown);
    Ok((app, client))
}
