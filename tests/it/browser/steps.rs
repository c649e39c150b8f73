//! What a person does with a browser, and what they see.

use fantoccini::Locator;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Scheme, Screen};

/// The welcome of the person whom most tests sign in.
pub(crate) const WELCOME_ADA: &str = "Welcome, ada@example.com!";

/// What is wrong with the page that only an eye would notice.
const FLAWS: &str = r"
    const page = document.documentElement, flaws = [];
    if (page.scrollWidth > page.clientWidth)
        flaws.push(`it is ${page.scrollWidth} wide on a screen of ${page.clientWidth}`);
    for (const element of document.body.querySelectorAll('*')) {
        const box = element.getBoundingClientRect();
        if (box.width > 1 && (box.right > page.clientWidth + 0.5 || box.left < -0.5))
            flaws.push(`${element.tagName}.${element.className} leaves the screen`);
    }
    const headings = document.querySelectorAll('h1').length;
    if (headings !== 1) flaws.push(`it has ${headings} main headings`);
    if (!document.title) flaws.push('it has no title');
    return flaws;";

/// Who has the focus, and whether that can be seen.
const FOCUS: &str = r"
    const element = document.activeElement, style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return {
        words: (element.labels?.[0] ?? element).textContent.trim().replace(/\s+/g, ' '),
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        inside: box.width > 1 && box.top >= 0 && box.left >= 0
            && box.bottom <= innerHeight && box.right <= innerWidth,
    };";

/// Chromium waits for the promise.
const PICTURES: &str = r"
    const shown = image => image.decode().then(() => true, () => false);
    return Promise.all([...document.images].map(shown));";

impl Browser {
    /// Types an address.
    pub(crate) async fn visit(&self, url: &str) {
        self.goto(url).await.unwrap();
    }

    /// Clicks the link or button with these words.
    pub(crate) async fn click(&self, words: &str) {
        let words = format!("[normalize-space()='{words}']");
        self.click_at(&format!("//a{words} | //button{words}"))
            .await;
    }

    /// Clicks a person on the emulator's sign-in page.
    pub(crate) async fn choose(&self, email: &str) {
        let path = format!("//button[@name='user'][.//*[normalize-space()='{email}']]");
        self.click_at(&path).await;
    }

    async fn click_at(&self, path: &str) {
        let element = self.wait().for_element(Locator::XPath(path)).await;
        element
            .unwrap_or_else(|error| panic!("{path} is not there: {error}"))
            .click()
            .await
            .unwrap();
    }

    /// Fills in the field with this id.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let field = self.find(Locator::Id(id)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Waits for the page with this main heading.
    pub(crate) async fn see(&self, heading: &str) {
        let path = format!("//h1[normalize-space()='{heading}']");
        if let Err(error) = self.wait().for_element(Locator::XPath(&path)).await {
            let url = self.current_url().await.unwrap();
            let text = self.text("body").await;
            panic!("no heading {heading:?} ({error}); {url} says:\n{text}");
        }
    }

    /// The words that can be seen in what `css` selects, once it is there: the page before may have the
    /// same heading.
    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.wait().for_element(Locator::Css(css)).await;
        let element = element.unwrap_or_else(|error| panic!("{css} is not there: {error}"));
        element.text().await.unwrap()
    }

    /// Runs a script that returns a value.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.execute(script, vec![]).await.unwrap()
    }

    /// The page is sound; its picture is kept under this name.
    pub(crate) async fn look(&self, name: &str) {
        let flaws = self.ask(FLAWS).await;
        self.keep_screenshot(name).await;
        assert_eq!(flaws, json!([]), "{name}");
        assert_eq!(self.console_errors().await, Vec::<String>::new(), "{name}");
    }

    /// As [`Browser::look`] for a page that was answered with this status, which Chromium reports.
    pub(crate) async fn look_at_error(&self, name: &str, status: u16) {
        let errors = self.console_errors().await;
        let reported = format!("responded with a status of {status} ");
        assert!(
            errors.len() == 1 && errors[0].contains(&reported),
            "{name}: the log has {errors:?}"
        );
        self.look(name).await;
    }

    /// Whether each picture of the page is shown, once it has arrived or has failed to.
    pub(crate) async fn pictures(&self) -> Vec<bool> {
        let shown = self.ask(PICTURES).await;
        serde_json::from_value(shown).unwrap()
    }

    /// Every cookie of the browser, whatever its path and host.
    pub(crate) async fn all_cookies(&self) -> Vec<Value> {
        let answer = self.devtools("Storage.getCookies", json!({})).await;
        answer["cookies"].as_array().expect("a list").clone()
    }

    /// The app's session, as a cookie; `None` when nobody is signed in.
    pub(crate) async fn session(&self) -> Option<Value> {
        let cookies = self.all_cookies().await;
        cookies
            .into_iter()
            .find(|cookie| cookie["name"] == "sessionid")
    }

    /// The login attempts that are open.
    pub(crate) async fn attempts(&self) -> Vec<Value> {
        let mut cookies = self.all_cookies().await;
        cookies.retain(|cookie| {
            let name = cookie["name"].as_str().expect("a name");
            name.starts_with("vestibule_login_")
        });
        cookies
    }

    /// Presses keys one after the other; text is typed.
    pub(crate) async fn press(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions
                .then(KeyAction::Down { value })
                .then(KeyAction::Up { value });
        }
        self.perform_actions(actions).await.unwrap();
    }

    /// Presses Enter.
    pub(crate) async fn enter(&self) {
        self.press(&char::from(Key::Enter).to_string()).await;
    }

    /// Tabs on until what has the focus contains `words`; every stop on the way can be seen.
    pub(crate) async fn tab_to(&self, words: &str) {
        let tab = char::from(Key::Tab).to_string();
        let mut passed = Vec::new();
        while passed.len() < 30 {
            self.press(&tab).await;
            let focus = self.ask(FOCUS).await;
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

/// The name of a picture: `home-phone-dark`.
pub(crate) fn picture(page: &str, screen: Screen, scheme: Scheme) -> String {
    format!("{page}-{screen:?}-{scheme:?}").to_lowercase()
}
