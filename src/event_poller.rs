//! Polls WorkOS's Events API. It lists the events that WorkOS sends by webhook, so that a site without a webhook, or one
//! that missed some, learns of them too.
//!
//! One replica at a time polls. An event and the row that records it are written in one transaction, so that an event
//! that is read again, or that came by webhook, is not applied twice. The cursor is written after the events: a process
//! that ends between the two reads them again.

mod cursor;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::db::{Conn, Database, DbError};
use crate::jobs::{Job, LONGEST_CLAIM};
use crate::webhooks::{EventReceipt, WebhookService};
use crate::workos::webhook::{WebhookEvent, WebhookMessage};
use crate::workos::{ClientDevice, EventPage, EventStart, WorkosClient, WorkosError};
use cursor::EventCursor;
use memory::PollMemory;

const JOB: Job = Job::new("poll_workos_events");
/// How long another replica waits for one that reads a page. Losing the claim costs a second reading only.
const CLAIM: TimeDelta = TimeDelta::seconds(30);
/// WorkOS keeps events for 30 days.
const RETENTION: TimeDelta = TimeDelta::days(30);
/// The time by which clocks and requests are late.
const MARGIN: TimeDelta = TimeDelta::hours(1);
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
    /// When the claim of the job ends.
    claim: Timestamp,
    events: PolledEvents,
}

/// An event that could not be applied.
struct FailedEvent {
    id: String,
    error: DbError,
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
        let events = PolledEvents::default();
        let mut poll = RunningPoll { claim, events };
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
        let (claim, delay) = (poll.claim, self.delay(read.as_ref().err()));
        let postpone = move |conn: &mut Conn| {
            let postponed = JOB.postpone(conn, claim, delay);
            postponed.map_err(DbError::from)
        };
        let postponed = self.database.write(postpone).await;
        read?;
        postponed?;
        Ok(Some(poll.events))
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
            self.save(poll, first).await?;
            return Ok(());
        };
        loop {
            let before = cursor.clone();
            let page = self.read_page(&mut cursor).await?;
            let has_more = page.has_more;
            let (next, applied) = self.apply_page(page, cursor, poll).await;
            let has_advanced = next != before;
            if (has_advanced || applied.is_err()) && !self.save(poll, next.clone()).await? {
                // Another replica has taken over.
                return Ok(());
            }
            if let Err(FailedEvent { id, error }) = applied {
                // The database has accepted another change.
                self.memory.lock().count_failure(id);
                return Err(error.into());
            }
            if !has_more || !has_advanced {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// The cursor of the first poll: events that happened before are not applied.
    async fn first_cursor(&self) -> Result<EventCursor, WorkosError> {
        let page = self.workos.events(EventStart::Latest, 1).await?;
        log::info!("WorkOS's events are applied from now on");
        Ok(match page.events.first() {
            // All that WorkOS will have are new.
            None => EventCursor::default(),
            Some(Ok(latest)) => EventCursor::default().after(latest),
            Some(Err(_)) => EventCursor {
                event_id: None,
                event_created_at: Some(self.clock.now()),
            },
        })
    }

    /// Reads the page after the cursor. If WorkOS does not know the cursor any more, the events are read by their time,
    /// and the cursor has no id.
    async fn read_page(&self, cursor: &mut EventCursor) -> Result<EventPage, WorkosError> {
        let limit = self.memory.lock().page_size();
        let mut page = self.workos.events(self.start(cursor), limit).await;
        if let (Some(id), Err(error)) = (&cursor.event_id, &page)
            && is_unknown_cursor(error)
        {
            log::warn!(
                "WorkOS does not accept event {id:?}, the last one that was read, as a cursor: {error}; reading by time, and what it has deleted is caught up by renewals"
            );
            cursor.event_id = None;
            page = self.workos.events(self.start(cursor), limit).await;
        }
        self.memory.lock().adapt_page_size(page.is_ok());
        page
    }

    fn start<'a>(&self, cursor: &'a EventCursor) -> EventStart<'a> {
        let oldest = self.clock.now().plus(MARGIN - RETENTION);
        match (&cursor.event_id, cursor.event_created_at) {
            (Some(id), _) => EventStart::After(id),
            (None, Some(time)) => EventStart::Time(time.max(oldest)),
            (None, None) => EventStart::Oldest,
        }
    }

    /// Applies the events of a page until one fails. Returns the cursor of the last one that needs not be read again.
    async fn apply_page(
        &self,
        page: EventPage,
        mut cursor: EventCursor,
        poll: &mut RunningPoll,
    ) -> (EventCursor, Result<(), FailedEvent>) {
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
            let next = cursor.after(&message);
            if let Err(failed) = self.apply(message, poll).await {
                if !self.memory.lock().is_last_attempt(&failed.id) {
                    return (cursor, Err(failed));
                }
                let FailedEvent { id, error } = failed;
                log::error!(
                    "skipped event {id:?} of WorkOS, which was tried again and again: {error}"
                );
                poll.events.skipped += 1;
            }
            cursor = next;
        }
        if is_last_unreadable && page.after.is_some() {
            cursor.event_id = page.after;
        }
        (cursor, Ok(()))
    }

    async fn apply(
        &self,
        message: WebhookMessage,
        poll: &mut RunningPoll,
    ) -> Result<(), FailedEvent> {
        let (id, name) = (message.id.clone(), message.event.clone());
        let event = match message.parse_event() {
            Ok(WebhookEvent::Other) => return Ok(()),
            Ok(event) => event,
            Err(error) => {
                log::warn!("skipped event {id:?} of type {name:?} of WorkOS: {error}");
                poll.events.skipped += 1;
                return Ok(());
            }
        };
        let device = ClientDevice::default();
        let now = self.clock.now();
        let receipt = self.webhooks.receive(message, event, device, now).await;
        match receipt.map_err(|error| FailedEvent { id, error })? {
            EventReceipt::Applied => poll.events.applied += 1,
            EventReceipt::Duplicate => poll.events.known += 1,
        }
        Ok(())
    }

    /// Writes the cursor and extends the claim. Returns `false` if another replica has taken over.
    async fn save(&self, poll: &mut RunningPoll, cursor: EventCursor) -> Result<bool, DbError> {
        let claim = poll.claim;
        let save = move |conn: &mut Conn| {
            let extended = JOB.postpone(conn, claim, CLAIM)?;
            if extended.is_some() {
                cursor.write(conn)?;
            }
            Ok::<_, DbError>(extended)
        };
        let extended = self.database.write(save).await?;
        poll.claim = extended.unwrap_or(claim);
        Ok(extended.is_some())
    }
}

/// Whether WorkOS does not know the event of the cursor, rather than the API key or the address.
fn is_unknown_cursor(error: &WorkosError) -> bool {
    let is_about_request = matches!(
        error,
        WorkosError::Refused {
            status: 400 | 404 | 410 | 422,
            ..
        }
    );
    is_about_request && !error.is_foreign() && !error.is_misconfiguration()
}
