//! The HTTP client.

mod memberships;
mod step;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::access_token::AccessTokenVerifier;
use super::authorize::{AuthorizeRequest, Pkce};
use super::error::WorkosError;
use super::wire::{AccessTokenClaims, AuthenticateResponse, Authentication};
use crate::clock::Timestamp;
use crate::http_client::{self, TOTAL_TIMEOUT};
use crate::random::random_text;
use crate::settings::WorkosSettings;

pub use memberships::OrganizationList;
pub use step::StepAnswer;

/// Tries in all, where repeating is safe.
const TRIES: u32 = 3;
/// The pause before the second try; it doubles for the third.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// One try of a renewal, so that an answer that is lost is asked for again within the total timeout,
/// and well within the half minute in which WorkOS gives the same one again.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether a request may be sent again when its answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetryPolicy {
    /// Doing it twice is the same as doing it once.
    Safe,
    /// Only when it never left: an authorization code is used up by the first arrival.
    IfUnsent,
    /// Only when no answer came: one that came, and said that WorkOS is busy, is to be heeded.
    IfUnanswered,
}

/// Speaks to WorkOS's user management.
#[derive(Clone)]
pub struct WorkosClient {
    http: reqwest::Client,
    base_url: String,
    client_id: String,
    api_key: SecretString,
    verifier: Arc<AccessTokenVerifier>,
}

/// What a person signs in with, for WorkOS's Radar.
#[derive(Clone, Debug, Default)]
pub struct ClientDevice {
    /// The user's address.
    pub ip_address: Option<String>,
    /// The user's browser.
    pub user_agent: Option<String>,
}

impl WorkosClient {
    /// A client with timeouts and our name and version. Fails where TLS cannot be set up.
    pub fn new(settings: &WorkosSettings) -> Result<Self, WorkosError> {
        let http = http_client::client(&settings.api_base_url)
            .map_err(|error| WorkosError::unavailable(http_client::reason(&error)))?;
        let base_url = &settings.api_base_url;
        let verifier = AccessTokenVerifier::new(
            http.clone(),
            format!("{base_url}/sso/jwks/{}", settings.client_id),
            settings.jwt_issuers.clone(),
        );
        Ok(Self {
            verifier: Arc::new(verifier),
            http,
            base_url: settings.api_base_url.clone(),
            client_id: settings.client_id.clone(),
            api_key: settings.api_key.clone(),
        })
    }

    /// Where a browser is sent to sign in.
    pub fn authorize_url(
        &self,
        request: &AuthorizeRequest,
        redirect_uri: &str,
        state: &str,
        pkce: &Pkce,
    ) -> Result<Url, url::ParseError> {
        let endpoint = format!("{}/user_management/authorize", self.base_url);
        request.url(&endpoint, &self.client_id, redirect_uri, state, pkce)
    }

    /// Where a browser is sent to end the session at WorkOS too.
    pub fn logout_url(&self, sid: &str, return_to: Option<&str>) -> Result<Url, url::ParseError> {
        let mut url = Url::parse(&format!(
            "{}/user_management/sessions/logout",
            self.base_url
        ))?;
        url.query_pairs_mut().append_pair("session_id", sid);
        if let Some(return_to) = return_to {
            url.query_pairs_mut().append_pair("return_to", return_to);
        }
        Ok(url)
    }

    /// Exchanges an authorization code for the session that it stands for. Without a `code_verifier`
    /// the API key alone proves who asks.
    pub async fn authenticate_with_code(
        &self,
        code: &str,
        code_verifier: Option<&str>,
        device: &ClientDevice,
    ) -> Result<Authentication, WorkosError> {
        let mut body = self.grant("authorization_code", device);
        body["code"] = code.into();
        if let Some(code_verifier) = code_verifier {
            body["code_verifier"] = code_verifier.into();
        }
        self.authenticate(&body, RetryPolicy::IfUnsent).await
    }

