//! `GET /auth/verify`, which a proxy asks about each request to an application.

mod application;
mod names;
mod proxies;
mod sessions;
mod site;

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use vestibule::tokens::TokenGrant;

use crate::organization::{ORCHARDS, TANDEM, TWYLA, in_organization, switch};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor, location, set_cookies};
use crate::support::log;
use crate::support::readings::happens_soon;
use crate::support::tokens::token_claims;
use crate::webhooks::{SECRET, send_event, user};

const VERIFY: &str = "/auth/verify";
const OLIVE: &str = "olive@example.com";
const ADA: &str = "ada@example.com";

/// Asks as a proxy does for a request with these headers.
async fn ask(visitor: &Visitor, target: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = visitor.request(Method::GET, target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn status(visitor: &Visitor, target: &str) -> u16 {
    ask(visitor, target, &[]).await.status().as_u16()
}

#[track_caller]
fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_signed_in_user_is_named_by_headers_and_a_token() {
    let app = TestApp::builder()
        .setting("FORWARD_AUTH_AUDIENCE", "https://reports.example.com")
        .start();
    app.workos()
        .set_permissions("admin", &["posts:read", "a,b"]);
    let twyla = in_organization(&app, TWYLA, ORCHARDS).await;
    let answer = ask(&twyla, VERIFY, &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let user = app.user(TWYLA);
    let name = format!("{} {}", user.first_name, user.last_name);
    let orchards = app.organization(ORCHARDS);
    for (header_name, expected) in [
        ("x-auth-user-id", user.id.to_string().as_str()),
        ("x-auth-email", TWYLA),
        ("x-auth-name", name.as_str()),
        ("x-auth-organization", orchards.as_str()),
        ("x-auth-role", "admin"),
        ("x-auth-permissions", "posts:read,a%2Cb"),
    ] {
        assert_eq!(header(&answer, header_name), expected, "{header_name}");
    }
    assert!(header(&answer, "cache-control").contains("no-store"));
    let claims = token_claims(header(&answer, "x-auth-token"));
    assert_eq!(claims["aud"], "https://reports.example.com");
    assert_eq!(claims["user_id"], user.id.to_string());
    assert_eq!(claims["org_id"], orchards);
    assert_eq!(claims["permissions"], json!(["posts:read", "a,b"]));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 60);
    let forwarded = header(&answer, "x-auth-token").to_owned();
    assert_eq!(answer.text().await.unwrap(), "");
    // The application cannot use the token here, and so not get another one with it.
    let bearer = format!("Bearer {forwarded}");
    let again = ask(&app.visitor(), VERIFY, &[("authorization", &bearer)]).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    let me = app.visitor().get_me_with_token(&forwarded).await;
    assert_eq!(me.status, 401, "{me:?}");
    let (stranger, token) = (app.visitor(), json!({ "token": forwarded }));
    let verified = stranger.post_json("/api/token/verify", &token).await;
    assert_eq!(verified.status, 401);
    let (headers, empty) = ([("authorization", bearer.as_str())], json!({}));
    let logged_out = stranger.post_json_with_headers("/api/auth/logout", &empty, &headers);
    assert_eq!(logged_out.await.status, 200);
    assert_eq!(status(&twyla, VERIFY).await, 200, "nobody was logged out");

    switch(&app, &twyla, TANDEM).await;
    let answer = ask(&twyla, VERIFY, &[]).await;
    assert_eq!(
        header(&answer, "x-auth-organization"),
        app.organization(TANDEM)
    );
    assert_eq!(header(&answer, "x-auth-role"), "member");
}

#[tokio::test]
async fn access_tokens_are_accepted_and_other_schemes_are_left_alone() {
    let (app, user) = TestApp::builder().start_with_user();
    let credentials = json!({ "email": "ada@example.com", "password": PASSWORD });
    let tokens = app.visitor().post_json("/api/token", &credentials).await;
    let bearer = format!("Bearer {}", tokens.text("access"));
    let stranger = app.visitor();
    let asked = [(AUTHORIZATION.as_str(), bearer.as_str())];
    let answer = ask(&stranger, VERIFY, &asked).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "x-auth-user-id"), user.id.to_string());
    assert_eq!(header(&answer, "x-auth-role"), "");
    for wrong in ["Bearer nonsense", "Bearer", "Basic YTpi"] {
        let answer = ask(&stranger, VERIFY, &[("authorization", wrong)]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let ada = app.visitor();
    ada.log_in("ada@example.com", PASSWORD).await;
    let answer = ask(&ada, VERIFY, &[("authorization", "Basic YTpi")]).await;
    assert_eq!(answer.status(), StatusCode::OK, "the application's own");
}

#[tokio::test]
async fn every_required_right_must_be_held() {
    let app = TestApp::start();
    app.workos().set_permissions("admin", &["posts:read"]);
    let olive = app.signed_in(OLIVE).await;
    let orchards = app.organization(ORCHARDS);
    let theirs = format!("?permission=posts:read&role=admin&organization={orchards}");
    assert_eq!(status(&olive, &format!("{VERIFY}{theirs}")).await, 200);
    for missing in [
        "permission=posts:write",
        "permission=posts:read&permission=posts:write",
        "role=member",
        "organization=org_other",
        "permission=",
    ] {
        let target = format!("{VERIFY}?{missing}");
        let json = [(ACCEPT.as_str(), "application/json")];
        let answer = ask(&olive, &target, &json).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{missing}");
        assert_eq!(header(&answer, "x-auth-token"), "");
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["code"], "permission_denied", "{body}");
    }
    let target = format!("{VERIFY}?permission=posts:write");
    let page = ask(&olive, &target, &[(ACCEPT.as_str(), "text/html")]).await;
    let page = page.text().await.unwrap();
    assert!(
        page.contains("posts:write") && page.contains("<html"),
        "{page}"
    );
    assert_eq!(status(&app.visitor(), &target).await, 401);
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_for_everybody_and_logged() {
    log::capture();
    let app = TestApp::start();
    app.workos().set_permissions("admin", &["posts:read"]);
    let olive = app.signed_in(OLIVE).await;
    for query in [
        "permissions=posts:read",
        "Permission=posts:read",
        "permission=posts:read&roles=admin",
        "amp;permission=posts:read",
        "organisation=org_x",
        "allowed_groups=admins",
        "=posts:read",
    ] {
        let target = format!("{VERIFY}?{query}");
        for visitor in [&olive, &app.visitor()] {
            assert_eq!(status(visitor, &target).await, 403, "{query}");
        }
    }
    let logged = log::lines_with("unknown parameter");
    assert_eq!(logged.len(), 1, "once a minute: {logged:?}");
    assert!(logged[0].starts_with("ERROR ") && logged[0].contains("\"permissions\""));
    let json = [(ACCEPT.as_str(), "application/json")];
    let answer = ask(&olive, &format!("{VERIFY}?roles=admin"), &json).await;
    let body = answer.text().await.unwrap();
    assert!(
        body.contains("permission_denied") && body.contains("roles"),
        "{body}"
    );
    // Below the route the query is the client's.
    for query in ["?permissions=x", "?permission=posts:write", "?role=member"] {
        let target = format!("/auth/verify/reports{query}");
        assert_eq!(status(&olive, &target).await, 200, "{query}");
    }
    // A slash alone may be a proxy's, or a client's request to Envoy for `/`.
    for (query, expected) in [("?role=member", 403), ("?roles=member", 200)] {
        let target = format!("/auth/verify/{query}");
        assert_eq!(status(&olive, &target).await, expected, "{query}");
    }
    assert_eq!(status(&olive, &format!("{VERIFY}?")).await, 200);
}

#[tokio::test]
async fn a_page_is_redirected_to_the_sign_in_and_a_script_is_not() {
    let app = TestApp::start();
    let stranger = app.visitor();
    let public = app.url.clone();
    let host = public.strip_prefix("http://").unwrap();
    let page = (ACCEPT.as_str(), "text/html,*/*;q=0.8");
    let sign_in = format!("{public}/auth/login?next=%2Freports%3Fyear%3D2026");
    let uri = "/reports?year=2026";
    let url = format!("{public}{uri}");
    for asked in [
        vec![("x-forwarded-uri", uri), ("x-forwarded-host", host), page],
        vec![
            ("x-forwarded-uri", uri),
            ("x-forwarded-method", "GET"),
            page,
        ],
        vec![("x-original-uri", uri), page],
        vec![("x-original-url", url.as_str()), page],
    ] {
        let answer = ask(&stranger, VERIFY, &asked).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{asked:?}");
        assert_eq!(location(&answer), sign_in, "{asked:?}");
    }
    for asked in [
        vec![("x-forwarded-uri", uri)],
        vec![
            ("x-forwarded-uri", uri),
            (ACCEPT.as_str(), "application/json"),
        ],
        vec![("x-forwarded-uri", uri), page, ("sec-fetch-dest", "empty")],
        vec![
            ("x-forwarded-uri", uri),
            page,
            ("x-forwarded-method", "POST"),
        ],
        vec![("x-original-uri", uri)],
    ] {
        let answer = ask(&stranger, VERIFY, &asked).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{asked:?}");
        assert_eq!(header(&answer, "x-auth-sign-in"), sign_in, "{asked:?}");
        assert!(!header(&answer, WWW_AUTHENTICATE.as_str()).is_empty());
    }
    // Another host, an action, and nothing.
    for asked in [
        vec![
            ("x-forwarded-uri", uri),
            ("x-forwarded-host", "evil.example"),
        ],
        vec![("x-original-url", "https://evil.example/")],
        vec![("x-forwarded-uri", "//evil.example/")],
        vec![("x-forwarded-uri", "/auth/logout")],
        vec![],
    ] {
        let answer = ask(&stranger, VERIFY, &asked).await;
        let plain = format!("{public}/auth/login");
        assert_eq!(header(&answer, "x-auth-sign-in"), plain, "{asked:?}");
    }
}

/// It sends the host of its own configuration, and describes the request in headers.
#[tokio::test]
async fn traefik_asks_with_the_host_of_its_configuration() {
    let public = "https://app.example.com";
    let builder = || TestApp::builder().setting("PUBLIC_URL", public);
    let app = builder().setting("TRUSTED_PROXIES", "127.0.0.1/32").start();
    let ada = app.add_user(ADA, true);
    let token = app.issue_tokens(&ada, TokenGrant::default()).access;
    let bearer = format!("Bearer {token}");
    let shape = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example.com"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-uri", "/reports/7"),
        ("x-forwarded-for", "192.0.2.7"),
    ];
    let stranger = app.visitor();
    let asks = async |target: &str, more: (&str, &str)| {
        let headers = [&shape[..], &[more]].concat();
        ask(&stranger, target, &headers).await
    };
    let authorized = ("authorization", bearer.as_str());
    let answer = asks(VERIFY, authorized).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "x-auth-email"), ADA);
    let forbidden = asks("/auth/verify?role=admin", authorized).await;
    assert_eq!(forbidden.status(), StatusCode::FORBIDDEN);
    let sign_in = format!("{public}/auth/login?next=%2Freports%2F7");
    let page = asks(VERIFY, ("accept", "text/html")).await;
    assert_eq!(
        (page.status(), location(&page)),
        (StatusCode::FOUND, sign_in.clone())
    );
    let call = asks(VERIFY, ("accept", "application/json")).await;
    assert_eq!(call.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&call, "x-auth-sign-in"), sign_in);
    assert_eq!(status(&stranger, "/account").await, 400, "only this route");
    let untrusting = builder().start();
    let answer = ask(&untrusting.visitor(), VERIFY, &shape).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn envoy_asks_with_the_method_and_the_path_of_the_request() {
    let app = TestApp::start();
    let olive = app.signed_in(OLIVE).await;
    let own = ("origin", app.url.as_str());
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        let request = olive.request(method.clone(), "/auth/verify/reports/7?year=2026");
        let request = request.header(own.0, own.1).body("ignored");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{method}");
    }
    let stranger = app.visitor();
    let answer = ask(&stranger, "/auth/verify/reports/7?year=2026", &[]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let next = "/auth/login?next=%2Freports%2F7%3Fyear%3D2026";
    assert_eq!(
        header(&answer, "x-auth-sign-in"),
        format!("{}{next}", app.url)
    );
    assert_eq!(status(&olive, "/auth/verifyx").await, 404);
}

