//! The API's page: readable on every screen, without a script.

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn the_api_can_be_read_on_every_screen() {
    let app = TestApp::start();
    for screen in [Screen::Phone, Screen::Desktop] {
        let browser = Browser::open(screen, Scheme::Light).await;
        browser.visit(&format!("{}/api/docs", app.url)).await;
        browser.wait_for_heading("API").await;
        browser.check_in_both_schemes("api-docs").await;

        browser.click("/api/users/me").await;
        let url = browser.current_url().await.unwrap();
        assert_eq!(url.fragment(), Some("me"));
        // The second answer of the route, after the good one.
        let refused = "#me details:nth-of-type(2)";
        let summary = format!("{refused} summary");
        let summary = browser.find(fantoccini::Locator::Css(&summary)).await;
        summary.unwrap().click().await.unwrap();
        let text = browser.text(refused).await;
        assert!(text.contains("401"), "{text}");
        assert!(text.contains("WWW-Authenticate"), "{text}");
        assert!(
            text.contains("\"Authentication credentials were not provided.\""),
            "{text}"
        );
        browser.check_in_both_schemes("api-docs-open").await;
    }
}
