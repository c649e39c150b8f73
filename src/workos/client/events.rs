//! Reads WorkOS's Events API.

use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::WorkosClient;
use super::memberships::PageCursors;
use super::retry::RetryPolicy;
use crate::clock::Timestamp;
use crate::workos::error::WorkosError;
use crate::workos::webhook::{HANDLED_EVENTS, WebhookMessage};

/// Where a page of events begins.
#[derive(Clone, Copy, Debug)]
pub enum EventStart<'a> {
    /// The latest event, and no other one.
    Latest,
    /// The first event after the one with this id.
    After(&'a str),
    /// The first event since this time.
    Time(Timestamp),
    /// The oldest event that WorkOS has. It keeps events for 30 days.
    Oldest,
}

/// A page of events, in the order in which they happened.
#[derive(Debug)]
pub struct EventPage {
    /// The events. Those that cannot be read are errors.
    pub events: Vec<Result<WebhookMessage, serde_json::Error>>,
    /// WorkOS's cursor of the next page. WorkOS has none for the last page.
    pub after: Option<String>,
    /// Whether there are further events now.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct EventList {
    data: Vec<Value>,
    #[serde(default)]
    list_metadata: PageCursors,
}

impl WorkosClient {
    /// Up to `limit` (1 to 100) of the events that this server handles. WorkOS is not asked while renewals fail.
    pub async fn events(
        &self,
        start: EventStart<'_>,
        limit: usize,
    ) -> Result<EventPage, WorkosError> {
        self.refuse_while_failing()?;
        let unreadable = |error: String| WorkosError::unavailable(format!("events: {error}"));
        let url = self.events_url(start, limit);
        let url = url.map_err(|error| unreadable(error.to_string()))?;
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        let read = |body: &[u8]| {
            serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))
        };
        let sent = self.sender().send(request, RetryPolicy::IfUnsent, read);
        let EventList {
            data,
            list_metadata,
        } = sent.await?;
        Ok(EventPage {
            has_more: list_metadata.after.is_some() || data.len() >= limit,
            events: data.into_iter().map(serde_json::from_value).collect(),
            after: list_metadata.after,
        })
    }

    fn events_url(&self, start: EventStart<'_>, limit: usize) -> Result<Url, url::ParseError> {
        let mut url = Url::parse(&format!("{}/events", self.base_url))?;
        let (limit, order) = match start {
            EventStart::Latest => (1, "desc"),
            EventStart::After(_) | EventStart::Time(_) | EventStart::Oldest => (limit, "asc"),
        };
        let begins_at = match start {
            EventStart::After(id) => Some(("after", id.to_owned())),
            EventStart::Time(time) => Some(("range_start", time.to_string())),
            EventStart::Latest | EventStart::Oldest => None,
        };
        url.query_pairs_mut()
            // Repeated, as WorkOS's SDKs send this list.
            .extend_pairs(HANDLED_EVENTS.map(|name| ("events", name)))
            .append_pair("order", order)
            .append_pair("limit", &limit.to_string())
            .extend_pairs(begins_at);
        Ok(url)
    }
}
