//! "Log out there": ends one of the user's own sessions.

use authkit_emulator::{Effect, Fault};
use diesel::prelude::*;
use reqwest::{Method, StatusCode, Url};
use serde_json::json;
use vestibule::db::schema::sessions;

use super::{
    ADA, FIREFOX, IPHONE, REVOKE, REVOKE_AT_WORKOS, SIGNED_OUT, add_session, eventually, is_done,
    is_open, newest, sign_out_everywhere, sign_out_there, signed_in_with, workos_has,
};
use crate::support::app::{TestApp, location};
use crate::support::exchange::{WORKOS, code_for, post, signed_in};
use crate::support::steps::{error_page, is_removal, query, set_cookie};

#[tokio::test]
async fn the_session_ends_here_and_at_workos_and_the_current_one_continues() {
    let app = TestApp::start();
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    let there = newest(&app);
    let tokens = phone.post_json("/api/auth/session", &json!({})).await;
    let refresh = tokens.text("refresh_token");
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    let here = newest(&app);

    is_done(&sign_out_there(&laptop, &there.id).await);
    let page = laptop.page(SIGNED_OUT).await;
    assert!(page.contains("The session was logged out."), "{page}");
    assert!(!page.contains("Safari on iPhone"), "{page}");
    assert!(
        !phone.is_signed_in().await,
        "this replica refuses the session immediately"
    );
    assert!(laptop.is_signed_in().await);
    let again = json!({ "refresh": refresh });
    let refused = phone.post_json("/api/token/refresh", &again).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.json);
    let id = app.workos().user(ADA).unwrap().id;
    let left = here.workos_sid.unwrap().to_string();
    eventually(async || app.workos().sessions_of(&id) == [left.clone()]).await;

    // The form is sent again from another page: the session has ended already.
    is_done(&sign_out_there(&laptop, &there.id).await);
    assert!(laptop.is_signed_in().await);
}

#[tokio::test]
async fn another_replica_refuses_it_too() {
    let app = TestApp::start();
    let other = app.replica().start();
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    let (there, copy) = (newest(&app), phone.cookies("/"));
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    let status = async || {
        other
            .visitor()
            .get_with_cookies("/account", &copy)
            .await
            .status()
    };
    assert_eq!(status().await, StatusCode::OK);
    is_done(&sign_out_there(&laptop, &there.id).await);
    eventually(async || status().await == StatusCode::FOUND).await;
}

#[tokio::test]
async fn a_session_of_a_code_exchange_ends_with_its_tokens() {
    let app = TestApp::start();
    let body = json!({ "code": code_for(&app, ADA).await });
    let tokens = signed_in(post(&app, WORKOS, &body).await).await;
    let there = app.only_session();
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    is_done(&sign_out_there(&laptop, &there.id).await);
    let refresh = json!({ "refresh": tokens["refresh_token"] });
    let refused = post(&app, "/api/token/refresh", &refresh).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    workos_has(&app, ADA, 1).await;
}

#[tokio::test]
async fn another_users_session_and_a_malformed_id_are_not_found() {
    let app = TestApp::start();
    let olive = signed_in_with(&app, IPHONE, "olive@example.com").await;
    let olives = newest(&app).id;
    let ada = signed_in_with(&app, FIREFOX, ADA).await;
    let long = "x".repeat(10_000);
    for id in [
        &olives,
        "",
        "nonsense",
        "' or 1=1 --",
        "a\0b",
        "%",
        "é",
        &long,
    ] {
        error_page(sign_out_there(&ada, id).await, StatusCode::NOT_FOUND).await;
    }
    for fields in [
        &[][..],
        &[("all", "")],
        &[("all", "0")],
        &[("session", "1")],
    ] {
        error_page(ada.submit(REVOKE, fields).await, StatusCode::NOT_FOUND).await;
    }
    assert!(olive.is_signed_in().await && ada.is_signed_in().await);
    assert!(is_open(&app, &olives));
}

