//! The application under test: the real server and middleware with a database and an AuthKit emulator
//! of its own. The clocks of both stand still until a test advances them.

use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use authkit_emulator::{Config, Control, EmulatorHandle, Seed};
use reqwest::StatusCode;
use tokio::sync::oneshot;
use vestibule::accounts::passwords::Hasher;
use vestibule::clock::{Clock, Timestamp};
use vestibule::db::Database;
use vestibule::server::Application;
use vestibule::sessions::RevocationCache;
use vestibule::settings::{Settings, Source};
use vestibule::state::AppState;

use super::database::TestDatabase;
pub(crate) use super::visitor::{Visitor, location, set_cookies};

/// The `SECRET_KEY` of every app under test, unless a test sets another one.
pub(crate) const SECRET_KEY: &str = "made-up-key-of-the-tests-with-more-than-fifty-characters";

/// Options of an app under test.
pub(crate) struct TestAppBuilder {
    settings: Vec<(String, String)>,
    seed: Seed,
    database: Option<TestDatabase>,
    clock: Clock,
    uses_system_clock: bool,
    hasher: Option<Hasher>,
    demo: bool,
    revocation_reads_aged_by: Duration,
    query_timeout: Option<Duration>,
}

impl TestAppBuilder {
    /// Sets an environment variable. `{port}` in the value is replaced by the app's port.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Uses this WorkOS instead of the app's own emulator.
    pub(crate) fn workos(self, base_url: &str, api_key: &str, client_id: &str) -> Self {
        self.setting("WORKOS_API_BASE_URL", base_url)
            .setting("WORKOS_API_KEY", api_key)
            .setting("WORKOS_CLIENT_ID", client_id)
    }

    /// Replaces the emulator's default users and organisations.
    pub(crate) fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Uses the database of an app that was stopped, to test a restart.
    pub(crate) fn database(mut self, database: TestDatabase) -> Self {
        self.database = Some(database);
        self
    }

    /// Shares another app's clock.
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Uses the system's clock in the app and in its emulator, for tests with other programs.
    pub(crate) fn system_clock(mut self) -> Self {
        self.clock = Clock::system();
        self.uses_system_clock = true;
        self
    }

    /// Hashes passwords on this number of threads.
    pub(crate) fn hashing_threads(self, threads: usize) -> Self {
        self.hasher(Hasher::with_threads(threads).expect("threads"))
    }

    /// Hashes passwords with this hasher.
    pub(crate) fn hasher(mut self, hasher: Hasher) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Serves the example of a single-page application, as `runserver --demo` does.
    pub(crate) fn demo(mut self) -> Self {
        self.demo = true;
        self
    }

    /// Treats every read of the revocation list as older by this duration.
    pub(crate) fn revocation_reads_aged_by(mut self, late_by: Duration) -> Self {
        self.revocation_reads_aged_by = late_by;
        self
    }

    /// Waits no longer than this for the database's answers.
    pub(crate) fn query_timeout(mut self, timeout: Duration) -> Self {
        self.query_timeout = Some(timeout);
        self
    }