#[tokio::test]
async fn a_thousand_requests_of_a_session_read_nothing() {
    let app = TestApp::start();
    let olive = app.signed_in(OLIVE).await;
    assert_eq!(status(&olive, VERIFY).await, 200);
    app.hide_session_tables();
    for _ in 0..1_000 {
        assert_eq!(status(&olive, VERIFY).await, 200);
    }
}

/// A proxy does not pass the renewed cookie on to the browser.
#[tokio::test]
async fn requests_with_the_cookie_of_before_a_renewal_read_nothing_until_the_next() {
    let app = TestApp::start();
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(60));
    let olive = app.signed_in(OLIVE).await;
    let cookies = olive.cookies("/");
    let old = [("cookie", cookies.as_str())];
    let stranger = app.visitor();
    app.advance(60);
    for _ in 0..2 {
        assert_eq!(ask(&stranger, VERIFY, &old).await.status(), 200);
    }
    assert_eq!(app.renewals(), 1);
    app.hide_session_tables();
    for _ in 0..20 {
        let answer = ask(&stranger, VERIFY, &old).await;
        assert_eq!(answer.status(), 200);
        assert!(!set_cookies(&answer).is_empty(), "the renewed cookie");
    }
    app.advance(60);
    assert_eq!(ask(&stranger, VERIFY, &old).await.status(), 503);
}

