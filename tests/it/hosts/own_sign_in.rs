//! `WORKOS_REDIRECT_URIS`: hosts that sign people in by themselves.

use reqwest::header::ORIGIN;
use reqwest::{Method, StatusCode, Url};

use super::{ADA, OLIVE, separate, urls};
use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::steps::{login_with_next, query};

#[tokio::test]
async fn a_sign_in_and_a_log_out_stay_on_their_host() {
    let app = separate(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    let person = Visitor::new(&b);
    for (url, email) in [(&b, ADA), (&a, OLIVE)] {
        let begun = location(&person.get(&format!("{url}/account")).await);
        let authorize = person.start_login(&format!("{url}{begun}")).await;
        assert_eq!(
            query(&authorize, "redirect_uri"),
            format!("{url}/auth/callback")
        );
        let callback = person.authorize(&authorize, email).await;
        assert!(
            callback
                .as_str()
                .starts_with(&format!("{url}/auth/callback?"))
        );
        let response = person.get(callback.as_str()).await;
        assert_eq!(location(&response), "/account");
        assert!(
            set_cookies(&response)
                .iter()
                .all(|line| !line.contains("Domain"))
        );
    }
    for (url, email) in [(&b, ADA), (&a, OLIVE)] {
        let page = person.page(&format!("{url}/")).await;
        assert!(page.contains(&format!("Welcome, {email}!")), "{page}");
    }
    let response = person.follow(&format!("{b}/auth/logout")).await;
    let workos = Url::parse(&location(&response)).unwrap();
    assert_eq!(query(&workos, "return_to"), format!("{b}/"));
    assert_eq!(
        location(&person.get(workos.as_str()).await),
        format!("{b}/")
    );
    assert!(!person.page(&format!("{b}/")).await.contains("Welcome"));
    assert!(
        person
            .page(&format!("{a}/"))
            .await
            .contains("Welcome, olive@example.com!")
    );
}

#[tokio::test]
async fn an_attempt_of_one_host_is_not_finished_at_another() {
    let app = separate(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    let ada = Visitor::new(&b);
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, ADA).await;
    let elsewhere = callback.as_str().replace(&b, &a);
    let response = ada.get(&elsewhere).await;
    assert!(response.status().is_client_error(), "{response:?}");
    assert!(app.sessions().is_empty());
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn next_names_pages_of_the_host_and_of_the_public_one() {
    let app = separate(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    let lands = async |begun: &str, next: &str| {
        let ada = Visitor::new(begun);
        let authorize = ada.start_login(&login_with_next(next)).await;
        let callback = ada.authorize(&authorize, ADA).await;
        location(&ada.get(callback.as_str()).await)
    };
    let (at_a, at_b) = (format!("{a}/account"), format!("{b}/account"));
    assert_eq!(lands(&b, &at_b).await, "/account");
    assert_eq!(lands(&b, &at_a).await, at_a);
    assert_eq!(lands(&a, &at_b).await, "/", "it is not listed");
    assert_eq!(lands(&b, &format!("{a}/auth/logout")).await, "/");
}

#[tokio::test]
async fn a_form_must_come_from_the_host_that_it_is_sent_to() {
    let app = separate(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    for (to, from, expected) in [
        (&b, &a, StatusCode::FORBIDDEN),
        (&a, &b, StatusCode::FORBIDDEN),
        (&b, &b, StatusCode::FOUND),
        (&a, &a, StatusCode::FOUND),
    ] {
        let ada = Visitor::new(to);
        ada.sign_in(ADA).await;
        let request = ada
            .request(Method::POST, "/auth/logout")
            .header(ORIGIN, from);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expected, "from {from} to {to}");
    }
}

#[tokio::test]
async fn an_ended_session_is_told_the_sign_in_of_its_host() {
    let app = separate(TestApp::builder()).start();
    let [_, b] = urls(&app.settings);
    let ada = Visitor::new(&b);
    ada.sign_in(ADA).await;
    let cookies = ada.cookies("/");
    ada.post("/auth/logout").await;
    let answer = ada.get_with_cookies("/api/users/me", &cookies).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["sign_in_url"], format!("{b}/auth/login"));
}
