//! Checks the settings of this application at WorkOS, for `vestibule check --online`.

use secrecy::ExposeSecret;
use serde::Deserialize;
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

    /// The issuer of WorkOS's access tokens according to its discovery document, if `WORKOS_JWT_ISSUERS` does not have
    /// it. `None` also if there is no such document.
    pub async fn unlisted_issuer(&self) -> Option<String> {
        let (base_url, client_id) = (&self.base_url, &self.client_id);
        let url =
            format!("{base_url}/user_management/{client_id}/.well-known/openid-configuration");
        let read = |body: &[u8]| Ok(serde_json::from_slice::<DiscoveryDocument>(body).ok());
        let request = self.http.get(url);
        let sent = self.sender().send(request, RetryPolicy::Safe, read);
        let issuer = sent.await.ok().flatten()?.issuer;
        (!self.verifier.knows_issuer(&issuer)).then_some(issuer)
    }
}

/// The part of WorkOS's discovery document (OpenID Connect Discovery 1.0) that is used here.
#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
}
