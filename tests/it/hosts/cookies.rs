//! `SESSION_COOKIE_DOMAIN`: one session for all hosts of a domain, also while browsers have cookies of both kinds.

use reqwest::header::{HOST, ORIGIN};
use reqwest::{Method, Response, StatusCode, Url};

use super::{ADA, OLIVE, on_a, shared, start_shared, urls};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::steps::{is_removal, query};

const DOMAIN: &str = "; Domain=site.localhost";

/// The lines of the session cookie: first the removal of the one that only this host receives.
#[track_caller]
fn session_lines(response: &Response) -> [String; 2] {
    let mut lines = set_cookies(response);
    lines.retain(|line| line.starts_with("sessionid="));
    let [own, domain]: [String; 2] = lines.try_into().expect("two lines");
    assert!(is_removal(&own) && !own.contains("Domain"), "{own}");
    assert!(domain.ends_with(DOMAIN), "{domain}");
    [own, domain]
}

async fn greets(visitor: &Visitor, url: &str, email: &str) -> bool {
    let page = visitor.page(&format!("{url}/")).await;
    page.contains(&format!("Welcome, {email}!"))
}

/// The session cookie of this person, signed in at this address.
async fn cookie_of(url: &str, email: &str) -> String {
    let visitor = Visitor::new(url);
    visitor.sign_in(email).await;
    visitor.cookies("/")
}

#[tokio::test]
async fn a_sign_in_at_one_host_counts_at_the_other_and_a_log_out_ends_both() {
    let app = start_shared();
    let [a, b] = urls(&app.settings);
    let ada = Visitor::new(&a);
    let [_, line] = session_lines(&ada.sign_in(ADA).await);
    assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax") && line.contains("Path=/;"));
    for url in [&a, &b] {
        assert!(greets(&ada, url, ADA).await, "{url}");
        let me = ada.get(&format!("{url}/api/users/me")).await;
        assert_eq!(me.status(), StatusCode::OK, "{url}");
    }
    let response = ada.follow(&format!("{b}/auth/logout")).await;
    let [_, line] = session_lines(&response);
    assert!(is_removal(&line), "{line}");
    let workos = Url::parse(&location(&response)).unwrap();
    assert_eq!(query(&workos, "return_to"), format!("{a}/"));
    assert!(app.only_session().revoked_at.is_some());
    for url in [&a, &b] {
        assert!(!greets(&ada, url, ADA).await, "{url}");
    }
    assert_eq!(ada.cookies("/"), "");
}

#[tokio::test]
async fn a_host_outside_of_the_domain_has_a_cookie_of_its_own() {
    let app = start_shared();
    app.add_password_user(ADA);
    let response = app.visitor().log_in(ADA, PASSWORD).await;
    let lines = set_cookies(&response);
    let ours: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("sessionid="))
        .collect();
    assert!(ours.len() == 1 && !ours[0].contains("Domain"), "{ours:?}");
}

#[tokio::test]
async fn an_older_cookie_gets_the_domain_at_its_next_request() {
    let before = on_a(TestApp::builder()).start();
    let [old_a, _] = urls(&before.settings);
    let ada = Visitor::new(&old_a);
    ada.sign_in(ADA).await;
    let after = shared(before.replica()).start();
    let [a, b] = urls(&after.settings);
    assert!(!greets(&ada, &b, ADA).await, "only at its host");
    let response = ada.get(&format!("{a}/static/style.css")).await;
    assert_eq!(set_cookies(&response), [""; 0]);
    let response = ada.get(&format!("{a}/")).await;
    session_lines(&response);
    assert!(greets(&ada, &b, ADA).await);
    assert_eq!(ada.cookies("/").matches("sessionid=").count(), 1);
    let response = ada.get(&format!("{a}/")).await;
    assert_eq!(set_cookies(&response), [""; 0], "it is written once");
}

