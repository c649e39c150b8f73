//! What tests do with a browser, and checks of its pages.

use std::time::{Duration, Instant};

use fantoccini::Locator;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Scheme, Screen};

/// The heading of home for the user whom most tests sign in.
pub(crate) const WELCOME_ADA: &str = "Welcome, ada@example.com!";

/// How long an element may take to appear on a busy machine.
const ELEMENT_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Finds visual defects of a page.
const FLAWS: &str = r"
    const page = document.documentElement, flaws = [];
    if (page.scrollWidth > page.clientWidth)
        flaws.push(`it is ${page.scrollWidth} wide on a screen of ${page.clientWidth}`);
    for (const element of document.body.querySelectorAll('*')) {
        const box = element.getBoundingClientRect();
        if (box.width > 1 && (box.right > page.clientWidth + 0.5 || box.left < -0.5))
            flaws.push(`${element.tagName}.${element.className} leaves the screen`);
    }
    const widths = [...document.querySelectorAll('main > .card, main > .notice')]
        .map(element => Math.round(element.getBoundingClientRect().width));
    if (new Set(widths).size > 1) flaws.push(`its cards are ${widths} wide`);
    const headings = document.querySelectorAll('h1').length;
    if (headings !== 1) flaws.push(`it has ${headings} main headings`);
    if (!document.title) flaws.push('it has no title');
    return flaws;";

/// The element that has the focus, and whether the user can see that.
const FOCUS: &str = r"
    const element = document.activeElement, style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return {
        words: (element.labels?.[0] ?? element).textContent.trim().replace(/\s+/g, ' '),
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        // Chromium scrolls by whole pixels, so an edge may be a part of a pixel outside.
        inside: box.width > 1 && box.top > -1 && box.left > -1
            && box.bottom < innerHeight + 1 && box.right < innerWidth + 1,
    };";

/// Whether each image has loaded. WebDriver waits for the promise.
const PICTURES: &str = r"
    const shown = image => image.decode().then(() => true, () => false);
    return Promise.all([...document.images].map(shown));";

impl Browser {
    /// Opens an address.
    pub(crate) async fn visit(&self, url: &str) {
        self.goto(url).await.unwrap();
    }

    /// Clicks the link or button with this text.
    pub(crate) async fn click(&self, text: &str) {
        let text = format!("[normalize-space()='{text}']");
        self.click_at(&format!("//a{text} | //button{text}")).await;
    }

    /// Clicks a user on the emulator's sign-in page.
    pub(crate) async fn choose_user(&self, email: &str) {
        let path = format!("//button[@name='user'][.//*[normalize-space()='{email}']]");
        self.click_at(&path).await;
    }

    async fn click_at(&self, path: &str) {
        self.with_element(Locator::XPath(path), async |element| element.click().await)
            .await
            .unwrap_or_else(|error| panic!("{path} cannot be clicked: {error}"));
    }

