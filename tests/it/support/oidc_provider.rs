//! A real OpenID Connect provider, `oauth2-mock-server` of npm, in place of Google and Okta.
//!
//! What is known of version 9.3.0: it signs the same person in (`johndoe`) for every code, gives the
//! ID token to whoever names a client id (in the form or through HTTP Basic), checks PKCE for codes
//! of its own authorize endpoint alone, and signs with its keys in turn. The small program beside
//! this file changes its answers through the package's events.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::app::Builder;
use super::peer::Peer;
use super::workos_emulate::{node, peers};

/// Our id at the provider.
pub(crate) const CLIENT_ID: &str = "made-up-client";
/// Our secret at the provider.
pub(crate) const CLIENT_SECRET: &str = "made-up-secret";
/// Where the provider sends codes.
pub(crate) const REDIRECT_URI: &str = "https://app.example.com/signed-in";

/// A running provider, ended when this is dropped.
pub(crate) struct OidcProvider {
    issuer: String,
    control: String,
    _peer: Peer,
    _folder: TempDir,
}

impl OidcProvider {
    /// Starts it on a free port and waits until it answers.
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

    /// What it is to answer from now on: `claims` of the ID token, `tampered` claims under the old
    /// signature, `alg_none`, `token_answer` and `token_status`, `userinfo` and `userinfo_status`,
    /// `metadata`, `hidden_keys`. In an object, null removes what the provider would say.
    pub(crate) async fn orders(&self, orders: Value) {
        self.steer("orders", &orders).await;
    }

    /// Adds a key, with which it signs next, and then in turn with the others.
    pub(crate) async fn add_key(&self, kid: &str, alg: &str) {
        self.steer("rotate", &json!({ "kid": kid, "alg": alg }))
            .await;
    }

    /// What it was asked so far, of this kind: `metadata`, `keys`, `token` or `userinfo`.
    pub(crate) async fn asked(&self, what: &str) -> Vec<Value> {
        let all = self.steer("asked", &Value::Null).await;
        let all = all.as_array().expect("a list").iter();
        all.filter(|one| one["what"] == what).cloned().collect()
    }

    async fn steer(&self, what: &str, order: &Value) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}/{what}", self.control)).json(order);
        let answer = request
            .send()
            .await
            .expect("the provider's control answers");
        answer.json().await.expect("JSON")
    }
}

/// The claims of somebody with this address, verified.
pub(crate) fn verified(email: &str) -> Value {
    json!({ "claims": { "email": email, "email_verified": true } })
}

/// Lets an app sign in with Okta, and with Google, at this issuer.
pub(crate) trait AtProvider {
    /// Both, with the same id, secret and redirect URI.
    fn at(self, issuer: &str) -> Self;
}

impl AtProvider for Builder {
    fn at(self, issuer: &str) -> Self {
        ["GOOGLE", "OKTA"].into_iter().fold(self, |app, name| {
            app.setting(&format!("{name}_CLIENT_ID"), CLIENT_ID)
                .setting(&format!("{name}_CLIENT_SECRET"), CLIENT_SECRET)
                .setting(&format!("{name}_ISSUER"), issuer)
                .setting(&format!("{name}_REDIRECT_URIS"), REDIRECT_URI)
        })
    }
}
