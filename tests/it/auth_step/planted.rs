//! A pending sign-in that one person began and whose cookie was set in another person's browser: the first one has
//! the cookie too, but not the answers.

use reqwest::header::{COOKIE, USER_AGENT};
use reqwest::{Method, Response, StatusCode};

use super::{CODE, UNA, grants, led_to, stopped};
use crate::audit::events_of;
use crate::support::app::{TestApp, Visitor, set_cookies};
use crate::support::log::{capture, open_when};
use crate::support::proxied::Proxy;
use crate::support::steps::{AUTHENTICATE, count_waiting_forms, error_page, set_cookie};

const OWNER: &str = "owner/1";
const OTHER: &str = "other/1";

/// A client with the cookie of the pending sign-in.
struct Holder {
    visitor: Visitor,
    step: String,
    cookies: String,
    user_agent: &'static str,
}

impl Holder {
    fn of(beginner: &Visitor, step: &str, user_agent: &'static str) -> Self {
        Self {
            visitor: beginner.clone(),
            step: step.to_owned(),
            cookies: beginner.cookies("/auth/step"),
            user_agent,
        }
    }

    async fn send(&self, method: Method, fields: &[(&str, &str)]) -> Response {
        let request = self.visitor.request(method, &self.step);
        let request = request.header(COOKIE, &self.cookies);
        let request = request.header(USER_AGENT, self.user_agent);
        request.form(fields).send().await.unwrap()
    }

    async fn answer(&self, code: &str) -> Response {
        self.send(Method::POST, &[("code", code)]).await
    }
}

fn signs_in(response: &Response) -> bool {
    set_cookie(response, "sessionid").is_some()
}

async fn assert_refused(response: Response) {
    assert!(!signs_in(&response));
    error_page(response, StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn the_result_is_given_out_again_for_the_same_answer_of_the_same_client() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let owner = Holder::of(&una, &step, OWNER);
    let other = Holder::of(&una, &step, OTHER);
    assert!(signs_in(&owner.answer(CODE).await));
    for wrong in ["000000", ""] {
        assert_refused(owner.answer(wrong).await).await;
    }
    assert_refused(other.answer(CODE).await).await;
    let again = owner.answer(&format!(" {CODE} ")).await;
    assert!(signs_in(&again));
    led_to(&again, "/account");
    assert_eq!(grants(&app, "email-verification:code").len(), 1);
    let session = app.only_session();
    let database = app.database.clone();
    let _kept = app.stop();
    let events = events_of(&database);
    let repeated = events.iter().find(|row| row.event == "sign_in_repeated");
    assert_eq!(repeated.unwrap().session_id, Some(session.id));
    let refused = events.iter().find(|row| row.event == "sign_in_failed");
    assert!(refused.unwrap().detail.contains("used attempt"));
}

#[tokio::test]
async fn another_answer_that_waits_gets_no_session() {
    let app = TestApp::start();
    capture();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let gate = app.workos().inject_gate(AUTHENTICATE);
    let owner = Holder::of(&una, &step, OWNER);
    let first = tokio::spawn(async move { signs_in(&owner.answer(CODE).await) });
    gate.reached().await.unwrap();
    let other = Holder::of(&una, &step, OTHER);
    let before = count_waiting_forms(&step);
    let waits = || count_waiting_forms(&step) > before;
    let response = open_when(&gate, waits, other.answer("000000")).await;
    assert_refused(response).await;
    assert!(first.await.unwrap());
    app.only_session();
}

/// The next question may be a choice of organisation, which needs no secret.
#[tokio::test]
async fn the_next_question_is_for_the_client_that_answered() {
    let app = TestApp::start();
    let quinn = app.visitor();
    let step = stopped(&quinn, "quinn@example.com", "/account").await;
    let owner = Holder::of(&quinn, &step, OWNER);
    let other = Holder::of(&quinn, &step, OTHER);
    led_to(&owner.answer(CODE).await, &step);
    led_to(&owner.answer(CODE).await, &step);
    let id = app.organization("Tandem Cycles");
    let fields = [("organization_id", id.as_str())];
    assert_refused(other.send(Method::GET, &[]).await).await;
    assert_refused(other.send(Method::POST, &fields).await).await;
    let response = owner.send(Method::POST, &fields).await;
    assert!(signs_in(&response));
    app.only_session();
}

#[tokio::test]
async fn on_https_no_other_host_can_set_the_cookie() {
    let (proxy, app) = Proxy::with_tls();
    let (_, stopped) = proxy.sign_in(UNA).await;
    let step = crate::support::app::location(&stopped);
    let lines = set_cookies(&stopped);
    let line = lines
        .iter()
        .find(|line| line.starts_with("__Host-vestibule_step_"));
    let line = line.unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
        assert!(line.split("; ").any(|one| one == part), "{part}: {line}");
    }
    let cookie = line.split(';').next().unwrap();
    let (name, value) = cookie.split_once('=').unwrap();
    let bare = name.strip_prefix("__Host-").unwrap();
    let digits = sha256_digits(value);
    for planted in [
        format!("{bare}={value}"),
        format!("vestibule_step_{digits}={value}"),
        format!("%5F_Host-{bare}={value}"),
    ] {
        assert_refused(proxy.get(&step, &planted).await).await;
        assert_refused(proxy.get("/auth/step", &planted).await).await;
    }
    let form = proxy.get(&step, cookie).await;
    assert_eq!(form.status(), StatusCode::OK);
    // A log-out ends the sign-in, whose cookie it receives.
    let response = proxy.get("/auth/logout", cookie).await;
    let removed = set_cookies(&response);
    assert!(
        removed
            .iter()
            .any(|line| line.starts_with(&format!("{name}=;"))),
        "{removed:?}"
    );
    assert_refused(proxy.get(&step, cookie).await).await;
    assert!(app.sessions().is_empty());
}

/// The digits in the name of a cookie with this value that was set over plain http.
fn sha256_digits(value: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    let digits = digest.as_ref()[..8].iter();
    digits.map(|byte| format!("{byte:02x}")).collect()
}
