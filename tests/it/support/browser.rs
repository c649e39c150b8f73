//! A real Chromium, driven through chromedriver.
//!
//! Each [`Browser`] has its own chromedriver, profile and folder, which are removed when it is dropped,
//! also after a failed test. The programs are `chromedriver` and `chromium` on the `PATH`, or those that
//! `CHROMEDRIVER` and `CHROME` name.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::peer::Peer;

/// Headless, without GPU and sandbox (which root cannot use), and without requests to other servers.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
];

/// How many times chromedriver is started if its port is in use.
const STARTS: usize = 10;
/// The time limit for closing a window.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// The size of the page, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Screen {
    /// 390 by 844 with touch. A page without a viewport tag is scaled down, as on a phone.
    Phone,
    /// 1280 by 900.
    Desktop,
}

/// The value of `prefers-color-scheme`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// One browser window. Dereferences to fantoccini's [`Client`].
pub(crate) struct Browser {
    client: Client,
    // Fields are dropped in this order: close the window, stop the program, remove its folder.
    _session: Session,
    _driver: Peer,
    _folder: TempDir,
}

/// The id of a window at its chromedriver.
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

impl Browser {
    /// Opens a window with a fresh profile.
    pub(crate) async fn open(screen: Screen, scheme: Scheme) -> Self {
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
        let browser = Self {
            client,
            _session: session,
            _driver: driver,
            _folder: folder,
        };
        browser.emulate(screen, scheme).await;
        browser
    }

    async fn emulate(&self, screen: Screen, scheme: Scheme) {
        let (width, height, phone) = match screen {
            Screen::Phone => (390, 844, true),
            Screen::Desktop => (1280, 900, false),
        };
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone }),
        )
        .await;
        self.devtools(
            "Emulation.setTouchEmulationEnabled",
            json!({ "enabled": phone }),
        )
        .await;
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Sends a command of the DevTools protocol, for functions that WebDriver does not have.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let command = Extension {
            path: "goog/cdp/execute",
            body,
        };
        self.client
            .issue_cmd(command)
            .await
            .expect("chromedriver accepts a DevTools command")
    }

    /// Saves a screenshot of the whole page as `artifacts/screenshots/NAME.png`.
    pub(crate) async fn save_screenshot(&self, name: &str) -> PathBuf {
        let whole_page = json!({ "captureBeyondViewport": true, "format": "png" });
        let answer = self.devtools("Page.captureScreenshot", whole_page).await;
        let encoded = answer["data"].as_str().expect("an encoded screenshot");
        let picture = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for the screenshots");
        let path = folder.join(name).with_extension("png");
        std::fs::write(&path, picture.expect("base64")).expect("the screenshot is written");
        path
    }

    /// The console errors since the last call: violations of the content security policy, script errors,
    /// and resources that failed to load, including a page with an error status.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let command = Extension {
            path: "se/log",
            body: json!({ "type": "browser" }),
        };
        let entries = self
            .client
            .issue_cmd(command)
            .await
            .expect("chromedriver keeps a log");
        let entries = entries.as_array().expect("a list of log entries");
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().expect("a message").to_owned())
            .collect()
    }
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
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
struct Extension {
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
