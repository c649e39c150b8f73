//! A form that is sent twice, for example by a double click. The browser drops the first response, so
//! the second response must be complete.

use authkit_emulator::{Effect, Fault, Gate};
use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tokio::task::JoinHandle;
use vestibule::db::schema::{pending_sign_ins, sessions};

use super::{CODE, MAX, TWYLA, UNA, form_again, grants, led_to, stopped};
use crate::support::app::{TestApp, Visitor};
use crate::support::log::{capture, open_when};
use crate::support::steps::{
    AUTHENTICATE, assert_nobody_signed_in, count_waiting_forms, error_page,
};

const EMAIL: &str = "email-verification:code";
const TOTP: &str = "mfa-totp";

/// The second submission of a form. The browser has dropped the first response, so it has only the
/// cookies that it sent with the form.
struct SecondSubmission<'a> {
    step: &'a str,
    cookies: String,
    visitor: Visitor,
}

impl<'a> SecondSubmission<'a> {
    fn of(app: &TestApp, browser: &Visitor, step: &'a str) -> Self {
        Self {
            step,
            cookies: browser.cookies("/auth/step"),
            visitor: app.visitor(),
        }
    }

    async fn submit(&self, fields: &[(&str, &str)]) -> Response {
        let request = self.visitor.request(Method::POST, self.step);
        let request = request.header("Cookie", &self.cookies).form(fields);
        request.send().await.unwrap()
    }

    /// Submits the form while the first submission is held, and returns the response to it.
    async fn submit_during(&self, first: &FirstSubmission, fields: &[(&str, &str)]) -> Response {
        let before = count_waiting_forms(self.step);
        let waits = || count_waiting_forms(self.step) > before;
        open_when(&first.gate, waits, self.submit(fields)).await
    }
}

/// The first submission of a form. WorkOS has received the answer, and its response is held.
struct FirstSubmission {
    gate: Gate,
    response: JoinHandle<StatusCode>,
}

impl FirstSubmission {
    async fn send(app: &TestApp, browser: &Visitor, step: &str, fields: &[(&str, &str)]) -> Self {
        capture();
        let gate = app.workos().inject_gate(AUTHENTICATE);
        let request = browser.request(Method::POST, step).form(fields);
        let response = tokio::spawn(async move { request.send().await.unwrap().status() });
        gate.reached().await.unwrap();
        Self { gate, response }
    }
}

impl TestApp {
    fn is_answering(&self) -> bool {
        let held = pending_sign_ins::table
            .filter(pending_sign_ins::answering_until.is_not_null())
            .count();
        self.rows(|conn| held.get_result::<i64>(conn)) > 0
    }
}

#[tokio::test]
async fn the_second_response_alone_signs_in() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let second = SecondSubmission::of(&app, &una, &step);
    let first = FirstSubmission::send(&app, &una, &step, &[("code", CODE)]).await;
    led_to(
        &second.submit_during(&first, &[("code", CODE)]).await,
        "/account",
    );
    assert!(second.visitor.is_signed_in().await);
    let account = second.visitor.page("/account").await;
    assert!(
        account.contains("Password"),
        "the method is kept: {account}"
    );
    assert_eq!(first.response.await.unwrap(), StatusCode::FOUND);
    assert_eq!(grants(&app, EMAIL).len(), 1, "WorkOS is asked once");
    app.only_session();
}

#[tokio::test]
async fn the_second_response_alone_shows_the_next_question() {
    let app = TestApp::start();
    let quinn = app.visitor();
    let step = stopped(&quinn, "quinn@example.com", "/account").await;
    let second = SecondSubmission::of(&app, &quinn, &step);
    let first = FirstSubmission::send(&app, &quinn, &step, &[("code", CODE)]).await;
    led_to(
        &second.submit_during(&first, &[("code", CODE)]).await,
        &step,
    );
    first.response.await.unwrap();
    assert_eq!(
        (grants(&app, EMAIL).len(), grants(&app, TOTP).len()),
        (1, 0)
    );

    let first = FirstSubmission::send(&app, &quinn, &step, &[("code", CODE)]).await;
    led_to(
        &second.submit_during(&first, &[("code", CODE)]).await,
        &step,
    );
    first.response.await.unwrap();
    assert_eq!(grants(&app, TOTP).len(), 1);

    let id = app.organization("Tandem Cycles");
    let fields = [("organization_id", id.as_str())];
    let first = FirstSubmission::send(&app, &quinn, &step, &fields).await;
    led_to(&second.submit_during(&first, &fields).await, "/account");
    first.response.await.unwrap();
    assert!(second.visitor.is_signed_in().await);
    assert!(second.visitor.page("/account").await.contains(&id));
    app.only_session();
}