    /// Carries a session on: WorkOS answers with the next refresh token, and again with the same one
    /// for half a minute. `organization_id`: the one to stay in; without it WorkOS may choose another.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        organization_id: Option<&str>,
        device: &ClientDevice,
    ) -> Result<Authentication, WorkosError> {
        let mut body = self.grant("refresh_token", device);
        body["refresh_token"] = refresh_token.expose_secret().into();
        if let Some(organization_id) = organization_id {
            body["organization_id"] = organization_id.into();
        }
        self.authenticate(&body, RetryPolicy::IfUnanswered).await
    }

    /// Whether an emulator on this machine is asked: WorkOS answers over https alone.
    pub fn is_emulated(&self) -> bool {
        self.base_url.starts_with("http:")
    }

    /// Checks signature and issuer of an access token; fails as an outage, since WorkOS has refused
    /// nothing.
    pub async fn verify(
        &self,
        authentication: &Authentication,
        now: Timestamp,
    ) -> Result<(), WorkosError> {
        let token = &authentication.access_token;
        self.verifier.verify(token, now).await
    }

    /// Ends a session at WorkOS without a browser at hand. Refused where it is not open there.
    pub async fn revoke_session(&self, sid: &str) -> Result<(), WorkosError> {
        let url = format!("{}/user_management/sessions/revoke", self.base_url);
        let request = self.http.post(url).json(&json!({ "session_id": sid }));
        let request = request.bearer_auth(self.api_key.expose_secret());
        self.send(request, RetryPolicy::Safe).await.map(drop)
    }

    /// The fields that all grants have.
    fn grant(&self, grant_type: &str, device: &ClientDevice) -> serde_json::Value {
        let mut body = json!({
            "client_id": self.client_id,
            "client_secret": self.api_key.expose_secret(),
            "grant_type": grant_type,
        });
        if let Some(ip_address) = &device.ip_address {
            body["ip_address"] = ip_address.as_str().into();
        }
        if let Some(user_agent) = &device.user_agent {
            body["user_agent"] = user_agent.as_str().into();
        }
        body
    }

    /// Proves that the API key and the client id work together: WorkOS checks them before it looks
    /// at the code, which is no code. `Ok` when they do.
    pub async fn verify_credentials(&self) -> Result<(), WorkosError> {
        let body = json!({
            "client_id": self.client_id,
            "client_secret": self.api_key.expose_secret(),
            "grant_type": "authorization_code",
            "code": "vestibule-check-of-credentials",
        });
        match self.authenticate(&body, RetryPolicy::Safe).await {
            Ok(_) => {}
            Err(error @ WorkosError::Refused { status: 400, .. })
                if !error.is_misconfiguration() => {}
            Err(error) => return Err(error),
        }
        self.verify_api_key().await
    }

    /// Proves the API key by itself: WorkOS's own emulator takes any key with a code, and checks it
    /// as WorkOS does where a user is asked for. Nobody is the user asked for here.
    async fn verify_api_key(&self) -> Result<(), WorkosError> {
        let url = format!("{}/user_management/users/user_nobody", self.base_url);
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        match self.send(request, RetryPolicy::Safe).await {
            Err(error @ WorkosError::Refused { .. }) if !error.is_misconfiguration() => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn authenticate(
        &self,
        body: &serde_json::Value,
        repeat: RetryPolicy,
    ) -> Result<Authentication, WorkosError> {
        let url = format!("{}/user_management/authenticate", self.base_url);
        let mut request = self.http.post(url).json(body);
        if repeat == RetryPolicy::IfUnanswered {
            request = request.timeout(REFRESH_TIMEOUT);
        }
        let answer = self.send(request, repeat).await?;
        let response: AuthenticateResponse = serde_json::from_slice(&answer).map_err(|error| {
            WorkosError::unavailable(format!("its answer cannot be read: {error}"))
        })?;
        response.check()
    }

    /// Sends a request, again where that is safe, and all of it within the total timeout.
    async fn send(
        &self,
        request: RequestBuilder,
        repeat: RetryPolicy,
    ) -> Result<Vec<u8>, WorkosError> {
        let tries = tokio::time::timeout(TOTAL_TIMEOUT, try_again(request, repeat));
        let late = |_| WorkosError::unavailable(format!("no answer within {TOTAL_TIMEOUT:?}"));
        tries.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }
}

/// Sends it up to three times where that is safe, always under the same idempotency key.
async fn try_again(request: RequestBuilder, repeat: RetryPolicy) -> Result<Vec<u8>, WorkosError> {
    let key = random_text().map_err(|error| WorkosError::unavailable(error.to_string()))?;
    let request = request.header("Idempotency-Key", key);
    let mut pause = FIRST_PAUSE;
    let mut lost = false;
    for _ in 1..TRIES {
        let Some(copy) = request.try_clone() else {
            break;
        };
        match once(copy).await {
            Err(failure) if failure.may_repeat(repeat) => {
                log::info!("asking WorkOS again: {}", failure.error);
                lost |= failure.error.is_lost();
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result.map_err(|failure| failure.error.or_lost(lost)),
        }
    }
    let last = once(request).await;
    last.map_err(|failure| failure.error.or_lost(lost))
}

/// A try that failed, and whether the request had left.
struct FailedAttempt {
    error: WorkosError,
    unsent: bool,
    answered: bool,
}

impl FailedAttempt {
    fn may_repeat(&self, repeat: RetryPolicy) -> bool {
        let transient = matches!(self.error, WorkosError::Unavailable { .. });
        let harmless = match repeat {
            RetryPolicy::Safe => true,
            RetryPolicy::IfUnsent => self.unsent,
            RetryPolicy::IfUnanswered => !self.answered,
        };
        transient && harmless
    }
}

async fn once(request: RequestBuilder) -> Result<Vec<u8>, FailedAttempt> {
    let response = request.send().await.map_err(|error| FailedAttempt {
        unsent: error.is_connect(),
        answered: false,
        error: WorkosError::Unavailable {
            reason: http_client::reason(&error),
            retry_after: None,
            lost: !error.is_connect(),
        },
    })?;
    let status = response.status();
    let retry_after = http_client::retry_after(response.headers());
    let body = http_client::read_body(response)
        .await
        .map_err(|reason| FailedAttempt {
            unsent: false,
            answered: false,
            error: WorkosError::unavailable(reason),
        })?;
    if status.is_success() {
        return Ok(body);
    }
    Err(FailedAttempt {
        unsent: false,
        answered: true,
        error: WorkosError::from_answer(status, retry_after, &body),
    })
}

impl AuthenticateResponse {
    /// Reads the access token's claims. They came straight from WorkOS's token endpoint, so TLS has
    /// authenticated them (OpenID Connect Core, 3.1.3.7); that they are about this user is checked.
    fn check(self) -> Result<Authentication, WorkosError> {
        let claims: AccessTokenClaims =
            jsonwebtoken::dangerous::insecure_decode_claims(self.access_token.expose_secret())
                .map_err(|error| {
                    WorkosError::unavailable(format!("its access token cannot be read: {error}"))
                })?;
        if claims.sub != self.user.id {
            return Err(WorkosError::unavailable(
                "its access token is about another user",
            ));
        }
        Ok(Authentication {
            sid: claims.sid,
            role: claims.role,
            access_token_expires_at: claims.exp.and_then(|exp| DateTime::from_timestamp(exp, 0)),
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            organization_id: self.organization_id.or(claims.org_id),
            authentication_method: self.authentication_method,
            impersonator: self.impersonator,
            user: self.user,
        })
    }
}
