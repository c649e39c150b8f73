//! Rotation: each refresh token is used once, and a repeated request within half a minute gets the same
//! response.

use chrono::TimeDelta;
use serde_json::json;
use vestibule::accounts::set_password;
use vestibule::tokens::{TokenGrant, TokenPair};

use super::{BLACKLISTED, BLACKLISTED_FIELD, PASSWORD_CHANGED};
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::log;
use crate::support::tokens::{sign_claims, token_part};

pub(super) fn rotating() -> TestAppBuilder {
    TestApp::builder().setting("ROTATE_REFRESH_TOKENS", "true")
}

pub(super) async fn rotate(visitor: &Visitor, refresh: &str) -> TokenPair {
    let reply = visitor
        .post_refresh_token("/api/token/refresh", refresh)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    pair(&reply)
}

fn pair(reply: &ApiResponse) -> TokenPair {
    TokenPair {
        access: reply.text("access"),
        refresh: reply.text("refresh"),
    }
}

#[tokio::test]
async fn every_refresh_returns_the_next_refresh_token() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let grant = TokenGrant {
        sid: Some("session_1".into()),
        ..TokenGrant::default()
    };
    let first = app.issue_tokens(&user, grant);
    app.clock.advance(TimeDelta::seconds(60));
    let reply = visitor
        .post_refresh_token("/api/token/refresh", &first.refresh)
        .await;
    let second = pair(&reply);
    let body = format!(
        r#"{{"access":"{}","refresh":"{}"}}"#,
        second.access, second.refresh
    );
    reply.assert_is(200, &body);
    let now = app.now().seconds();
    for (token, kind, lifetime) in [
        (&second.access, "access", 300),
        (&second.refresh, "refresh", 86_400),
    ] {
        let claims = token_part(token, 1);
        let expected = json!({
            "token_type": kind, "exp": now + lifetime, "iat": now, "jti": claims["jti"],
            "user_id": user.id.to_string(), "sid": "session_1", "ver": 0,
                "vestibule": claims["vestibule"],
        });
        assert_eq!(claims, expected);
        assert_ne!(claims["jti"], token_part(&first.refresh, 1)["jti"]);
    }
    assert_eq!(visitor.get_me_with_token(&second.access).await.status, 200);
    let rows = app.refresh_token_rows();
    assert_eq!((rows.len(), app.live_refresh_token_rows().len()), (2, 1));
    assert!(
        rows.iter()
            .all(|row| row.family == rows[0].family && row.user_id == Some(user.id))
    );
    for token in [&first.refresh, &second.refresh, &second.access] {
        let signature = token.rsplit('.').next().unwrap().as_bytes();
        let sealed = rows.iter().filter_map(|row| row.successor.as_deref());
        for bytes in sealed {
            let mut windows = bytes.windows(signature.len());
            assert!(!windows.any(|part| part == signature), "a token is stored");
        }
        let others: Vec<_> = rows
            .iter()
            .map(|row| (&row.jti, &row.family, &row.sid, &row.session_id))
            .collect();
        let others = format!("{others:?}");
        assert!(
            !others
                .as_bytes()
                .windows(signature.len())
                .any(|part| part == signature)
        );
    }
    // No other route accepts a replaced token.
    let reply = visitor
        .post_json("/api/token/verify", &json!({ "token": first.refresh }))
        .await;
    reply.assert_is(400, BLACKLISTED_FIELD);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_response_for_half_a_minute() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let first = app.issue_tokens(&user, TokenGrant::default());
    let second = rotate(&visitor, &first.refresh).await;
    for _ in 0..2 {
        app.clock.advance(TimeDelta::seconds(15));
        assert_eq!(rotate(&visitor, &first.refresh).await, second);
    }
    assert_eq!(app.live_refresh_token_rows().len(), 1);
}

/// Somebody who has stolen each token could otherwise follow every rotation without being noticed.
#[tokio::test]
async fn a_replay_after_the_successor_was_used_revokes_the_family() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let first = app.issue_tokens(&user, TokenGrant::default());
    assert_theft_is_noticed(&app, &visitor, &first.refresh).await;
}

#[tokio::test]
async fn a_replay_of_a_django_token_after_its_successor_was_used_revokes_the_family() {
    let (app, user) = rotating().start_with_user();
    app.set_imported(user.id);
    let token = sign_claims(&app.claims("refresh", &user));
    assert_theft_is_noticed(&app, &app.visitor(), &token).await;
}

