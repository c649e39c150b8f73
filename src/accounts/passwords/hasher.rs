//! Hashes passwords on dedicated threads, one for each core, with bounded queues. A flood of passwords
//! therefore takes neither the memory nor the async threads that other requests need.
//!
//! A thread is occupied for the same time by every comparison that fails, whatever is stored: until a
//! quantum has passed that is longer than a comparison with the dearest hash. Otherwise the waiting
//! time of later passwords would show whether an account exists and how its password is stored.

mod fair_queue;
mod slot_clock;

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::client_network::ClientNetwork;
use fair_queue::{FairQueue, QueuePath};
pub use slot_clock::SlotClock;
use slot_clock::SystemSlotClock;

/// Queued passwords for each thread. With more, the last one could wait for most of a minute behind
/// slow hashes of Django's.
const QUEUE_PER_THREAD: usize = 32;
/// There is one thread for known browsers for each four other threads, and at least one.
const THREADS_PER_RESERVED_THREAD: usize = 4;
/// The quantum is this many times the CPU time of the dearest comparison, because other work on the
/// machine may stretch a comparison.
const HEADROOM: u32 = 2;
/// A comparison that other work of the machine stretches beyond the quantum raises it, up to this many times what
/// the CPU time asks for. Without a bound, a process that was suspended once would refuse slowly until it restarts.
const MAX_STRETCH: u32 = 4;
/// The shortest quantum: twice what a new hash takes on a usual core.
const MIN_QUANTUM: Duration = Duration::from_millis(50);
/// The longest quantum. No permitted hash takes more than half of it on a usual core.
const MAX_QUANTUM: Duration = Duration::from_secs(8);
/// A refusal takes this long from the start of its comparison, or a multiple of it.
const MIN_REFUSAL: Duration = Duration::from_secs(1);

/// Where a password comes from, which decides where it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// An address. Its networks wait in turn.
    Address(IpAddr),
    /// A browser in which this account has signed in before. Such browsers have threads of their own, on
    /// which accounts wait in turn.
    KnownBrowser {
        /// The account's id.
        account: String,
        /// The browser's random name.
        browser: String,
    },
}

/// The result of hashing work, and when the work started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashOutput<T> {
    /// The result.
    pub value: T,
    /// When the work left the queue. The wait before that is the same for all kinds of work.
    pub started: Instant,
}

/// The queue is full, or the work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked at the moment")]
pub struct HasherOverloaded;

type HashJob = Box<dyn FnOnce() + Send>;

/// The hashing threads, and how long a failed comparison occupies one of them.
pub struct Hasher {
    slots: Arc<HashSlots>,
}

struct HashSlots {
    queues: Mutex<HashQueues>,
    /// Signalled when a job of an address is queued.
    address_job: Condvar,
    /// Signalled when a job of a known browser is queued.
    known_job: Condvar,
    clock: Arc<dyn SlotClock>,
    /// The quantum in milliseconds. It only grows, until the process restarts.
    quantum_ms: AtomicU64,
    /// The part of it that CPU time asks for.
    cpu_quantum_ms: AtomicU64,
}

struct HashQueues {
    addresses: FairQueue<HashJob>,
    known_browsers: FairQueue<HashJob>,
    closed: bool,
}

impl Hasher {
    /// Starts one thread for each core, and the reserved threads. The threads end when the hasher is
    /// dropped.
    pub fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(cores)
    }

    /// Starts a given number of threads, and the reserved threads.
    pub fn with_threads(threads: usize) -> io::Result<Self> {
        Self::with_clock(threads, Arc::new(SystemSlotClock::new()))
    }

    /// The same with another clock, for tests.
    pub fn with_clock(threads: usize, clock: Arc<dyn SlotClock>) -> io::Result<Self> {
        let reserved = threads.div_ceil(THREADS_PER_RESERVED_THREAD);
        let slots = Arc::new(HashSlots {
            queues: Mutex::new(HashQueues {
                addresses: FairQueue::new(threads * QUEUE_PER_THREAD),
                known_browsers: FairQueue::new(reserved * QUEUE_PER_THREAD),
                closed: false,
            }),
            address_job: Condvar::new(),
            known_job: Condvar::new(),
            clock,
            quantum_ms: AtomicU64::new(millis(MIN_QUANTUM)),
            cpu_quantum_ms: AtomicU64::new(millis(MIN_QUANTUM)),
        });
        let hasher = Self { slots };
        for number in 1..=threads + reserved {
            let slots = Arc::clone(&hasher.slots);
            let is_reserved = number > threads;
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || slots.run_jobs(is_reserved))?;
        }
        Ok(hasher)
    }

    /// Runs one comparison, which returns `None` if the password does not match. The thread is then
    /// occupied for a whole number of quanta, one if the comparison took its usual time. A comparison
    /// whose caller has gone before it starts is skipped.
    pub async fn compare<T: Send + 'static>(
        &self,
        source: PasswordSource,
        comparison: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<HashOutput<Option<T>>, HasherOverloaded> {
        self.submit(source, comparison, Option::is_none).await
    }

    /// Hashes a new password.
    pub async fn run<T: Send + 'static>(
        &self,
        source: PasswordSource,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<HashOutput<T>, HasherOverloaded> {
        self.submit(source, work, |_| false).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        source: PasswordSource,
        work: impl FnOnce() -> T + Send + 'static,
        fills_its_quantum: fn(&T) -> bool,
    ) -> Result<HashOutput<T>, HasherOverloaded> {
        let (reply, result) = oneshot::channel();
        let slots = Arc::clone(&self.slots);
        let job = Box::new(move || {
            if reply.is_closed() {
                return;
            }
            let started = Instant::now();
            let (slot_began, cpu_before) = (slots.clock.elapsed(), slots.clock.cpu_time());
            // A panic in a hash crate fails this call and does not end the thread.
            let outcome = catch_unwind(AssertUnwindSafe(work)).ok();
            let cpu_time = slots.clock.cpu_time().saturating_sub(cpu_before);
            let fills_its_quantum = outcome.as_ref().is_none_or(fills_its_quantum);
            match outcome {
                // Sending fails if the caller was cancelled.
                Some(value) => drop(reply.send(HashOutput { value, started })),
                None => drop(reply),
            }
            if fills_its_quantum {
                slots.raise_quantum(cpu_time);
                slots.fill_quantum(slot_began);
            }
        });
        self.slots.push(source, job)?;
        result.await.map_err(|_| HasherOverloaded)
    }

    /// Makes the quantum long enough for these comparisons, which it runs on a thread of their own.
    pub fn measure(&self, comparisons: impl IntoIterator<Item = impl FnOnce() + Send>) {
        for comparison in comparisons {
            let slots = &self.slots;
            let measure = move || {
                let before = slots.clock.cpu_time();
                let _ = catch_unwind(AssertUnwindSafe(comparison));
                slots.raise_quantum(slots.clock.cpu_time().saturating_sub(before));
            };
            // A thread's reusable memory is freed when it ends. Without a thread nothing is measured
            // now, but the first such comparison raises the quantum.
            thread::scope(|scope| drop(thread::Builder::new().spawn_scoped(scope, measure)));
        }
    }

    /// The time for which a failed comparison occupies its thread.
    pub fn quantum(&self) -> Duration {
        self.slots.quantum()
    }

    /// Delays a refusal of a comparison that started at `started`, so that the time does not reveal
    /// its reason. The refusal ends at a whole multiple of a time that is longer than the quantum.
    pub async fn pad_refusal(&self, started: Instant) {
        let step = refusal_time(self.slots.quantum());
        let until = started + next_multiple(started.elapsed(), step);
        tokio::time::sleep_until(until.into()).await;
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.slots.queues.lock().closed = true;
        self.slots.address_job.notify_all();
        self.slots.known_job.notify_all();
    }
}

