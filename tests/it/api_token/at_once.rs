//! Concurrent requests.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use vestibule::accounts::set_password;
use vestibule::tokens::TokenGrant;

use super::rotation::rotating;
use super::{BLACKLISTED, PASSWORD_CHANGED};
use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, Visitor};
use crate::support::tokens::{sign_claims, write_private_key};

const ROUNDS: usize = 12;

async fn refresh(visitor: &Visitor, token: &str) -> ApiResponse {
    visitor
        .post_refresh_token("/api/token/refresh", token)
        .await
}

/// Sends eight concurrent refreshes of one token, each on its own connection.
async fn assert_one_successor_for_eight_requests(app: &TestApp, token: &str) {
    let visitors: Vec<_> = (0..8).map(|_| app.visitor()).collect();
    let all = visitors.iter().map(|visitor| refresh(visitor, token));
    let replies = join_all(all).await;
    for reply in &replies {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let answers: BTreeSet<_> = replies.iter().map(|reply| &reply.body).collect();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let live = app.live_refresh_token_rows();
    assert_eq!(live.len(), 1, "{live:#?}");
    let next = replies[0].text("refresh");
    assert_eq!(refresh(&visitors[0], &next).await.status, 200);
}

#[tokio::test]
async fn eight_refreshes_of_one_token_give_one_successor() {
    let (app, user) = rotating().start_with_user();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    assert_one_successor_for_eight_requests(&app, &pair.refresh).await;
}

#[tokio::test]
async fn eight_refreshes_of_one_token_give_one_successor_with_es256() {
    let folder = tempfile::tempdir().unwrap();
    let key = write_private_key(folder.path(), "ES256");
    let es256 = rotating()
        .setting("JWT_ALGORITHM", "ES256")
        .setting("JWT_SIGNING_KEY", &key);
    let (app, user) = es256.start_with_user();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    assert_one_successor_for_eight_requests(&app, &pair.refresh).await;
}

#[tokio::test]
async fn eight_refreshes_of_a_django_token_give_one_successor() {
    let (app, user) = rotating().start_with_user();
    app.set_imported(user.id);
    assert_one_successor_for_eight_requests(&app, &sign_claims(&app.claims("refresh", &user)))
        .await;
}

#[tokio::test]
async fn eight_refreshes_over_two_replicas_give_one_successor() {
    let (app, user) = rotating().start_with_user();
    let other = app
        .replica()
        .setting("ROTATE_REFRESH_TOKENS", "true")
        .start();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    let visitors: Vec<_> = (0..4)
        .flat_map(|_| [app.visitor(), other.visitor()])
        .collect();
    let all = visitors
        .iter()
        .map(|visitor| refresh(visitor, &pair.refresh));
    let bodies: BTreeSet<_> = join_all(all)
        .await
        .into_iter()
        .map(|reply| reply.body)
        .collect();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    assert_eq!(app.live_refresh_token_rows().len(), 1);
}

#[tokio::test]
async fn a_blacklisting_concurrent_with_a_rotation_leaves_no_valid_token() {
    let (app, user) = rotating().start_with_user();
    for _ in 0..ROUNDS {
        let pair = app.issue_tokens(&user, TokenGrant::default());
        let (one, other) = (app.visitor(), app.visitor());
        let (refreshed, ended) = join(
            refresh(&one, &pair.refresh),
            other.post_refresh_token("/api/token/blacklist", &pair.refresh),
        )
        .await;
        // Either was first. The successor is not valid afterwards.
        if refreshed.status == 200 {
            refresh(&one, &refreshed.text("refresh"))
                .await
                .assert_is(401, BLACKLISTED);
        } else {
            refreshed.assert_is(401, BLACKLISTED);
            ended.assert_is(200, "{}");
        }
        assert!(app.live_refresh_token_rows().is_empty());
    }
}

#[tokio::test]
async fn a_password_change_concurrent_with_a_rotation_leaves_no_valid_token() {
    let (app, user) = rotating().start_with_user();
    for _ in 0..ROUNDS {
        let pair = app.issue_tokens(&app.user(&user.email), TokenGrant::default());
        let (visitor, now) = (app.visitor(), app.now());
        let changing = app.database.write(move |conn| {
            let ended = set_password(conn, user.id, "!", now, None)?;
            Ok::<_, vestibule::db::DbError>(ended)
        });
        let (refreshed, changed) = join(refresh(&visitor, &pair.refresh), changing).await;
        changed.unwrap();
        if refreshed.status == 200 {
            let (refresh_token, access) = (refreshed.text("refresh"), refreshed.text("access"));
            refresh(&visitor, &refresh_token)
                .await
                .assert_is(401, PASSWORD_CHANGED);
            visitor
                .get_me_with_token(&access)
                .await
                .assert_is(401, PASSWORD_CHANGED);
        } else {
            refreshed.assert_is(401, PASSWORD_CHANGED);
        }
        refresh(&visitor, &pair.refresh)
            .await
            .assert_is(401, PASSWORD_CHANGED);
    }
}

#[tokio::test]
async fn of_eight_blacklistings_one_succeeds() {
    let (app, user) = rotating().start_with_user();
    let pair = app.issue_tokens(&user, TokenGrant::default());
    let visitors: Vec<_> = (0..8).map(|_| app.visitor()).collect();
    let all = visitors
        .iter()
        .map(|visitor| visitor.post_refresh_token("/api/token/blacklist", &pair.refresh));
    let replies = join_all(all).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 200).count(),
        1,
        "{replies:#?}"
    );
}
