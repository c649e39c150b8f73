//! The client of one provider: exchanges an authorization code and identifies the person.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::OidcError;
use super::email::EmailClaims;
pub use super::email::ProviderRules;
use super::id_token::{self, ExpectedClaims, IdToken};
use super::metadata::ProviderMetadata;
use crate::clock::Timestamp;
use crate::http_client::{self, LOOKUP_TIMEOUT, TOTAL_TIMEOUT};
use crate::jwks::{DocumentCache, JwksCache, KeySet};
use crate::settings::ProviderSettings;

/// An authorization code from the client, with the parameters of its sign-in.
#[derive(Clone, Debug)]
pub struct OidcCode {
    /// The authorization code.
    pub code: String,
    /// The redirect URI to which the provider sent the code.
    pub redirect_uri: String,
    /// The nonce of the sign-in, which the ID token must contain; `None` if the client used none.
    pub nonce: Option<String>,
    /// The PKCE code verifier.
    pub code_verifier: Option<String>,
}

/// The parameters of a request to the provider's authorization endpoint.
#[derive(Clone, Copy, Debug)]
pub struct OidcAuthorization<'a> {
    /// The URI to which the provider sends the code.
    pub redirect_uri: &'a str,
    /// Returned by the provider unchanged.
    pub state: &'a str,
    /// Returned in the ID token.
    pub nonce: &'a str,
    /// The S256 challenge of PKCE.
    pub code_challenge: &'a str,
}

/// A person whom the provider has authenticated.
#[derive(Clone, Debug)]
pub struct OidcIdentity {
    /// The issuer, as in the settings.
    pub issuer: String,
    /// The person's id at the provider. It is never reassigned.
    pub subject: String,
    /// The email, if the provider has verified it.
    pub email: Option<String>,
    /// Why the userinfo endpoint could not be asked for the email.
    pub email_failure: Option<OidcError>,
}

/// The client of a configured OpenID Connect provider.
pub struct OidcProvider {
    settings: ProviderSettings,
    rules: ProviderRules,
    http: Client,
    /// For the exchange of a code, which must not be repeated.
    http_without_reuse: Client,
    metadata: DocumentCache<ProviderMetadata, OidcError>,
    keys: JwksCache<OidcError>,
}

#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<String>,
    access_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(flatten)]
    email: EmailClaims,
}

impl OidcProvider {
    /// Creates the client. Fails if TLS cannot be set up.
    pub fn new(settings: &ProviderSettings, rules: ProviderRules) -> Result<Self, OidcError> {
        let http = http_client::client(&settings.issuer)
            .map_err(|error| OidcError::unavailable(http_client::error_chain(&error)))?;
        let http_without_reuse = http_client::client_without_reuse(&settings.issuer)
            .map_err(|error| OidcError::unavailable(http_client::error_chain(&error)))?;
        Ok(Self {
            settings: settings.clone(),
            rules,
            http,
            http_without_reuse,
            metadata: DocumentCache::new(),
            keys: JwksCache::new(),
        })
    }

    /// The issuer, as in the settings.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Whether the settings allow this redirect URI.
    pub fn allows(&self, redirect_uri: &str) -> bool {
        self.settings
            .redirect_uris
            .iter()
            .any(|allowed| allowed == redirect_uri)
    }

