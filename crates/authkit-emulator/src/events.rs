//! The log of events, which `GET /events` reads and from which webhooks are sent.

use std::collections::VecDeque;
use std::sync::Arc;

use actix_web::web::Data;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::{Clock, Millis, to_iso};
use crate::ids;

/// Only the latest events are kept, so that the memory of a long-running demo does not grow.
pub(crate) const MAX_EVENTS: usize = 100_000;
/// WorkOS keeps events for thirty days.
const MAX_AGE: Millis = 30 * 24 * 60 * 60 * 1000;

/// An event. The data is kept as text, which takes far less memory than parsed JSON.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Ids are in the order of creation.
    pub(crate) id: String,
    /// The type of the event, such as `user.updated`.
    pub(crate) name: Arc<str>,
    /// The organisation that the event is about, if any.
    pub(crate) organization_id: Option<String>,
    pub(crate) created_at: Millis,
    data: Arc<str>,
}

impl Event {
    fn new(id: String, name: Arc<str>, data: &Value, created_at: Millis) -> Self {
        let field = if data["object"] == "organization" {
            "id"
        } else {
            "organization_id"
        };
        Self {
            id,
            name,
            organization_id: data[field].as_str().map(str::to_owned),
            created_at,
            data: data.to_string().into(),
        }
    }

    /// The event object of WorkOS's API.
    pub(crate) fn to_json(&self) -> Value {
        let mut event = self.webhook_json();
        event["object"] = json!("event");
        event
    }

    /// The body of the event's webhook.
    pub(crate) fn webhook_json(&self) -> Value {
        let data: Value = serde_json::from_str(&self.data).unwrap_or_default();
        json!({
            "id": self.id,
            "event": &*self.name,
            "data": data,
            "created_at": to_iso(self.created_at),
        })
    }
}

/// The events that have happened, and the queue of webhooks to send.
#[derive(Debug)]
pub(crate) struct EventLog {
    clock: Data<Clock>,
    /// Ordered by id.
    events: VecDeque<Event>,
    /// The number of events so far. It orders events of the same millisecond.
    count: u64,
    webhooks: UnboundedSender<Event>,
}

impl EventLog {
    /// An empty log, and the queue of the webhooks to send.
    pub(crate) fn new(clock: Data<Clock>) -> (Self, UnboundedReceiver<Event>) {
        let (webhooks, receiver) = unbounded_channel();
        let log = Self {
            clock,
            events: VecDeque::new(),
            count: 0,
            webhooks,
        };
        (log, receiver)
    }

    /// The emulator's time.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Adds an event that happens now, and sends its webhooks. Returns its id.
    pub(crate) fn add(&mut self, name: &str, data: &Value) -> String {
        let now = self.now();
        let event = self.create(name.into(), data, now);
        let id = event.id.clone();
        // This fails only after the server has stopped, when no event is sent any more.
        let _stopped = self.webhooks.send(event.clone());
        self.events.push_back(event);
        self.discard_old();
        id
    }

    /// Adds copies of an event without webhooks. The last is created now, and each of the others
    /// `interval` before the next one. Returns the ids in the order of creation.
    pub(crate) fn add_copies(
        &mut self,
        name: &str,
        count: usize,
        interval: Millis,
        mut data: impl FnMut(usize) -> Value,
    ) -> Vec<String> {
        let (now, name) = (self.now(), Arc::<str>::from(name));
        let mut added = Vec::with_capacity(count);
        for index in 0..count {
            let later = Millis::try_from(count - 1 - index).unwrap_or(Millis::MAX);
            let created_at = now.saturating_sub(later.saturating_mul(interval)).max(0);
            let event = self.create(name.clone(), &data(index), created_at);
            added.push(event.id.clone());
            self.events.push_back(event);
        }
        let events = self.events.make_contiguous();
        events.sort_by(|a, b| a.id.cmp(&b.id));
        self.discard_old();
        added
    }

    fn create(&mut self, name: Arc<str>, data: &Value, created_at: Millis) -> Event {
        self.count += 1;
        let id = ids::ordered_id("event", created_at, self.count);
        Event::new(id, name, data, created_at)
    }

    fn discard_old(&mut self) {
        let oldest = self.now() - MAX_AGE;
        let is_old = |event: &Event| event.created_at < oldest;
        while self.events.len() > MAX_EVENTS || self.events.front().is_some_and(is_old) {
            self.events.pop_front();
        }
    }

    /// All events, oldest first.
    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.between(None, None)
    }

    /// The events between two ids, without the events that have these ids, oldest first.
    pub(crate) fn between(
        &self,
        newer_than: Option<&str>,
        older_than: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &Event> {
        let oldest = self.now() - MAX_AGE;
        let start = self.events.partition_point(|event| {
            event.created_at < oldest || newer_than.is_some_and(|id| *event.id <= *id)
        });
        let end = self
            .events
            .partition_point(|event| older_than.is_none_or(|id| *event.id < *id));
        self.events.range(start.min(end)..end)
    }
}
