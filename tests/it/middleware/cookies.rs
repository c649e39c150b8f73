//! Cookies of other applications on the same host, which must not disturb ours.

use reqwest::Method;
use reqwest::header::COOKIE;

use crate::support::app::{TestApp, Visitor};
use crate::support::steps::{is_removal, set_cookie};

/// Whether the home page greets the user for a request with these `Cookie` headers.
async fn greets(app: &TestApp, lines: &[&[u8]]) -> bool {
    let mut request = Visitor::new(&app.url).request(Method::GET, "/");
    for line in lines {
        request = request.header(COOKIE, *line);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap().contains("Welcome, ")
}

#[tokio::test]
async fn the_session_is_found_among_other_applications_cookies() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let ours = format!("sessionid={}", ada.cookie("/", "sessionid").unwrap());
    assert!(greets(&app, &[ours.as_bytes()]).await);
    let others: [&[u8]; 9] = [
        b"nameless",
        b"=empty-name",
        b"legacy=caf\xe9",
        b"legacy=%e9",
        b"modern=caf\xc3\xa9",
        b"broken=%zz",
        b"; ;;",
        b"quoted=\"a b, c\"",
        b"csrftoken=x; theme=dark",
    ];
    for other in others {
        let before = [other, b"; ", ours.as_bytes()].concat();
        let after = [ours.as_bytes(), b"; ", other].concat();
        let name = String::from_utf8_lossy(other);
        assert!(greets(&app, &[&before]).await, "{name} before");
        assert!(greets(&app, &[&after]).await, "{name} after");
        assert!(
            greets(&app, &[other, ours.as_bytes()]).await,
            "{name} apart"
        );
    }
}

#[tokio::test]
async fn a_sign_in_works_beside_a_cookie_that_is_not_utf_8() {
    let app = TestApp::start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.authorize(&authorize, "ada@example.com").await;
    let cookies = [b"legacy=caf\xe9; ", ada.cookies("/auth").as_bytes()].concat();
    let request = Visitor::new(&app.url).request(Method::GET, callback.as_str());
    let response = request.header(COOKIE, cookies).send().await.unwrap();
    assert_eq!(response.status(), 302);
}

#[tokio::test]
async fn a_fallback_key_opens_a_session_beside_a_cookie_that_is_not_ascii() {
    let before = TestApp::start();
    let ada = before.signed_in("ada@example.com").await;
    let ours = ada.cookie("/", "sessionid").unwrap();
    let clock = before.clock.clone();
    let app = TestApp::builder()
        .setting(
            "SECRET_KEY",
            "another-made-up-key-with-more-than-fifty-characters-in-it",
        )
        .setting("SECRET_KEY_FALLBACKS", crate::support::app::SECRET_KEY)
        .database(before.stop())
        .clock(clock)
        .start();
    for other in [&b"modern=caf\xc3\xa9"[..], b"legacy=caf\xe9"] {
        let line = [other, b"; sessionid=", ours.as_bytes()].concat();
        assert!(greets(&app, &[&line]).await);
    }
}

#[tokio::test]
async fn a_cookie_of_the_same_name_from_another_application_does_not_hide_ours() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let ours = format!("sessionid={}", ada.cookie("/", "sessionid").unwrap());
    for cookies in [
        format!("sessionid=theirs; {ours}"),
        format!("{ours}; sessionid=theirs"),
        format!("sessionid=; sessionid=%ff; {ours}"),
    ] {
        let response = ada.get_with_cookies("/account", &cookies).await;
        assert_eq!(response.status(), 200, "{cookies}");
    }
}

