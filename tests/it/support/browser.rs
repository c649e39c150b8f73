//! A real Chromium, driven through chromedriver.
//!
//! Each [`Browser`] has a chromedriver, a profile and a folder of its own, and ends with all of
//! them when it is dropped, whether its test passed or not. The programs are `chromedriver` and
//! `chromium` on the `PATH`, or what `CHROMEDRIVER` and `CHROME` name.

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

/// Without a screen, a GPU or root's sandbox, and without a word to anyone but the page.
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

/// How often chromedriver may find its port taken.
const STARTS: usize = 10;
/// How long chromedriver may take to close a window.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// The size of the page, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Screen {
    /// 390 by 844, a phone's behaviour: touch, and a page without a viewport tag is shrunk.
    Phone,
    /// 1280 by 900.
    Desktop,
}

/// What the page's `prefers-color-scheme` sees.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// One browser window. What fantoccini's [`Client`] can do, it can do too.
pub(crate) struct Browser {
    client: Client,
    // Fields drop in order: the window closes, the program ends, its folder is removed.
    _session: Session,
    _driver: Peer,
    _folder: TempDir,
}

/// Where a window is known to chromedriver.
struct Session {
    port: u16,
    id: String,
}

/// Starts chromedriver on a free port. It takes one of IPv6 and wants the same of IPv4, which another
/// test may have by then: it ends, and another is started.
async fn start_driver(folder: &Path) -> (Peer, u16) {
    let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
    for _ in 0..STARTS {
        let mut driver = Peer::start("chromedriver", Path::new(&program), &["--port=0"], folder);
        let taken = |line: &str| line.contains("Address already in use").then_some(None);
        let started = |line: &str| port_in(line).map(Some).or_else(|| taken(line));
        if let Some(port) = driver.wait_for(started).await {
            return (driver, port);
        }
    }
    panic!("chromedriver found no free port {STARTS} times in a row");
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

    /// A command of the DevTools protocol, for what WebDriver cannot do.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let command = Extension {
            path: "goog/cdp/execute",
            body,
        };
        self.client
            .issue_cmd(command)
            .await
            .expect("chromedriver takes a DevTools command")
    }

    /// Keeps the whole page, below the fold too, as `artifacts/screenshots/NAME.png`.
    pub(crate) async fn keep_screenshot(&self, name: &str) -> PathBuf {
        let whole_page = json!({ "captureBeyondViewport": true, "format": "png" });
        let answer = self.devtools("Page.captureScreenshot", whole_page).await;
        let encoded = answer["data"].as_str().expect("an encoded picture");
        let picture = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for the pictures");
        let path = folder.join(name).with_extension("png");
        std::fs::write(&path, picture.expect("base64")).expect("the picture is written");
        path
    }

    /// What went wrong in the page since the last call: breaches of its content security policy,
    /// scripts' errors, resources that did not load (a page answered with 4xx or 5xx counts too).
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
    /// Asks chromedriver to close the window, so that Chromium ends in order. What does not work
    /// here is killed with the driver's process group.
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
            eprintln!("Chromium was not closed in order: {error}");
        }
    }
}

/// A command of chromedriver's own that the WebDriver standard does not have.
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
