//! The bearer API key, as an extractor: a handler that has one was called by the application.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::replies::Refusal;
use crate::state::Shared;

pub(crate) struct ApiKey;

impl FromRequest for ApiKey {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let expected = request
            .app_data::<Data<Shared>>()
            .map(|shared| shared.api_key.as_str());
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let same = given.is_some() && given == expected;
        ready(if same {
            Ok(Self)
        } else {
            Err(Refusal::unauthorized())
        })
    }
}
