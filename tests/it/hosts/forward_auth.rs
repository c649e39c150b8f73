//! Forward authentication for an application on another host than `PUBLIC_URL`.

use reqwest::{Method, Url};

use super::{on_a, separate, shared, urls};
use crate::support::app::{TestApp, location};
use crate::support::steps::query;

const PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");

/// The sign-in address of a request for `/reports?x=1` on this host, and its `next`.
async fn sign_in(app: &TestApp, headers: &[(&str, &str)]) -> (String, Option<String>) {
    let mut request = app.visitor().request(Method::GET, "/auth/verify");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let address = response.headers()["x-auth-sign-in"].to_str().unwrap();
    let url = Url::parse(address).unwrap();
    let next = url.query().map(|_| query(&url, "next"));
    assert_eq!(url.path(), "/auth/login");
    (url.origin().ascii_serialization(), next)
}

#[tokio::test]
async fn a_sign_in_returns_to_the_application_on_a_host_that_gets_the_cookie() {
    let app = shared(TestApp::builder()).setting(PROXY.0, PROXY.1).start();
    let [a, b] = urls(&app.settings);
    let host = b.strip_prefix("http://").unwrap();
    let page = format!("{b}/reports?x=1");
    let uri = ("x-forwarded-uri", "/reports?x=1");
    for headers in [
        vec![("x-forwarded-host", host), uri],
        vec![
            ("x-forwarded-host", host),
            uri,
            ("x-forwarded-proto", "https"),
        ],
        vec![("x-original-url", &page)],
    ] {
        let found = sign_in(&app, &headers).await;
        assert_eq!(found, (a.clone(), Some(page.clone())), "{headers:?}");
    }
    for headers in [
        vec![("x-forwarded-host", "evil.example"), uri],
        vec![("x-forwarded-host", "c.site.localhost"), uri],
        vec![("x-forwarded-host", "b.site.localhost@evil.example"), uri],
        vec![("x-forwarded-host", "evil.example, b.site.localhost"), uri],
        vec![("x-original-url", "http://evil.example/reports?x=1")],
        vec![
            ("x-forwarded-host", host),
            ("x-forwarded-uri", "/auth/logout"),
        ],
    ] {
        assert_eq!(
            sign_in(&app, &headers).await,
            (a.clone(), None),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_names_another_host() {
    let app = shared(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    let host = b.strip_prefix("http://").unwrap();
    let headers = [("x-forwarded-host", host), ("x-forwarded-uri", "/reports")];
    assert_eq!(sign_in(&app, &headers).await, (a, None));
}

/// It would return without being signed in there, again and again.
#[tokio::test]
async fn a_sign_in_does_not_return_to_a_host_without_the_cookie() {
    let app = on_a(TestApp::builder())
        .setting("LOGIN_REDIRECT_HOSTS", "b.site.localhost")
        .setting(PROXY.0, PROXY.1)
        .start();
    let [a, b] = urls(&app.settings);
    let host = b.strip_prefix("http://").unwrap();
    let headers = [("x-forwarded-host", host), ("x-forwarded-uri", "/reports")];
    assert_eq!(sign_in(&app, &headers).await, (a, None));
}

#[tokio::test]
async fn a_host_with_its_own_redirect_uri_signs_in_there() {
    let app = separate(TestApp::builder())
        .setting(PROXY.0, PROXY.1)
        .start();
    let [a, b] = urls(&app.settings);
    let host = b.strip_prefix("http://").unwrap();
    let headers = [("x-forwarded-host", host), ("x-forwarded-uri", "/reports")];
    let there = (b.clone(), Some("/reports".to_owned()));
    assert_eq!(sign_in(&app, &headers).await, there);
    let page = format!("{b}/reports");
    assert_eq!(sign_in(&app, &[("x-original-url", &page)]).await, there);
    let untrusted = separate(TestApp::builder()).start();
    let found = sign_in(&untrusted, &headers).await;
    assert_eq!(found.1, None);
    drop(a);
}

/// The nginx of docs/forward-auth.md passes `Host` on, and names the page by its path.
#[tokio::test]
async fn a_sign_in_stays_on_the_host_that_the_proxy_passes_on() {
    let app = separate(TestApp::builder()).start();
    let [a, b] = urls(&app.settings);
    let host = b.strip_prefix("http://").unwrap();
    let there = (b.clone(), Some("/reports".to_owned()));
    for uri in ["x-original-uri", "x-forwarded-uri"] {
        let headers = [("host", host), (uri, "/reports")];
        assert_eq!(sign_in(&app, &headers).await, there, "{uri}");
    }
    assert_eq!(sign_in(&app, &[("host", host)]).await, (b.clone(), None));
    // Nobody but a trusted proxy names a host besides the one that was asked.
    for named in ["evil.example", a.strip_prefix("http://").unwrap(), host] {
        let headers = [("x-forwarded-host", named), ("x-original-uri", "/reports")];
        let (origin, next) = sign_in(&app, &headers).await;
        assert_eq!(origin, a, "{named}");
        assert_eq!(next.is_some(), a.ends_with(named), "{named}");
    }
    let request = app.visitor().request(Method::GET, "/auth/verify");
    let request = request.header("host", host).header("accept", "text/html");
    let answer = request.header("x-original-uri", "/reports").send().await;
    assert_eq!(
        location(&answer.unwrap()),
        format!("{b}/auth/login?next=%2Freports")
    );
}
