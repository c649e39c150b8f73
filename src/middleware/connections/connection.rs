//! The state of one open connection: whether a request is running on it, since when it is idle, and how much
//! of a request has arrived.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::buffer_budget::{BufferBudget, UNCOUNTED};

/// A connection that has served a request is not closed to make room for another one before it has been
/// idle for this long, because its response may still be on its way.
const RESPONSE_TIME: Duration = Duration::from_secs(1);

/// The state of a connection, which its stream and the table of connections share.
pub struct TrackedConnection {
    closed: AtomicBool,
    /// Wakes the task that reads and writes the stream.
    task: AtomicWaker,
    activity: Mutex<Activity>,
    budget: Arc<BufferBudget>,
    /// The address of the client; `None` if the connection belongs to many clients.
    client: Option<IpAddr>,
    /// Whether the server is about to stop.
    draining: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
struct Activity {
    /// Whether a request is running, which has been received completely.
    is_busy: bool,
    /// Whether the task has tried to read meanwhile.
    reading_is_paused: bool,
    has_served: bool,
    idle_since: Instant,
    /// Whether the headers of a request are complete, and its response is not.
    is_in_request: bool,
    /// Since when headers have been arriving that are not complete.
    headers_since: Option<Instant>,
    /// The bytes that have arrived since the last response.
    received: usize,
    /// How many of them the budget has counted.
    counted: usize,
    /// How many bytes it has counted for a response that the client does not read.
    unread: usize,
}

impl Activity {
    fn record_headers(&mut self) {
        if !self.is_in_request && self.headers_since.is_none() {
            self.headers_since = Some(Instant::now());
        }
    }
}

impl TrackedConnection {
    pub(super) fn new(
        budget: Arc<BufferBudget>,
        client: Option<IpAddr>,
        draining: Arc<AtomicBool>,
    ) -> Self {
        Self {
            budget,
            client,
            draining,
            closed: AtomicBool::new(false),
            task: AtomicWaker::new(),
            activity: Mutex::new(Activity {
                is_busy: false,
                reading_is_paused: false,
                has_served: false,
                idle_since: Instant::now(),
                is_in_request: false,
                headers_since: None,
                received: 0,
                counted: 0,
                unread: 0,
            }),
        }
    }

    /// Closes the connection: its stream fails from now on, and its task ends.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the task that reads and writes the stream.
    pub(super) fn wake(&self) {
        self.task.wake();
    }

    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Since when the connection is idle; `None` while a request is running.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let activity = self.activity.lock();
        (!activity.is_busy).then_some(activity.idle_since)
    }

    /// Since when the connection is idle, if it can be closed to make room for another one.
    pub(super) fn replaceable_since(&self, now: Instant) -> Option<Instant> {
        let activity = *self.activity.lock();
        let is_responding = activity.has_served && now < activity.idle_since + RESPONSE_TIME;
        (!activity.is_busy && !is_responding).then_some(activity.idle_since)
    }

    /// Records that a request has begun or ended.
    pub(super) fn set_busy(&self, is_busy: bool) {
        let mut activity = self.activity.lock();
        activity.is_busy = is_busy;
        activity.has_served = true;
        activity.idle_since = Instant::now();
        if !is_busy && std::mem::take(&mut activity.reading_is_paused) {
            drop(activity);
            self.wake();
        }
    }

    /// Whether the task may not read now, because a request is running. It is woken afterwards.
    pub(super) fn pauses_reading(&self) -> bool {
        let mut activity = self.activity.lock();
        activity.reading_is_paused |= activity.is_busy;
        activity.is_busy
    }

    /// Records that bytes are read. Outside a request they are headers, which have a time limit.
    pub(super) fn record_headers(&self) {
        self.activity.lock().record_headers();
    }

    /// Records that bytes have arrived. Fails if the unanswered requests of all connections are too large.
    pub(super) fn record_received(&self, bytes: usize) -> io::Result<()> {
        let mut activity = self.activity.lock();
        activity.record_headers();
        activity.received = activity.received.saturating_add(bytes);
        let counted = self
            .budget
            .count(self.client, activity.received, activity.counted);
        activity.counted = counted.ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok(())
    }

    /// Records whether bytes of a response wait until the client has read others. Fails if too many responses are not
    /// read.
    pub(super) fn record_unread_response(&self, is_unread: bool) -> io::Result<()> {
        let mut activity = self.activity.lock();
        match is_unread {
            true if activity.unread == 0 => {
                let counted = self.budget.count_unread_response(self.client);
                activity.unread = counted.ok_or(io::ErrorKind::ConnectionAborted)?;
            }
            true => {}
            false => self
                .budget
                .give_back(self.client, std::mem::take(&mut activity.unread)),
        }
        Ok(())
    }

    /// Records that the headers of a request are complete.
    pub(super) fn begin_request(&self) {
        let mut activity = self.activity.lock();
        activity.is_in_request = true;
        activity.headers_since = None;
    }

    /// Records that the response to the request is ready. Returns whether the connection should be closed: so
    /// much has arrived that its buffer has grown, and may hold a part of another request, or the server is
    /// about to stop.
    pub(super) fn end_request(&self) -> bool {
        let mut activity = self.activity.lock();
        activity.is_in_request = false;
        activity.headers_since = None;
        let received = std::mem::take(&mut activity.received);
        self.budget
            .give_back(self.client, std::mem::take(&mut activity.counted));
        received > UNCOUNTED || self.draining.load(Ordering::Relaxed)
    }

    /// Since when headers have been arriving that are not complete.
    pub(super) fn headers_since(&self) -> Option<Instant> {
        self.activity.lock().headers_since
    }

    /// Fails if the connection has been closed. The caller's task is woken when it is closed later.
    pub(super) fn check_open(&self, cx: &Context<'_>) -> io::Result<()> {
        self.task.register(cx.waker());
        match self.closed.load(Ordering::Acquire) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

impl Drop for TrackedConnection {
    fn drop(&mut self) {
        let activity = self.activity.get_mut();
        self.budget
            .give_back(self.client, activity.counted + activity.unread);
    }
}
