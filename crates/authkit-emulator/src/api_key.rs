//! An extractor for API requests: it requires the API key as a bearer token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::api_error::ApiError;
use crate::state::SharedState;

/// The request carries the API key.
pub(crate) struct ApiKey;

impl FromRequest for ApiKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let expected = request
            .app_data::<Data<SharedState>>()
            .map(|shared| shared.api_key.as_str());
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let is_valid = given.is_some() && given == expected;
        ready(if is_valid {
            Ok(Self)
        } else {
            Err(ApiError::unauthorized())
        })
    }
}
