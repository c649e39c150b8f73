//! Which users may sign in to an organisation.

use actix_web::http::StatusCode;

use crate::api_error::ApiError;
use crate::store::Store;

impl Store {
    /// Returns an error if the organisation requires single sign-on.
    pub(crate) fn check_sso_not_required(
        &self,
        organization_id: &str,
        user_id: &str,
    ) -> Result<(), ApiError> {
        let organization = self.directory.organization(organization_id);
        if !organization.is_some_and(|organization| organization.sso_required) {
            return Ok(());
        }
        let connection_ids: Vec<&str> = self
            .directory
            .connections
            .iter()
            .filter(|connection| connection.organization_id == organization_id)
            .map(|connection| connection.id.as_str())
            .collect();
        let user = self.directory.user(user_id);
        let message = "User must authenticate using one of the matching connections.";
        Err(ApiError::oauth("sso_required", message)
            .with("connection_ids", connection_ids)
            .with("email", user.map(|user| user.email.as_str())))
    }

    /// Returns an error if the organisation does not exist or the user is not a member of it.
    pub(crate) fn check_member(
        &self,
        organization_id: &str,
        user_id: &str,
    ) -> Result<(), ApiError> {
        if self.directory.organization(organization_id).is_none() {
            return Err(ApiError::not_found("Organization", organization_id));
        }
        if !self.directory.is_member(user_id, organization_id) {
            return Err(ApiError::coded(
                StatusCode::BAD_REQUEST,
                "invalid_organization_id",
                "The user is not a member of the organization.",
            ));
        }
        Ok(())
    }
}
