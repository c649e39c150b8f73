//! Helpers for tests of session renewal: time, faults of WorkOS, concurrent requests.

use std::collections::BTreeMap;
use std::time::Duration;

use authkit_emulator::{Effect, Fault};
use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::header::COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use vestibule::keys::Keys;
use vestibule::sessions::SessionRow;

use super::app::TestApp;
use super::client::{plain_client, plain_client_builder};
use super::steps::AUTHENTICATE;

/// The grant type of a renewal.
pub(crate) const GRANT: &str = "refresh_token";
/// Far longer than any awaited condition takes.
const HANG_TIMEOUT: Duration = Duration::from_secs(30);
/// The path of WorkOS's key set, without the client id.
pub(crate) const KEY_SET: &str = "/sso/jwks";

impl TestApp {
    /// Advances the clocks of the app and of WorkOS.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        let seconds = seconds.try_into().expect("time goes forward");
        self.workos().advance(Duration::from_secs(seconds));
    }

    /// Advances the clocks until every access token of WorkOS has expired. They are valid for five minutes.
    pub(crate) fn expire_workos_tokens(&self) {
        self.advance(301);
    }

    /// How often WorkOS was asked to renew a session.
    pub(crate) fn renewals(&self) -> usize {
        self.workos().count_grant(GRANT)
    }

    /// How often WorkOS was asked for its keys.
    pub(crate) fn key_set_requests(&self) -> usize {
        let requests = self.workos().requests();
        let asked = requests.iter().filter(|one| one.path.starts_with(KEY_SET));
        asked.count()
    }

    /// Injects a fault into the next renewals.
    pub(crate) fn inject_fault(&self, times: u32, effect: Effect) {
        let fault = Fault::once(AUTHENTICATE, effect).grant_type(GRANT);
        self.workos().inject(fault.times(times));
    }

    /// WorkOS answers 503 to every renewal until the faults are cleared.
    pub(crate) fn make_workos_unavailable(&self) {
        self.inject_fault(u32::MAX, Effect::status(503, json!({})));
    }

    /// Clears the faults and advances the clocks past the longest back-off.
    pub(crate) fn restore_workos(&self) {
        self.workos().clear_faults();
        self.advance(31);
    }

    /// WorkOS's refresh token of a session, decrypted from its row.
    pub(crate) fn workos_refresh_token(&self, row: &SessionRow) -> String {
        let keys = Keys::derive(&self.settings);
        let sealed = row.workos_refresh_token.as_ref().expect("a refresh token");
        let opened = keys.open_row(&format!("sessions:{}", row.id), sealed);
        String::from_utf8(opened.expect("it opens").plain).expect("text")
    }

    /// Renews a session at WorkOS without the app and returns WorkOS's response.
    pub(crate) async fn renew_at_workos(&self, row: &SessionRow) -> Value {
        let body = json!({
            "client_id": self.emulator.client_id(),
            "client_secret": self.emulator.api_key(),
            "grant_type": GRANT,
            "refresh_token": self.workos_refresh_token(row),
        });
        let url = format!("{}{AUTHENTICATE}", self.emulator.base_url());
        let client = plain_client();
        let response = client.post(url).json(&body).send().await;
        response.expect("a response").json().await.expect("JSON")
    }
}

/// Waits until the condition is true. Fails after [`HANG_TIMEOUT`].
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG_TIMEOUT, waiting)
        .await
        .expect("the condition becomes true in time");
}

/// Sends this number of requests with these cookies concurrently, to each app in turn.
pub(crate) async fn at_once(
    apps: &[&TestApp],
    path: &str,
    cookies: &str,
    requests: usize,
) -> Vec<Response> {
    let client = plain_client_builder()
        .redirect(Policy::none())
        .build()
        .expect("a client");
    let each = apps.iter().cycle().take(requests).map(|app| {
        let url = format!("{}{path}", app.url);
        client.get(url).header(COOKIE, cookies).send()
    });
    let answers = join_all(each).await;
    answers
        .into_iter()
        .map(|answer| answer.expect("an answer"))
        .collect()
}

/// The number of responses by status.
pub(crate) fn statuses(answers: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status().as_u16()).or_default() += 1;
    }
    counts
}

/// Asserts that every response has the status 200.
#[track_caller]
pub(crate) fn assert_all_ok(answers: &[Response]) {
    let expected = BTreeMap::from([(StatusCode::OK.as_u16(), answers.len())]);
    assert_eq!(statuses(answers), expected);
}
