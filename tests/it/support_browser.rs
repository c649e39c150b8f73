//! Tests of the browser support.

use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, web};
use fantoccini::Locator;
use serde_json::json;

use crate::support::browser::{Browser, Scheme, Screen};

const PAGE: &str = r#"<!doctype html><html lang="en"><head><title>A page</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
</head><body><p>Served by a test.</p></body></html>"#;

const PAGE_WITH_INLINE_SCRIPT: &str = r#"<!doctype html><html lang="en"><head><title>Blocked</title>
<link rel="icon" href="data:,"></head><body><script>document.title = "Ran"</script></body></html>"#;

/// Serves the two pages under a policy that forbids scripts. Returns the URL.
fn serve_pages() -> (String, actix_web::dev::ServerHandle) {
    async fn page(html: web::Data<&'static str>) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((
                header::CONTENT_SECURITY_POLICY,
                "default-src 'self'; img-src data:",
            ))
            .body(*html.get_ref())
    }
    let server = HttpServer::new(|| {
        let scope = |path: &str, html: &'static str| {
            web::scope(path)
                .app_data(web::Data::new(html))
                .default_service(web::to(page))
        };
        App::new()
            .service(scope("/plain", PAGE))
            .service(scope("/inline", PAGE_WITH_INLINE_SCRIPT))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .expect("a free port");
    let url = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (url, handle)
}

#[actix_web::test]
async fn pages_see_the_screen_size_and_colour_scheme() {
    let (url, server) = serve_pages();
    let windows = [
        (
            Screen::Phone,
            Scheme::Dark,
            "support-phone-dark",
            json!([390, 844, true, true]),
        ),
        (
            Screen::Desktop,
            Scheme::Light,
            "support-desktop-light",
            json!([1280, 900, false, false]),
        ),
    ];
    for (screen, scheme, name, expected) in windows {
        let browser = Browser::open(screen, scheme).await;
        browser.goto(&format!("{url}/plain")).await.unwrap();
        let text = browser
            .find(Locator::Css("p"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert_eq!(text, "Served by a test.");
        let seen =
            "return [innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches,
            navigator.maxTouchPoints > 0]";
        assert_eq!(browser.execute(seen, vec![]).await.unwrap(), expected);
        assert_eq!(browser.console_errors().await, Vec::<String>::new());
        let picture = std::fs::read(browser.save_screenshot(name).await).unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
    }
    server.stop(true).await;
}

#[actix_web::test]
async fn a_violation_of_the_content_security_policy_is_a_console_error() {
    let (url, server) = serve_pages();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.goto(&format!("{url}/inline")).await.unwrap();
    assert_eq!(browser.title().await.unwrap(), "Blocked");
    let errors = browser.console_errors().await;
    assert!(
        errors.len() == 1 && errors[0].contains("Content Security Policy"),
        "the log has: {errors:?}"
    );
    assert!(
        browser.console_errors().await.is_empty(),
        "the second call returns only new errors"
    );
    drop(browser);
    server.stop(true).await;
}

#[actix_web::test]
async fn browsers_do_not_share_cookies() {
    let (url, server) = serve_pages();
    let first = Browser::open(Screen::Desktop, Scheme::Light).await;
    first.goto(&format!("{url}/plain")).await.unwrap();
    first
        .execute("document.cookie = 'seen=yes'", vec![])
        .await
        .unwrap();
    let second = Browser::open(Screen::Desktop, Scheme::Light).await;
    second.goto(&format!("{url}/plain")).await.unwrap();
    assert_eq!(first.get_all_cookies().await.unwrap().len(), 1);
    assert!(second.get_all_cookies().await.unwrap().is_empty());
    drop((first, second));
    server.stop(true).await;
}

#[actix_web::test]
async fn a_browser_that_is_used_again_has_nothing_of_the_previous_test() {
    let (url, server) = serve_pages();
    for _ in 0..3 {
        let browser = Browser::open(Screen::Phone, Scheme::Dark).await;
        browser.goto(&format!("{url}/plain")).await.unwrap();
        let left = "return [document.cookie, localStorage.length, sessionStorage.length]";
        let left = browser.execute(left, vec![]).await.unwrap();
        assert_eq!(left, json!(["", 0, 0]));
        assert_eq!(browser.windows().await.unwrap().len(), 1);
        let leaves =
            "document.cookie = 'seen=yes'; localStorage.seen = sessionStorage.seen = 'yes'";
        browser.execute(leaves, vec![]).await.unwrap();
        browser.goto(&format!("{url}/inline")).await.unwrap();
        browser.new_window(true).await.unwrap();
    }
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    drop(browser);
    server.stop(true).await;
}
