//! Checks the credentials of this application at WorkOS, for `vestibule check --online`.

use secrecy::ExposeSecret;
use serde_json::json;

use super::WorkosClient;
use super::retry::{RetryPolicy, ignore_body};
use crate::workos::error::WorkosError;

impl WorkosClient {
    /// Checks that the API key and the client id are valid together. WorkOS checks them before the
    /// code, which is invalid on purpose.
    pub async fn verify_credentials(&self) -> Result<(), WorkosError> {
        let body = json!({
            "client_id": self.client_id,
            "client_secret": self.api_key.expose_secret(),
            "grant_type": "authorization_code",
            "code": "vestibule-check-of-credentials",
        });
        match self.authenticate(None, &body, RetryPolicy::Safe).await {
            Ok(_) => {}
            Err(error @ WorkosError::Refused { status: 400, .. })
                if !error.is_misconfiguration() => {}
            Err(error) => return Err(error),
        }
        self.verify_api_key().await
    }

    /// Checks the API key by requesting a user that does not exist. WorkOS's own emulator accepts
    /// any API key when a code is exchanged, but checks it here.
    async fn verify_api_key(&self) -> Result<(), WorkosError> {
        let url = format!("{}/user_management/users/user_nobody", self.base_url);
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        let sent = self.sender().send(request, RetryPolicy::Safe, ignore_body);
        match sent.await {
            Err(error @ WorkosError::Refused { .. }) if !error.is_misconfiguration() => Ok(()),
            result => result,
        }
    }
}
