//! The JSON API for single-page apps, in the wire shapes of Django REST framework and simplejwt.
//!
//! [`body`] reads what was sent, [`error`] is what goes wrong, and each other file is one group of
//! routes.

pub mod auth_cookie;
pub mod bearer;
pub mod body;
pub mod docs;
pub mod error;
pub mod exchange;
pub mod logout;
pub mod schema;
pub mod session;
pub mod token;
pub mod users;
pub mod wire;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use serde::Serialize;

pub use body::Body;
pub use error::ApiError;

/// 200 with compact JSON, as Django REST framework writes it.
fn ok(answer: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let text = serde_json::to_string(answer)
        .map_err(|error| ApiError::internal("write a response as JSON", error))?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(text))
}
