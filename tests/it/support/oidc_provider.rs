//! An OpenID Connect provider, npm's `oauth2-mock-server`, in place of Google and Okta.
//!
//! Version 9.3.0 signs the same person in (`johndoe`) for every code, issues an ID token for any client
//! id (in the form or through HTTP Basic), checks PKCE only for codes of its own authorize endpoint, and
//! uses its signing keys in turn. `oidc_provider.mjs` changes its responses through the package's events.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::app::TestAppBuilder;
use super::client::plain_client;
use super::peer::Peer;
use super::workos_emulate::{node, peers};

/// The app's client id at the provider.
pub(crate) const CLIENT_ID: &str = "made-up-client";
/// The app's client secret at the provider.
pub(crate) const CLIENT_SECRET: &str = "made-up-secret";
/// The URL to which the provider sends codes.
pub(crate) const REDIRECT_URI: &str = "https://app.example.com/signed-in";

/// A running provider. It is stopped when this is dropped.
pub(crate) struct OidcProvider {
    issuer: String,
    control: String,
    _peer: Peer,
    _folder: TempDir,
}

impl OidcProvider {
    /// Starts it on a free port and waits until it is ready.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let package = peers().join("node_modules/oauth2-mock-server/dist/index.mjs");
        assert!(
            package.is_file(),
            "the npm package `oauth2-mock-server` is missing: `script/test tools` installs it"
        );
        let program = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/support/oidc_provider.mjs"
        ));
        let arguments = [&*program.to_string_lossy(), &*package.to_string_lossy()];
        let mut peer = Peer::start("oauth2-mock-server", &node(), &arguments, folder.path());
        let ready: Value = peer.wait_for(|line| serde_json::from_str(line).ok()).await;
        let text = |key: &str| ready[key].as_str().expect("a text").to_owned();
        Self {
            issuer: text("issuer"),
            control: text("control"),
            _peer: peer,
            _folder: folder,
        }
    }

    /// The issuer's URL.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Changes its responses from now on: `claims` of the ID token, `tampered` claims under the original
    /// signature, `alg_none`, `token_answer` and `token_status`, `userinfo` and `userinfo_status`,
    /// `metadata`, `hidden_keys`. In an object, null removes the provider's own field.
    pub(crate) async fn configure(&self, overrides: Value) {
        self.post_control("configure", &overrides).await;
    }

    /// Adds a key. The provider signs with it next, and then with its keys in turn.
    pub(crate) async fn add_key(&self, kid: &str, alg: &str) {
        self.post_control("rotate", &json!({ "kid": kid, "alg": alg }))
            .await;
    }

    /// The requests of this kind so far: `metadata`, `keys`, `token` or `userinfo`.
    pub(crate) async fn requests(&self, kind: &str) -> Vec<Value> {
        let all = self.post_control("requests", &Value::Null).await;
        let all = all.as_array().expect("a list").iter();
        all.filter(|one| one["kind"] == kind).cloned().collect()
    }

    async fn post_control(&self, path: &str, body: &Value) -> Value {
        let client = plain_client();
        let request = client.post(format!("{}/{path}", self.control)).json(body);
        let response = request
            .send()
            .await
            .expect("the provider's control server responds");
        response.json().await.expect("JSON")
    }
}

/// Claims with this verified email.
pub(crate) fn verified(email: &str) -> Value {
    json!({ "claims": { "email": email, "email_verified": true } })
}

/// Settings for signing in through an OpenID Connect provider.
pub(crate) trait WithOidcIssuer {
    /// Sets Google and Okta to this issuer, with the same client id, secret and redirect URI.
    fn with_oidc_issuer(self, issuer: &str) -> Self;
}

impl WithOidcIssuer for TestAppBuilder {
    fn with_oidc_issuer(self, issuer: &str) -> Self {
        ["GOOGLE", "OKTA"].into_iter().fold(self, |app, name| {
            app.setting(&format!("{name}_CLIENT_ID"), CLIENT_ID)
                .setting(&format!("{name}_CLIENT_SECRET"), CLIENT_SECRET)
                .setting(&format!("{name}_ISSUER"), issuer)
                .setting(&format!("{name}_REDIRECT_URIS"), REDIRECT_URI)
        })
    }
}