/// Django, PHP, Express, Rails and others on the same host may use the same name.
#[tokio::test]
async fn another_programs_session_cookie_is_never_removed() {
    let app = TestApp::start();
    for theirs in [
        "theirs",
        "",
        "x7f0q2m9c4k1z8v3b6n5t0r2w4y6u8i1",
        ".eJxVjDsOwjAQ:1uXy2Z:mB3cVn0sQ8kT7wYpR2dL5fH1jG9aE4xK6oU0iC3zS8M",
        "s%3Afsoa8dh3k2l.Qm9vbGVhbnMgYXJlIG5vdCBzdHJpbmdzIGJ1dCBob29rcw",
        "eyJ1c2VyIjoxfQ.ZzZ6ZQ.c2lnbmF0dXJlLW9mLWEtZmxhc2stY29va2ll",
        "ZW5jcnlwdGVkLWRhdGEtb2YtcmFpbHMtdGhhdC1pcy1sb25nLWVub3VnaC10by1iZS1vdXJz%3D--aXY%3D--dGFn%3D%3D",
        "5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99",
        "%ff",
        "not-ascii-\u{e9}",
    ] {
        let cookie = format!("sessionid={theirs}");
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/login"),
            (Method::GET, "/account"),
            (Method::GET, "/api/users/me"),
            (Method::POST, "/api/token"),
            (Method::POST, "/api/token/verify"),
            (Method::POST, "/api/auth/google"),
        ] {
            let request = app.visitor().request(method, path);
            let response = request
                .header(COOKIE, cookie.as_bytes())
                .send()
                .await
                .unwrap();
            assert_eq!(set_cookie(&response, "sessionid"), None, "{path} {theirs}");
        }
    }
}

/// A key that is gone: pages remove the cookie, and the routes that touch no cookie leave it. With a fallback key, pages
/// seal it anew.
#[tokio::test]
async fn routes_that_touch_no_cookie_leave_our_own_one_too() {
    let before = TestApp::start();
    let ada = before.signed_in("ada@example.com").await;
    let ours = format!("sessionid={}", ada.cookie("/", "sessionid").unwrap());
    let clock = before.clock.clone();
    let mut database = before.stop();
    for has_fallback in [false, true] {
        let mut builder = TestApp::builder().setting(
            "SECRET_KEY",
            "another-made-up-key-with-more-than-fifty-characters-in-it",
        );
        if has_fallback {
            builder = builder.setting("SECRET_KEY_FALLBACKS", crate::support::app::SECRET_KEY);
        }
        let app = builder.database(database).clock(clock.clone()).start();
        for path in [
            "/api/token",
            "/api/token/refresh",
            "/api/token/verify",
            "/api/auth/okta",
        ] {
            let request = app.visitor().request(Method::POST, path);
            let response = request.header(COOKIE, &ours).send().await.unwrap();
            assert_eq!(response.headers().get("set-cookie"), None, "{path}");
        }
        let page = ada_page(&app, &ours).await;
        assert_eq!(is_removal(&page), !has_fallback, "{page}");
        database = app.stop();
    }
}

/// The session cookie that a page sets.
async fn ada_page(app: &TestApp, cookies: &str) -> String {
    let request = app.visitor().request(Method::GET, "/");
    let response = request.header(COOKIE, cookies).send().await.unwrap();
    set_cookie(&response, "sessionid").expect("a cookie")
}

/// Otherwise the response would be several times as large as the request, and a client that does not read it
/// would fill the memory.
#[tokio::test]
async fn a_response_removes_a_bounded_number_of_invented_cookies() {
    let app = TestApp::start();
    let names = |prefix: &str| -> Vec<_> {
        (0..400)
            .map(|number| format!("{prefix}{number:016x}=1"))
            .collect()
    };
    let cookies = [names("vestibule_login_"), names("vestibule_step_")]
        .concat()
        .join("; ");
    for target in ["/auth/login", "/auth/logout"] {
        let request = app.visitor().request(Method::GET, target);
        let request = request.header(COOKIE, &cookies);
        let request = request.header("Sec-Fetch-Site", "none");
        let response = request.send().await.unwrap();
        assert!(response.status().is_redirection(), "{target}");
        let removed = response.headers().get_all("set-cookie").iter().count();
        assert!((50..60).contains(&removed), "{target}: {removed}");
    }
}

/// Other applications of the host can set so many cookies that no server reads them.
#[tokio::test]
async fn a_cookie_header_of_any_size_gets_an_answer() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let ours = format!("sessionid={}", ada.cookie("/", "sessionid").unwrap());
    for other in ["a=b; ", "sessionid=x; ", "access_token=x; "] {
        let many = other.repeat(100 * 1024 / other.len());
        assert!(greets(&app, &[format!("{many}{ours}").as_bytes()]).await);
        let too_many = other.repeat(140 * 1024 / other.len());
        let request = Visitor::new(&app.url).request(Method::GET, "/");
        let response = request.header(COOKIE, too_many).send().await.unwrap();
        assert_eq!(response.status(), 431, "{other}");
    }
}
