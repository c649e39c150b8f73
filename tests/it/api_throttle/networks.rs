//! Larger networks have limits too, so that a client gains little by using all its addresses.

use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use super::{REFRESH, app, assert_throttled, lena, sign_in, stranger};
use crate::support::api::PASSWORD;
use crate::support::app::TestApp;

/// Posts a log-in form.
async fn form(app: &TestApp, from: &str) -> Response {
    let request = app.visitor().request(Method::POST, "/login");
    let fields = [("email", "lena@example.com"), ("password", PASSWORD)];
    let request = request.header("x-forwarded-for", from).form(&fields);
    request.send().await.unwrap()
}

/// Exchanges a code that nobody issued.
async fn exchange(app: &TestApp, from: &str) -> StatusCode {
    let request = app
        .visitor()
        .request(Method::POST, "/api/auth/workos/callback");
    let request = request.header("x-forwarded-for", from);
    let request = request.json(&json!({ "code": "made-up" }));
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn the_64s_of_an_ipv6_56_share_a_limit_on_every_route() {
    let app = app("1/min", "1/min");
    let address = |network: u32| format!("2001:db8:0:{network:x}::1");
    for network in 0..4 {
        let status = stranger(&app, &address(network)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let refused = sign_in(&app, &address(4), "lena@example.com", PASSWORD).await;
    assert_throttled(&refused, 60);
    assert_eq!(
        form(&app, &address(5)).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        exchange(&app, &address(6)).await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(lena(&app, "2001:db8:0:100::1").await, StatusCode::OK);
    for network in 0..5 {
        let from = [("x-forwarded-for", &*address(network))];
        let answer = app
            .visitor()
            .post_json_with_headers(REFRESH, &json!({ "refresh": "x" }), &from)
            .await;
        let expected = match network {
            4 => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNAUTHORIZED,
        };
        assert_eq!(answer.status, expected, "{network}");
    }
}

#[tokio::test]
async fn the_addresses_of_an_ipv4_24_share_a_limit() {
    let app = app("1/min", "off");
    for host in 0..16 {
        let from = format!("192.0.2.{host}");
        let status = stranger(&app, &from).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{host}");
    }
    let status = lena(&app, "192.0.2.16").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(lena(&app, "192.0.3.16").await, StatusCode::OK);
}

#[tokio::test]
async fn concurrent_wrong_passwords_do_not_exceed_the_limit() {
    let app = app("4/min", "off");
    // Each comes from another /64, so that only the limits of the /56 can refuse it.
    // The clients are made before, since an idle connection is closed after a while.
    let visitors: Vec<_> = (0..24).map(|_| app.visitor()).collect();
    let body = json!({ "email": "lena@example.com", "password": "wrong" });
    let attempts = visitors.iter().enumerate().map(|(network, visitor)| {
        let from = format!("2001:db8:0:{network:x}::1");
        let request = visitor.request(Method::POST, "/api/token").json(&body);
        request.header("x-forwarded-for", from).send()
    });
    let responses = futures_util::future::join_all(attempts).await;
    let statuses: Vec<_> = responses
        .into_iter()
        .map(|response| response.unwrap().status())
        .collect();
    let compared = statuses
        .iter()
        .filter(|status| **status == StatusCode::UNAUTHORIZED);
    assert_eq!(compared.count(), 16);
}
