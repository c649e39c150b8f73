//! A real Chromium, driven through chromedriver.
//!
//! A [`Browser`] has a chromedriver, profile and folder that no other test uses at the same time. When it
//! is dropped, the next test gets its Chromium without history, cookies, storage and cache, since to start
//! one takes several seconds of processor time. After a failed test Chromium is stopped. The programs are
//! `chromedriver` and `chromium` on the `PATH`, or those that `CHROMEDRIVER` and `CHROME` name.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use fantoccini::Client;
use serde_json::{Value, json};

use super::chromium::{Chromium, devtools_command, log_command};

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

/// One browser. Dereferences to fantoccini's [`Client`].
pub(crate) struct Browser {
    client: Client,
    chromium: Option<Chromium>,
    screen: Screen,
}

impl Browser {
    /// Opens a window without cookies, storage, cache or history.
    pub(crate) async fn open(screen: Screen, scheme: Scheme) -> Self {
        let (client, chromium) = Chromium::idle_or_started().await;
        // Otherwise the session ends with its client.
        client.persist().await.expect("a session");
        let browser = Self {
            client,
            chromium: Some(chromium),
            screen,
        };
        browser.emulate_screen().await;
        browser.prefer(scheme).await;
        browser
    }

    /// The size of its page.
    pub(crate) fn screen(&self) -> Screen {
        self.screen
    }

    async fn emulate_screen(&self) {
        let (width, height, phone) = match self.screen {
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
    }

    /// Sets `prefers-color-scheme`.
    pub(crate) async fn prefer(&self, scheme: Scheme) {
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
        self.client
            .issue_cmd(devtools_command(command, &parameters))
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
        let entries = self
            .client
            .issue_cmd(log_command())
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

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(chromium) = self.chromium.take()
            && !std::thread::panicking()
        {
            chromium.keep();
        }
    }
}