#[tokio::test]
async fn ending_the_current_session_is_a_log_out() {
    let app = TestApp::start();
    let ada = signed_in_with(&app, FIREFOX, ADA).await;
    let row = app.only_session();
    let response = sign_out_there(&ada, &row.id).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(is_removal(&set_cookie(&response, "sessionid").unwrap()));
    assert_eq!(response.headers()["clear-site-data"], "\"cache\"");
    let url = Url::parse(&location(&response)).unwrap();
    assert_eq!(
        query(&url, "session_id"),
        row.workos_sid.unwrap().to_string()
    );
    let back = ada.get(url.as_str()).await;
    assert_eq!(location(&back), format!("{}/", app.url));
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn ending_a_session_with_the_same_workos_sid_ends_the_current_one() {
    let app = TestApp::start();
    let ada = signed_in_with(&app, FIREFOX, ADA).await;
    let row = app.only_session();
    add_session(&app, row.user_id, "twin");
    app.change(|conn| {
        let twin = diesel::update(sessions::table.find("twin"));
        twin.set(sessions::workos_sid.eq(&row.workos_sid))
            .execute(conn)
    });
    let response = sign_out_there(&ada, "twin").await;
    let url = Url::parse(&location(&response)).unwrap();
    assert_eq!(
        query(&url, "session_id"),
        row.workos_sid.unwrap().to_string()
    );
    assert!(is_removal(&set_cookie(&response, "sessionid").unwrap()));
    assert!(!is_open(&app, &row.id));
}

#[tokio::test]
async fn an_impersonator_can_end_only_the_impersonation() {
    let app = TestApp::start();
    let support = app.signed_in("imogen@example.com").await;
    let row = app.only_session();
    add_session(&app, row.user_id, "imogens-own");
    let page = support.page("/account").await;
    assert!(page.contains("Log out here"), "{page}");
    assert!(!page.contains("Log out there") && !page.contains("Log out everywhere"));
    for response in [
        sign_out_there(&support, "imogens-own").await,
        sign_out_there(&support, "nonsense").await,
        sign_out_everywhere(&support).await,
    ] {
        let page = error_page(response, StatusCode::FORBIDDEN).await;
        assert!(page.contains("Not in an impersonated session"), "{page}");
    }
    assert!(is_open(&app, "imogens-own") && support.is_signed_in().await);
    assert_eq!(app.user("imogen@example.com").token_version % 65_536, 0);
    sign_out_there(&support, &row.id).await;
    assert!(!support.is_signed_in().await);
}

#[tokio::test]
async fn the_session_ends_here_while_workos_is_unavailable() {
    let app = TestApp::start();
    let phone = signed_in_with(&app, IPHONE, ADA).await;
    let there = newest(&app);
    let laptop = signed_in_with(&app, FIREFOX, ADA).await;
    let away = Fault::once(REVOKE_AT_WORKOS, Effect::status(503, json!({})));
    app.workos().inject(away.times(u32::MAX));
    is_done(&sign_out_there(&laptop, &there.id).await);
    assert!(!phone.is_signed_in().await);
    // The application tried to call WorkOS, after its response.
    eventually(async || {
        let requests = app.workos().requests();
        requests.iter().any(|one| one.path == REVOKE_AT_WORKOS)
    })
    .await;
    assert!(laptop.is_signed_in().await);
    assert!(!is_open(&app, &there.id));
}

#[tokio::test]
async fn only_a_signed_in_users_post_from_this_site_is_accepted() {
    let app = TestApp::start();
    let ada = signed_in_with(&app, FIREFOX, ADA).await;
    let id = app.only_session().id;
    for path in [REVOKE, "/account/sessions/revoke/"] {
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            let response = ada.request(method, path).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.headers()["allow"], "POST, OPTIONS");
        }
        let nobody = app.visitor().submit(path, &[("session_id", &id)]).await;
        assert_eq!(location(&nobody), "/auth/login?next=%2Faccount");
        let form = ada.request(Method::POST, path).form(&[("all", "1")]);
        let form = form.header("Sec-Fetch-Site", "cross-site");
        error_page(form.send().await.unwrap(), StatusCode::FORBIDDEN).await;
    }
    assert!(ada.is_signed_in().await);
    let slashed = "/account/sessions/revoke/";
    ada.submit(slashed, &[("session_id", &id)]).await;
    assert!(!ada.is_signed_in().await);
}