#[tokio::test]
async fn a_session_that_is_due_is_renewed_and_one_that_has_ended_is_refused() {
    let app = TestApp::start();
    app.workos()
        .set_access_token_lifetime(Duration::from_secs(20));
    app.workos().set_permissions("admin", &["posts:read"]);
    let olive = app.signed_in(OLIVE).await;
    assert_eq!(status(&olive, VERIFY).await, 200);
    app.workos().set_permissions("admin", &["posts:write"]);
    app.advance(20);
    let answer = ask(&olive, VERIFY, &[]).await;
    assert_eq!(header(&answer, "x-auth-permissions"), "posts:write");
    assert!(!set_cookies(&answer).is_empty(), "the renewed cookie");
    assert_eq!(app.renewals(), 1);
    let sid = app.only_session().workos_sid.unwrap();
    assert!(app.workos().revoke_session(&sid));
    app.advance(20);
    assert_eq!(status(&olive, VERIFY).await, 401);
}

#[tokio::test]
async fn an_address_that_goes_to_another_person_names_nobody_else() {
    for olive_first in [true, false] {
        let app = TestApp::builder()
            .setting("WORKOS_WEBHOOK_SECRET", SECRET)
            .start();
        let other = app.replica().start();
        let (olive, ada) = (app.signed_in(OLIVE).await, app.signed_in(ADA).await);
        let there = other.visitor();
        let cookies = olive.cookies("/");
        let asked = [("cookie", cookies.as_str())];
        let names_olive = async || {
            let (here, there) = (ask(&olive, VERIFY, &[]), ask(&there, VERIFY, &asked));
            let (here, there) = (here.await, there.await);
            [here, there].map(|answer| header(&answer, "x-auth-email").to_owned())
        };
        assert_eq!(names_olive().await, [OLIVE, OLIVE]);
        let workos_id = |email| app.user(email).workos_user_id.unwrap();
        let changes = [
            (workos_id(OLIVE), "new@example.com"),
            (workos_id(ADA), OLIVE),
        ];
        let mut changes = changes.map(|(id, email)| user(&app, &id, email, 10));
        if !olive_first {
            changes.reverse();
        }
        for (number, change) in changes.into_iter().enumerate() {
            send_event(&app, &format!("event_{number}"), "user.updated", change).await;
        }
        let is_gone = async || !names_olive().await.contains(&OLIVE.to_owned());
        assert!(happens_soon(&other, is_gone).await, "{olive_first}");
        let of_ada = ask(&ada, VERIFY, &[]).await;
        assert_eq!(header(&of_ada, "x-auth-email"), OLIVE);
    }
}