async fn assert_theft_is_noticed(app: &TestApp, visitor: &Visitor, first: &str) {
    let second = rotate(visitor, first).await;
    assert_eq!(rotate(visitor, first).await, second);
    let third = rotate(visitor, &second.refresh).await;
    // A request that was sent at the same time may arrive a little later. It is refused, and no theft.
    visitor
        .post_refresh_token("/api/token/refresh", first)
        .await
        .assert_is(401, BLACKLISTED);
    assert_eq!(app.live_refresh_token_rows().len(), 1);
    app.clock.advance(TimeDelta::milliseconds(5_001));
    for token in [first, &second.refresh, &third.refresh] {
        visitor
            .post_refresh_token("/api/token/refresh", token)
            .await
            .assert_is(401, BLACKLISTED);
    }
    assert!(app.live_refresh_token_rows().is_empty());
}

#[tokio::test]
async fn every_replay_is_logged_with_account_family_and_address() {
    log::capture();
    let (app, user) = rotating()
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start_with_user();
    let visitor = app.visitor();
    let first = app.issue_tokens(&user, TokenGrant::default());
    let body = json!({ "refresh": first.refresh });
    let refresh_from = async |address: &str| {
        let headers = [("x-forwarded-for", address)];
        let path = "/api/token/refresh";
        visitor.post_json_with_headers(path, &body, &headers).await
    };
    let family = token_part(&first.refresh, 1)["jti"].clone();
    let family = family.as_str().unwrap();
    refresh_from("192.0.2.1").await;
    assert_eq!(log::count_lines(family), 0, "the first use is no replay");
    refresh_from("192.0.2.2").await;
    let line = log::lines_with(family).pop().unwrap();
    let account = format!("account {}", user.id);
    assert!(
        line.contains("192.0.2.2") && line.contains(&account),
        "{line}"
    );
    app.clock.advance(TimeDelta::seconds(31));
    assert_eq!(refresh_from("192.0.2.3").await.status, 401);
    let line = log::lines_with(family).pop().unwrap();
    let account = format!("user_id=\"{}\"", user.id);
    for part in ["WARN token_replayed", "192.0.2.3", &account] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let signature = first.refresh.rsplit('.').next().unwrap();
    assert_eq!(log::count_lines(signature), 0);
}

/// A copied token is of no use elsewhere, however fast its thief is.
#[tokio::test]
async fn another_client_gets_no_successor() {
    let (app, user) = rotating()
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .start_with_user();
    let refresh = async |token: &str, address: &str, user_agent: &str| {
        let headers = [("x-forwarded-for", address), ("user-agent", user_agent)];
        let body = json!({ "refresh": token });
        let visitor = app.visitor();
        let path = "/api/token/refresh";
        visitor.post_json_with_headers(path, &body, &headers).await
    };
    for (address, same_network, other_network) in [
        ("192.0.2.1", "192.0.2.200", "198.51.100.1"),
        ("2001:db8:1::1", "2001:db8:1::2", "2001:db8:1:1::1"),
    ] {
        for (thief, user_agent) in [(other_network, "owner/1"), (same_network, "thief/1")] {
            let first = app.issue_tokens(&user, TokenGrant::default()).refresh;
            let second = pair(&refresh(&first, address, "owner/1").await);
            let again = pair(&refresh(&first, same_network, "owner/1").await);
            assert_eq!(again, second, "{same_network} is another tab");
            let stolen = refresh(&first, thief, user_agent).await;
            stolen.assert_is(401, BLACKLISTED);
            let owner = refresh(&second.refresh, address, "owner/1").await;
            owner.assert_is(401, BLACKLISTED);
            assert!(app.live_refresh_token_rows().is_empty(), "{thief}");
            let events = crate::audit::events(&app);
            let replayed = events.last().unwrap();
            assert_eq!(replayed.event, "token_replayed");
            assert_eq!(replayed.address.as_deref(), Some(thief));
            let detail = crate::audit::detail(replayed);
            assert_eq!(detail["family_revoked"], json!(true));
        }
    }
}

/// Somebody who has stolen a token could otherwise wait until its owner has replaced it.
#[tokio::test]
async fn who_asks_whether_a_token_was_replaced_gets_no_successor() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let first = app.issue_tokens(&user, TokenGrant::default());
    let verify = async |token: &str| {
        let body = json!({ "token": token });
        visitor.post_json("/api/token/verify", &body).await.status
    };
    assert_eq!(verify(&first.refresh).await, 200);
    let second = rotate(&visitor, &first.refresh).await;
    assert_eq!(verify(&second.refresh).await, 200, "nothing happens");
    assert_eq!(rotate(&visitor, &first.refresh).await, second);
    assert_ne!(verify(&first.refresh).await, 200);
    for token in [&first.refresh, &second.refresh] {
        visitor
            .post_refresh_token("/api/token/refresh", token)
            .await
            .assert_is(401, BLACKLISTED);
    }
    assert!(app.live_refresh_token_rows().is_empty());
}

