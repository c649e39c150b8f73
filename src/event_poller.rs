//! Polls WorkOS's Events API. It lists the events that WorkOS sends by webhook, so that a site without a webhook, or one
//! that missed some, learns of them too.
//!
//! One replica at a time polls. An event and the row that records it are written in one transaction, so that an event
//! that is read again, or that came by webhook, is not applied twice. The cursor is written after the events: a process
//! that ends between the two reads them again.

mod cursor;
mod memory;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::jobs::{Job, LONGEST_CLAIM};
use crate::webhooks::{EventReceipt, WebhookService};
use crate::workos::webhook::{WebhookEvent, WebhookMessage};
use crate::workos::{ClientDevice, EventPage, WorkosClient, WorkosError};
use cursor::EventCursor;
use memory::PollMemory;

const JOB: Job = Job::new("poll_workos_events");
/// How long another replica waits for one that reads a page. Losing the claim costs a second reading only.
const CLAIM: TimeDelta = TimeDelta::seconds(30);
/// How many events of one poll may fail. More of them are a failure of the database.
const MOST_FAILURES: usize = 10;
/// The shortest wait between two looks at the time when the job is due.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// Reads WorkOS's events and applies them. Cheap to clone.
#[derive(Clone)]
pub struct EventPoller {
    database: Database,
    workos: WorkosClient,
    webhooks: WebhookService,
    clock: Clock,
    interval: Option<Duration>,
    memory: Arc<Mutex<PollMemory>>,
}

/// How many events were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolledEvents {
    /// Events that were new.
    pub applied: usize,
    /// Events that had been applied before, for example from a webhook.
    pub known: usize,
    /// Events that cannot be read, or that the database rejects.
    pub skipped: usize,
}