    /// Waits for the element that `locator` selects and uses it.
    ///
    /// While the browser replaces one page by another, chromedriver reports more errors than "no such
    /// element": that the element is stale, or that the frame or its script context is gone. All of them
    /// mean that the new page is not there yet. fantoccini's own wait ends at the first of them.
    async fn with_element<T>(
        &self,
        locator: Locator<'_>,
        action: impl AsyncFn(Element) -> Result<T, CmdError>,
    ) -> Result<T, CmdError> {
        let deadline = Instant::now() + ELEMENT_WITHIN;
        loop {
            let error = match self.find(locator).await {
                Err(error) if is_page_change(&error) => error,
                Err(error) => return Err(error),
                Ok(element) => match action(element).await {
                    // The action has not happened.
                    Err(error) if error.is_stale_element_reference() => error,
                    outcome => return outcome,
                },
            };
            if Instant::now() > deadline {
                return Err(error);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Replaces the text of the field with this id, all at once: one key after the other takes ten times as
    /// much processor time.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let script = format!(
            "const field = document.getElementById('{id}'); field.focus(); field.select();
             return document.activeElement === field;"
        );
        assert_eq!(self.evaluate(&script).await, true, "{id} takes no text");
        self.devtools("Input.insertText", json!({ "text": text }))
            .await;
    }

    /// Waits for the page with this main heading, and until its style sheet has loaded: without it, the
    /// focus has no outline, and elements are not where a click is sent.
    pub(crate) async fn wait_for_heading(&self, heading: &str) {
        let path = format!("//h1[normalize-space()='{heading}']");
        let found = self
            .with_element(Locator::XPath(&path), async |_| Ok(()))
            .await;
        if let Err(error) = found {
            // Without `unwrap`, which would hide the first error.
            let url = self.current_url().await;
            let page = self.execute("return document.body.innerText", vec![]).await;
            panic!("no heading {heading:?} ({error}); {url:?} shows:\n{page:?}");
        }
        let deadline = Instant::now() + ELEMENT_WITHIN;
        while !self.is_loaded().await {
            assert!(Instant::now() < deadline, "{heading:?} does not load");
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn is_loaded(&self) -> bool {
        let state = self.execute("return document.readyState", vec![]).await;
        // An error means that another page is loading.
        state.is_ok_and(|state| state == "complete")
    }

    /// The visible text of the element that `css` selects. Waits for the element, since the previous
    /// page may have the same heading.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.with_element(Locator::Css(css), async |element| element.text().await)
            .await
            .unwrap_or_else(|error| panic!("{css} is not there: {error}"))
    }

    /// Runs a script that returns a value.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.execute(script, vec![]).await.unwrap()
    }

    /// Asserts that the page has no visual defect and no console error, and saves a screenshot under this
    /// name.
    pub(crate) async fn check_page(&self, name: &str) {
        let flaws = self.evaluate(FLAWS).await;
        self.save_screenshot(name).await;
        assert_eq!(flaws, json!([]), "{name}");
        assert_eq!(self.console_errors().await, Vec::<String>::new(), "{name}");
    }

    /// Does the same as [`Browser::check_page`] in light and dark.
    pub(crate) async fn check_in_both_schemes(&self, page: &str) {
        for scheme in [Scheme::Light, Scheme::Dark] {
            self.prefer(scheme).await;
            self.check_page(&picture(page, self.screen(), scheme)).await;
        }
    }

    /// Does the same as [`Browser::check_page`] for a page with this error status, which Chromium reports
    /// to the console.
    pub(crate) async fn check_error_page(&self, name: &str, status: u16) {
        self.take_status_error(name, status).await;
        self.check_page(name).await;
    }

    /// Does the same as [`Browser::check_error_page`] in light and dark.
    pub(crate) async fn check_error_page_in_both_schemes(&self, page: &str, status: u16) {
        self.take_status_error(page, status).await;
        self.check_in_both_schemes(page).await;
    }

    /// Asserts that the only console error since the last call is the report of this status.
    async fn take_status_error(&self, page: &str, status: u16) {
        let errors = self.console_errors().await;
        let reported = format!("responded with a status of {status} ");
        assert!(
            errors.len() == 1 && errors[0].contains(&reported),
            "{page}: the log has {errors:?}"
        );
    }

    /// Whether each image of the page has loaded; waits until all have loaded or failed.
    pub(crate) async fn images_loaded(&self) -> Vec<bool> {
        let shown = self.evaluate(PICTURES).await;
        serde_json::from_value(shown).unwrap()
    }

    /// Every cookie of the browser, of any path and host.
    pub(crate) async fn all_cookies(&self) -> Vec<Value> {
        let answer = self.devtools("Storage.getCookies", json!({})).await;
        answer["cookies"].as_array().expect("a list").clone()
    }

    /// The session cookie, if there is one.
    pub(crate) async fn session_cookie(&self) -> Option<Value> {
        let cookies = self.all_cookies().await;
        cookies
            .into_iter()
            .find(|cookie| cookie["name"] == "sessionid")
    }

    /// The cookies of open login attempts.
    pub(crate) async fn attempt_cookies(&self) -> Vec<Value> {
        let mut cookies = self.all_cookies().await;
        cookies.retain(|cookie| {
            let name = cookie["name"].as_str().expect("a name");
            name.starts_with("vestibule_login_")
        });
        cookies
    }

    /// Presses keys one after the other, which types text.
    pub(crate) async fn press_keys(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions
                .then(KeyAction::Down { value })
                .then(KeyAction::Up { value });
        }
        self.perform_actions(actions).await.unwrap();
    }

    /// Presses Enter.
    pub(crate) async fn press_enter(&self) {
        self.press_keys(&char::from(Key::Enter).to_string()).await;
    }

    /// Presses Tab until an element whose text contains `words` has the focus. Asserts that every focused
    /// element on the way is visible and has an outline.
    pub(crate) async fn tab_to(&self, words: &str) {
        let tab = char::from(Key::Tab).to_string();
        let mut passed = Vec::new();
        while passed.len() < 30 {
            self.press_keys(&tab).await;
            let focus = self.evaluate(FOCUS).await;
            assert_eq!(focus["ring"], true, "no ring at {focus}");
            assert_eq!(focus["inside"], true, "out of sight: {focus}");
            let found = focus["words"].as_str().expect("text").to_owned();
            if found.contains(words) {
                return;
            }
            passed.push(found);
        }
        panic!("no {words:?} among {passed:?}");
    }
}

/// The name of a screenshot, such as `home-phone-dark`.
pub(crate) fn picture(page: &str, screen: Screen, scheme: Scheme) -> String {
    format!("{page}-{screen:?}-{scheme:?}").to_lowercase()
}

/// Whether chromedriver may report this error while the browser loads another page.
fn is_page_change(error: &CmdError) -> bool {
    error.is_no_such_element()
        || error.is_stale_element_reference()
        || error.is_javascript_error()
        || error.is_unknown_error()
        // Chromedriver's answer to a command that the navigation interrupts is not one of WebDriver.
        || matches!(error, CmdError::NotW3C(answer) if answer == "aborted by navigation")
}
