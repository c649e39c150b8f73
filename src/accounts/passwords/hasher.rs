//! Password hashing on threads of its own: as many as there are cores, each with a short queue, so
//! that a flood of passwords takes neither the memory nor the async threads of everybody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;

/// Passwords that may wait for each thread; with more, the last would wait for most of a minute
/// behind slow hashes of Django's.
const QUEUE_OF_A_THREAD: usize = 32;
/// A refusal is told so long after its comparison began, or a whole multiple: longer than any of
/// Django's defaults takes on a slow core, so that it hides which it was.
const LEAST_REFUSAL: Duration = Duration::from_secs(1);
/// A single comparison that takes longer than this does not make all refusals slower still.
const MOST_REFUSAL: Duration = Duration::from_secs(8);
/// Other work on the machine may stretch a comparison to so many times its own time.
const HEADROOM: u32 = 2;

/// What was computed, and when its turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashOutput<T> {
    /// What was computed.
    pub value: T,
    /// When it left the queue: what waited there waited alike, whatever it was.
    pub began: Instant,
}

/// Every thread is busy and the queue is full; or the thread was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked just now")]
pub struct HasherOverloaded;

type Work = Box<dyn FnOnce() + Send>;

/// The threads that hash, and the time that a refusal takes.
pub struct Hasher {
    queue: SyncSender<Work>,
    /// In milliseconds; it only grows.
    refusal: Arc<AtomicU64>,
}

impl Hasher {
    /// Starts the threads, one for each core. They end when the hasher is dropped.
    pub fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(cores)
    }

    /// Starts so many threads.
    pub fn with_threads(threads: usize) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(threads * QUEUE_OF_A_THREAD);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 1..=threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work_off(&waiting))?;
        }
        let refusal = Arc::new(AtomicU64::new(millis(LEAST_REFUSAL)));
        Ok(Self { queue, refusal })
    }

    /// Runs one comparison or hash. Work whose asker has gone before its turn is not done.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<HashOutput<T>, HasherOverloaded> {
        let (reply, result) = oneshot::channel();
        let refusal = Arc::clone(&self.refusal);
        let job = Box::new(move || {
            if reply.is_closed() {
                return;
            }
            let (began, cpu_before) = (Instant::now(), cpu_time());
            // A panic of a hash crate costs this answer, not the thread.
            let Ok(value) = catch_unwind(AssertUnwindSafe(work)) else {
                return;
            };
            let lasting = lasting(cpu_time().saturating_sub(cpu_before));
            refusal.fetch_max(millis(lasting), Ordering::Relaxed);
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(HashOutput { value, began });
        });
        self.queue.try_send(job).map_err(|_| HasherOverloaded)?;
        result.await.map_err(|_| HasherOverloaded)
    }

    /// Waits until a refusal may be told of a comparison that began at `began`, so that its time does
    /// not tell why: whole multiples of one and the same time, longer than any comparison seen so far.
    pub async fn pad_refusal(&self, began: Instant) {
        let step = Duration::from_millis(self.refusal.load(Ordering::Relaxed));
        let until = began + whole_multiple(began.elapsed(), step);
        tokio::time::sleep_until(until.into()).await;
    }
}

/// What this thread has computed so far: unlike the time that passed, it does not grow with whatever
/// else the machine does.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn work_off(waiting: &Mutex<Receiver<Work>>) {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(work) => work(),
            Err(_) => return,
        }
    }
}

/// How long a refusal has to take where one comparison computed for so long.
fn lasting(comparison: Duration) -> Duration {
    whole_multiple(comparison.saturating_mul(HEADROOM), LEAST_REFUSAL).min(MOST_REFUSAL)
}

/// The smallest multiple of `step` that is longer than `elapsed`.
fn whole_multiple(elapsed: Duration, step: Duration) -> Duration {
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
    async fn work_is_done_and_answered() {
        let hasher = Hasher::with_threads(2).unwrap();
        assert_eq!(value(hasher.run(|| 6 * 7).await), Ok(42));
    }

    #[actix_web::test]
    async fn a_full_queue_is_told_and_then_taken_again() {
        let hasher = Arc::new(Hasher::with_threads(1).unwrap());
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let block = {
            let hasher = Arc::clone(&hasher);
            actix_web::rt::spawn(async move {
                hasher
                    .run(move || {
                        begun.send(()).unwrap();
                        wait.recv().unwrap();
                    })
                    .await
            })
        };
        has_begun.await.unwrap();
        let mut waiting: Vec<_> = (0..QUEUE_OF_A_THREAD)
            .map(|number| Box::pin(async_move(&hasher, number)))
            .collect();
        for job in &mut waiting {
            // Polled once, each stands in the queue.
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

    async fn async_move(
        hasher: &Hasher,
        number: usize,
    ) -> Result<HashOutput<usize>, HasherOverloaded> {
        hasher.run(move || number).await
    }

    #[actix_web::test]
    async fn a_panic_costs_its_own_answer_alone() {
        let hasher = Hasher::with_threads(1).unwrap();
        let lost = hasher.run(|| panic!("a hash crate's mistake")).await;
        assert_eq!(value(lost), Err::<(), _>(HasherOverloaded));
        assert_eq!(value(hasher.run(|| 1).await), Ok(1));
    }

    #[test]
    fn a_refusal_takes_a_whole_multiple() {
        let ms = Duration::from_millis;
        assert_eq!(whole_multiple(ms(0), ms(1_000)), ms(1_000));
        assert_eq!(whole_multiple(ms(999), ms(1_000)), ms(1_000));
        assert_eq!(whole_multiple(ms(1_000), ms(1_000)), ms(2_000));
        assert_eq!(whole_multiple(ms(2_500), ms(1_000)), ms(3_000));
    }

    #[test]
    fn a_slow_comparison_is_outlasted_within_reason() {
        let ms = Duration::from_millis;
        assert_eq!(lasting(ms(20)), ms(1_000));
        assert_eq!(lasting(ms(499)), ms(1_000));
        assert_eq!(lasting(ms(700)), ms(2_000));
        assert_eq!(lasting(ms(60_000)), MOST_REFUSAL);
    }

    #[actix_web::test]
    async fn waiting_does_not_count_as_computing() {
        let hasher = Hasher::with_threads(1).unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let asleep = hasher.run(move || wait.recv_timeout(Duration::from_millis(1_100)));
        asleep.await.unwrap().value.unwrap_err();
        drop(release);
        assert_eq!(hasher.refusal.load(Ordering::Relaxed), 1_000);
    }

    #[actix_web::test]
    async fn refusals_never_become_quicker_again() {
        let hasher = Hasher::with_threads(1).unwrap();
        hasher.refusal.store(3_000, Ordering::Relaxed);
        hasher.run(|| ()).await.unwrap();
        assert_eq!(hasher.refusal.load(Ordering::Relaxed), 3_000);
    }
}