/// Why events were not read or not applied.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// WorkOS cannot be reached, or refuses.
    #[error(transparent)]
    Workos(#[from] WorkosError),
    /// The database cannot be read or written.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A poll that is running.
struct RunningPoll {
    /// When the claim of the job ends; `None` if another replica has taken over.
    claim: Option<Timestamp>,
    events: PolledEvents,
    /// How many events could not be applied, and why the first of them. The cursor stays before that one.
    failures: usize,
    failure: Option<DbError>,
}

impl EventPoller {
    /// Creates the poller. `interval`: the time between two polls; `None` if the server does not poll.
    pub fn new(
        database: Database,
        workos: WorkosClient,
        webhooks: WebhookService,
        clock: Clock,
        interval: Option<Duration>,
    ) -> Self {
        Self {
            database,
            workos,
            webhooks,
            clock,
            interval,
            memory: Arc::default(),
        }
    }

    /// Polls, for as long as this future is awaited. All replicas together poll once in each interval.
    pub async fn poll_periodically(&self) {
        let Some(interval) = self.interval else {
            return std::future::pending().await;
        };
        let mut is_failing = false;
        loop {
            let polled = self.poll_if_due().await;
            match &polled {
                Err(error) if !is_failing => {
                    log::warn!("failed to read WorkOS's events, trying again: {error}");
                }
                Ok(Some(_)) if is_failing => log::info!("WorkOS's events are read again"),
                Ok(_) | Err(_) => {}
            }
            is_failing = match &polled {
                Err(_) => true,
                Ok(None) => is_failing,
                Ok(Some(_)) => false,
            };
            let left = JOB.time_left(&self.database).await;
            let wait = match left {
                Ok(left) if polled.is_ok() => left.clamp(SHORTEST_WAIT, interval),
                Ok(_) | Err(_) => interval,
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads all events that WorkOS has, if the interval has passed and no other replica is reading. Otherwise returns
    /// `None`. The first poll reads none: it only notes which event is the latest.
    pub async fn poll_if_due(&self) -> Result<Option<PolledEvents>, PollError> {
        if !JOB.time_left(&self.database).await?.is_zero() {
            return Ok(None);
        }
        let Some(claim) = JOB.claim(&self.database, CLAIM).await? else {
            return Ok(None);
        };
        let mut poll = RunningPoll {
            claim: Some(claim),
            events: PolledEvents::default(),
            failures: 0,
            failure: None,
        };
        let read = self.read_pages(&mut poll).await;
        let PolledEvents {
            applied,
            known,
            skipped,
        } = poll.events;
        if applied + skipped > 0 {
            log::info!(
                "read WorkOS's events: {applied} applied, {known} known before, {skipped} skipped"
            );
        }
        let delay = self.delay(read.as_ref().err());
        let postponed = self.postpone(&mut poll, delay, None).await;
        read?;
        postponed?;
        match poll.failure {
            Some(error) => Err(error.into()),
            None => Ok(Some(poll.events)),
        }
    }

    /// The time until the next poll.
    fn delay(&self, failure: Option<&PollError>) -> TimeDelta {
        let requested = match failure {
            Some(PollError::Workos(error)) => error.retry_after(),
            Some(PollError::Database(_)) | None => None,
        };
        let delay = self.interval.max(requested).unwrap_or_default();
        TimeDelta::from_std(delay).map_or(LONGEST_CLAIM, |delay| delay.min(LONGEST_CLAIM))
    }

    async fn read_pages(&self, poll: &mut RunningPoll) -> Result<(), PollError> {
        let read = |conn: &mut Conn| EventCursor::read(conn).map_err(DbError::from);
        let Some(mut cursor) = self.database.read(read).await? else {
            let first = self.first_cursor().await?;
            return Ok(self.postpone(poll, CLAIM, Some(first)).await?);
        };
        loop {
            let before = cursor.clone();
            let page = self.read_page(&mut cursor).await?;
            let has_more = page.has_more;
            self.apply_page(page, &mut cursor, poll).await?;
            let has_advanced = cursor != before;
            let written = (has_advanced && poll.failure.is_none()).then(|| cursor.clone());
            if has_more || written.is_some() {
                self.postpone(poll, CLAIM, written).await?;
            }
            if !has_more || !has_advanced || poll.claim.is_none() {
                return Ok(());
            }
        }
    }

    /// Applies the events of a page, and advances the cursor.
    async fn apply_page(
        &self,
        page: EventPage,
        cursor: &mut EventCursor,
        poll: &mut RunningPoll,
    ) -> Result<(), DbError> {
        let mut is_last_unreadable = false;
        for event in page.events {
            is_last_unreadable = event.is_err();
            let message = match event {
                Ok(message) => message,
                Err(error) => {
                    log::warn!("skipped an event of WorkOS that cannot be read: {error}");
                    poll.events.skipped += 1;
                    continue;
                }
            };
            let (id, next) = (message.id.clone(), cursor.after(&message));
            match self.apply(message, poll).await {
                Ok(()) => self.memory.lock().forget_failure(&id),
                Err(error) => self.record_failure(&id, error, cursor, poll).await?,
            }
            if poll.claim.is_none() {
                return Ok(());
            }
            *cursor = next;
        }
        if is_last_unreadable && page.after.is_some() {
            cursor.event_id = page.after;
        }
        Ok(())
    }

    async fn apply(&self, message: WebhookMessage, poll: &mut RunningPoll) -> Result<(), DbError> {
        let event = match message.parse_event() {
            Ok(WebhookEvent::Other) => return Ok(()),
            Ok(event) => event,
            Err(error) => {
                let WebhookMessage { id, event, .. } = &message;
                log::warn!("skipped event {id:?} of type {event:?} of WorkOS: {error}");
                poll.events.skipped += 1;
                return Ok(());
            }
        };
        let device = ClientDevice::default();
        let now = self.clock.now();
        match self
            .webhooks
            .apply_next(message, event, device, now)
            .await?
        {
            EventReceipt::Applied => poll.events.applied += 1,
            EventReceipt::Duplicate => poll.events.known += 1,
        }
        Ok(())
    }

    /// Decides what follows after an event that was not applied: it is skipped if the database has rejected it for too
    /// long; else the
    /// cursor, which is before it, is not advanced any more, and the events after it are applied. Fails if the database
    /// does not accept the cursor either, or if many events fail.
    async fn record_failure(
        &self,
        id: &str,
        error: DbError,
        cursor: &EventCursor,
        poll: &mut RunningPoll,
    ) -> Result<(), DbError> {
        let written = poll.failure.is_none().then(|| cursor.clone());
        self.postpone(poll, CLAIM, written).await?;
        // What is unavailable, such as a row that somebody locks, will be available again.
        let is_rejected = matches!(error, DbError::Rejected(_));
        if is_rejected && self.memory.lock().is_hopeless(id, self.clock.elapsed()) {
            log::error!("skipped event {id:?} of WorkOS, which was tried again and again: {error}");
            poll.events.skipped += 1;
            return Ok(());
        }
        poll.failures += 1;
        if poll.failures >= MOST_FAILURES {
            return Err(error);
        }
        poll.failure.get_or_insert(error);
        Ok(())
    }

    /// Makes the job due after this time, for this replica if it goes on, and writes the cursor, unless another replica
    /// has taken over.
    async fn postpone(
        &self,
        poll: &mut RunningPoll,
        duration: TimeDelta,
        cursor: Option<EventCursor>,
    ) -> Result<(), DbError> {
        let Some(claim) = poll.claim else {
            return Ok(());
        };
        let postpone = move |conn: &mut Conn| {
            let postponed = JOB.postpone(conn, claim, duration)?;
            if let (Some(_), Some(cursor)) = (postponed, cursor) {
                cursor.write(conn)?;
            }
            Ok::<_, DbError>(postponed)
        };
        poll.claim = self.database.write(postpone).await?;
        Ok(())
    }
}
