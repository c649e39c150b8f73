//! The cross-site check of unsafe methods.

use reqwest::{Method, StatusCode};

use crate::support::app::{TestApp, Visitor};

const SPA: &str = "https://spa.example.com";

async fn status(
    visitor: &Visitor,
    method: Method,
    target: &str,
    site: Option<&str>,
    origin: Option<&str>,
) -> StatusCode {
    let mut request = visitor.request(method, target);
    if let Some(site) = site {
        request = request.header("sec-fetch-site", site);
    }
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn an_unsafe_method_is_accepted_only_from_this_site() {
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", SPA)
        .start();
    let own = app.url.clone();
    let longer = format!("{own}.evil.example");
    let origins = [
        (Some(own.as_str()), true),
        (Some(SPA), true),
        (Some("https://elsewhere.example"), false),
        (Some(longer.as_str()), false),
        (Some("http://localhost:1"), false),
        (Some("null"), false),
        (Some(""), false),
    ];
    for site in [
        "same-origin",
        "none",
        "same-site",
        "cross-site",
        "nonsense",
        "",
    ] {
        let from_here = matches!(site, "same-origin" | "none");
        for (origin, ours) in origins.iter().copied().chain([(None, false)]) {
            let passes = from_here || ours;
            expect(&app, Some(site), origin, passes).await;
        }
    }
    for (origin, ours) in origins {
        expect(&app, None, origin, ours).await;
    }
    expect(&app, None, None, true).await;
}

async fn expect(app: &TestApp, site: Option<&str>, origin: Option<&str>, passes: bool) {
    let visitor = app.visitor();
    let expected = if passes {
        StatusCode::FOUND
    } else {
        StatusCode::FORBIDDEN
    };
    let seen = status(&visitor, Method::POST, "/auth/logout", site, origin).await;
    assert_eq!(seen, expected, "Sec-Fetch-Site {site:?}, Origin {origin:?}");
}

#[tokio::test]
async fn a_rejected_log_out_leaves_the_user_signed_in() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    let from = Some("https://elsewhere.example");
    let seen = status(&ada, Method::POST, "/auth/logout", Some("cross-site"), from).await;
    assert_eq!(seen, StatusCode::FORBIDDEN);
    assert!(ada.is_signed_in().await);
    let seen = status(
        &ada,
        Method::POST,
        "/auth/logout",
        Some("same-origin"),
        None,
    )
    .await;
    assert_eq!(seen, StatusCode::FOUND);
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn the_check_applies_to_every_unsafe_method_and_to_no_safe_one() {
    let app = TestApp::start();
    let visitor = app.visitor();
    let from = Some("https://elsewhere.example");
    for method in ["POST", "PUT", "PATCH", "DELETE", "INVENTED"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for target in ["/", "/auth/logout", "/no/such/page"] {
            let seen = status(&visitor, method.clone(), target, Some("cross-site"), from).await;
            assert_eq!(seen, StatusCode::FORBIDDEN, "{method} {target}");
        }
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let seen = status(&visitor, method.clone(), "/", Some("cross-site"), from).await;
        assert!(seen.is_success(), "{method}");
    }
}

#[tokio::test]
async fn an_unreadable_header_does_not_count_as_missing() {
    let app = TestApp::start();
    for name in ["sec-fetch-site", "origin"] {
        let request = app.visitor().request(Method::POST, "/auth/logout");
        let response = request.header(name, &b"\xff"[..]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}");
    }
}

/// The routes of the API that read and set no cookie without the cookie policy.
const WITHOUT_COOKIES: [&str; 7] = [
    "/api/token",
    "/api/token/refresh",
    "/api/token/verify",
    "/api/token/blacklist",
    "/api/auth/workos/callback",
    "/api/auth/google",
    "/api/auth/okta",
];
/// The content types that a page may send to any site without a preflight.
const SIMPLE_TYPES: [Option<&str>; 8] = [
    None,
    Some(""),
    Some("application/x-www-form-urlencoded"),
    Some("APPLICATION/x-www-form-urlencoded ; charset=utf-8"),
    Some("multipart/form-data; boundary=b"),
    Some("text/plain"),
    Some("text/plain;charset=UTF-8"),
    Some("text/plain; application/json"),
];

/// Sends a body of this type, and returns whether the cross-site check refused it.
async fn is_refused(
    visitor: &Visitor,
    target: &str,
    content_type: Option<&str>,
    headers: &[(&str, &str)],
) -> bool {
    let mut request = visitor.request(Method::POST, target).body("code=x");
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_ne!(status, StatusCode::TOO_MANY_REQUESTS, "{target}");
    let body = response.text().await.unwrap();
    let is_refused = body.contains("another site");
    assert_eq!(is_refused, status == StatusCode::FORBIDDEN, "{body}");
    is_refused
}

#[tokio::test]
async fn a_foreign_page_sends_nothing_without_a_preflight_and_uses_up_no_limit() {
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", SPA)
        .setting("THROTTLE_LOGIN", "3/min")
        .setting("THROTTLE_REFRESH", "3/min")
        .start();
    let visitor = app.visitor();
    let foreign: [&[(&str, &str)]; 6] = [
        &[("origin", "https://elsewhere.example")],
        &[("origin", "http://localhost:1")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://sibling.example.com"),
        ],
    ];
    for target in WITHOUT_COOKIES {
        for content_type in SIMPLE_TYPES {
            for headers in foreign {
                let refused = is_refused(&visitor, target, content_type, headers).await;
                assert!(refused, "{target} {content_type:?} {headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_routes_without_cookies_take_json_of_any_origin_and_forms_of_no_foreign_page() {
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", SPA)
        .start();
    let visitor = app.visitor();
    let foreign: &[(&str, &str)] = &[
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://elsewhere.example"),
    ];
    let own = [("origin", app.url.as_str())];
    let listed = [("sec-fetch-site", "cross-site"), ("origin", SPA)];
    let installed = [("origin", "capacitor://localhost")];
    let trusted: [&[(&str, &str)]; 4] = [&[], &own, &listed, &installed];
    for target in WITHOUT_COOKIES {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            let refused = is_refused(&visitor, target, Some(content_type), foreign).await;
            assert!(!refused, "{target} {content_type}");
        }
        for content_type in SIMPLE_TYPES {
            for headers in trusted {
                let refused = is_refused(&visitor, target, content_type, headers).await;
                assert!(!refused, "{target} {content_type:?} {headers:?}");
            }
        }
    }
}
