//! `LOGIN_REDIRECT_HOSTS`: other hosts to which a sign-in and a log-out may lead.

use reqwest::{StatusCode, Url};
use serde_json::json;

use super::{ADA, on_a, start_shared, urls};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::{login_with_next, query};

async fn landing(url: &str, next: &str) -> String {
    let ada = Visitor::new(url);
    let authorize = ada.start_login(&login_with_next(next)).await;
    let callback = ada.authorize(&authorize, ADA).await;
    location(&ada.get(callback.as_str()).await)
}

#[tokio::test]
async fn a_sign_in_leads_to_listed_hosts_only() {
    let app = on_a(TestApp::builder())
        .setting(
            "LOGIN_REDIRECT_HOSTS",
            "app.example.com,.apps.example,b.site.localhost",
        )
        .start();
    let [a, b] = urls(&app.settings);
    let here = format!("{a}/account");
    let there = format!("{b}/account?x=1");
    let action = format!("{b}/auth/logout");
    for (next, lands) in [
        (
            "https://app.example.com/inbox?q=a b#top",
            "https://app.example.com/inbox?q=a%20b#top",
        ),
        ("https://c.apps.example", "https://c.apps.example/"),
        (&there, &there),
        (&here, "/account"),
        // No action of this server under another name.
        (&action, "/"),
        ("http://app.example.com/", "/"),
        ("https://evil.example/", "/"),
        ("https://app.example.com@evil.example/", "/"),
        ("https://app.example.com.evil.example/", "/"),
        ("//app.example.com/", "/"),
        ("https:/\\app.example.com/", "/"),
        ("https://APP.example.com/", "/"),
        ("https://app.example.com./", "/"),
        ("https://xn--80ak6aa92e.apps.example/", "/"),
    ] {
        assert_eq!(landing(&a, next).await, lands, "{next}");
    }
}

#[tokio::test]
async fn a_log_in_with_a_password_leads_there_and_the_policy_of_its_form_allows_it() {
    let app = start_shared();
    app.add_password_user(ADA);
    let [a, b] = urls(&app.settings);
    let ada = Visitor::new(&a);
    let next = format!("{b}/account");
    let form = ada.get(&format!("/login?next={next}")).await;
    let policy = form.headers()["content-security-policy"].to_str().unwrap();
    let forms = policy
        .split(';')
        .find(|part| part.contains("form-action"))
        .unwrap();
    for source in [
        a.as_str(),
        "http://b.site.localhost:*",
        "https://b.site.localhost:*",
    ] {
        assert!(
            forms.split(' ').any(|one| one == source),
            "{source} in {forms}"
        );
    }
    let page = form.text().await.unwrap();
    assert!(
        page.contains(&format!(r#"name="next" value="{next}""#)),
        "{page}"
    );
    let fields = [("email", ADA), ("password", PASSWORD), ("next", &next)];
    assert_eq!(location(&ada.submit("/login", &fields).await), next);
    let evil = [
        ("email", ADA),
        ("password", PASSWORD),
        ("next", "https://evil.example/"),
    ];
    assert_eq!(location(&ada.submit("/login", &evil).await), "/");
}

#[tokio::test]
async fn a_sign_in_that_begins_at_another_host_returns_to_it() {
    let app = start_shared();
    let [a, b] = urls(&app.settings);
    let ada = Visitor::new(&b);
    let begun = location(&ada.get("/account?tab=1").await);
    let moved = Url::parse(&location(&ada.get(&begun).await)).unwrap();
    assert!(
        moved.as_str().starts_with(&format!("{a}/auth/login?")),
        "{moved}"
    );
    assert_eq!(query(&moved, "next"), format!("{b}/account?tab=1"));
    let authorize = ada.start_login(moved.as_str()).await;
    let callback = ada.authorize(&authorize, ADA).await;
    let back = location(&ada.get(callback.as_str()).await);
    assert_eq!(back, format!("{b}/account?tab=1"));
    assert_eq!(ada.get(&back).await.status(), StatusCode::OK);
}

/// The host would demand a sign-in again, without end.
#[tokio::test]
async fn it_does_not_return_to_a_host_that_the_session_cookie_does_not_reach() {
    let app = on_a(TestApp::builder())
        .setting("LOGIN_REDIRECT_HOSTS", "b.site.localhost")
        .start();
    let [_, b] = urls(&app.settings);
    let moved = location(&Visitor::new(&b).get("/auth/login?next=%2Faccount").await);
    assert_eq!(query(&Url::parse(&moved).unwrap(), "next"), "/account");
}

#[tokio::test]
async fn an_api_log_out_returns_to_listed_hosts_only() {
    let app = on_a(TestApp::builder())
        .setting("LOGIN_REDIRECT_HOSTS", "b.site.localhost,app.example.com")
        .start();
    let [a, b] = urls(&app.settings);
    for (return_to, is_allowed) in [
        (format!("{b}/bye"), true),
        (format!("{a}/bye"), true),
        ("https://app.example.com/bye".to_owned(), true),
        ("http://app.example.com/bye".to_owned(), false),
        ("https://app.example.com@evil.example/".to_owned(), false),
        ("https://evil.example/".to_owned(), false),
    ] {
        let ada = Visitor::new(&a);
        ada.sign_in(ADA).await;
        let body = json!({ "return_to": return_to });
        let answer = ada.post_json("/api/auth/logout", &body).await;
        if is_allowed {
            let url = Url::parse(&answer.text("workos_logout_url")).unwrap();
            assert_eq!(query(&url, "return_to"), return_to);
        } else {
            assert_eq!(answer.status, 400, "{return_to}");
        }
    }
}