#[tokio::test]
async fn a_cookie_loses_a_domain_that_is_no_longer_set() {
    let before = shared(TestApp::builder()).start();
    let [shared_a, _] = urls(&before.settings);
    let ada = Visitor::new(&shared_a);
    ada.sign_in(ADA).await;
    let after = on_a(before.replica()).start();
    let [a, _] = urls(&after.settings);
    let response = ada.get(&format!("{a}/")).await;
    let lines = set_cookies(&response);
    assert!(
        lines.len() == 1 && !lines[0].contains("Domain"),
        "{lines:?}"
    );
    // The browser keeps the cookie of the domain too.
    assert_eq!(ada.cookies("/").matches("sessionid=").count(), 2);
    let response = ada.get(&format!("{a}/")).await;
    assert_eq!(set_cookies(&response), [""; 0], "it is written once");
    assert!(greets(&ada, &a, ADA).await);
    before.advance(301);
    assert!(greets(&ada, &a, ADA).await);
    assert_eq!(before.renewals(), 1);
    ada.follow(&format!("{a}/auth/logout")).await;
    assert!(before.only_session().revoked_at.is_some());
    assert!(!greets(&ada, &a, ADA).await);
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_written_again() {
    let before = on_a(TestApp::builder()).start();
    let [old_a, _] = urls(&before.settings);
    let ada = Visitor::new(&old_a);
    ada.sign_in(ADA).await;
    let cookies = ada.cookies("/");
    ada.follow("/auth/logout").await;
    let after = shared(before.replica()).start();
    let [a, _] = urls(&after.settings);
    let response = Visitor::new(&a).get_with_cookies("/", &cookies).await;
    assert_eq!(set_cookies(&response), [""; 0]);
}

#[tokio::test]
async fn the_cookie_of_the_last_open_session_is_used_in_any_order() {
    let before = on_a(TestApp::builder()).start();
    let [old_a, _] = urls(&before.settings);
    let after = shared(before.replica()).start();
    let [a, _] = urls(&after.settings);
    let stranger = after.visitor();
    for (first_app, second_app) in [(&old_a, &a), (&a, &old_a)] {
        let first = cookie_of(first_app, ADA).await;
        before.advance(1);
        let second = cookie_of(second_app, OLIVE).await;
        for cookies in [format!("{first}; {second}"), format!("{second}; {first}")] {
            let page = stranger.get_with_cookies("/", &cookies).await;
            let page = page.text().await.unwrap();
            assert!(page.contains("Welcome, olive@example.com!"), "{page}");
        }
        // A session that has ended hides no other.
        Visitor::new(&a)
            .post_with_cookies("/auth/logout", &second)
            .await;
        for cookies in [format!("{first}; {second}"), format!("{second}; {first}")] {
            let page = Visitor::new(&a).get_with_cookies("/", &cookies).await;
            let page = page.text().await.unwrap();
            assert!(page.contains("Welcome, ada@example.com!"), "{page}");
        }
    }
}

#[tokio::test]
async fn a_log_out_ends_the_sessions_of_both_cookies() {
    for path in ["/auth/logout", "/api/auth/logout"] {
        let before = on_a(TestApp::builder()).start();
        let [old_a, _] = urls(&before.settings);
        let browser = Visitor::new(&old_a);
        browser.sign_in(ADA).await;
        let after = shared(before.replica()).start();
        let [a, b] = urls(&after.settings);
        // At the other host, which does not see the first cookie.
        let there = Visitor::new(&b);
        before.advance(1);
        let authorize = there.start_login(&format!("{a}/auth/login")).await;
        let callback = there.authorize(&authorize, OLIVE).await;
        there.get(callback.as_str()).await;
        let both = format!("{}; {}", browser.cookies("/"), there.cookies("/"));
        let response = Visitor::new(&a).post_with_cookies(path, &both).await;
        let [_, line] = session_lines(&response);
        assert!(is_removal(&line), "{line}");
        let open = before.sessions().into_iter();
        assert_eq!(
            open.filter(|row| row.revoked_at.is_none()).count(),
            0,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_sign_in_replaces_the_older_cookie_of_its_host() {
    let before = on_a(TestApp::builder()).start();
    let [old_a, _] = urls(&before.settings);
    let browser = Visitor::new(&old_a);
    browser.sign_in(ADA).await;
    let after = shared(before.replica()).start();
    let [a, b] = urls(&after.settings);
    before.advance(1);
    let authorize = browser.start_login(&format!("{a}/auth/login")).await;
    let callback = browser.authorize(&authorize, OLIVE).await;
    session_lines(&browser.get(callback.as_str()).await);
    assert_eq!(browser.cookies("/").matches("sessionid=").count(), 1);
    for url in [&a, &b] {
        assert!(greets(&browser, url, OLIVE).await, "{url}");
    }
    let open = before.sessions().into_iter();
    assert_eq!(open.filter(|row| row.revoked_at.is_none()).count(), 1);
}

/// A host of the domain is a neighbour, not this site.
#[tokio::test]
async fn a_form_of_another_host_is_refused() {
    let app = start_shared();
    let [a, b] = urls(&app.settings);
    let ada = Visitor::new(&a);
    ada.sign_in(ADA).await;
    for headers in [
        vec![
            ("sec-fetch-site", "same-site"),
            (ORIGIN.as_str(), b.as_str()),
        ],
        vec![(ORIGIN.as_str(), b.as_str())],
        vec![("sec-fetch-site", "same-site")],
    ] {
        for path in ["/auth/logout", "/api/auth/session", "/auth/organization"] {
            let mut request = ada.request(Method::POST, path);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let response = request.send().await.unwrap();
            assert_eq!(
                response.status(),
                StatusCode::FORBIDDEN,
                "{path} {headers:?}"
            );
        }
    }
    assert!(greets(&ada, &a, ADA).await);
    let link = ada.request(Method::GET, "/auth/logout");
    let link = link
        .header("sec-fetch-site", "same-site")
        .send()
        .await
        .unwrap();
    assert_eq!(link.status(), StatusCode::OK, "it asks first");
    assert!(greets(&ada, &b, ADA).await);
}

#[tokio::test]
async fn what_no_key_opens_is_removed_with_and_without_the_domain() {
    let app = start_shared();
    let host = format!("b.site.localhost:{}", app.settings.bind.port());
    let request = app.visitor().request(Method::GET, "/");
    let request = request.header(HOST, host);
    let request = request.header("cookie", format!("sessionid={}", "A".repeat(400)));
    let [_, line] = session_lines(&request.send().await.unwrap());
    assert!(is_removal(&line), "{line}");
}
