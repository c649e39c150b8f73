//! The provider's description of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::Url;

use crate::origin::is_https_or_loopback;

/// What of it is used here.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    client_authentication: Vec<String>,
}

#[derive(Deserialize)]
struct MetadataJson {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

impl Metadata {
    /// Reads the description of this issuer, which must be its own and keep to TLS.
    pub(super) fn read(body: &[u8], issuer: &str) -> Result<Self, String> {
        let wire: MetadataJson = serde_json::from_slice(body)
            .map_err(|error| format!("its description cannot be read: {error}"))?;
        // Discovery 4.3: another issuer's description would let it sign for this one.
        if wire.issuer.trim_end_matches('/') != issuer {
            return Err(format!(
                "it calls itself {:?}, the settings call it {issuer:?}",
                wire.issuer
            ));
        }
        // An issuer on the network must not have us ask this machine's own ports.
        let local = issuer.starts_with("http:");
        let endpoint = |text: &str| endpoint(text, local);
        Ok(Self {
            token_endpoint: endpoint(&wire.token_endpoint)?,
            jwks_uri: endpoint(&wire.jwks_uri)?,
            userinfo_endpoint: wire
                .userinfo_endpoint
                .as_deref()
                .map(endpoint)
                .transpose()?,
            client_authentication: wire.token_endpoint_auth_methods_supported,
        })
    }

    /// Whether our secret goes into the form: HTTP Basic is what every provider understands unless
    /// it says otherwise (RFC 6749, 2.3.1).
    pub(super) fn wants_secret_in_form(&self) -> bool {
        let takes = |method| {
            let methods = &self.client_authentication;
            methods.iter().any(|other| other == method)
        };
        takes("client_secret_post") && !takes("client_secret_basic")
    }
}

/// An https URL; of an issuer on this machine, one on this machine will do.
fn endpoint(text: &str, local: bool) -> Result<Url, String> {
    let allowed = |url: &Url| url.scheme() == "https" || (local && is_https_or_loopback(url));
    let url = Url::parse(text).ok().filter(allowed);
    url.ok_or_else(|| format!("its endpoint {text:?} is not https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(issuer: &str, token: &str, methods: &str) -> Result<Metadata, String> {
        read_as("https://p.example", issuer, token, methods)
    }

    fn read_as(wanted: &str, issuer: &str, token: &str, methods: &str) -> Result<Metadata, String> {
        let text = format!(
            r#"{{"issuer":"{issuer}","token_endpoint":"{token}","jwks_uri":"https://p.example/k"{methods}}}"#
        );
        Metadata::read(text.as_bytes(), wanted)
    }

    const TOKEN: &str = "https://p.example/t";

    #[test]
    fn it_is_this_issuers_own() {
        assert!(read("https://p.example", TOKEN, "").is_ok());
        assert!(read("https://p.example/", TOKEN, "").is_ok());
        for other in ["https://q.example", "https://p.example/tenant", ""] {
            assert!(read(other, TOKEN, "").is_err(), "{other}");
        }
    }

    #[test]
    fn an_endpoint_keeps_to_tls() {
        assert!(read("https://p.example", "http://p.example/t", "").is_err());
        assert!(read("https://p.example", "http://localhost:1/t", "").is_err());
        let local = |token| read_as("http://localhost:1", "http://localhost:1", token, "");
        assert!(local("http://localhost:1/t").is_ok());
        assert!(local("http://p.example/t").is_err());
        assert!(read("https://p.example", "", "").is_err());
    }

    #[test]
    fn basic_unless_it_takes_the_form_alone() {
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
