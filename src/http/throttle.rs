//! The throttle, visible in a handler's signature: it must be its first argument, so that it is asked
//! before anything is read.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::error::{Error, InternalError};
use crate::middleware::client_ip;
use crate::state::AppState;

/// A sign-in that is not one too many: by a password, here or on the page, or by an exchange.
pub struct SignInThrottle(pub IpAddr);

/// A refresh that is not one too many.
pub struct RefreshThrottle;

impl FromRequest for SignInThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(client(request, payload).and_then(|(app, client)| {
            app.throttle.sign_in(client)?;
            Ok(Self(client))
        }))
    }
}

impl FromRequest for RefreshThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(client(request, payload).and_then(|(app, client)| {
            app.throttle.refresh(client)?;
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
    // A connection over TCP has an address: nobody stands behind this one.
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let client = client_ip(request, &app.settings.trusted_proxies).unwrap_or(nobody);
    Ok((app, client))
}
