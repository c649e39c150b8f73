//! The same requests to a real Django with simplejwt and to vestibule. The responses are compared field by
//! field, and each accepts the tokens of the other.

mod normal;
mod plain_requests;
mod token_requests;

use diesel::prelude::*;
use futures_util::future::{join, join_all};
use serde_json::json;
use vestibule::db::schema::users;

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, Visitor};
use crate::support::django_server::DjangoServer;
use crate::support::real_django::django_and_vestibule;
use normal::normal;
pub(super) use plain_requests::Call;

pub(super) const EMAIL: &str = "pbkdf2_sha256@example.com";

#[tokio::test]
async fn a_real_django_answers_the_same() {
    answers_are_the_same(false).await;
}

#[tokio::test]
async fn a_real_django_that_rotates_refresh_tokens_answers_the_same() {
    answers_are_the_same(true).await;
}

async fn answers_are_the_same(rotate: bool) {
    let (django, made, database) = django_and_vestibule();
    let theirs = DjangoServer::start(&django, rotate).await;
    let app = TestApp::builder()
        .database(database)
        .system_clock()
        .setting(
            "ROTATE_REFRESH_TOKENS",
            if rotate { "true" } else { "false" },
        )
        .start();
    let lists = token_requests::all(&made, app.now().seconds(), rotate);
    assert_no_differences(lists, &theirs, &app).await;
    let (there, here) = (theirs.visitor(), app.visitor());
    tokens_cross(&there, &here).await;
    tokens_cross(&here, &there).await;
    // Django keeps our own claims: one of its own tokens would open no account with a version.
    set_version(&app, 1);
    tokens_cross(&here, &there).await;
}

fn set_version(app: &TestApp, version: i64) {
    let user = users::table.filter(users::email.eq(EMAIL));
    app.change(|conn| {
        diesel::update(user)
            .set(users::token_version.eq(version))
            .execute(conn)
    });
}

/// As in a project whose `USERNAME_FIELD` is Django's default.
#[tokio::test]
async fn a_real_django_with_usernames_answers_the_same() {
    let (django, _, database) = django_and_vestibule();
    let theirs = DjangoServer::start_with(&django, false, "LOGIN_FIELD=username").await;
    let app = TestApp::builder()
        .database(database)
        .system_clock()
        .setting("LOGIN_FIELD", "username")
        .start();
    let with_username = |call: Call| {
        let body = call.body.replace("\"email\"", "\"username\"");
        Call {
            body: body.replace("email=", "username="),
            better: call.better.filter(|why| !why.contains("without case")),
            ..call
        }
    };
    let lists = token_requests::sign_ins();
    let lists = lists.map(|list| list.into_iter().map(with_username).collect());
    assert_no_differences(lists, &theirs, &app).await;
}

/// Sends the requests of each list in their order, and those of different lists at the same time.
pub(super) async fn assert_no_differences(
    lists: impl IntoIterator<Item = Vec<Call>>,
    theirs: &DjangoServer,
    app: &TestApp,
) {
    let found = lists.into_iter().map(async |list| {
        let (there, here) = (theirs.visitor(), app.visitor());
        let mut differences = Vec::new();
        for call in list {
            differences.extend(difference(&call, &there, &here).await);
        }
        differences
    });
    let differences = join_all(found).await.concat();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The difference between the two responses to this call.
async fn difference(call: &Call, there: &Visitor, here: &Visitor) -> Option<String> {
    let (theirs, ours) = join(call.send(there), call.send(here)).await;
    assert!(ours.status.as_u16() < 500, "{call:?}: {ours:?}");
    ours.assert_api_headers();
    let (theirs, ours) = (normal(&theirs), normal(&ours));
    // Otherwise the list of intended differences would become outdated.
    ((theirs == ours) == call.better.is_some())
        .then(|| format!("{call:?}\n  theirs {theirs}\n  ours   {ours}"))
}

/// Asserts that one accepts the tokens that the other issues.
pub(super) async fn tokens_cross(from: &Visitor, to: &Visitor) {
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let pair = from.post_json("/api/token/", &credentials).await;
    let (refresh, access) = (pair.text("refresh"), pair.text("access"));
    let good = |reply: &ApiResponse| assert_eq!(reply.status, 200, "{reply:?}");
    good(&to.get_me_with_token(&access).await);
    for token in [&refresh, &access] {
        good(
            &to.post_json("/api/token/verify/", &json!({ "token": token }))
                .await,
        );
    }
    let refreshed = to.post_refresh_token("/api/token/refresh/", &refresh).await;
    good(&refreshed);
    for visitor in [from, to] {
        good(&visitor.get_me_with_token(&refreshed.text("access")).await);
    }
    let last = match refreshed.json.get("refresh") {
        Some(next) => next.as_str().unwrap().to_owned(),
        None => refresh,
    };
    good(&to.post_refresh_token("/api/token/blacklist/", &last).await);
    assert_eq!(
        to.post_refresh_token("/api/token/refresh/", &last)
            .await
            .status,
        401
    );
}
