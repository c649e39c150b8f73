//! One provider: exchanges a code and tells who it stands for.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::OidcError;
use super::email::EmailClaims;
pub use super::email::ProviderRules;
use super::id_token::{self, ExpectedClaims, IdToken};
use super::metadata::Metadata;
use crate::clock::Timestamp;
use crate::http_client::{self, LOOK_UP_TIMEOUT, TOTAL_TIMEOUT};
use crate::jwks::{DocumentCache, JwksCache, KeySet};
use crate::settings::ProviderSettings;

/// A code as the client sends it, with what it began the sign-in with.
#[derive(Clone, Debug)]
pub struct OidcCode {
    /// The authorization code.
    pub code: String,
    /// Where the provider sent it.
    pub redirect_uri: String,
    /// Checked against the ID token, where there is one.
    pub nonce: Option<String>,
    /// PKCE.
    pub code_verifier: Option<String>,
}

/// Somebody whom the provider has authenticated.
#[derive(Clone, Debug)]
pub struct OidcIdentity {
    /// The provider, as the settings call it.
    pub issuer: String,
    /// Who it is there; never given to anybody else.
    pub subject: String,
    /// The e-mail, where the provider's word for it counts.
    pub email: Option<String>,
    /// Why the e-mail could not be asked for.
    pub email_failure: Option<OidcError>,
}

/// An OpenID Connect provider that is set up.
pub struct OidcProvider {
    settings: ProviderSettings,
    rules: ProviderRules,
    http: Client,
    metadata: DocumentCache<Metadata>,
    keys: JwksCache,
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
    /// A client of this provider. Fails where TLS cannot be set up.
    pub fn new(settings: &ProviderSettings, rules: ProviderRules) -> Result<Self, OidcError> {
        let http = http_client::client(&settings.issuer)
            .map_err(|error| OidcError::unavailable(http_client::reason(&error)))?;
        Ok(Self {
            settings: settings.clone(),
            rules,
            http,
            metadata: DocumentCache::new(),
            keys: JwksCache::new(),
        })
    }

    /// Whether a code may have been sent there.
    pub fn allows(&self, redirect_uri: &str) -> bool {
        self.settings
            .redirect_uris
            .iter()
            .any(|allowed| allowed == redirect_uri)
    }

    /// Exchanges the code and tells who it stands for, within the total timeout.
    pub async fn identify(
        &self,
        code: &OidcCode,
        now: Timestamp,
    ) -> Result<OidcIdentity, OidcError> {
        let work = tokio::time::timeout(TOTAL_TIMEOUT, self.ask_who(code, now));
        let late = |_| OidcError::unavailable(format!("no answer within {TOTAL_TIMEOUT:?}"));
        work.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn ask_who(&self, code: &OidcCode, now: Timestamp) -> Result<OidcIdentity, OidcError> {
        let metadata = self.metadata.get(now, self.ask_metadata()).await?;
        let answer = self.exchange(&metadata, code).await?;
        let token = answer.id_token.ok_or_else(|| {
            OidcError::id_token("there is none; was the scope `openid` asked for?")
        })?;
        let token = self.open(&metadata, &token, now).await?;
        let issuer = self.settings.issuer.as_str();
        // Google signs as accounts.google.com at times, without the scheme.
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
                .ask_email(url, answer.access_token.as_ref(), &token.sub)
                .await
            {
                Ok(told) => email = told,
                // Whoever is known by the subject needs no e-mail.
                Err(error) => email_failure = Some(error),
            }
        }
        Ok(OidcIdentity {
            issuer: self.settings.issuer.clone(),
            email: email.trusted(self.rules).map(str::to_owned),
            subject: token.sub,
            email_failure,
        })
    }

    async fn ask_metadata(&self) -> Result<Metadata, OidcError> {
        let url = format!("{}/.well-known/openid-configuration", self.settings.issuer);
        let body = told(self.http.get(url)).await?;
        Metadata::read(&body, &self.settings.issuer).map_err(OidcError::unavailable)
    }

    async fn ask_keys(&self, url: &Url) -> Result<KeySet, OidcError> {
        let body = told(self.http.get(url.clone())).await?;
        KeySet::read(&body).map_err(OidcError::unavailable)
    }

    /// Opens the ID token with the key that it names; a name that is new asks for the keys anew.
    async fn open(
        &self,
        metadata: &Metadata,
        token: &str,
        now: Timestamp,
    ) -> Result<IdToken, OidcError> {
        let header = id_token::header(token)?;
        let fetch = || self.ask_keys(&metadata.jwks_uri);
        match self.keys.signing_key(&header, now, fetch).await? {
            Some(key) => id_token::open(token, &header, &key),
            None => Err(OidcError::id_token(
                "the provider publishes no key that signed it",
            )),
        }
    }

    /// The exchange itself, once: a code is used up by its first arrival.
    async fn exchange(
        &self,
        metadata: &Metadata,
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
        let mut request = self.http.post(metadata.token_endpoint.clone());
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
        let body = answered(request).await?;
        serde_json::from_slice(&body).map_err(|error| {
            OidcError::unavailable(format!("its token answer cannot be read: {error}"))
        })
    }

    /// What the userinfo endpoint tells of the e-mail, if it is about the same person.
    async fn ask_email(
        &self,
        url: &Url,
        access_token: Option<&SecretString>,
        subject: &str,
    ) -> Result<EmailClaims, OidcError> {
        let Some(access_token) = access_token else {
            return Err(OidcError::unavailable(
                "it gave no access token to ask with",
            ));
        };
        let request = self.http.get(url.clone());
        let body = told(request.bearer_auth(access_token.expose_secret())).await?;
        let info: UserInfo = serde_json::from_slice(&body).map_err(|error| {
            OidcError::unavailable(format!("its userinfo cannot be read: {error}"))
        })?;
        // OpenID Connect Core, 5.3.2: else somebody's token could be paired with another's address.
        if info.sub != subject {
            return Err(OidcError::id_token("its userinfo is about somebody else"));
        }
        Ok(info.email)
    }
}

/// RFC 6749, 2.3.1: id and secret are form-encoded before HTTP Basic joins them.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Sends a request and reads its answer.
async fn answered(request: RequestBuilder) -> Result<Vec<u8>, OidcError> {
    let response = request
        .send()
        .await
        .map_err(|error| OidcError::unavailable(http_client::reason(&error)))?;
    let status = response.status();
    let retry_after = http_client::retry_after(response.headers());
    let body = http_client::read_body(response)
        .await
        .map_err(OidcError::unavailable)?;
    if status.is_success() {
        return Ok(body);
    }
    Err(OidcError::from_answer(status, retry_after, &body))
}

/// The same where nothing that the client sent could have been refused, and where something else may
/// stand in for an answer that does not come: it is not waited for as long as for the rest.
async fn told(request: RequestBuilder) -> Result<Vec<u8>, OidcError> {
    answered(request.timeout(LOOK_UP_TIMEOUT))
        .await
        .map_err(|error| match error {
            refused @ OidcError::Refused { .. } => OidcError::unavailable(refused.to_string()),
            other => other,
        })
}
