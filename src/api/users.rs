//! `/api/users/me`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::api_user::ApiUser;
use super::wire::CurrentUserJson;
use super::{ApiError, json_ok};
use crate::error::Error;
use crate::state::AppState;

/// `GET /api/users/me`: the signed-in user.
pub async fn me(user: ApiUser, app: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let organization = user.facts.organization_id.as_ref();
    let organization_name = match (&user.user.workos_user_id, organization) {
        (Some(workos_id), Some(id)) => app.memberships.name_of(workos_id, id).await,
        _ => None,
    };
    json_ok(&CurrentUserJson::new(user, organization_name))
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
