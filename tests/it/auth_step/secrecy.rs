//! The pending token is known to WorkOS and this server only.

use authkit_emulator::{Effect, Fault};
use reqwest::{Response, StatusCode};
use serde_json::json;

use super::{CODE, MAX, TWYLA, UNA, stopped};
use crate::support::app::{TestApp, Visitor, location};
use crate::support::exchange::{WORKOS, code_for, post};
use crate::support::log;
use crate::support::steps::{AUTHENTICATE, login_with_next};

const PENDING: &str = "pending_authentication_token";

/// Everything in a response that the browser can see.
async fn visible_text(response: Response) -> String {
    let url = response.url().to_string();
    let headers = format!("{:?}", response.headers());
    url + &headers + &response.text().await.unwrap()
}

async fn text_of_sign_in(visitor: &Visitor, email: &str) -> (String, String) {
    let authorize = visitor.start_login(&login_with_next("/account")).await;
    let callback = visitor.authorize(&authorize, email).await;
    let response = visitor.get(callback.as_str()).await;
    let step = location(&response);
    let all = visible_text(response).await + &visible_text(visitor.get(&step).await).await;
    (all, step)
}

/// Sends an answer that redirects to `target`, and adds the visible parts of the response.
async fn answer(
    visitor: &Visitor,
    step: &str,
    given: (&str, &str),
    target: &str,
    all: &mut String,
) {
    let response = visitor.submit(step, &[given]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), target);
    *all += &visible_text(response).await;
}

/// Every pending token that was sent back to WorkOS: all answered ones.
fn tokens(app: &TestApp) -> Vec<String> {
    let requests = app.workos().requests();
    let tokens = requests.iter().filter_map(|one| one.body[PENDING].as_str());
    tokens.map(str::to_owned).collect()
}

/// Asserts that no token is in the visible text, in the log or in a row.
fn assert_secret(tokens: &[String], visible: &str, rows: &[Vec<u8>]) {
    for token in tokens {
        assert!(token.len() > 20, "{token}");
        assert!(
            !visible.contains(token.as_str()),
            "the browser receives the token"
        );
        assert!(!log::has_line_with(token, ""), "the log contains the token");
        for row in rows {
            let parts = row.windows(token.len());
            assert!(!parts.into_iter().any(|part| part == token.as_bytes()));
        }
    }
}

#[tokio::test]
async fn the_pending_token_is_in_no_page_no_address_no_cookie_no_log_and_no_row() {
    log::capture();
    let app = TestApp::start();
    let una = app.visitor();
    let (mut all, step) = text_of_sign_in(&una, UNA).await;
    all += &una.cookies("/auth/step");
    let sealed: Vec<Vec<u8>> = app.pending_sign_ins();
    for code in ["", "000000", CODE] {
        all += &visible_text(una.submit(&step, &[("code", code)]).await).await;
    }
    let twyla = app.visitor();
    let (more, step) = text_of_sign_in(&twyla, TWYLA).await;
    all += &more;
    let chosen = app.organization("Tandem Cycles");
    all += &visible_text(twyla.submit(&step, &[("organization_id", &chosen)]).await).await;

    let tokens = tokens(&app);
    assert_eq!(tokens.len(), 3);
    assert_secret(&tokens, &all, &sealed);
    assert!(log::has_line_with(
        "a sign-in needs another step",
        "email_verification_required"
    ));
}