/// Whoever repeats it adds no row each time.
#[tokio::test]
async fn late_requests_are_counted_and_end_nothing() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let first = app.issue_tokens(&user, TokenGrant::default());
    let second = rotate(&visitor, &first.refresh).await;
    let third = rotate(&visitor, &second.refresh).await;
    for _ in 0..3 {
        visitor
            .post_refresh_token("/api/token/refresh", &first.refresh)
            .await
            .assert_is(401, BLACKLISTED);
    }
    assert!(crate::audit::events(&app).is_empty(), "not yet");
    rotate(&visitor, &third.refresh).await;
    let database = app.database.clone();
    let kept = app.stop();
    let events = crate::audit::events_of(&database);
    let details: Vec<_> = events.iter().map(crate::audit::detail).collect();
    let family = token_part(&first.refresh, 1)["jti"].clone();
    let late = json!({ "family": family, "family_revoked": false, "times": 3 });
    assert_eq!(details, [late]);
    drop(kept);
}

/// Each rotation adds a row, which stays until the token expires.
#[tokio::test]
async fn the_rotations_of_one_sign_in_are_limited() {
    let (app, user) = rotating()
        .setting("THROTTLE_REFRESH", "2/min")
        .start_with_user();
    app.set_imported(user.id);
    let mut nobody = app.claims("refresh", &user);
    nobody["user_id"] = json!(null);
    for first in [
        sign_claims(&nobody),
        app.issue_tokens(&user, TokenGrant::default()).refresh,
    ] {
        let before = app.refresh_token_rows().len();
        let visitor = app.visitor();
        let (mut previous, mut last) = (first.clone(), first);
        for _ in 0..20 {
            (previous, last) = (last.clone(), rotate(&visitor, &last).await.refresh);
        }
        let refused = visitor
            .post_refresh_token("/api/token/refresh", &last)
            .await;
        assert_eq!(refused.status, 429, "{refused:?}");
        assert!(app.refresh_token_rows().len() <= before + 21);
        // A second tab adds no row, and still gets the last pair.
        app.clock.advance(TimeDelta::seconds(20));
        assert_eq!(rotate(&visitor, &previous).await.refresh, last);
        // Neither the token nor the family has ended.
        app.clock.advance(TimeDelta::minutes(60));
        rotate(&visitor, &last).await;
    }
}

#[tokio::test]
async fn a_later_use_of_a_replaced_token_revokes_the_family() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let bystander = app.issue_tokens(&user, TokenGrant::default());
    let first = app.issue_tokens(&user, TokenGrant::default());
    let second = rotate(&visitor, &first.refresh).await;
    app.clock.advance(TimeDelta::milliseconds(30_001));
    visitor
        .post_refresh_token("/api/token/refresh", &first.refresh)
        .await
        .assert_is(401, BLACKLISTED);
    assert_eq!(
        app.live_refresh_token_rows().len(),
        1,
        "it is committed, and the bystander's lives"
    );
    for token in [&first.refresh, &second.refresh] {
        visitor
            .post_refresh_token("/api/token/refresh", token)
            .await
            .assert_is(401, BLACKLISTED);
    }
    rotate(&visitor, &bystander.refresh).await;
}

#[tokio::test]
async fn a_replay_does_not_return_a_revoked_successor() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    // Whichever of the two is blacklisted, both are revoked, and a replay returns nothing.
    for ended in [0, 1] {
        let first = app.issue_tokens(&user, TokenGrant::default());
        let second = rotate(&visitor, &first.refresh).await;
        let answer = visitor
            .post_refresh_token(
                "/api/token/blacklist",
                [&first.refresh, &second.refresh][ended],
            )
            .await;
        match ended {
            0 => answer.assert_is(401, BLACKLISTED),
            _ => answer.assert_is(200, "{}"),
        }
        for token in [&first.refresh, &second.refresh] {
            visitor
                .post_refresh_token("/api/token/refresh", token)
                .await
                .assert_is(401, BLACKLISTED);
        }
        assert!(app.live_refresh_token_rows().is_empty());
        assert!(
            app.refresh_token_rows()
                .iter()
                .all(|row| row.successor.is_none())
        );
    }
}

#[tokio::test]
async fn a_replay_after_a_password_change_is_refused() {
    let (app, user) = rotating().start_with_user();
    let visitor = app.visitor();
    let first = app.issue_tokens(&user, TokenGrant::default());
    let second = rotate(&visitor, &first.refresh).await;
    app.change(|conn| set_password(conn, user.id, "!", app.now(), None));
    for token in [&first.refresh, &second.refresh] {
        visitor
            .post_refresh_token("/api/token/refresh", token)
            .await
            .assert_is(401, PASSWORD_CHANGED);
    }
}
