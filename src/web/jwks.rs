//! The public keys that verify this site's tokens.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, web};

use crate::error::{Error, InternalError};
use crate::state::AppState;

/// Five minutes: the longest that a verifier may miss a new key, unless it reloads on an unknown `kid`.
const CACHEABLE: &str = "public, max-age=300";

/// `GET /.well-known/jwks.json`: 404 if a shared secret signs the tokens, since it cannot be published.
pub async fn jwks(app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    let keys = app.tokens.keys().public();
    if keys.keys.is_empty() {
        return Err(Error::NotFound);
    }
    let text = serde_json::to_string(keys)
        .map_err(|error| InternalError::new("write the key set as JSON", error))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHEABLE))
        .content_type(ContentType::json())
        .body(text))
}