    /// The URL to which a browser is sent to sign in at the provider.
    pub async fn authorize_url(
        &self,
        request: &OidcAuthorization<'_>,
        now: Timestamp,
    ) -> Result<Url, OidcError> {
        let metadata = self.metadata.get(now, self.fetch_metadata()).await?;
        let endpoint = metadata.authorization_endpoint.clone();
        let mut url = endpoint
            .ok_or_else(|| OidcError::unavailable("its metadata has no authorization_endpoint"))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", request.redirect_uri)
            .append_pair("scope", "openid email")
            .append_pair("state", request.state)
            .append_pair("nonce", request.nonce)
            .append_pair("code_challenge", request.code_challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Exchanges the code and identifies the person, within the total time-out.
    pub async fn identify(
        &self,
        code: &OidcCode,
        now: Timestamp,
    ) -> Result<OidcIdentity, OidcError> {
        let work = tokio::time::timeout(TOTAL_TIMEOUT, self.exchange_and_verify(code, now));
        let late = |_| OidcError::unavailable(format!("no answer within {TOTAL_TIMEOUT:?}"));
        work.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn exchange_and_verify(
        &self,
        code: &OidcCode,
        now: Timestamp,
    ) -> Result<OidcIdentity, OidcError> {
        let metadata = self.metadata.get(now, self.fetch_metadata()).await?;
        let response = self.exchange(&metadata, code).await?;
        let token = response.id_token.ok_or_else(|| {
            OidcError::id_token("it is missing; was the scope `openid` requested?")
        })?;
        let token = self.verify_id_token(&metadata, &token, now).await?;
        let issuer = self.settings.issuer.as_str();
        // Google sometimes names itself accounts.google.com, without the scheme.
        let bare = match self.rules {
            ProviderRules::Google => issuer.trim_start_matches("https://"),
            ProviderRules::Standard => issuer,
        };
        token.check(&ExpectedClaims {
            issuers: &[issuer, bare],
            client_id: &self.settings.client_id,
            nonce: code.nonce.as_deref(),
            now,
        })?;
        let mut email = token.email;
        let mut email_failure = None;
        if let (false, Some(url)) = (email.is_complete(), &metadata.userinfo_endpoint) {
            match self
                .fetch_email(url, response.access_token.as_ref(), &token.sub)
                .await
            {
                Ok(claims) => email = claims,
                // A linked person is found by the subject and needs no email.
                Err(error) => email_failure = Some(error),
            }
        }
        let verified = email.verified_email(self.rules);
        let vouched = verified.filter(|email| self.settings.may_vouch_for(email));
        Ok(OidcIdentity {
            issuer: self.settings.issuer.clone(),
            email: vouched.map(str::to_owned),
            subject: token.sub,
            email_failure,
        })
    }

    async fn fetch_metadata(&self) -> Result<ProviderMetadata, OidcError> {
        let url = format!("{}/.well-known/openid-configuration", self.settings.issuer);
        let body = fetch(self.http.get(url)).await?;
        ProviderMetadata::read(&body, &self.settings.issuer).map_err(OidcError::unavailable)
    }

    async fn fetch_keys(&self, url: &Url) -> Result<KeySet, OidcError> {
        let body = fetch(self.http.get(url.clone())).await?;
        KeySet::read(&body).map_err(OidcError::unavailable)
    }

    /// Verifies the ID token's signature with the key that it names, and returns its claims.
    async fn verify_id_token(
        &self,
        metadata: &ProviderMetadata,
        token: &str,
        now: Timestamp,
    ) -> Result<IdToken, OidcError> {
        let header = id_token::read_header(token)?;
        let fetch = || self.fetch_keys(&metadata.jwks_uri);
        match self.keys.signing_key(&header, now, fetch).await? {
            Some(key) => id_token::verify_signature(token, &header, &key),
            None => Err(OidcError::id_token(
                "the provider publishes no key that signed it",
            )),
        }
    }

    /// Exchanges the code. The request is never repeated, since a code can be used only once.
    async fn exchange(
        &self,
        metadata: &ProviderMetadata,
        code: &OidcCode,
    ) -> Result<TokenResponse, OidcError> {
        let ProviderSettings {
            client_id,
            client_secret,
            ..
        } = &self.settings;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", &code.code)
            .append_pair("redirect_uri", &code.redirect_uri)
            .extend_pairs(
                code.code_verifier
                    .iter()
                    .map(|verifier| ("code_verifier", verifier)),
            );
        let token_endpoint = metadata.token_endpoint.clone();
        let mut request = self.http_without_reuse.post(token_endpoint);
        match client_secret {
            Some(secret) if !metadata.wants_secret_in_form() => {
                request =
                    request.basic_auth(encoded(client_id), Some(encoded(secret.expose_secret())));
            }
            Some(secret) => {
                form.append_pair("client_id", client_id)
                    .append_pair("client_secret", secret.expose_secret());
            }
            None => {
                form.append_pair("client_id", client_id);
            }
        }
        let request = request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish());
        let body = http_client::send(request).await?;
        serde_json::from_slice(&body).map_err(|error| {
            OidcError::unavailable(format!("its token response cannot be read: {error}"))
        })
    }

    /// The email claims of the userinfo endpoint.
    async fn fetch_email(
        &self,
        url: &Url,
        access_token: Option<&SecretString>,
        subject: &str,
    ) -> Result<EmailClaims, OidcError> {
        let Some(access_token) = access_token else {
            return Err(OidcError::unavailable(
                "it sent no access token for its userinfo endpoint",
            ));
        };
        let request = self.http.get(url.clone());
        let body = fetch(request.bearer_auth(access_token.expose_secret())).await?;
        let info: UserInfo = serde_json::from_slice(&body).map_err(|error| {
            OidcError::unavailable(format!("its userinfo cannot be read: {error}"))
        })?;
        // OpenID Connect Core, 5.3.2: prevents that a token is combined with another person's
        // email.
        if info.sub != subject {
            return Err(OidcError::id_token("its userinfo is about another person"));
        }
        Ok(info.email)
    }
}

/// RFC 6749, 2.3.1: id and secret are form-encoded before HTTP Basic joins them.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Sends a request that only looks something up, with a short time-out. The client's input is not
/// part of the request, so that a refusal means that the provider is unavailable.
async fn fetch(request: RequestBuilder) -> Result<Vec<u8>, OidcError> {
    match http_client::send(request.timeout(LOOKUP_TIMEOUT))
        .await
        .map_err(OidcError::from)
    {
        Err(refused @ OidcError::Refused { .. }) => {
            Err(OidcError::unavailable(refused.to_string()))
        }
        result => result,
    }
}
