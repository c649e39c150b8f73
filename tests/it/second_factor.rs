//! The second factor of local passwords: an authenticator app and recovery codes.

mod account;
mod api;
mod attacks;
mod events;
mod half_finished;
mod keys;
mod login;
mod other_ways;

use chrono::TimeDelta;
use reqwest::{Response, StatusCode};
use totp_rs::{Builder, Secret, Totp};
use vestibule::clock::Timestamp;

use crate::password_login::{EMAIL, PASSWORD};
use crate::support::app::{TestApp, Visitor, location};

pub(crate) const PAGE: &str = "/account/authenticator";

/// An authenticator app that has been set up, and the account's recovery codes.
pub(crate) struct Authenticator {
    totp: Totp,
    pub(crate) recovery_codes: Vec<String>,
}

impl Authenticator {
    /// The code that the app shows at this time.
    pub(crate) fn code_at(&self, now: Timestamp) -> String {
        let seconds = u64::try_from(now.seconds()).expect("after 1970");
        self.totp.generate(seconds).to_string()
    }

    /// A code that has not been used: time moves on to the next one.
    pub(crate) fn next_code(&self, app: &TestApp) -> String {
        app.clock.advance(TimeDelta::seconds(30));
        self.code_at(app.now())
    }

    /// A code that is not right now.
    fn wrong_code(&self, app: &TestApp) -> String {
        let near = [-30, 0, 30].map(|by| self.code_at(app.now().plus(TimeDelta::seconds(by))));
        let mut wrong = ["000000", "111111", "222222", "333333"].into_iter();
        let wrong = wrong.find(|code| !near.iter().any(|right| right == code));
        wrong.expect("one of four is wrong").to_owned()
    }
}

/// The text between two others.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let rest = page
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {page}"));
    rest.1.split_once(after).expect("an end").0
}

/// The secret and the encrypted set-up of the set-up page.
fn set_up_of(page: &str) -> (Totp, String) {
    let secret = between(page, r#"<code class="secret">"#, "</code>").replace(' ', "");
    let secret = Secret::try_from_base32(secret).expect("base32");
    let totp = Builder::new()
        .with_secret(secret)
        .build()
        .expect("a secret");
    (
        totp,
        between(page, r#"name="setup" value=""#, "\"").to_owned(),
    )
}

fn recovery_codes_of(page: &str) -> Vec<String> {
    let codes = page.split("<li><code>").skip(1);
    codes
        .map(|rest| rest.split_once("</code>").expect("an end").0.to_owned())
        .collect()
}

/// Sets up an authenticator app in a signed-in browser.
pub(crate) async fn set_up(app: &TestApp, visitor: &Visitor) -> Authenticator {
    let (totp, setup) = set_up_of(&visitor.page(PAGE).await);
    let mut authenticator = Authenticator {
        totp,
        recovery_codes: Vec::new(),
    };
    let code = authenticator.code_at(app.now());
    let response = visitor
        .submit(PAGE, &[("setup", &setup), ("code", &code)])
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    authenticator.recovery_codes = recovery_codes_of(&page);
    assert_eq!(authenticator.recovery_codes.len(), 10, "{page}");
    authenticator
}

/// An app with one account that has set up an authenticator app.
pub(crate) async fn app_with_factor(app: TestApp) -> (TestApp, Authenticator) {
    app.add_user_with_password(EMAIL, PASSWORD);
    let visitor = app.visitor();
    let response = visitor.log_in(EMAIL, PASSWORD).await;
    assert_eq!(location(&response), "/", "no code is asked for yet");
    let authenticator = set_up(&app, &visitor).await;
    (app, authenticator)
}

/// A browser in which the right password was entered, and a code is asked for.
async fn after_password(app: &TestApp) -> Visitor {
    let visitor = app.visitor();
    let response = visitor.log_in(EMAIL, PASSWORD).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/login/code");
    assert!(!visitor.is_signed_in().await);
    visitor
}

async fn send_code(visitor: &Visitor, code: &str) -> Response {
    visitor.submit("/login/code", &[("code", code)]).await
}

/// Asserts that a code is refused with this error, and that nobody is signed in.
async fn assert_refused(visitor: &Visitor, code: &str, error: &str) {
    let response = send_code(visitor, code).await;
    assert_eq!(response.status(), StatusCode::OK, "{code}");
    let page = response.text().await.unwrap();
    assert!(page.contains(error), "{error} in {page}");
    assert!(!visitor.is_signed_in().await, "{code}");
}

const WRONG: &str = "This code is not right.";
const USED: &str = "This code has already been used.";
