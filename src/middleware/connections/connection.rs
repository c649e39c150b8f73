//! The state of one open connection: whether a request is running on it, and since when it is idle.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

/// A connection that has served a request is not closed to make room for another one before it has been
/// idle for this long, because its response may still be on its way.
const RESPONSE_TIME: Duration = Duration::from_secs(1);

/// The state of a connection, which its stream and the table of connections share.
pub struct TrackedConnection {
    closed: AtomicBool,
    /// Wakes the task that reads and writes the stream.
    task: AtomicWaker,
    activity: Mutex<Activity>,
}

#[derive(Clone, Copy)]
struct Activity {
    /// Whether a request is running, which has been received completely.
    is_busy: bool,
    has_served: bool,
    idle_since: Instant,
}

impl TrackedConnection {
    pub(super) fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            task: AtomicWaker::new(),
            activity: Mutex::new(Activity {
                is_busy: false,
                has_served: false,
                idle_since: Instant::now(),
            }),
        }
    }

    /// Closes the connection: its stream fails from now on, and its task ends.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
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
