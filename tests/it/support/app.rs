//! The application under test: the real server with its real middleware, its own database, its own
//! AuthKit emulator and a clock that stands still until a test moves it.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{COOKIE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::oneshot;
use vestibule::accounts::passwords::Hasher;
use vestibule::clock::{Clock, Timestamp};
use vestibule::db::Database;
use vestibule::emulator::{self, Config, Control, Running, Seed};
use vestibule::server::Application;
use vestibule::sessions::Revocations;
use vestibule::settings::{Settings, Source};
use vestibule::state::AppState;

use super::database::TestDatabase;

/// The key of every app under test, unless a test sets another.
pub(crate) const SECRET_KEY: &str = "made-up-key-of-the-tests-with-more-than-fifty-characters";

/// What a test wants to be different from the usual.
pub(crate) struct Builder {
    settings: Vec<(String, String)>,
    seed: Seed,
    database: Option<TestDatabase>,
    clock: Clock,
    hashing_threads: Option<usize>,
    readings_late_by: Duration,
}

impl Builder {
    /// Sets a variable as the environment would.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another WorkOS than the app's own emulator, which then stands idle.
    pub(crate) fn workos(self, base_url: &str, api_key: &str, client_id: &str) -> Self {
        self.setting("WORKOS_API_BASE_URL", base_url)
            .setting("WORKOS_API_KEY", api_key)
            .setting("WORKOS_CLIENT_ID", client_id)
    }

    /// Other people than the emulator's usual ones.
    pub(crate) fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Another app's database, for what outlives a restart.
    pub(crate) fn database(mut self, database: TestDatabase) -> Self {
        self.database = Some(database);
        self
    }

    /// Another app's clock.
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// So few threads for passwords, whatever the machine has.
    pub(crate) fn hashing_threads(mut self, threads: usize) -> Self {
        self.hashing_threads = Some(threads);
        self
    }

    /// What it reads of ended sessions counts as so much older.
    pub(crate) fn readings_late_by(mut self, late_by: Duration) -> Self {
        self.readings_late_by = late_by;
        self
    }