impl HashSlots {
    fn push(&self, source: PasswordSource, job: HashJob) -> Result<(), HasherOverloaded> {
        let mut queues = self.queues.lock();
        let (pushed, added) = match source {
            PasswordSource::Address(ip) => {
                let pushed = queues.addresses.push(&network_path(ip), job);
                (pushed, &self.address_job)
            }
            PasswordSource::KnownBrowser { account, browser } => {
                let path = vec![account, browser];
                (queues.known_browsers.push(&path, job), &self.known_job)
            }
        };
        drop(queues);
        // The caller of a job that was replaced learns it by the end of the job's channel.
        pushed.map_err(|_| HasherOverloaded)?;
        added.notify_one();
        Ok(())
    }

    fn run_jobs(&self, is_reserved: bool) {
        while let Some(job) = self.next_job(is_reserved) {
            job();
        }
    }

    /// Waits for the next job; `None` when the hasher is dropped.
    fn next_job(&self, is_reserved: bool) -> Option<HashJob> {
        let mut queues = self.queues.lock();
        loop {
            if queues.closed {
                return None;
            }
            let (queue, added) = match is_reserved {
                true => (&mut queues.known_browsers, &self.known_job),
                false => (&mut queues.addresses, &self.address_job),
            };
            if let Some(job) = queue.pop() {
                return Some(job);
            }
            added.wait(&mut queues);
        }
    }

    fn quantum(&self) -> Duration {
        Duration::from_millis(self.quantum_ms.load(Ordering::Relaxed))
    }

    fn raise_quantum(&self, cpu_time: Duration) {
        let wanted = millis(cpu_time.saturating_mul(HEADROOM).min(MAX_QUANTUM));
        self.cpu_quantum_ms.fetch_max(wanted, Ordering::Relaxed);
        self.quantum_ms.fetch_max(wanted, Ordering::Relaxed);
    }

    /// Makes the quantum longer than the time that a comparison took, within [`MAX_STRETCH`]. Otherwise the
    /// comparisons with the dearest hashes, and no others, would occupy their threads for two quanta under load.
    fn stretch_quantum(&self, used: Duration) {
        let cpu_quantum = self.cpu_quantum_ms.load(Ordering::Relaxed);
        let longest = cpu_quantum.saturating_mul(MAX_STRETCH.into());
        let wanted = (millis(used) + 1).min(longest).min(millis(MAX_QUANTUM));
        self.quantum_ms.fetch_max(wanted, Ordering::Relaxed);
    }

    /// Occupies the thread until a whole number of quanta has passed since `began`.
    fn fill_quantum(&self, began: Duration) {
        let used = self.clock.elapsed().saturating_sub(began);
        self.stretch_quantum(used);
        let whole = next_multiple(used, self.quantum());
        self.clock.sleep(whole.saturating_sub(used));
    }
}

/// The networks of an address, the largest first.
fn network_path(address: IpAddr) -> QueuePath {
    let networks = ClientNetwork::containing(address);
    networks.iter().rev().map(ToString::to_string).collect()
}

/// How long refusals have to take.
fn refusal_time(quantum: Duration) -> Duration {
    next_multiple(quantum, MIN_REFUSAL)
}

/// The smallest multiple of `step` that is longer than `elapsed`.
fn next_multiple(elapsed: Duration, step: Duration) -> Duration {
    let (elapsed, step) = (millis(elapsed), millis(step).max(1));
    Duration::from_millis((elapsed / step + 1) * step)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
