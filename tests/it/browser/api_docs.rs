//! The API's page: readable on every screen, without a script.

use super::steps::picture;
use crate::support::app::TestApp;
use crate::support::browser::{Browser, Scheme, Screen};

#[tokio::test]
async fn the_api_can_be_read_on_every_screen() {
    let app = TestApp::start();
    for (screen, scheme) in [
        (Screen::Phone, Scheme::Light),
        (Screen::Phone, Scheme::Dark),
        (Screen::Desktop, Scheme::Light),
        (Screen::Desktop, Scheme::Dark),
    ] {
        let browser = Browser::open(screen, scheme).await;
        browser.visit(&format!("{}/api/docs", app.url)).await;
        browser.wait_for_heading("API").await;
        browser
            .check_page(&picture("api-docs", screen, scheme))
            .await;

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
        browser
            .check_page(&picture("api-docs-open", screen, scheme))
            .await;
    }
}