    /// Starts the app; it answers when this returns.
    pub(crate) fn start(self) -> TestApp {
        let test_database = self.database.unwrap_or_else(TestDatabase::new);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let emulator = emulator::start(Config {
            seed: self.seed,
            ..Config::default()
        })
        .expect("the emulator starts");
        let usual = [
            ("BIND", format!("127.0.0.1:{port}")),
            ("DATABASE_URL", test_database.url().to_owned()),
            ("SECRET_KEY", SECRET_KEY.to_owned()),
            // Every test comes from one address; those that are about it set it.
            ("THROTTLE_LOGIN", "off".to_owned()),
            ("THROTTLE_REFRESH", "off".to_owned()),
            ("WORKOS_API_BASE_URL", emulator.base_url()),
            ("WORKOS_API_KEY", emulator.api_key().to_owned()),
            ("WORKOS_CLIENT_ID", emulator.client_id().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let source = Source::from_pairs(usual.into_iter().chain(self.settings));
        let settings = Settings::read(&source).expect("the test's settings can be read");
        let database = Database::open_or_create(&settings.database).expect("a database");
        let mut migrations = database.migrations().expect("a connection");
        while migrations.apply_next().expect("a migration").is_some() {}
        drop(migrations);
        let mut state = AppState::new(settings.clone(), database.clone(), self.clock.clone())
            .expect("the app can be put together");
        if let Some(threads) = self.hashing_threads {
            state.hasher = Hasher::with_threads(threads).expect("threads");
        }
        state.revocations = Revocations::late_by(self.readings_late_by);
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

/// A running app; it stops when this is dropped.
pub(crate) struct TestApp {
    /// `http://localhost:PORT`, also its `PUBLIC_URL` unless a test set another.
    pub(crate) url: String,
    /// What it runs with.
    pub(crate) settings: Settings,
    /// Its database, to look at rows and to make some.
    pub(crate) database: Database,
    /// Its clock.
    pub(crate) clock: Clock,
    /// Its WorkOS.
    pub(crate) emulator: Running,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _test_database: Option<TestDatabase>,
}

impl TestApp {
    /// An app as usual.
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// An app with something different.
    pub(crate) fn builder() -> Builder {
        // The real present: browsers and reqwest drop cookies by their own clocks.
        let now = Clock::system().now();
        Builder {
            settings: Vec::new(),
            seed: Seed::default(),
            database: None,
            clock: Clock::standing_at(now),
            hashing_threads: None,
            readings_late_by: Duration::ZERO,
        }
    }

    /// Its `DATABASE_URL`.
    pub(crate) fn database_url(&self) -> &str {
        let database = self._test_database.as_ref();
        database.expect("a running app has one").url()
    }

    /// Another replica: the same database, WorkOS, key and clock. It must not outlive this one.
    pub(crate) fn replica(&self) -> Builder {
        Self::builder()
            .clock(self.clock.clone())
            .setting("DATABASE_URL", self.database_url())
            .workos(
                &self.emulator.base_url(),
                self.emulator.api_key(),
                self.emulator.client_id(),
            )
    }

    /// Stops the app, finishing what is in flight, and hands its database on to the next.
    pub(crate) fn stop(mut self) -> TestDatabase {
        self.end();
        self._test_database
            .take()
            .expect("the database is handed on once")
    }

    /// A browser without cookies.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.url)
    }

    /// A browser in which this person has signed in.
    pub(crate) async fn signed_in(&self, email: &str) -> Visitor {
        let visitor = self.visitor();
        let response = visitor.sign_in(email).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{email} is signed in");
        visitor
    }

    /// Steers the emulator.
    pub(crate) fn workos(&self) -> Control {
        self.emulator.control()
    }

    /// The id of one of the emulator's organisations.
    pub(crate) fn organization(&self, name: &str) -> String {
        self.workos().organization(name).expect("an organisation")
    }

    /// The app's present moment.
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

/// Serves on a thread of its own, as the tests' runtimes come and go.
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

/// A browser: keeps cookies and follows no redirect by itself.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: Client,
    jar: Arc<Jar>,
    url: String,
}

impl Visitor {
    /// A browser without cookies, at this site.
    pub(crate) fn new(url: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Client::builder()
            .cookie_provider(Arc::clone(&jar))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            client,
            jar,
            url: url.to_owned(),
        }
    }

    /// A request to a path of the site, or to a whole URL.
    pub(crate) fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let url = if target.starts_with('/') {
            format!("{}{target}", self.url)
        } else {
            target.to_owned()
        };
        self.client.request(method, url)
    }

    /// GET, as far as the first answer.
    pub(crate) async fn get(&self, target: &str) -> Response {
        self.request(Method::GET, target)
            .send()
            .await
            .expect("an answer")
    }

    /// POST without a body, as far as the first answer.
    pub(crate) async fn post(&self, target: &str) -> Response {
        self.request(Method::POST, target)
            .send()
            .await
            .expect("an answer")
    }

    /// The page's text.
    pub(crate) async fn page(&self, target: &str) -> String {
        self.get(target).await.text().await.expect("a body")
    }

    /// Begins at `/auth/login`: the authorize URL that the browser is sent to.
    pub(crate) async fn begin(&self, target: &str) -> Url {
        let response = self.get(target).await;
        assert_eq!(
            response.status(),
            StatusCode::FOUND,
            "{target} leads to WorkOS"
        );
        Url::parse(&location(&response)).expect("a whole URL")
    }

    /// Signs in at WorkOS: the callback's URL that the browser is sent back to.
    pub(crate) async fn authorize(&self, authorize: &Url, email: &str) -> Url {
        let name = email.split('@').next().expect("a name").replace('.', "-");
        let form = [
            ("email", email.to_owned()),
            ("password", format!("{name}-demo-password")),
        ];
        let request = self.client.post(authorize.clone()).form(&form);
        let response = request.send().await.expect("an answer of WorkOS's");
        assert_eq!(
            response.status(),
            StatusCode::FOUND,
            "{email} can sign in at WorkOS"
        );
        Url::parse(&location(&response)).expect("a whole URL")
    }

    /// The whole way: the callback's answer.
    pub(crate) async fn sign_in(&self, email: &str) -> Response {
        let authorize = self.begin("/auth/login").await;
        let callback = self.authorize(&authorize, email).await;
        self.get(callback.as_str()).await
    }

    /// Sends a form to this path, as far as the first answer.
    pub(crate) async fn submit(&self, target: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.request(Method::POST, target).form(fields);
        request.send().await.expect("an answer")
    }

    /// Sends an e-mail and a password to `/login`, as far as the first answer.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Response {
        self.submit("/login", &[("email", email), ("password", password)])
            .await
    }

    /// Whether home greets somebody.
    pub(crate) async fn is_signed_in(&self) -> bool {
        self.page("/").await.contains("Welcome, ")
    }

    /// The cookies that a request to this path would carry: `a=1; b=2`.
    pub(crate) fn cookies(&self, path: &str) -> String {
        let url = Url::parse(&format!("{}{path}", self.url)).expect("a URL");
        let header = self.jar.cookies(&url);
        header
            .map(|value| value.to_str().expect("text").to_owned())
            .unwrap_or_default()
    }

    /// The value of one cookie, as the browser holds it.
    pub(crate) fn cookie(&self, path: &str, name: &str) -> Option<String> {
        let cookies = self.cookies(path);
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.to_owned())
    }

    /// A request that carries just these cookies, whatever the jar holds.
    pub(crate) async fn get_with_cookies(&self, target: &str, cookies: &str) -> Response {
        self.get_with_cookie_bytes(target, cookies.as_bytes()).await
    }

    /// The same with bytes that are no text.
    pub(crate) async fn get_with_cookie_bytes(&self, target: &str, cookies: &[u8]) -> Response {
        Self::new(&self.url)
            .request(Method::GET, target)
            .header(COOKIE, cookies)
            .send()
            .await
            .expect("an answer")
    }
}

/// Where an answer leads.
pub(crate) fn location(response: &Response) -> String {
    let location = response.headers().get(LOCATION).expect("a Location header");
    location.to_str().expect("text").to_owned()
}

/// The `Set-Cookie` lines of an answer.
pub(crate) fn set_cookies(response: &Response) -> Vec<String> {
    let lines = response.headers().get_all("set-cookie").iter();
    lines
        .map(|line| line.to_str().expect("text").to_owned())
        .collect()
}