    /// Starts the app. It accepts requests when this returns.
    pub(crate) fn start(self) -> TestApp {
        let test_database = self.database.unwrap_or_else(TestDatabase::migrated);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        // If only the emulator's clock ran, its tokens would be valid for longer here on a slow machine.
        let fixed_time = (!self.uses_system_clock).then(|| self.clock.now().utc().into());
        let emulator = authkit_emulator::start(Config {
            seed: self.seed,
            fixed_time,
            ..Config::default()
        })
        .expect("the emulator starts");
        let usual = [
            ("BIND", format!("127.0.0.1:{port}")),
            ("DATABASE_URL", test_database.url().to_owned()),
            ("SECRET_KEY", SECRET_KEY.to_owned()),
            // All tests share one client address. Tests of the rate limits set these.
            ("THROTTLE_LOGIN", "off".to_owned()),
            ("THROTTLE_REFRESH", "off".to_owned()),
            ("WORKOS_API_BASE_URL", emulator.base_url()),
            ("WORKOS_API_KEY", emulator.api_key().to_owned()),
            ("WORKOS_CLIENT_ID", emulator.client_id().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let chosen = self.settings.into_iter();
        let chosen = chosen.map(|(name, value)| (name, value.replace("{port}", &port.to_string())));
        let source = Source::from_pairs(usual.into_iter().chain(chosen));
        let mut settings = Settings::read(&source).expect("the test's settings can be read");
        settings.demo = self.demo;
        let mut database = Database::open_or_create(&settings.database).expect("a database");
        if let Some(timeout) = self.query_timeout {
            database = database.with_query_timeout(timeout);
        }
        let mut migrations = database.migrations().expect("a connection");
        while migrations.apply_next().expect("a migration").is_some() {}
        drop(migrations);
        let mut state = AppState::builder(settings.clone(), database.clone(), self.clock.clone())
            .revocations(RevocationCache::with_extra_age(
                self.revocation_reads_aged_by,
            ));
        if let Some(hasher) = self.hasher {
            state = state.hasher(hasher);
        }
        let state = state.build().expect("the app can be put together");
        let (stop, thread) = serve(listener, state);
        TestApp {
            url: format!("http://localhost:{port}"),
            settings,
            database,
            clock: self.clock,
            emulator,
            stop: Some(stop),
            thread: Some(thread),
            _test_database: Some(test_database),
        }
    }
}

/// A running app. It stops when this is dropped.
pub(crate) struct TestApp {
    /// `http://localhost:PORT`. It is also the `PUBLIC_URL`, unless a test set another one.
    pub(crate) url: String,
    /// Its settings.
    pub(crate) settings: Settings,
    /// Its database, for reading and writing rows directly.
    pub(crate) database: Database,
    /// Its clock.
    pub(crate) clock: Clock,
    /// Its AuthKit emulator.
    pub(crate) emulator: EmulatorHandle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _test_database: Option<TestDatabase>,
}

impl TestApp {
    /// Starts an app with the default options.
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// Starts to configure an app.
    pub(crate) fn builder() -> TestAppBuilder {
        // Begins at the real time: browsers and reqwest expire cookies by their own clocks.
        let now = Clock::system().now();
        TestAppBuilder {
            settings: Vec::new(),
            seed: Seed::default(),
            database: None,
            clock: Clock::standing_at(now),
            uses_system_clock: false,
            hasher: None,
            demo: false,
            revocation_reads_aged_by: Duration::ZERO,
            query_timeout: None,
        }
    }

    /// Its `DATABASE_URL`.
    pub(crate) fn database_url(&self) -> &str {
        let database = self._test_database.as_ref();
        database.expect("a running app has one").url()
    }

    /// An app on a backup of the present database, with the same WorkOS, key and clock, as after a restore. It
    /// must stop before this app.
    pub(crate) fn restored_from(&self, backup: TestDatabase) -> TestAppBuilder {
        Self::builder()
            .clock(self.clock.clone())
            .database(backup)
            .workos(
                &self.emulator.base_url(),
                self.emulator.api_key(),
                self.emulator.client_id(),
            )
    }

    /// A backup of its database.
    pub(crate) fn backup(&self) -> TestDatabase {
        let database = self._test_database.as_ref();
        database.expect("a running app has one").backup()
    }

    /// A second replica with the same database, WorkOS, key and clock. It must stop before this app.
    pub(crate) fn replica(&self) -> TestAppBuilder {
        Self::builder()
            .clock(self.clock.clone())
            .setting("DATABASE_URL", self.database_url())
            .workos(
                &self.emulator.base_url(),
                self.emulator.api_key(),
                self.emulator.client_id(),
            )
    }

    /// Tells the app to stop, and does not wait for its end.
    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops the app after it has finished its open requests, and returns its database for another app.
    pub(crate) fn stop(mut self) -> TestDatabase {
        self.end();
        self._test_database
            .take()
            .expect("the database is handed on once")
    }

    /// A client without cookies.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.url)
    }

    /// A client in which this person has signed in.
    pub(crate) async fn signed_in(&self, email: &str) -> Visitor {
        let visitor = self.visitor();
        let response = visitor.sign_in(email).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{email} is signed in");
        visitor
    }

    /// Controls the emulator.
    pub(crate) fn workos(&self) -> Control {
        self.emulator.control()
    }

    /// The id of one of the emulator's organisations.
    pub(crate) fn organization(&self, name: &str) -> String {
        self.workos().organization(name).expect("an organisation")
    }

    /// The app's current time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server ends without a panic");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves on a thread of its own, because a test's runtime ends with the test.
fn serve(listener: TcpListener, state: AppState) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = Application::build(listener, state, Some(2)).expect("the app listens");
            let stopped = async move { drop(stopped.await) };
            app.run_until(stopped).await.expect("the app serves");
        });
    });
    (stop, thread)
}
