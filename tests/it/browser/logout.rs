//! Logging out by a link of this site, of another site, and by the address.

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};

use super::steps::WELCOME_ADA;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

/// Serves a page with a link to the log-out. It is on 127.0.0.1, which is another site than localhost for
/// browsers.
fn another_site(app: &TestApp) -> (String, ServerHandle) {
    let page = format!(
        r#"<!doctype html><html lang="en"><head><title>Another site</title>
<link rel="icon" href="data:,"></head><body><h1>Another site</h1>
<a href="{}/auth/logout">Win a prize</a></body></html>"#,
        app.url
    );
    let server = HttpServer::new(move || {
        let page = page.clone();
        App::new().default_service(web::to(move || {
            let page = page.clone();
            async move {
                HttpResponse::Ok()
                    .content_type("text/html; charset=utf-8")
                    .body(page)
            }
        }))
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

/// A browser in which Ada is signed in and has followed the link of the other site.
async fn follow_link_to_logout(
    app: &TestApp,
    elsewhere: &str,
    screen: Screen,
    scheme: Scheme,
) -> Browser {
    let browser = Browser::open(screen, scheme).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.visit(elsewhere).await;
    browser.click("Win a prize").await;
    browser.wait_for_heading("Log out?").await;
    browser
}

#[actix_web::test]
async fn a_link_on_another_site_asks_first_and_the_button_logs_out_at_workos_too() {
    let app = TestApp::start();
    let (elsewhere, server) = another_site(&app);
    let ada = app.workos().user("ada@example.com").expect("Ada").id;
    let browser = follow_link_to_logout(&app, &elsewhere, Screen::Phone, Scheme::Dark).await;
    browser.check_page("log-out-confirm-phone-dark").await;
    assert!(browser.session_cookie().await.is_some());
    assert_eq!(app.workos().sessions_of(&ada).len(), 1);

    browser.click("Log out").await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    assert_eq!(browser.session_cookie().await, None);
    assert!(app.workos().sessions_of(&ada).is_empty());
    // AuthKit has no session any more either.
    browser.click("Log in").await;
    browser.wait_for_heading("Sign in").await;
    drop(browser);
    server.stop(true).await;
}

#[actix_web::test]
async fn the_question_can_be_declined() {
    let app = TestApp::start();
    let (elsewhere, server) = another_site(&app);
    let browser = follow_link_to_logout(&app, &elsewhere, Screen::Desktop, Scheme::Light).await;
    browser.check_page("log-out-confirm-desktop-light").await;
    browser.click("Stay signed in").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    drop(browser);
    server.stop(true).await;
}

#[actix_web::test]
async fn entering_the_address_logs_out_without_asking() {
    let app = TestApp::start();
    let browser = Browser::open(Screen::Desktop, Scheme::Light).await;
    browser.visit(&format!("{}/auth/login", app.url)).await;
    browser.choose_user("ada@example.com").await;
    browser.wait_for_heading(WELCOME_ADA).await;
    browser.visit(&format!("{}/auth/logout", app.url)).await;
    browser.wait_for_heading("Log in to continue").await;
    assert_eq!(browser.session_cookie().await, None);
}
