//! Log-out: here and at WorkOS, and not on the request of another site.

use chrono::TimeDelta;
use diesel::prelude::*;
use reqwest::header::{ORIGIN, REFERER};
use reqwest::{Method, Response, StatusCode, Url};
use vestibule::db::schema::sessions;

use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::{error_page, is_removal, query, set_cookie};

const SITE: &str = "Sec-Fetch-Site";

async fn send(visitor: &Visitor, method: Method, headers: &[(&str, &str)]) -> Response {
    let mut request = visitor.request(method, "/auth/logout");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// Asserts that the response ends the session here and redirects to WorkOS's log-out.
fn assert_signs_out(app: &TestApp, response: &Response) -> Url {
    assert_eq!(response.status(), StatusCode::FOUND);
    let line = set_cookie(response, "sessionid").unwrap();
    assert!(is_removal(&line), "{line}");
    assert!(line.contains("Path=/"), "{line}");
    let url = Url::parse(&location(response)).unwrap();
    let wanted = format!(
        "{}/user_management/sessions/logout",
        app.emulator.base_url()
    );
    assert!(url.as_str().starts_with(&wanted), "{url}");
    let row = app.only_session();
    assert_eq!(row.revoked_at, Some(app.now()));
    assert_eq!(row.workos_refresh_token, None, "the refresh token is wiped");
    assert_eq!(Some(query(&url, "session_id").into()), row.workos_sid);
    url
}

#[tokio::test]
async fn a_link_on_this_site_signs_out_here_and_at_workos() {
    for site in ["same-origin", "none"] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await;
        app.clock.advance(TimeDelta::seconds(5));
        let id = app.workos().user("ada@example.com").unwrap().id;
        assert_eq!(app.workos().sessions_of(&id).len(), 1);
        let response = send(&ada, Method::GET, &[(SITE, site)]).await;
        let url = assert_signs_out(&app, &response);
        assert_eq!(query(&url, "return_to"), format!("{}/", app.url));
        let back = ada.get(url.as_str()).await;
        assert_eq!(location(&back), format!("{}/", app.url));
        assert!(app.workos().sessions_of(&id).is_empty());
        assert!(!ada.is_signed_in().await);
    }
}

/// Otherwise the second cookie would take the place of the first one after the log-out.
#[tokio::test]
async fn every_session_of_the_browsers_cookies_ends() {
    for path in ["/auth/logout", "/api/auth/logout"] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await.cookies("/");
        let olive = app.signed_in("olive@example.com").await.cookies("/");
        let other = app.signed_in("olive@example.com").await;
        let cookies = format!("{ada}; sessionid=made-up; {olive}");
        let response = app.visitor().post_with_cookies(path, &cookies).await;
        assert!(!response.status().is_client_error(), "{path}");
        let open = app.sessions().into_iter();
        let open = open.filter(|row| row.revoked_at.is_none());
        assert_eq!(open.count(), 1, "{path}");
        assert!(other.is_signed_in().await, "{path}");
    }
}

#[tokio::test]
async fn a_form_on_this_site_signs_out() {
    for header in [Some(ORIGIN.as_str()), Some(SITE), None] {
        let app = TestApp::start();
        let ada = app.signed_in("ada@example.com").await;
        let value = if header == Some(SITE) {
            "same-origin"
        } else {
            app.url.as_str()
        };
        // A client without either header is not a browser.
        let headers: Vec<_> = header.map(|name| (name, value)).into_iter().collect();
        assert_signs_out(&app, &send(&ada, Method::POST, &headers).await);
        assert!(!ada.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_link_that_is_not_known_to_be_ours_asks_for_confirmation() {
    let app = TestApp::builder()
        .setting("CORS_ALLOWED_ORIGINS", "https://spa.example")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    let own_page = format!("{}/account", app.url);
    for headers in [
        // Over plain http a browser sends no `Sec-Fetch-Site`, and a page can suppress `Referer`.
        vec![],
        vec![(REFERER.as_str(), "")],
        vec![(SITE, "cross-site")],
        vec![(SITE, "same-site")],
        vec![(REFERER.as_str(), "https://evil.example/page")],
        // A site that may call the API may not log users out with a link.
        vec![(REFERER.as_str(), "https://spa.example/page")],
        vec![(SITE, "cross-site"), (REFERER.as_str(), own_page.as_str())],
    ] {
        let response = send(&ada, Method::GET, &headers).await;
        assert_eq!(response.status(), StatusCode::OK, "{headers:?}");
        assert_eq!(set_cookie(&response, "sessionid"), None);
        let page = response.text().await.unwrap();
        assert!(page.contains("Log out?"), "{page}");
        let form = r#"method="post" action="/auth/logout""#;
        assert!(page.contains(form), "{page}");
        assert!(ada.is_signed_in().await);
    }
    assert_eq!(app.only_session().revoked_at, None);
    let own = [(REFERER.as_str(), own_page.as_str())];
    assert_signs_out(&app, &send(&ada, Method::GET, &own).await);
}

#[tokio::test]
async fn a_form_on_another_site_is_refused() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for headers in [
        vec![(SITE, "cross-site")],
        vec![(SITE, "same-site")],
        vec![(ORIGIN.as_str(), "https://evil.example")],
        vec![(ORIGIN.as_str(), "null")],
        vec![
            (SITE, "cross-site"),
            (ORIGIN.as_str(), "https://evil.example"),
        ],
    ] {
        let response = send(&ada, Method::POST, &headers).await;
        assert_eq!(set_cookie(&response, "sessionid"), None, "{headers:?}");
        error_page(response, StatusCode::FORBIDDEN).await;
    }
    assert!(ada.is_signed_in().await);
    assert_eq!(app.only_session().revoked_at, None);
}

#[tokio::test]
async fn with_an_empty_setting_no_return_to_is_sent() {
    let app = TestApp::builder()
        .setting("WORKOS_LOGOUT_RETURN_TO", "")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    let url = assert_signs_out(&app, &ada.post("/auth/logout").await);
    assert!(!url.as_str().contains("return_to"), "{url}");
}

#[tokio::test]
async fn a_signed_out_browser_is_redirected_home() {
    let app = TestApp::start();
    let nobody = app.visitor();
    for method in [Method::GET, Method::POST] {
        let response = send(&nobody, method, &[]).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(location(&response), "/");
    }
    for headers in [vec![(SITE, "cross-site")], vec![]] {
        let response = send(&nobody, Method::GET, &headers).await;
        assert_eq!(location(&response), "/", "no confirmation is needed");
    }
}

#[tokio::test]
async fn a_session_without_a_workos_sid_ends_only_here() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.change(|conn| {
        let none: Option<String> = None;
        diesel::update(sessions::table)
            .set(sessions::workos_sid.eq(none))
            .execute(conn)
    });
    let response = ada.post("/auth/logout").await;
    assert_eq!(location(&response), "/");
    assert!(is_removal(&set_cookie(&response, "sessionid").unwrap()));
    assert_eq!(app.only_session().revoked_at, Some(app.now()));
}

#[tokio::test]
async fn a_session_whose_row_was_deleted_ends_too() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    app.change(|conn| diesel::delete(sessions::table).execute(conn));
    let response = ada.post("/auth/logout").await;
    assert_eq!(location(&response), "/");
    assert!(!ada.is_signed_in().await);
}
