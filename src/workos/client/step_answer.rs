//! The grants that continue a sign-in with the answer to a further step.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::retry::RetryPolicy;
use super::{ClientDevice, WorkosClient};
use crate::workos::error::WorkosError;
use crate::workos::wire::Authentication;

/// The answer to a step that WorkOS asked for.
#[derive(Clone, Copy, Debug)]
pub enum StepAnswer<'a> {
    /// The organisation to sign in to.
    Organization(&'a str),
    /// The code that WorkOS sent by email.
    EmailCode(&'a str),
    /// The code of an authenticator app, for a challenge.
    TotpCode {
        /// The code that the user entered.
        code: &'a str,
        /// The challenge; see [`WorkosClient::create_challenge`].
        challenge_id: &'a str,
    },
}

impl WorkosClient {
    /// Continues a sign-in. WorkOS accepts a correct answer only once.
    pub async fn authenticate_with_step(
        &self,
        pending: &SecretString,
        answer: StepAnswer<'_>,
        device: &ClientDevice,
    ) -> Result<Authentication, WorkosError> {
        let grant = match answer {
            StepAnswer::Organization(_) => "urn:workos:oauth:grant-type:organization-selection",
            StepAnswer::EmailCode(_) => "urn:workos:oauth:grant-type:email-verification:code",
            StepAnswer::TotpCode { .. } => "urn:workos:oauth:grant-type:mfa-totp",
        };
        let mut body = self.grant(grant, device);
        body["pending_authentication_token"] = pending.expose_secret().into();
        match answer {
            StepAnswer::Organization(id) => body["organization_id"] = id.into(),
            StepAnswer::EmailCode(code) => body["code"] = code.into(),
            StepAnswer::TotpCode { code, challenge_id } => {
                body["code"] = code.into();
                body["authentication_challenge_id"] = challenge_id.into();
            }
        }
        self.authenticate(None, &body, RetryPolicy::IfUnsent).await
    }

    /// Creates a challenge for an authenticator app and returns its id. Nothing is sent to the
    /// user.
    pub async fn create_challenge(&self, factor_id: &str) -> Result<String, WorkosError> {
        let unreadable = |error: String| WorkosError::unavailable(format!("a challenge: {error}"));
        let mut url = Url::parse(&self.base_url).map_err(|error| unreadable(error.to_string()))?;
        // Path segments are escaped.
        url.path_segments_mut()
            .map_err(|()| unreadable("the base URL has no path".to_owned()))?
            .pop_if_empty()
            .extend(["auth", "factors", factor_id, "challenge"]);
        let request = self
            .http
            .post(url)
            .bearer_auth(self.api_key.expose_secret());
        let read = |body: &[u8]| {
            let challenge = serde_json::from_slice::<ChallengeJson>(body);
            challenge.map_err(|error| unreadable(error.to_string()))
        };
        let request = request.json(&json!({}));
        let challenge = self.sender().send(request, RetryPolicy::Safe, read).await?;
        Ok(challenge.id)
    }
}

#[derive(Deserialize)]
struct ChallengeJson {
    id: String,
}
