//! `/api/users/me`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::bearer::ApiUser;
use super::wire::CurrentUserJson;
use super::{ApiError, json_ok};
use crate::accounts::group_names;
use crate::db::DbError;
use crate::error::Error;
use crate::state::AppState;

/// `GET /api/users/me`: the signed-in user.
pub async fn me(
    ApiUser(user): ApiUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let id = user.id;
    let groups = app
        .database
        .read(move |conn| group_names(conn, id).map_err(DbError::from))
        .await?;
    json_ok(&CurrentUserJson::new(user, groups))
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
