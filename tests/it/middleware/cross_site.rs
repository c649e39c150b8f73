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