#[tokio::test]
async fn a_change_of_an_account_by_sql_shows_in_sessions_with_a_password() {
    let app = TestApp::start();
    app.add_user_with_password(ADA, PASSWORD);
    let ada = app.visitor();
    ada.log_in(ADA, PASSWORD).await;
    assert_eq!(header(&ask(&ada, VERIFY, &[]).await, "x-auth-email"), ADA);
    for (change, name, expected) in [
        ("email_verified = FALSE", "x-auth-email", ""),
        ("first_name = 'Countess'", "x-auth-name", "Countess"),
    ] {
        app.run_sql(&format!("UPDATE users SET {change}"));
        let shows = async || header(&ask(&ada, VERIFY, &[]).await, name) == expected;
        assert!(happens_soon(&app, shows).await, "{change}");
    }
}

#[tokio::test]
async fn a_log_out_on_another_replica_is_noticed() {
    let app = TestApp::start();
    let olive = app.signed_in(OLIVE).await;
    let cookies = olive.cookies("/");
    let other = app.replica().start();
    let there = other.visitor();
    let asked = [("cookie", cookies.as_str())];
    assert_eq!(ask(&there, VERIFY, &asked).await.status(), StatusCode::OK);
    olive.post("/auth/logout").await;
    let is_refused =
        async || ask(&there, VERIFY, &asked).await.status() == StatusCode::UNAUTHORIZED;
    assert!(happens_soon(&other, is_refused).await);
}
