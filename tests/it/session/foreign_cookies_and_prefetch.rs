//! Cookies of other applications on the same host or domain, and requests that a browser sends without a
//! user's click.

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};

use crate::support::app::{TestApp, set_cookies};
use crate::support::steps::{assert_nobody_signed_in, is_removal, obtain_callback_url, set_cookie};

#[tokio::test]
async fn another_applications_cookie_of_the_same_name_does_not_hide_the_session() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let cookies = format!("sessionid=theirs; {}", ada.cookies("/"));
    let response = ada.get_with_cookies("/", &cookies).await;
    assert_eq!(set_cookies(&response), [""; 0]);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("Welcome, ada@example.com!")
    );
}

/// The cookie is valid for a Django on the same host.
#[tokio::test]
async fn a_session_cookie_of_django_is_not_removed() {
    let app = TestApp::builder()
        .setting("AUTH_COOKIE_NAME", "tofu-web")
        .start();
    for theirs in [
        "sessionid=w4kgsd0hqm3y1z9xa7c5v2b8n6t0rjpe",
        "sessionid=eyJhIjoxfQ:1vQk3C:Zm9vYmFyYmF6cXV4",
    ] {
        let both = format!("{theirs}; tofu-web=x.y.z; csrftoken=made-up");
        for (method, target) in [
            (Method::GET, "/"),
            (Method::GET, "/login"),
            (Method::GET, "/account"),
            (Method::GET, "/api/users/me"),
            (Method::POST, "/auth/logout"),
            (Method::POST, "/api/auth/logout"),
        ] {
            let request = app.visitor().request(method.clone(), target);
            let response = request.header("cookie", &both).send().await.unwrap();
            let lines = set_cookies(&response);
            let names: Vec<_> = lines
                .iter()
                .filter_map(|line| line.split('=').next())
                .collect();
            assert!(
                !names.contains(&"sessionid"),
                "{method} {target}: {names:?}"
            );
        }
        let ada = app.signed_in("ada@example.com").await;
        let cookies = format!("{theirs}; {}", ada.cookies("/"));
        let page = ada
            .get_with_cookies("/", &cookies)
            .await
            .text()
            .await
            .unwrap();
        assert!(page.contains("Welcome, ada@example.com!"), "ours is found");
    }
    // What has the form of ours, and no key opens, is an old cookie of ours.
    let cookies = format!("sessionid={}", "A".repeat(400));
    let response = app.visitor().get_with_cookies("/", &cookies).await;
    assert!(set_cookie(&response, "sessionid").is_some_and(|line| is_removal(&line)));
}

/// Browsers do not let other hosts set `__Host-…`, but they do not decode `%5F` to `_`.
#[tokio::test]
async fn a_cookie_whose_name_only_decodes_to_the_session_cookies_is_ignored() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let olive = app.signed_in("olive@example.com").await;
    let disguised = ada.cookies("/").replace("sessionid=", "%73essionid=");
    let page = ada
        .get_with_cookies("/", &disguised)
        .await
        .text()
        .await
        .unwrap();
    assert!(!page.contains("Welcome"), "{page}");
    let both = format!("{disguised}; {}", olive.cookies("/"));
    let page = ada.get_with_cookies("/", &both).await.text().await.unwrap();
    assert!(page.contains("Welcome, olive@example.com!"), "{page}");
}

/// A cache that stored such a response would give one user's cookie to every user.
#[tokio::test]
async fn a_cacheable_file_sets_no_cookie() {
    let app = TestApp::start();
    let response = app
        .visitor()
        .get_with_cookies("/static/style.css", "sessionid=dead")
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(set_cookies(&response), [""; 0]);
    let response = app
        .visitor()
        .get_with_cookies("/healthz", "sessionid=dead")
        .await;
    let cached = response.headers()["cache-control"].to_str().unwrap();
    assert!(cached.contains("no-store"), "{cached}");
}

#[tokio::test]
async fn an_unknown_cookie_name_is_not_repeated_in_the_response() {
    let app = TestApp::start();
    for name in [
        "vestibule_login_%0d%0aX:1",
        "vestibule_login_x%3Dv%3B Domain%3Dx",
        "vestibule_login_",
    ] {
        let response = app
            .visitor()
            .get_with_cookies("/auth/login", &format!("{name}=1"))
            .await;
        assert_eq!(response.status(), StatusCode::FOUND, "{name}");
        assert_eq!(set_cookies(&response).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_prefetch_does_not_sign_out() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let prefetch = HeaderValue::from_static("prefetch;prerender");
    let ahead = ada
        .request(Method::GET, "/auth/logout")
        .header("sec-purpose", prefetch);
    assert_eq!(ahead.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let head = ada
        .request(Method::HEAD, "/auth/logout")
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::NO_CONTENT);
    assert!(ada.is_signed_in().await);
    assert_eq!(app.only_session().revoked_at, None);
}

#[tokio::test]
async fn a_prefetch_does_not_use_up_the_code() {
    let app = TestApp::start();
    let ada = app.visitor();
    let callback = obtain_callback_url(&ada, "ada@example.com").await;
    let head = ada
        .request(Method::HEAD, callback.as_str())
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::NO_CONTENT);
    assert_nobody_signed_in(&app, &ada).await;
    assert_eq!(ada.get(callback.as_str()).await.status(), StatusCode::FOUND);
    assert!(ada.is_signed_in().await);
}

/// Browsers keep such white space in a name, so that the rules of the prefix `__Host-` do not hold for it.
#[tokio::test]
async fn a_cookie_whose_name_begins_with_white_space_of_unicode_is_ignored() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let stranger = app.visitor();
    for space in ["", " ", "\u{2000}", "\u{a0}", "\u{85}", "\u{3000}"] {
        let cookies = format!("{space}{}", ada.cookies("/"));
        let page = stranger
            .get_with_cookie_bytes("/", cookies.as_bytes())
            .await;
        let is_greeted = page.text().await.unwrap().contains("Welcome, ");
        assert_eq!(is_greeted, space.trim_matches(' ').is_empty(), "{space:?}");
    }
}
