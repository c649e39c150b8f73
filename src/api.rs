//! The JSON API for single-page applications, with the JSON of Django REST framework and simplejwt.
//!
//! [`body`] reads request bodies, [`wire`] has the JSON of responses, [`error`] the error responses,
//! [`schema`] the OpenAPI document. Each other file is one group of routes.

pub mod access_token;
pub mod api_user;
pub mod auth_cookie;
pub mod bearer;
pub mod body;
pub mod cookie_tokens;
pub mod docs;
pub mod error;
pub mod exchange;
pub mod logout;
pub mod organization;
pub mod schema;
pub mod session;
pub mod token;
mod token_code;
mod token_or_session;
pub mod users;
pub mod wire;
pub mod workos_token;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use serde::Serialize;

pub use body::RequestBody;
pub use error::ApiError;

/// 200 with compact JSON, as Django REST framework writes it.
fn json_ok(body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let text = serde_json::to_string(body)
        .map_err(|error| ApiError::internal("write a response as JSON", error))?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(text))
}
