//! Runs Chromium and its chromedriver, and keeps them for the next test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::peer::Peer;

/// Headless, without GPU and sandbox (which root cannot use), without requests to other servers and without
/// services that no page here uses.
const FLAGS: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-features=MediaRouter,OptimizationHints,Translate",
    "--metrics-recording-only",
    "--no-first-run",
];

/// How many times chromedriver is started if its port is in use.
const STARTS: usize = 10;
/// The time limit for closing a window.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// How many instances of Chromium wait for a test: as many as tests run at once on two cores.
const MOST_IDLE: usize = 4;
/// The instances that wait for a test. When the tests end, their [`Peer`]s kill them.
static IDLE: Mutex<Vec<Chromium>> = Mutex::new(Vec::new());

/// A running Chromium and its chromedriver.
pub(super) struct Chromium {
    // Fields are dropped in this order: close the window, stop the program, remove its folder.
    session: Session,
    _driver: Peer,
    _folder: TempDir,
}

/// The id of a session at its chromedriver.
struct Session {
    port: u16,
    id: String,
}

/// Starts chromedriver on a free port. It chooses a port of IPv6 and also binds the same port of IPv4,
/// which another test may be using. Chromedriver then ends and is started again.
async fn start_driver(folder: &Path) -> (Peer, u16) {
    let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
    for _ in 0..STARTS {
        let mut driver = Peer::start("chromedriver", Path::new(&program), &["--port=0"], folder);
        let in_use = |line: &str| line.contains("Address already in use").then_some(None);
        let started = |line: &str| port_in(line).map(Some).or_else(|| in_use(line));
        if let Some(port) = driver.wait_for(started).await {
            return (driver, port);
        }
    }
    panic!("chromedriver found no free port in {STARTS} starts");
}

impl Chromium {
    /// Starts one with a fresh profile.
    async fn start() -> (Client, Self) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (driver, port) = start_driver(folder.path()).await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(folder.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver opens a Chromium");
        let id = client
            .session_id()
            .await
            .expect("a session")
            .expect("an id for the session");
        let session = Session { port, id };
        let chromium = Self {
            session,
            _driver: driver,
            _folder: folder,
        };
        (client, chromium)
    }

    /// One that another test has used, or a new one.
    pub(super) async fn idle_or_started() -> (Client, Self) {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(chromium) = idle {
            match chromium.reset().await {
                Ok(client) => return (client, chromium),
                Err(error) => eprintln!("Chromium is started anew: {error}"),
            }
        }
        Self::start().await
    }

    /// Keeps it for another test.
    pub(super) fn keep(self) {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(self);
        }
    }

    /// Connects to it in place of the test that has used it, and removes what that test has left.
    async fn reset(&self) -> Result<Client, CmdError> {
        let Session { port, id } = &self.session;
        let url = format!("http://127.0.0.1:{port}");
        let client = Client::with_existing_session(&url, id, HttpConnector::new()).await;
        let client = client.expect("a URL of chromedriver");
        let mut windows = client.windows().await?;
        let kept = windows.swap_remove(0);
        for window in windows {
            client.switch_to_window(window).await?;
            client.close_window().await?;
        }
        client.switch_to_window(kept).await?;
        client.goto("about:blank").await?;
        for (command, parameters) in [
            ("Page.resetNavigationHistory", json!({})),
            ("Network.clearBrowserCookies", json!({})),
            ("Network.clearBrowserCache", json!({})),
            (
                "Storage.clearDataForOrigin",
                json!({ "origin": "*", "storageTypes": "all" }),
            ),
        ] {
            client
                .issue_cmd(devtools_command(command, &parameters))
                .await?;
        }
        client.issue_cmd(log_command()).await?;
        Ok(client)
    }
}

impl Drop for Session {
    /// Asks chromedriver to close the window, so that Chromium exits normally. If that fails, it is killed
    /// with the process group of chromedriver.
    fn drop(&mut self) {
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.id, self.port
        );
        let closed = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(CLOSE_WITHIN))?;
            stream.write_all(request.as_bytes())?;
            stream.read(&mut [0; 64])
        });
        if let Err(error) = closed {
            eprintln!("failed to close Chromium: {error}");
        }
    }
}

/// A command of chromedriver that is not part of the WebDriver standard.
#[derive(Debug)]
pub(super) struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _url: &Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}

/// A command of the DevTools protocol.
pub(super) fn devtools_command(command: &str, parameters: &Value) -> Extension {
    Extension {
        path: "goog/cdp/execute",
        body: json!({ "cmd": command, "params": parameters }),
    }
}

/// Returns the entries of the console since the last such command.
pub(super) fn log_command() -> Extension {
    Extension {
        path: "se/log",
        body: json!({ "type": "browser" }),
    }
}

fn port_in(line: &str) -> Option<u16> {
    line.strip_prefix("ChromeDriver was started successfully on port ")?
        .trim_end_matches('.')
        .parse()
        .ok()
}

fn capabilities(folder: &Path) -> Capabilities {
    let mut arguments: Vec<String> = FLAGS.map(str::to_owned).into();
    arguments.push(format!(
        "--user-data-dir={}",
        folder.join("profile").display()
    ));
    let mut options = json!({ "args": arguments });
    if let Ok(chromium) = std::env::var("CHROME") {
        options["binary"] = chromium.into();
    }
    let mut capabilities = Capabilities::new();
    capabilities.insert("browserName".to_owned(), json!("chrome"));
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
    capabilities
}
