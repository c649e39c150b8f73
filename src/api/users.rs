//! `/api/users/me`.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::bearer::ApiUser;
use super::{ApiError, ok};
use crate::accounts::User;
use crate::error::Error;

/// A user, as every answer under `/api/` shows one.
#[derive(Serialize)]
pub struct UserJson {
    pub(super) id: i64,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
}

impl From<User> for UserJson {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
        }
    }
}

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
