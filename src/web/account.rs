//! `GET /account`: who am I.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::pages::Account;
use super::render;
use super::visitor::SessionUser;
use crate::error::Error;

/// The profile, the organisation, and how and when the person signed in.
pub async fn account(SessionUser(user): SessionUser) -> Result<HttpResponse, Error> {
    let account = Account {
        page: render::frame(Some(&user), None),
        email_verified: user.email_verified,
        user_id: user.user_id,
        workos_user_id: user.workos_user_id.as_deref(),
        organization_id: user.organization_id.as_deref(),
        roles: user.role.as_slice(),
        authentication_method: user.authentication_method.as_deref(),
        signed_in_at: user.signed_in_at.utc(),
        expires_at: user.expires_at.utc(),
    };
    render::page(StatusCode::OK, &account)
}
