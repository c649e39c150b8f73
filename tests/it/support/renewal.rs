//! Time that passes here and at WorkOS, and what WorkOS is asked meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::header::COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use vestibule::emulator::{Effect, Fault};
use vestibule::keys::Keys;
use vestibule::sessions::SessionRow;

use super::app::TestApp;
use super::steps::AUTHENTICATE;

/// WorkOS's grant of a renewal.
pub(crate) const GRANT: &str = "refresh_token";
/// Far longer than anything takes that is waited for.
const HANGS: Duration = Duration::from_secs(30);
/// WorkOS's key set, whatever the client id.
pub(crate) const KEY_SET: &str = "/sso/jwks";

impl TestApp {
    /// Lets time pass, here and at WorkOS.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        let seconds = seconds.try_into().expect("time goes forward");
        self.workos().advance(Duration::from_secs(seconds));
    }

    /// Until WorkOS's word for every session has ended: its access tokens live for five minutes.
    pub(crate) fn expire(&self) {
        self.pass(301);
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

    /// Orders a fault for the next renewals.
    pub(crate) fn strike(&self, times: u32, effect: Effect) {
        let fault = Fault::once(AUTHENTICATE, effect).grant_type(GRANT);
        self.workos().inject(fault.times(times));
    }

    /// Has WorkOS answer 503 to every renewal, until the faults are cleared.
    pub(crate) fn workos_is_away(&self) {
        self.strike(u32::MAX, Effect::status(503, json!({})));
    }

    /// Has WorkOS be back, and the longest pause be over.
    pub(crate) fn workos_is_back(&self) {
        self.workos().clear_faults();
        self.pass(31);
    }

    /// WorkOS's refresh token of a session, as the row keeps it.
    pub(crate) fn workos_refresh_token(&self, row: &SessionRow) -> String {
        let keys = Keys::derive(&self.settings);
        let sealed = row.workos_refresh_token.as_ref().expect("a refresh token");
        let opened = keys.open_row(&format!("sessions:{}", row.id), sealed);
        String::from_utf8(opened.expect("it opens").plain).expect("text")
    }

    /// What WorkOS answers to a renewal, asked past the app.
    pub(crate) async fn renewal_past_the_app(&self, row: &SessionRow) -> Value {
        let body = json!({
            "client_id": self.emulator.client_id(),
            "client_secret": self.emulator.api_key(),
            "grant_type": GRANT,
            "refresh_token": self.workos_refresh_token(row),
        });
        let url = format!("{}{AUTHENTICATE}", self.emulator.base_url());
        let client = Client::builder().no_proxy().build().expect("a client");
        let answer = client.post(url).json(&body).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }
}

/// Waits until something is true; fails where it does not come.
pub(crate) async fn comes(mut there: impl FnMut() -> bool) {
    let waiting = async {
        while !there() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(HANGS, waiting).await;
    came.expect("it comes");
}

/// Sends so many requests with these cookies at once, to each app in turn.
pub(crate) async fn at_once(
    apps: &[&TestApp],
    path: &str,
    cookies: &str,
    requests: usize,
) -> Vec<Response> {
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
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

/// How many answers have which status.
pub(crate) fn statuses(answers: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status().as_u16()).or_default() += 1;
    }
    counts
}

/// Asserts that nobody was turned away.
#[track_caller]
pub(crate) fn all_are_signed_in(answers: &[Response]) {
    let expected = BTreeMap::from([(StatusCode::OK.as_u16(), answers.len())]);
    assert_eq!(statuses(answers), expected);
}
