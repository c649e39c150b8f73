//! The client of WorkOS's API.

mod breaker;
mod credentials;
mod device;
mod events;
mod memberships;
mod retry;
mod step_answer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::access_token::AccessTokenVerifier;
use super::authorize::{AuthorizeRequest, Pkce};
use super::error::WorkosError;
use super::wire::{AuthenticateResponse, Authentication, WorkosUser};
use crate::clock::{Clock, Timestamp};
use crate::http_client;
use crate::ids::{OrganizationId, UserId, WorkosSid};
use crate::settings::WorkosSettings;
use breaker::CircuitBreaker;
use retry::{RetryPolicy, Sender, ignore_body};

pub use breaker::{RefreshTokenState, RenewalAdmission, RenewalPermit};
pub use device::ClientDevice;
pub use events::{EventPage, EventStart};
pub use memberships::OrganizationList;
pub use step_answer::StepAnswer;

/// The time-out of one attempt to use a refresh token. It is short, so that after a lost response
/// the request is repeated within the total time-out, and within the 30 seconds in which WorkOS
/// gives the same response again.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(4);

/// A client of WorkOS's user management API.
#[derive(Clone)]
pub struct WorkosClient {
    http: reqwest::Client,
    /// For requests that must not be repeated.
    http_without_reuse: reqwest::Client,
    base_url: String,
    client_id: String,
    api_key: SecretString,
    verifier: Arc<AccessTokenVerifier>,
    /// The claims of access tokens that `WORKOS_CLAIMS` names.
    claims: Arc<[String]>,
    breaker: CircuitBreaker,
}

impl WorkosClient {
    /// Creates the client. Fails if TLS cannot be set up.
    pub fn new(settings: &WorkosSettings) -> Result<Self, WorkosError> {
        let http = http_client::client(&settings.api_base_url)
            .map_err(|error| WorkosError::unavailable(http_client::error_chain(&error)))?;
        let http_without_reuse = http_client::client_without_reuse(&settings.api_base_url)
            .map_err(|error| WorkosError::unavailable(http_client::error_chain(&error)))?;
        let base_url = &settings.api_base_url;
        let verifier = AccessTokenVerifier::new(
            http.clone(),
            format!("{base_url}/sso/jwks/{}", settings.client_id),
            settings.jwt_issuers.clone(),
        );
        Ok(Self {
            verifier: Arc::new(verifier),
            claims: settings.claims.as_slice().into(),
            http,
            http_without_reuse,
            base_url: settings.api_base_url.clone(),
            client_id: settings.client_id.clone(),
            api_key: settings.api_key.clone(),
            breaker: CircuitBreaker::new(Clock::system()),
        })
    }

