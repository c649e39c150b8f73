//! Clients that disconnect during a request: no incomplete state, no lost database connection.

use std::time::Duration;

use serde_json::json;
use vestibule::tokens::TokenGrant;

use super::rotation::{rotate, rotating};
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::raw::Connection;

const TIMES: u64 = 100;

fn request(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A pseudo-random time within the duration of a request.
fn moment(number: u64, within: u64) -> u64 {
    number
        .wrapping_mul(6_364_136_223_846_793_005)
        .rotate_left(17)
        % within
}

#[tokio::test]
async fn a_hundred_refreshes_are_abandoned() {
    // With two connections at most, the loss of one would be noticed.
    let (app, user) = rotating()
        .setting("DATABASE_POOL_SIZE", "2")
        .start_with_user();
    let visitor = app.visitor();
    for number in 0..TIMES {
        let pair = app.issue_tokens(&user, TokenGrant::default());
        let bytes = request(
            "/api/token/refresh",
            &json!({ "refresh": pair.refresh }).to_string(),
        );
        let mut connection = Connection::open(&app.url);
        if number % 2 == 0 {
            // At some point during the request.
            let sent = usize::try_from(moment(number, bytes.len() as u64)).unwrap();
            connection.send(&bytes[..sent]);
        } else {
            connection.send(&bytes);
            tokio::time::sleep(Duration::from_micros(moment(number, 5_000))).await;
        }
        drop(connection);
        // Whether or not the token was replaced, it gives a pair that works.
        let next = rotate(&visitor, &pair.refresh).await;
        assert_eq!(visitor.get_me_with_token(&next.access).await.status, 200);
        rotate(&visitor, &next.refresh).await;
    }
    let rows = app.refresh_token_rows();
    let live = app.live_refresh_token_rows();
    assert_eq!(
        (rows.len(), live.len()),
        (300, 100),
        "three to a family, the last of them live"
    );
    for row in &rows {
        assert_eq!(
            row.consumed_at.is_some(),
            row.successor.is_some(),
            "{row:?}"
        );
    }
}

#[tokio::test]
async fn sign_ins_are_abandoned() {
    let (app, user) = rotating()
        .setting("DATABASE_POOL_SIZE", "2")
        .start_with_user();
    let body = json!({ "email": user.email, "password": PASSWORD }).to_string();
    let bytes = request("/api/token", &body);
    for number in 0..20 {
        let mut connection = Connection::open(&app.url);
        connection.send(&bytes);
        tokio::time::sleep(Duration::from_micros(moment(number, 60_000))).await;
        drop(connection);
    }
    let visitor = app.visitor();
    let replies = futures_util::future::join_all(
        (0..4).map(|_| visitor.post_bytes("/api/token", Some("application/json"), body.as_bytes())),
    );
    for reply in replies.await {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let ready = ApiResponse::of_request(visitor.request(reqwest::Method::GET, "/readyz")).await;
    assert_eq!(ready.status, 200, "{ready:?}");
}
