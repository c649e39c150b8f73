//! `/api/users/me`.

use actix_web::{HttpRequest, HttpResponse};

use super::bearer::ApiUser;
use super::wire::UserJson;
use super::{ApiError, ok};
use crate::error::Error;

/// `GET /api/users/me`: who am I.
pub async fn me(ApiUser(user): ApiUser) -> Result<HttpResponse, ApiError> {
    ok(&UserJson::from(user))
}

/// Any other method there: Django REST framework asks who it is first.
pub async fn me_otherwise(_: ApiUser, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(Error::MethodNotAllowed {
        method: request.method().to_string(),
        allow: "GET, HEAD, OPTIONS",
    }
    .into())
}