    /// Uses this clock for the pauses during an outage of WorkOS.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.breaker = CircuitBreaker::new(clock);
        self
    }

    /// Waits until a session of this account may be renewed, or until it is known that WorkOS is failing.
    pub async fn admit_renewal(&self, account: UserId) -> RenewalAdmission {
        self.breaker.admit(account).await
    }

    /// The same without waiting, for a renewal whose response was lost. Returns `None` if enough renewals are
    /// running.
    pub fn try_admit_repetition(
        &self,
        account: UserId,
        token: RefreshTokenState,
    ) -> Option<RenewalAdmission> {
        self.breaker.try_admit(account, token)
    }

    /// Tells which accounts have renewals whose response was lost. They probe whether WorkOS answers again, so that no
    /// other refresh token is risked.
    pub fn reserve_probes(&self, lost: HashSet<UserId>) {
        self.breaker.reserve_probes(lost);
    }

    /// Whether WorkOS has failed repeatedly and not answered since.
    pub fn is_failing(&self) -> bool {
        self.breaker.is_open()
    }

    /// The same, or whether it has failed repeatedly for this account.
    pub fn is_failing_for(&self, account: UserId) -> bool {
        self.breaker.is_open_for(account)
    }

    /// The same for any account.
    pub fn is_failing_for_any(&self) -> bool {
        self.breaker.is_open_for_any()
    }

    /// Whether WorkOS is not failing, and has answered a renewal since this time by [`Clock::elapsed`].
    pub fn has_renewed_since(&self, time: Duration) -> bool {
        self.breaker.has_renewed_since(time)
    }

    /// Whether WorkOS is failing and it is too early to probe whether it answers again.
    pub fn is_probe_early(&self) -> bool {
        self.breaker.is_pausing()
    }

    /// Fails if WorkOS is failing: for requests that a page can do without.
    fn refuse_while_failing(&self) -> Result<(), WorkosError> {
        match self.breaker.is_failing_now() {
            true => Err(WorkosError::unsent("it does not answer renewals")),
            false => Ok(()),
        }
    }

    fn sender(&self) -> Sender<'_> {
        Sender {
            breaker: &self.breaker,
            is_authentication: false,
            permit: None,
            without_device: None,
        }
    }

    /// The URL to which a browser is sent to sign in.
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

    /// The URL to which a browser is sent to end the session at WorkOS.
    pub fn logout_url(
        &self,
        sid: &WorkosSid,
        return_to: Option<&str>,
    ) -> Result<Url, url::ParseError> {
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

    /// Exchanges an authorization code. Without a `code_verifier` the request is authenticated by
    /// the API key alone. An invitation is accepted with it, unless WorkOS refuses both.
    pub async fn authenticate_with_code(
        &self,
        code: &str,
        code_verifier: Option<&str>,
        invitation_token: Option<&str>,
        device: &ClientDevice,
    ) -> Result<Authentication, WorkosError> {
        let mut body = self.grant("authorization_code", device);
        body["code"] = code.into();
        let optional = [
            ("code_verifier", code_verifier),
            ("invitation_token", invitation_token),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        self.authenticate(None, &body, RetryPolicy::IfUnsent).await
    }

    /// Renews a session with its refresh token. For 30 seconds WorkOS answers repeated requests
    /// with the same new refresh token. Without an `organization_id`, WorkOS may switch to another
    /// organisation. A probe is sent once. If something that is not WorkOS refuses the request, it is repeated once
    /// without what the client chooses.
    pub async fn refresh(
        &self,
        permit: &RenewalPermit,
        refresh_token: &SecretString,
        organization_id: Option<&OrganizationId>,
        device: &ClientDevice,
    ) -> Result<Authentication, WorkosError> {
        let mut body = self.grant("refresh_token", device);
        body["refresh_token"] = refresh_token.expose_secret().into();
        if let Some(organization_id) = organization_id {
            body["organization_id"] = json!(organization_id);
        }
        self.authenticate(Some(permit), &body, RetryPolicy::IfUnanswered)
            .await
    }

    /// Whether the base URL is that of an emulator: WorkOS itself uses https only.
    pub fn is_emulated(&self) -> bool {
        self.base_url.starts_with("http:")
    }

    /// Verifies signature and issuer of an access token. Every failure is
    /// `WorkosError::Unavailable`, since WorkOS has not refused anything.
    pub async fn verify(
        &self,
        authentication: &Authentication,
        now: Timestamp,
    ) -> Result<(), WorkosError> {
        let token = &authentication.access_token;
        self.verifier.verify(token, now).await
    }

    /// Revokes a session at WorkOS without a browser. WorkOS refuses if the session is not active.
    pub async fn revoke_session(&self, sid: &WorkosSid) -> Result<(), WorkosError> {
        let url = format!("{}/user_management/sessions/revoke", self.base_url);
        let request = self.http.post(url).json(&json!({ "session_id": sid }));
        let request = request.bearer_auth(self.api_key.expose_secret());
        self.sender()
            .send(request, RetryPolicy::Safe, ignore_body)
            .await
    }

    /// The current profile of a user. WorkOS refuses if it does not know the user. Sent also while renewals fail:
    /// what other users cause must not decide whether this one still exists.
    pub async fn user(&self, id: &str) -> Result<WorkosUser, WorkosError> {
        let unreadable = |error: String| WorkosError::unavailable(format!("user: {error}"));
        let url = Url::parse(&self.base_url).map_err(|error| unreadable(error.to_string()));
        let mut url = url?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["user_management", "users", id]);
        }
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        let request = request.timeout(http_client::LOOKUP_TIMEOUT);
        let read = |body: &[u8]| {
            serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))
        };
        self.sender()
            .send(request, RetryPolicy::IfUnsent, read)
            .await
    }

    /// The fields that all grants share.
    fn grant(&self, grant_type: &str, device: &ClientDevice) -> serde_json::Value {
        let mut body = json!({
            "client_id": self.client_id,
            "client_secret": self.api_key.expose_secret(),
            "grant_type": grant_type,
        });
        device.add_to(&mut body);
        body
    }

    /// `permit`: the permission, if the request renews a session.
    async fn authenticate(
        &self,
        permit: Option<&RenewalPermit>,
        body: &serde_json::Value,
        policy: RetryPolicy,
    ) -> Result<Authentication, WorkosError> {
        let url = format!("{}/user_management/authenticate", self.base_url);
        let http = match policy {
            RetryPolicy::IfUnsent => &self.http_without_reuse,
            RetryPolicy::Safe | RetryPolicy::IfUnanswered => &self.http,
        };
        let request = |body: &serde_json::Value| match policy {
            RetryPolicy::IfUnanswered => http.post(&url).json(body).timeout(REFRESH_TIMEOUT),
            RetryPolicy::Safe | RetryPolicy::IfUnsent => http.post(&url).json(body),
        };
        let without_device = permit.and_then(|_| ClientDevice::removed_from(body));
        let without_device = without_device.map(|body| request(&body));
        let read = |body: &[u8]| {
            let response: AuthenticateResponse = serde_json::from_slice(body).map_err(|error| {
                WorkosError::unavailable(format!("its response cannot be read: {error}"))
            })?;
            response.into_authentication(&self.claims)
        };
        let sender = Sender {
            is_authentication: true,
            permit,
            without_device: without_device.as_ref(),
            ..self.sender()
        };
        let authentication = sender.send(request(body), policy, read).await?;
        if let (None, Some(issuer)) = (permit, &authentication.issuer) {
            // The renewals would fail later, one by one.
            self.verifier.report_issuer(issuer);
        }
        Ok(authentication)
    }
}
