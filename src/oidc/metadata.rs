//! Parses a provider's metadata (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::Url;

use crate::origin::is_https_or_loopback;

/// The part of the metadata that is used here.
#[derive(Debug)]
pub(super) struct ProviderMetadata {
    /// `None` if the provider does not send browsers to a page of its own.
    pub(super) authorization_endpoint: Option<Url>,
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    client_authentication: Vec<String>,
}

#[derive(Deserialize)]
struct MetadataJson {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

impl ProviderMetadata {
    /// Parses the metadata. It must be about this issuer, and its endpoints must use TLS.
    pub(super) fn read(body: &[u8], issuer: &str) -> Result<Self, String> {
        let json: MetadataJson = serde_json::from_slice(body)
            .map_err(|error| format!("its metadata cannot be read: {error}"))?;
        // Discovery, 4.3: with another issuer's metadata, that issuer could sign tokens for this
        // one.
        if json.issuer.trim_end_matches('/') != issuer {
            return Err(format!(
                "its metadata is of the issuer {:?}, but the settings name {issuer:?}",
                json.issuer
            ));
        }
        // Metadata from the network must not make this server send requests to its own machine.
        let local = issuer.starts_with("http:");
        let endpoint = |text: &str| endpoint(text, local);
        Ok(Self {
            authorization_endpoint: json
                .authorization_endpoint
                .as_deref()
                .map(endpoint)
                .transpose()?,
            token_endpoint: endpoint(&json.token_endpoint)?,
            jwks_uri: endpoint(&json.jwks_uri)?,
            userinfo_endpoint: json
                .userinfo_endpoint
                .as_deref()
                .map(endpoint)
                .transpose()?,
            client_authentication: json.token_endpoint_auth_methods_supported,
        })
    }

    /// Whether the client secret is sent in the form. HTTP Basic is the default, which every
    /// provider supports unless its metadata says otherwise (RFC 6749, 2.3.1).
    pub(super) fn wants_secret_in_form(&self) -> bool {
        let supports = |method| {
            let methods = &self.client_authentication;
            methods.iter().any(|other| other == method)
        };
        supports("client_secret_post") && !supports("client_secret_basic")
    }
}

/// Parses an https URL. If the issuer is on this machine, an endpoint on this machine may use http.
fn endpoint(text: &str, local: bool) -> Result<Url, String> {
    let allowed = |url: &Url| url.scheme() == "https" || (local && is_https_or_loopback(url));
    let url = Url::parse(text).ok().filter(allowed);
    url.ok_or_else(|| format!("its endpoint {text:?} is not https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(issuer: &str, token: &str, methods: &str) -> Result<ProviderMetadata, String> {
        read_as("https://p.example", issuer, token, methods)
    }

    fn read_as(
        wanted: &str,
        issuer: &str,
        token: &str,
        methods: &str,
    ) -> Result<ProviderMetadata, String> {
        let text = format!(
            r#"{{"issuer":"{issuer}","token_endpoint":"{token}","jwks_uri":"https://p.example/k"{methods}}}"#
        );
        ProviderMetadata::read(text.as_bytes(), wanted)
    }

    const TOKEN: &str = "https://p.example/t";

    #[test]
    fn metadata_of_another_issuer_is_refused() {
        assert!(read("https://p.example", TOKEN, "").is_ok());
        assert!(read("https://p.example/", TOKEN, "").is_ok());
        for other in ["https://q.example", "https://p.example/tenant", ""] {
            assert!(read(other, TOKEN, "").is_err(), "{other}");
        }
    }

    #[test]
    fn an_endpoint_without_tls_is_refused() {
        assert!(read("https://p.example", "http://p.example/t", "").is_err());
        assert!(read("https://p.example", "http://localhost:1/t", "").is_err());
        let local = |token| read_as("http://localhost:1", "http://localhost:1", token, "");
        assert!(local("http://localhost:1/t").is_ok());
        assert!(local("http://p.example/t").is_err());
        assert!(read("https://p.example", "", "").is_err());
    }

    #[test]
    fn the_secret_is_in_the_form_only_if_basic_is_not_supported() {
        let in_form = |methods: &str| {
            let methods = format!(r#","token_endpoint_auth_methods_supported":{methods}"#);
            read("https://p.example", TOKEN, &methods)
                .unwrap()
                .wants_secret_in_form()
        };
        assert!(in_form(r#"["client_secret_post","none"]"#));
        assert!(!in_form(r#"["client_secret_post","client_secret_basic"]"#));
        assert!(!in_form(r#"["none"]"#));
    }
}
