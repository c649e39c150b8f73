//! The pending token stays between WorkOS and this server.

use reqwest::Response;

use super::{CODE, TWYLA, UNA, grants, stopped};
use crate::support::app::{TestApp, Visitor};
use crate::support::log;
use crate::support::steps::login_with_next;

/// Everything that a browser gets to see of an answer.
async fn seen(response: Response) -> String {
    let url = response.url().to_string();
    let headers = format!("{:?}", response.headers());
    url + &headers + &response.text().await.unwrap()
}

async fn seen_of_a_sign_in(visitor: &Visitor, email: &str) -> (String, String) {
    let authorize = visitor.begin(&login_with_next("/account")).await;
    let callback = visitor.authorize(&authorize, email).await;
    let response = visitor.get(callback.as_str()).await;
    let step = crate::support::app::location(&response);
    let all = seen(response).await + &seen(visitor.get(&step).await).await;
    (all, step)
}

#[tokio::test]
async fn the_pending_token_is_in_no_page_no_address_no_cookie_no_log_and_no_row() {
    log::keep();
    let app = TestApp::start();
    let una = app.visitor();
    let (mut all, step) = seen_of_a_sign_in(&una, UNA).await;
    all += &una.cookies("/auth/step");
    let sealed: Vec<Vec<u8>> = app.unfinished();
    for code in ["", "000000", CODE] {
        all += &seen(una.submit(&step, &[("code", code)]).await).await;
    }
    let twyla = app.visitor();
    let (more, step) = seen_of_a_sign_in(&twyla, TWYLA).await;
    all += &more;
    let chosen = app.organization("Tandem Cycles");
    all += &seen(twyla.submit(&step, &[("organization_id", &chosen)]).await).await;

    let grants = [
        grants(&app, "email-verification:code"),
        grants(&app, "organization-selection"),
    ];
    let tokens: Vec<String> = grants
        .concat()
        .iter()
        .map(|one| {
            one.body["pending_authentication_token"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(tokens.len(), 3);
    for token in &tokens {
        assert!(token.len() > 20, "{token}");
        assert!(!all.contains(token.as_str()), "a browser sees it");
        assert!(!log::has_both(token, ""), "the log has it");
        for row in &sealed {
            assert!(
                !row.windows(token.len())
                    .any(|part| part == token.as_bytes())
            );
        }
    }
    assert!(log::has_both(
        "a sign-in waits for an answer",
        "email_verification_required"
    ));
}

#[tokio::test]
async fn the_cookie_is_the_forms_alone() {
    let app = TestApp::start();
    let una = app.visitor();
    let authorize = una.begin("/auth/login").await;
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
        "; Path=/auth/step",
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
