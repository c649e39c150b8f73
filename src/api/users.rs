//! `/api/users/me`.

use actix_web::{HttpRequest, HttpResponse};

use super::bearer::ApiUser;
use super::wire::CurrentUserJson;
use super::{ApiError, json_ok};
use crate::error::Error;

/// `GET /api/users/me`: the signed-in user.
pub async fn me(ApiUser(user): ApiUser) -> Result<HttpResponse, ApiError> {
    json_ok(&CurrentUserJson::from(user))
}

/// Other methods on `/api/users/me`. Authentication comes before the method check, as in Django REST
/// framework: without credentials the response is 401, else 405.
pub async fn me_method_not_allowed(
    _: ApiUser,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    Err(Error::MethodNotAllowed {
        method: request.method().to_string(),
        allow: "GET, HEAD, OPTIONS",
    }
    .into())
}
