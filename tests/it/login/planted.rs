//! A login attempt that one person began and whose cookie was set in another person's browser: the first one has
//! the cookie and the `state` too.

use chrono::TimeDelta;
use reqwest::header::{COOKIE, USER_AGENT};
use reqwest::{Method, Response, StatusCode, Url};

use crate::audit::events_of;
use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::proxied::Proxy;
use crate::support::steps::{
    AUTHENTICATE, error_page, obtain_callback_url, set_cookie, with_query,
};

const OWNER: (&str, &str) = ("192.0.2.1", "owner/1");
const SAME_NETWORK: (&str, &str) = ("192.0.2.200", "owner/1");
const ELSEWHERE: (&str, &str) = ("198.51.100.1", "owner/1");
const OTHER_BROWSER: (&str, &str) = ("192.0.2.1", "other/1");

fn app() -> TestApp {
    TestApp::builder()
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start()
}

/// Loads the callback with these cookies alone, as the client with this address and `User-Agent`.
async fn load(app: &TestApp, callback: &Url, cookies: &str, client: (&str, &str)) -> Response {
    let target = format!("{}?{}", callback.path(), callback.query().unwrap());
    let request = app.visitor().request(Method::GET, &target);
    let request = request.header(COOKIE, cookies);
    let request = request.header("X-Forwarded-For", client.0);
    request.header(USER_AGENT, client.1).send().await.unwrap()
}

/// Begins an attempt, and lets another person complete it whose browser has the same cookie. Returns the callback
/// and the cookie.
async fn planted(app: &TestApp) -> (Url, String) {
    let beginner = app.visitor();
    let callback = obtain_callback_url(&beginner, "ada@example.com").await;
    let cookies = beginner.cookies("/auth/callback");
    let response = load(app, &callback, &cookies, OWNER).await;
    assert!(set_cookie(&response, "sessionid").is_some());
    (callback, cookies)
}

async fn assert_refused(response: Response) {
    assert!(set_cookie(&response, "sessionid").is_none());
    error_page(response, StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn the_cookie_without_the_code_gets_no_session() {
    let app = app();
    let (callback, cookies) = planted(&app).await;
    let invented = with_query(&callback, "code", Some("invented"));
    // This process remembers the code that was accepted. Another one does not, and asks WorkOS.
    let replica = app.replica().setting("TRUSTED_PROXIES", "127.0.0.1");
    let replica = replica.start();
    for server in [&app, &replica] {
        for client in [OWNER, ELSEWHERE] {
            let response = load(server, &invented, &cookies, client).await;
            assert_refused(response).await;
        }
    }
    assert_eq!(app.workos().count(AUTHENTICATE), 3);
    // The owner's reload still works.
    let again = load(&replica, &callback, &cookies, SAME_NETWORK).await;
    assert!(set_cookie(&again, "sessionid").is_some());
    let session = app.only_session();
    drop(replica);
    let events = events_of_stopped(app);
    let repeated = events.iter().find(|row| row.event == "sign_in_repeated");
    let repeated = repeated.unwrap();
    assert_eq!(repeated.session_id.as_ref(), Some(&session.id));
    assert_eq!(repeated.user_id, Some(session.user_id));
    assert_eq!(repeated.address.as_deref(), Some(SAME_NETWORK.0));
    let failed = events.iter().filter(|row| row.event == "sign_in_failed");
    let from: Vec<_> = failed.filter_map(|row| row.address.as_deref()).collect();
    assert!(from.contains(&ELSEWHERE.0), "{from:?}");
}

#[tokio::test]
async fn another_client_with_the_code_gets_no_session() {
    let app = app();
    for client in [ELSEWHERE, OTHER_BROWSER] {
        let (callback, cookies) = planted(&app).await;
        assert_refused(load(&app, &callback, &cookies, client).await).await;
        let again = load(&app, &callback, &cookies, SAME_NETWORK).await;
        assert!(set_cookie(&again, "sessionid").is_some());
    }
}

/// A session of an earlier version does not say which code was exchanged, and by whom.
#[tokio::test]
async fn a_session_of_an_earlier_version_is_not_given_out_again() {
    use diesel::prelude::*;
    use vestibule::db::schema::sessions;

    let app = app();
    let (callback, cookies) = planted(&app).await;
    app.change(|conn| {
        diesel::update(sessions::table)
            .set(sessions::callback_proof.eq(None::<String>))
            .execute(conn)
    });
    assert_refused(load(&app, &callback, &cookies, OWNER).await).await;
}

/// Browsers take a `__Host-` cookie from the host itself only, not from a sibling host or over plain http.
#[tokio::test]
async fn on_https_no_other_host_can_set_the_cookie() {
    let (proxy, app) = Proxy::with_tls();
    let begun = proxy.get("/auth/login", "").await;
    let line = set_cookies(&begun).remove(0);
    assert!(line.starts_with("__Host-vestibule_login_"), "{line}");
    for part in [
        "HttpOnly",
        "SameSite=Lax",
        "Path=/",
        "Secure",
        "Max-Age=600",
    ] {
        assert!(line.split("; ").any(|one| one == part), "{part}: {line}");
    }
    assert!(!line.contains("Domain"), "{line}");
    let authorize = Url::parse(&location(&begun)).unwrap();
    let callback = Visitor::new(&proxy.upstream)
        .authorize(&authorize, "ada@example.com")
        .await;
    let target = format!("{}?{}", callback.path(), callback.query().unwrap());
    let cookie = line.split(';').next().unwrap();
    let bare = cookie.strip_prefix("__Host-").unwrap();
    let encoded = cookie.replacen("__Host-", "%5F_Host-", 1);
    let lower_case = cookie.replacen("__Host-", "__host-", 1);
    for planted in [bare, encoded.as_str(), lower_case.as_str()] {
        assert_refused(proxy.get(&target, planted).await).await;
    }
    assert!(app.sessions().is_empty());
    let response = proxy.get(&target, cookie).await;
    assert!(set_cookie(&response, "sessionid").is_some());
    let removed = set_cookies(&response);
    let removed = removed.iter().find(|line| line.starts_with("__Host-"));
    let removed = removed.unwrap();
    for part in ["Path=/", "Secure", "Max-Age=0"] {
        assert!(removed.split("; ").any(|one| one == part), "{removed}");
    }
}

#[tokio::test]
async fn on_https_a_sign_in_that_an_earlier_version_began_completes() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let cookies = ada.cookies("/auth/callback");
    assert!(cookies.starts_with("vestibule_login_"), "{cookies}");
    let next = app
        .replica()
        .setting("PUBLIC_URL", "https://app.example.com")
        .setting("WORKOS_REDIRECT_URI", "http://localhost/auth/callback")
        .start();
    let target = format!("{}?{}", callback.path(), callback.query().unwrap());
    let proxy = Proxy {
        upstream: next.url.clone(),
        host: "app.example.com",
    };
    next.clock.advance(TimeDelta::seconds(30));
    let response = proxy.get(&target, &cookies).await;
    assert!(set_cookie(&response, "sessionid").is_some());
}

fn events_of_stopped(app: TestApp) -> Vec<vestibule::audit::AuditEventRow> {
    let database = app.database.clone();
    let kept = app.stop();
    let events = events_of(&database);
    drop(kept);
    events
}
