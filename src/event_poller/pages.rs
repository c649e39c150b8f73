//! Reads pages of events from WorkOS.

use chrono::TimeDelta;

use super::EventPoller;
use super::cursor::EventCursor;
use crate::workos::{EventPage, EventStart, WorkosError};

/// WorkOS keeps events for 30 days.
const RETENTION: TimeDelta = TimeDelta::days(30);
/// The time by which clocks and requests are late.
const MARGIN: TimeDelta = TimeDelta::hours(1);

impl EventPoller {
    /// The cursor of the first poll: events that happened before are not applied.
    pub(super) async fn first_cursor(&self) -> Result<EventCursor, WorkosError> {
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
    pub(super) async fn read_page(
        &self,
        cursor: &mut EventCursor,
    ) -> Result<EventPage, WorkosError> {
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
