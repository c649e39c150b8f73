//! Hashes passwords on dedicated threads, one for each core, with a bounded queue. A flood of
//! passwords therefore takes neither the memory nor the async threads that other requests need.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;

/// Queued passwords for each thread. With more, the last one could wait for most of a minute behind
/// slow hashes of Django's.
const QUEUE_PER_THREAD: usize = 32;
/// A refusal takes this long from the start of its comparison, or a multiple of it. It is longer
/// than any hash with Django's defaults takes on a slow core, so that the time does not reveal the
/// scheme.
const MIN_REFUSAL: Duration = Duration::from_secs(1);
/// The upper limit of that time. A comparison that takes longer does not slow down all refusals
/// further.
const MAX_REFUSAL: Duration = Duration::from_secs(8);
/// The factor by which other work on the machine may stretch a comparison.
const HEADROOM: u32 = 2;

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

/// The hashing threads, and the time that a refusal takes.
pub struct Hasher {
    queue: SyncSender<HashJob>,
    /// The time of a refusal in milliseconds. It only grows.
    refusal_ms: Arc<AtomicU64>,
}

impl Hasher {
    /// Starts one thread for each core. The threads end when the hasher is dropped.
    pub fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(cores)
    }

    /// Starts a given number of threads.
    pub fn with_threads(threads: usize) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(threads * QUEUE_PER_THREAD);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 1..=threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || run_jobs(&waiting))?;
        }
        let refusal_ms = Arc::new(AtomicU64::new(millis(MIN_REFUSAL)));
        Ok(Self { queue, refusal_ms })
    }

    /// Runs one comparison or hash. Work whose caller has gone before it starts is skipped.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<HashOutput<T>, HasherOverloaded> {
        let (reply, result) = oneshot::channel();
        let refusal_ms = Arc::clone(&self.refusal_ms);
        let job = Box::new(move || {
            if reply.is_closed() {
                return;
            }
            let (started, cpu_before) = (Instant::now(), cpu_time());
            // A panic in a hash crate fails this call and does not end the thread.
            let Ok(value) = catch_unwind(AssertUnwindSafe(work)) else {
                return;
            };
            let refusal = refusal_time(cpu_time().saturating_sub(cpu_before));
            refusal_ms.fetch_max(millis(refusal), Ordering::Relaxed);
            // Sending fails if the caller was cancelled.
            let _ = reply.send(HashOutput { value, started });
        });
        self.queue.try_send(job).map_err(|_| HasherOverloaded)?;
        result.await.map_err(|_| HasherOverloaded)
    }

    /// Delays a refusal of a comparison that started at `started`, so that the time does not reveal
    /// its reason. The refusal ends at a whole multiple of a time that is longer than any
    /// comparison so far.
    pub async fn pad_refusal(&self, started: Instant) {
        let step = Duration::from_millis(self.refusal_ms.load(Ordering::Relaxed));
        let until = started + next_multiple(started.elapsed(), step);
        tokio::time::sleep_until(until.into()).await;
    }
}

/// The CPU time of this thread so far. Unlike elapsed time, it does not depend on other work of the
/// machine.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn run_jobs(waiting: &Mutex<Receiver<HashJob>>) {
    loop {
        let next = waiting.lock().recv();
        match next {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

/// How long refusals have to take if a comparison needed this much CPU time.
fn refusal_time(comparison: Duration) -> Duration {
    next_multiple(comparison.saturating_mul(HEADROOM), MIN_REFUSAL).min(MAX_REFUSAL)
}

/// The smallest multiple of `step` that is longer than `elapsed`.
fn next_multiple(elapsed: Duration, step: Duration) -> Duration {
    let (elapsed, step) = (millis(elapsed), millis(step));
    Duration::from_millis((elapsed / step + 1) * step)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn work_returns_its_result() {
        let hasher = Hasher::with_threads(2).unwrap();
        assert_eq!(value(hasher.run(|| 6 * 7).await), Ok(42));
    }

    #[actix_web::test]
    async fn a_full_queue_refuses_work_and_accepts_it_again_later() {
        let hasher = Arc::new(Hasher::with_threads(1).unwrap());
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let block = {
            let hasher = Arc::clone(&hasher);
            actix_web::rt::spawn(async move {
                hasher
                    .run(move || {
                        started.send(()).unwrap();
                        wait.recv().unwrap();
                    })
                    .await
            })
        };
        has_started.await.unwrap();
        let mut waiting: Vec<_> = (0..QUEUE_PER_THREAD)
            .map(|number| Box::pin(run_number(&hasher, number)))
            .collect();
        for job in &mut waiting {
            // The first poll puts the job into the queue.
            assert!(futures_util::future::poll_immediate(job).await.is_none());
        }
        assert_eq!(value(hasher.run(|| 0).await), Err(HasherOverloaded));
        release.send(()).unwrap();
        assert_eq!(value(block.await.unwrap()), Ok(()));
        for (number, job) in waiting.into_iter().enumerate() {
            assert_eq!(value(job.await), Ok(number));
        }
        assert_eq!(value(hasher.run(|| 1).await), Ok(1));
    }

    fn value<T>(done: Result<HashOutput<T>, HasherOverloaded>) -> Result<T, HasherOverloaded> {
        done.map(|done| done.value)
    }

    async fn run_number(
        hasher: &Hasher,
        number: usize,
    ) -> Result<HashOutput<usize>, HasherOverloaded> {
        hasher.run(move || number).await
    }

    #[actix_web::test]
    async fn a_panic_fails_only_its_own_call() {
        let hasher = Hasher::with_threads(1).unwrap();
        let lost = hasher.run(|| panic!("a hash crate's mistake")).await;
        assert_eq!(value(lost), Err::<(), _>(HasherOverloaded));
        assert_eq!(value(hasher.run(|| 1).await), Ok(1));
    }

    #[test]
    fn a_refusal_takes_a_whole_multiple() {
        let ms = Duration::from_millis;
        assert_eq!(next_multiple(ms(0), ms(1_000)), ms(1_000));
        assert_eq!(next_multiple(ms(999), ms(1_000)), ms(1_000));
        assert_eq!(next_multiple(ms(1_000), ms(1_000)), ms(2_000));
        assert_eq!(next_multiple(ms(2_500), ms(1_000)), ms(3_000));
    }

    #[test]
    fn a_slow_comparison_makes_refusals_slower_up_to_the_limit() {
        let ms = Duration::from_millis;
        assert_eq!(refusal_time(ms(20)), ms(1_000));
        assert_eq!(refusal_time(ms(499)), ms(1_000));
        assert_eq!(refusal_time(ms(700)), ms(2_000));
        assert_eq!(refusal_time(ms(60_000)), MAX_REFUSAL);
    }

    #[actix_web::test]
    async fn waiting_does_not_count_as_cpu_time() {
        let hasher = Hasher::with_threads(1).unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let asleep = hasher.run(move || wait.recv_timeout(Duration::from_millis(1_100)));
        asleep.await.unwrap().value.unwrap_err();
        drop(release);
        assert_eq!(hasher.refusal_ms.load(Ordering::Relaxed), 1_000);
    }

    #[actix_web::test]
    async fn refusals_never_become_faster() {
        let hasher = Hasher::with_threads(1).unwrap();
        hasher.refusal_ms.store(3_000, Ordering::Relaxed);
        hasher.run(|| ()).await.unwrap();
        assert_eq!(hasher.refusal_ms.load(Ordering::Relaxed), 3_000);
    }
}