#[tokio::test]
async fn an_answer_to_an_earlier_question_is_ignored() {
    let app = TestApp::start();
    let quinn = app.visitor();
    let step = stopped(&quinn, "quinn@example.com", "/account").await;
    let page = quinn.page(&step).await;
    let asked = page.split(r#"name="asked" value=""#).nth(1).unwrap();
    let asked = asked.split('"').next().unwrap();
    app.advance(1);
    let fields = [("code", CODE), ("asked", asked)];
    for _ in 0..2 {
        led_to(&quinn.submit(&step, &fields).await, &step);
    }
    assert_eq!(
        (grants(&app, EMAIL).len(), grants(&app, TOTP).len()),
        (1, 0)
    );
    assert!(quinn.page(&step).await.contains("Enter your code"));
}

#[tokio::test]
async fn a_submission_completes_after_its_client_disconnects() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let second = SecondSubmission::of(&app, &una, &step);
    let first = FirstSubmission::send(&app, &una, &step, &[("code", CODE)]).await;
    first.response.abort();
    led_to(
        &second.submit_during(&first, &[("code", CODE)]).await,
        "/account",
    );
    assert!(second.visitor.is_signed_in().await);
    assert_eq!(grants(&app, EMAIL).len(), 1);
    app.only_session();
}

#[tokio::test]
async fn the_result_is_repeated_for_half_a_minute_while_the_session_is_open() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let second = SecondSubmission::of(&app, &una, &step);
    led_to(&una.submit(&step, &[("code", CODE)]).await, "/account");
    app.advance(29);
    led_to(&second.submit(&[("code", CODE)]).await, "/account");
    assert!(second.visitor.is_signed_in().await);
    app.advance(1);
    let late = second.submit(&[("code", CODE)]).await;
    error_page(late, StatusCode::BAD_REQUEST).await;
    app.only_session();

    let max = app.visitor();
    let step = stopped(&max, MAX, "/account").await;
    let second = SecondSubmission::of(&app, &max, &step);
    led_to(&max.submit(&step, &[("code", CODE)]).await, "/account");
    let now = app.now();
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::revoked_at.eq(now))
            .execute(conn)
    });
    let over = second.submit(&[("code", CODE)]).await;
    error_page(over, StatusCode::BAD_REQUEST).await;
    assert!(!second.visitor.is_signed_in().await);
}

#[tokio::test]
async fn a_wrong_code_is_reported_to_both_requests_and_the_right_one_accepted() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let second = SecondSubmission::of(&app, &una, &step);
    let first = FirstSubmission::send(&app, &una, &step, &[("code", "000000")]).await;
    let answer = second.submit_during(&first, &[("code", "000000")]).await;
    form_again(answer, "This code is not right.").await;
    assert_eq!(first.response.await.unwrap(), StatusCode::OK);
    assert!(!app.is_answering());
    led_to(&second.submit(&[("code", CODE)]).await, "/account");
}

#[tokio::test]
async fn the_link_to_single_sign_on_is_shown_to_both_requests() {
    let app = TestApp::start();
    let twyla = app.visitor();
    let step = stopped(&twyla, TWYLA, "/account").await;
    let second = SecondSubmission::of(&app, &twyla, &step);
    let id = app.organization("Tandem Cycles");
    let fields = [("organization_id", id.as_str())];
    let body = json!({ "code": "sso_required", "message": "m", "connection_ids": ["conn_1"] });
    let refusal = Effect::status(400, body);
    app.workos().inject(Fault::once(AUTHENTICATE, refusal));
    for answer in [
        twyla.submit(&step, &fields).await,
        second.submit(&fields).await,
    ] {
        assert_eq!(answer.status(), StatusCode::OK);
        let page = answer.text().await.unwrap();
        assert!(page.contains("connection_id=conn_1"), "{page}");
        assert!(page.contains("next=%2Faccount"), "{page}");
    }
    assert_eq!(grants(&app, "organization-selection").len(), 1);
    assert_nobody_signed_in(&app, &second.visitor).await;
}

#[tokio::test]
async fn a_lease_of_a_dead_request_is_replaced() {
    let app = TestApp::start();
    let una = app.visitor();
    let step = stopped(&una, UNA, "/account").await;
    let lease = app.now().plus(TimeDelta::seconds(25));
    app.change(|conn| {
        diesel::update(pending_sign_ins::table)
            .set(pending_sign_ins::answering_until.eq(lease))
            .execute(conn)
    });
    let waiting = una.clone();
    let target = step.clone();
    let waiting = tokio::spawn(async move { waiting.submit(&target, &[("code", CODE)]).await });
    assert!(una.page(&step).await.contains("Check your email"));
    assert_eq!(grants(&app, EMAIL).len(), 0);
    app.clock.advance(TimeDelta::seconds(25));
    led_to(&waiting.await.unwrap(), "/account");
    assert_eq!(grants(&app, EMAIL).len(), 1);
    app.only_session();
}
