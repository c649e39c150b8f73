use super::*;
use crate::accounts::passwords;

const SOMEWHERE: PasswordSource =
    PasswordSource::Address(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// A clock that only work and sleep advance.
#[derive(Default)]
struct SteppedClock(AtomicU64);

impl SteppedClock {
    fn advance(&self, duration: Duration) {
        self.0.fetch_add(millis(duration), Ordering::SeqCst);
    }
}

/// A clock on which the machine does so much other work that CPU time is a quarter of the elapsed time.
#[derive(Default)]
struct BusyClock(SteppedClock);

impl SlotClock for BusyClock {
    fn cpu_time(&self) -> Duration {
        self.elapsed() / 4
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

impl SlotClock for SteppedClock {
    fn cpu_time(&self) -> Duration {
        self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        ms(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A hasher with one thread, for which comparisons of up to `dearest` were measured.
fn stepped_hasher(dearest: Duration) -> (Hasher, Arc<SteppedClock>) {
    let clock = Arc::new(SteppedClock::default());
    let hasher = Hasher::with_clock(1, Arc::clone(&clock) as Arc<dyn SlotClock>).unwrap();
    let measured = Arc::clone(&clock);
    hasher.measure([move || measured.advance(dearest)]);
    (hasher, clock)
}

/// For how long a comparison that takes `cost` occupies its thread.
async fn occupancy(
    hasher: &Hasher,
    clock: &Arc<SteppedClock>,
    cost: Duration,
    matches: bool,
) -> Duration {
    let began = clock.elapsed();
    let working = Arc::clone(clock);
    let comparison = move || {
        working.advance(cost);
        matches.then_some(())
    };
    let compared = hasher.compare(SOMEWHERE, comparison).await.unwrap();
    assert_eq!(compared.value.is_some(), matches);
    // The only thread begins this when it is free again.
    let working = Arc::clone(clock);
    let next = hasher.run(SOMEWHERE, move || working.elapsed()).await;
    next.unwrap().value - began
}

#[actix_web::test]
async fn every_failed_comparison_occupies_its_thread_equally() {
    let (hasher, clock) = stepped_hasher(ms(600));
    assert_eq!(hasher.quantum(), ms(1_200));
    for cost in [0, 25, 250, 600] {
        let occupied = occupancy(&hasher, &clock, ms(cost), false).await;
        assert_eq!(occupied, ms(1_200), "{cost}");
    }
}

#[actix_web::test]
async fn a_comparison_that_panics_occupies_its_thread_as_any_other() {
    let (hasher, clock) = stepped_hasher(ms(600));
    let lost = hasher.compare::<()>(SOMEWHERE, || panic!("a hash crate's mistake"));
    lost.await.unwrap_err();
    let working = Arc::clone(&clock);
    let next = hasher.run(SOMEWHERE, move || working.elapsed()).await;
    assert_eq!(next.unwrap().value, ms(600) + ms(1_200));
}

#[actix_web::test]
async fn a_stretched_comparison_occupies_its_thread_for_whole_quanta() {
    let (hasher, clock) = stepped_hasher(ms(600));
    hasher.slots.quantum_ms.store(100, Ordering::Relaxed);
    assert_eq!(occupancy(&hasher, &clock, ms(40), false).await, ms(100));
    hasher
        .slots
        .quantum_ms
        .store(MAX_QUANTUM.as_millis() as u64, Ordering::Relaxed);
    let occupied = occupancy(&hasher, &clock, MAX_QUANTUM + ms(1), false).await;
    assert_eq!(occupied, MAX_QUANTUM * 2);
}

/// For how long a refusal that takes `elapsed` occupies its thread under load.
async fn occupancy_under_load(
    hasher: &Hasher,
    clock: &Arc<BusyClock>,
    elapsed: Duration,
) -> Duration {
    let began = clock.elapsed();
    let working = Arc::clone(clock);
    let comparison = move || {
        working.0.advance(elapsed);
        None::<()>
    };
    hasher.compare(SOMEWHERE, comparison).await.unwrap();
    let working = Arc::clone(clock);
    let next = hasher.run(SOMEWHERE, move || working.elapsed()).await;
    next.unwrap().value - began
}

/// Otherwise the places in the queue would show under load how a password is stored.
#[actix_web::test]
async fn under_load_every_refusal_occupies_its_thread_equally() {
    let clock = Arc::new(BusyClock::default());
    let hasher = Hasher::with_clock(1, Arc::clone(&clock) as Arc<dyn SlotClock>).unwrap();
    let measured = Arc::clone(&clock);
    hasher.measure([move || measured.0.advance(ms(800))]);
    assert_eq!(hasher.quantum(), ms(400));
    for elapsed in [800, 25, 400, 0] {
        let occupied = occupancy_under_load(&hasher, &clock, ms(elapsed)).await;
        assert_eq!(occupied, ms(801), "{elapsed}");
    }
}

#[actix_web::test]
async fn a_process_that_was_suspended_does_not_refuse_slowly_for_ever() {
    let clock = Arc::new(SteppedClock::default());
    let hasher = Hasher::with_clock(1, Arc::clone(&clock) as Arc<dyn SlotClock>).unwrap();
    hasher.slots.stretch_quantum(ms(3_600_000));
    assert_eq!(hasher.quantum(), MIN_QUANTUM * MAX_STRETCH);
}

#[actix_web::test]
async fn a_dearer_comparison_than_any_before_raises_the_quantum_at_once() {
    let (hasher, clock) = stepped_hasher(ms(25));
    assert_eq!(hasher.quantum(), ms(50));
    assert_eq!(occupancy(&hasher, &clock, ms(600), false).await, ms(1_200));
    assert_eq!(occupancy(&hasher, &clock, ms(25), false).await, ms(1_200));
}

/// Only the owner of the password learns something, namely that it is right.
#[actix_web::test]
async fn a_right_password_frees_its_thread_at_once() {
    let (hasher, clock) = stepped_hasher(ms(600));
    assert_eq!(occupancy(&hasher, &clock, ms(25), true).await, ms(25));
    assert_eq!(occupancy(&hasher, &clock, ms(2_000), true).await, ms(2_000));
    assert_eq!(hasher.quantum(), ms(1_200));
}

#[actix_web::test]
async fn work_returns_its_result() {
    let hasher = Hasher::with_threads(2).unwrap();
    assert_eq!(value(hasher.run(SOMEWHERE, || 6 * 7).await), Ok(42));
    let known = known_browser();
    assert_eq!(value(hasher.run(known, || 6 * 7).await), Ok(42));
}

#[actix_web::test]
async fn a_full_queue_refuses_work_and_accepts_it_again_later() {
    let hasher = Arc::new(Hasher::with_threads(1).unwrap());
    let block = BlockedThread::of(&hasher).await;
    let mut waiting: Vec<_> = (0..QUEUE_PER_THREAD)
        .map(|number| Box::pin(run_number(&hasher, number)))
        .collect();
    for job in &mut waiting {
        // The first poll puts the job into the queue.
        assert!(futures_util::future::poll_immediate(job).await.is_none());
    }
    assert_eq!(
        value(hasher.run(SOMEWHERE, || 0).await),
        Err(HasherOverloaded)
    );
    // The reserved thread is free.
    let known = known_browser();
    assert_eq!(value(hasher.run(known, || 7).await), Ok(7));
    block.release().await;
    for (number, job) in waiting.into_iter().enumerate() {
        assert_eq!(value(job.await), Ok(number));
    }
    assert_eq!(value(hasher.run(SOMEWHERE, || 1).await), Ok(1));
}

#[actix_web::test]
async fn a_network_that_fills_the_queue_makes_another_one_wait_for_one_job() {
    let ipv6_48 = |number| format!("2001:db8:0:{number:x}::1");
    let ipv6_32 = |number| format!("2001:db8:{:x}::1", number * 256);
    let ipv4_16 = |number| format!("203.0.{number}.1");
    let networks: [&dyn Fn(usize) -> String; 3] = [&ipv6_48, &ipv6_32, &ipv4_16];
    for network in networks {
        fill_queue(network).await;
    }
}

/// Fills the queue from these addresses, and then queues a job of another network.
async fn fill_queue(flooding: impl Fn(usize) -> String) {
    let hasher = Arc::new(Hasher::with_threads(1).unwrap());
    let block = BlockedThread::of(&hasher).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let job = |address: String, name: &'static str| {
        let (hasher, order) = (Arc::clone(&hasher), Arc::clone(&order));
        let source = PasswordSource::Address(address.parse().unwrap());
        let run = async move { hasher.run(source, move || order.lock().push(name)).await };
        Box::pin(run)
    };
    let mut flood: Vec<_> = (0..QUEUE_PER_THREAD)
        .map(|number| job(flooding(number), "flood"))
        .collect();
    for job in &mut flood {
        assert!(futures_util::future::poll_immediate(job).await.is_none());
    }
    let mut other = job("198.51.100.7".to_owned(), "other");
    assert!(
        futures_util::future::poll_immediate(&mut other)
            .await
            .is_none()
    );
    block.release().await;
    other.await.unwrap();
    let results = futures_util::future::join_all(flood).await;
    let refused = results.iter().filter(|result| result.is_err()).count();
    assert_eq!(refused, 1, "the other network's job replaced one");
    let order = order.lock();
    assert_eq!(order.len(), QUEUE_PER_THREAD);
    assert!(order[..2].contains(&"other"), "{order:?}");
}

/// The only thread for addresses, busy until it is released.
struct BlockedThread {
    release: std::sync::mpsc::Sender<()>,
    block: actix_web::rt::task::JoinHandle<Result<HashOutput<()>, HasherOverloaded>>,
}

impl BlockedThread {
    async fn of(hasher: &Arc<Hasher>) -> Self {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let hasher = Arc::clone(hasher);
        let block = actix_web::rt::spawn(async move {
            let work = move || {
                started.send(()).unwrap();
                wait.recv().unwrap();
            };
            hasher.run(SOMEWHERE, work).await
        });
        has_started.await.unwrap();
        Self { release, block }
    }

    async fn release(self) {
        self.release.send(()).unwrap();
        assert_eq!(value(self.block.await.unwrap()), Ok(()));
    }
}

fn value<T>(done: Result<HashOutput<T>, HasherOverloaded>) -> Result<T, HasherOverloaded> {
    done.map(|done| done.value)
}

async fn run_number(hasher: &Hasher, number: usize) -> Result<HashOutput<usize>, HasherOverloaded> {
    hasher.run(SOMEWHERE, move || number).await
}

#[actix_web::test]
async fn a_panic_fails_only_its_own_call() {
    let hasher = Hasher::with_threads(1).unwrap();
    let lost = hasher
        .run(SOMEWHERE, || panic!("a hash crate's mistake"))
        .await;
    assert_eq!(value(lost), Err::<(), _>(HasherOverloaded));
    assert_eq!(value(hasher.run(SOMEWHERE, || 1).await), Ok(1));
}

#[test]
fn a_refusal_takes_a_whole_multiple() {
    assert_eq!(next_multiple(ms(0), ms(1_000)), ms(1_000));
    assert_eq!(next_multiple(ms(999), ms(1_000)), ms(1_000));
    assert_eq!(next_multiple(ms(1_000), ms(1_000)), ms(2_000));
    assert_eq!(next_multiple(ms(2_500), ms(1_000)), ms(3_000));
}

#[test]
fn a_slow_comparison_makes_refusals_slower_up_to_the_limit() {
    let refusal = |comparison| refusal_time(stepped_hasher(comparison).0.quantum());
    assert_eq!(refusal(ms(20)), ms(1_000));
    assert_eq!(refusal(ms(499)), ms(1_000));
    assert_eq!(refusal(ms(700)), ms(2_000));
    assert_eq!(refusal(ms(60_000)), MAX_QUANTUM + MIN_REFUSAL);
}

#[actix_web::test]
async fn waiting_does_not_count_as_cpu_time() {
    let hasher = Hasher::with_threads(1).unwrap();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let asleep = hasher.compare(SOMEWHERE, move || wait.recv_timeout(ms(1_100)).ok());
    assert_eq!(asleep.await.unwrap().value, None);
    drop(release);
    assert_eq!(refusal_time(hasher.quantum()), ms(1_000));
}

#[actix_web::test]
async fn refusals_never_become_faster() {
    let (hasher, clock) = stepped_hasher(ms(1_400));
    occupancy(&hasher, &clock, ms(0), false).await;
    hasher.measure([|| ()]);
    assert_eq!(hasher.quantum(), ms(2_800));
}

fn known_browser() -> PasswordSource {
    PasswordSource::KnownBrowser {
        account: "1".to_owned(),
        browser: "one".to_owned(),
    }
}

/// The work of SHA-crypt grows with the password's length, which would show by the quantum whether an account has
/// such a hash.
#[tokio::test]
async fn a_long_password_takes_no_longer_than_was_measured() {
    let salt_and_hash = format!("seasaltseasalt12${}", "x".repeat(86));
    let stored = format!("crypt$$$6$rounds=20000${salt_and_hash}");
    let stored = passwords::legacy_form(&stored).unwrap();
    let hasher = Hasher::with_threads(1).unwrap();
    hasher.measure([|| {
        passwords::verify_longest(&stored);
    }]);
    // The quantum itself also grows with other work of the machine.
    let quantum = || hasher.slots.cpu_quantum_ms.load(Ordering::Relaxed);
    let measured = quantum();
    assert!(measured > millis(MIN_QUANTUM), "{measured}");
    let long = "p".repeat(1_024);
    let compare = move || passwords::verify(&long, &stored).then_some(());
    let compared = hasher.compare(SOMEWHERE, compare).await.unwrap();
    assert_eq!(compared.value, None);
    // The thread is free when the quantum has been raised.
    hasher.run(SOMEWHERE, || ()).await.unwrap();
    let now = quantum();
    assert!(now < measured * 2, "{now} ms instead of {measured}");
}