#[tokio::test]
async fn the_pending_token_stays_secret_with_an_authenticator_and_during_an_outage() {
    log::capture();
    let app = TestApp::start();
    let max = app.visitor();
    let (mut all, step) = text_of_sign_in(&max, MAX).await;
    all += &max.cookies("/auth/step");
    let sealed: Vec<Vec<u8>> = app.pending_sign_ins();
    all += &visible_text(max.submit(&step, &[("code", "000000")]).await).await;
    let away = Effect::status(503, json!({}));
    app.workos().inject(Fault::once(AUTHENTICATE, away));
    let response = max.submit(&step, &[("code", CODE)]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    all += &visible_text(response).await;
    answer(&max, &step, ("code", CODE), "/account", &mut all).await;
    let tokens = tokens(&app);
    assert_eq!(tokens.len(), 3);
    assert_secret(&tokens, &all, &sealed);
}

#[tokio::test]
async fn the_pending_token_stays_secret_from_one_step_to_the_next() {
    log::capture();
    let app = TestApp::start();
    let quinn = app.visitor();
    let (mut all, step) = text_of_sign_in(&quinn, "quinn@example.com").await;
    let mut sealed: Vec<Vec<u8>> = app.pending_sign_ins();
    for _ in ["email", "authenticator"] {
        answer(&quinn, &step, ("code", CODE), &step, &mut all).await;
        all += &visible_text(quinn.get(&step).await).await;
        all += &quinn.cookies("/auth/step");
        sealed.extend(app.pending_sign_ins());
    }
    let chosen = app.organization("Example Orchards");
    let given = ("organization_id", chosen.as_str());
    answer(&quinn, &step, given, "/account", &mut all).await;
    assert_eq!(sealed.len(), 3);
    let tokens = tokens(&app);
    assert_eq!(tokens.len(), 3);
    assert_secret(&tokens, &all, &sealed);
}

#[tokio::test]
async fn the_pending_token_stays_secret_when_the_sign_in_continues_at_workos() {
    log::capture();
    let app = TestApp::start();
    let twyla = app.visitor();
    let (mut all, step) = text_of_sign_in(&twyla, TWYLA).await;
    let another = "made-up-pending-token-beside-sso-required";
    let body = json!({
        "error": "sso_required",
        "error_description": "for developers",
        "connection_ids": ["conn_made_up"],
        PENDING: another,
    });
    app.workos()
        .inject(Fault::once(AUTHENTICATE, Effect::status(400, body)));
    let chosen = app.organization("Tandem Cycles");
    let response = twyla.submit(&step, &[("organization_id", &chosen)]).await;
    let page = visible_text(response).await;
    assert!(page.contains("Continue with single sign-on"), "{page}");
    all += &page;
    let mut tokens = tokens(&app);
    assert_eq!(tokens.len(), 1);
    tokens.push(another.to_owned());
    assert_secret(&tokens, &all, &[]);
}

#[tokio::test]
async fn the_pending_token_stays_secret_in_json() {
    log::capture();
    let app = TestApp::start();
    let mut all = String::new();
    for email in [UNA, MAX, "quinn@example.com"] {
        let code = code_for(&app, email).await;
        let stop = visible_text(post(&app, WORKOS, &json!({ "code": code })).await).await;
        let field = format!(r#""{PENDING}":""#);
        let sealed = stop.split(&field).nth(1).unwrap();
        let sealed = sealed.split('"').next().unwrap();
        for code in ["000000", CODE] {
            let answer = json!({ PENDING: sealed, "code": code });
            all += &visible_text(post(&app, WORKOS, &answer).await).await;
        }
        all += &stop;
    }
    let tokens = tokens(&app);
    assert_eq!(tokens.len(), 6);
    assert_secret(&tokens, &all, &[]);
}

#[tokio::test]
async fn the_cookie_is_sent_to_the_form_and_to_every_log_out() {
    let app = TestApp::start();
    let una = app.visitor();
    let authorize = una.start_login("/auth/login").await;
    let callback = una.authorize(&authorize, UNA).await;
    let response = una.get(callback.as_str()).await;
    let lines = crate::support::app::set_cookies(&response);
    let line = lines
        .iter()
        .find(|line| line.starts_with("vestibule_step_"))
        .unwrap();
    for part in [
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/;",
        "; Max-Age=3600",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(
        !line.contains("Secure") && !line.contains("Domain"),
        "{line}"
    );
    stopped(&una, UNA, "/").await;
}
