//! The tokens of a sign-in without a session end when their browser logs out, or signs in as another user.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vestibule::accounts::User;
use vestibule::sessions::NewSession;
use vestibule::tokens::TokenGrant;

use super::{LOGOUT, NAME, REFRESH, REFRESH_NAME, TOKEN, credentials};
use crate::account_sessions::{is_open, password_session, workos_has};
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::exchange::code_for;
use crate::support::steps::obtain_callback_url;

const ADA: &str = "ada@example.com";

fn builder(rotate: &str) -> TestAppBuilder {
    TestApp::builder()
        .setting("AUTH_COOKIE_NAME", NAME)
        .setting("AUTH_COOKIE_REFRESH", "true")
        .setting("ROTATE_REFRESH_TOKENS", rotate)
}

fn app(rotate: &str) -> TestApp {
    let app = builder(rotate).start();
    app.add_password_user("lena@example.com");
    app.add_password_user(ADA);
    app
}

/// Copies of the tokens in a browser's cookies.
struct CopiedTokens {
    access: String,
    refresh: String,
}

impl CopiedTokens {
    fn of(browser: &Visitor) -> Self {
        Self {
            access: browser.cookie("/", NAME).unwrap(),
            refresh: browser.cookie("/api", REFRESH_NAME).unwrap(),
        }
    }

    async fn refreshed(&self, app: &TestApp) -> ApiResponse {
        let body = json!({ "refresh": self.refresh });
        app.visitor().post_json(REFRESH, &body).await
    }

    async fn assert_revoked(&self, app: &TestApp, why: &str) {
        let answer = self.refreshed(app).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{why}");
        assert_eq!(answer.json["detail"], "Token is blacklisted", "{why}");
        let me = app.visitor().get_me_with_token(&self.access).await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED, "{why}: access");
    }
}

async fn signed_in(app: &TestApp) -> (Visitor, CopiedTokens) {
    let browser = app.visitor();
    let answer = browser.post_json(TOKEN, &credentials()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let tokens = CopiedTokens::of(&browser);
    let me = app.visitor().get_me_with_token(&tokens.access).await;
    assert_eq!(me.status, StatusCode::OK);
    (browser, tokens)
}

/// No cookie belongs to the session of a code exchange: without tokens it would stay open unseen.
#[tokio::test]
async fn the_session_of_exchanged_tokens_ends_with_them() {
    let app = app("false");
    let browser = app.visitor();
    let exchange = async || {
        let code = json!({ "code": code_for(&app, ADA).await });
        let answer = browser.post_json("/api/auth/workos/callback", &code).await;
        assert_eq!(answer.status, StatusCode::OK);
    };
    let open = || {
        let rows = app.sessions().into_iter();
        rows.filter(|row| row.revoked_at.is_none()).count()
    };
    exchange().await;
    exchange().await;
    assert_eq!((app.sessions().len(), open()), (2, 1));
    browser.post_json(TOKEN, &credentials()).await;
    assert_eq!(open(), 0);
}

/// WorkOS would sign the previous user in again, without credentials.
#[tokio::test]
async fn the_session_of_exchanged_tokens_ends_at_workos_too() {
    for how in ["/api/token", "/login", "/auth/callback"] {
        let app = app("false");
        let browser = app.visitor();
        let code = json!({ "code": code_for(&app, ADA).await });
        let answer = browser.post_json("/api/auth/workos/callback", &code).await;
        assert_eq!(answer.status, StatusCode::OK);
        workos_has(&app, ADA, 1).await;
        match how {
            "/api/token" => {
                browser.post_json(TOKEN, &credentials()).await;
            }
            "/login" => {
                browser.log_in("lena@example.com", PASSWORD).await;
            }
            _ => {
                browser.sign_in("olive@example.com").await;
            }
        }
        workos_has(&app, ADA, 0).await;
    }
}

/// A late answer can leave cookies of two users in a browser. WorkOS's log-out page ends one session.
#[tokio::test]
async fn a_log_out_ends_every_session_of_its_cookies_at_workos() {
    let app = app("false");
    let code = json!({ "code": code_for(&app, ADA).await });
    let browser = app.visitor();
    let answer = browser.post_json("/api/auth/workos/callback", &code).await;
    assert_eq!(answer.status, StatusCode::OK);
    let access = browser.cookie("/", NAME).unwrap();
    let olive = app.signed_in("olive@example.com").await;
    let cookies = format!("{}; {NAME}={access}", olive.cookies("/"));
    let request = app.visitor().request(Method::POST, "/auth/logout");
    let response = request.header("cookie", cookies).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    workos_has(&app, ADA, 0).await;
    workos_has(&app, "olive@example.com", 1).await;
}

/// A browser's session may be of the same WorkOS session as tokens of an exchange.
#[tokio::test]
async fn a_workos_session_that_is_still_in_use_stays() {
    let app = app("false");
    let ada = app.signed_in(ADA).await;
    let row = app.only_session();
    let sid = row.workos_sid.clone();
    let grant = TokenGrant {
        sid: sid.clone(),
        ..TokenGrant::default()
    };
    let access = app.issue_tokens(&app.user(ADA), grant).access;
    let of_exchange = NewSession {
        workos_sid: sid.clone(),
        ..password_session(&app, row.user_id, "0123456789abcdef0123456789abcdef")
    };
    assert!(app.change(|conn| of_exchange.insert(conn)));
    let request = app.visitor().request(Method::POST, TOKEN);
    let request = request.header("cookie", format!("{NAME}={access}"));
    let answer = ApiResponse::of_request(request.json(&credentials())).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!is_open(&app, &of_exchange.id), "its tokens have ended");
    // The next session ends at WorkOS after this one would have.
    let browser = app.visitor();
    let code = json!({ "code": code_for(&app, "olive@example.com").await });
    browser.post_json("/api/auth/workos/callback", &code).await;
    browser.post_json(TOKEN, &credentials()).await;
    workos_has(&app, "olive@example.com", 0).await;
    workos_has(&app, ADA, 1).await;
    assert!(ada.is_signed_in().await);
}

/// A sibling host can set a cookie of the same name, and an earlier configuration may have.
#[tokio::test]
async fn a_log_out_ends_the_tokens_of_every_cookie_of_the_name() {
    let app = app("false");
    for path in ["/auth/logout", LOGOUT] {
        let (_, first) = signed_in(&app).await;
        let (_, second) = signed_in(&app).await;
        let cookies = format!("{NAME}={}; {NAME}={}", first.access, second.access);
        let request = app.visitor().request(Method::POST, path);
        let request = request.header("cookie", cookies);
        let status = request.send().await.unwrap().status();
        assert!(!status.is_client_error(), "{path}: {status}");
        first.assert_revoked(&app, path).await;
        second.assert_revoked(&app, path).await;
    }
}

#[tokio::test]
async fn the_browsers_log_out_ends_them() {
    for rotate in ["false", "true"] {
        let app = app(rotate);
        let (browser, tokens) = signed_in(&app).await;
        browser.post("/auth/logout").await;
        tokens.assert_revoked(&app, rotate).await;

        // Also after a refresh, by a link, and with an expired access token.
        let (browser, first) = signed_in(&app).await;
        app.advance(301);
        browser.post_json(REFRESH, &json!({})).await;
        let second = CopiedTokens::of(&browser);
        app.advance(301);
        let link = browser.request(Method::GET, "/auth/logout");
        let link = link.header("sec-fetch-site", "same-origin");
        link.send().await.unwrap();
        for tokens in [first, second] {
            tokens.assert_revoked(&app, rotate).await;
        }
    }
}

#[tokio::test]
async fn the_log_out_of_the_api_ends_them_with_the_access_token_alone() {
    for rotate in ["false", "true"] {
        let app = TestApp::builder()
            .setting("ROTATE_REFRESH_TOKENS", rotate)
            .start();
        app.add_password_user("lena@example.com");
        let pair = async || {
            let answer = app.visitor().post_json(TOKEN, &credentials()).await;
            CopiedTokens {
                access: answer.text("access"),
                refresh: answer.text("refresh"),
            }
        };
        let (tokens, other) = (pair().await, pair().await);
        let refreshed = tokens.refreshed(&app).await.text("access");
        let bearer = format!("Bearer {refreshed}");
        let headers = [("authorization", bearer.as_str())];
        let answer = app
            .visitor()
            .post_json_with_headers(LOGOUT, &json!({}), &headers)
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        tokens.assert_revoked(&app, rotate).await;
        let rest = other.refreshed(&app).await;
        assert_eq!(rest.status, StatusCode::OK, "another sign-in goes on");
        let me = app.visitor().get_me_with_token(&other.access).await;
        assert_eq!(me.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn another_sign_in_in_the_browser_ends_them() {
    let app = app("true");
    let (browser, tokens) = signed_in(&app).await;
    let callback = obtain_callback_url(&browser, "olive@example.com").await;
    browser.get(callback.as_str()).await;
    assert_eq!(browser.get_me().await.json["email"], "olive@example.com");
    tokens.assert_revoked(&app, "WorkOS").await;

    let (browser, tokens) = signed_in(&app).await;
    browser.log_in(ADA, PASSWORD).await;
    assert_eq!(browser.get_me().await.json["email"], ADA);
    tokens.assert_revoked(&app, "a password").await;
}

#[tokio::test]
async fn another_sign_in_of_the_api_ends_them() {
    let app = app("true");
    let (browser, tokens) = signed_in(&app).await;
    let ada = json!({ "email": ADA, "password": PASSWORD });
    let wrong = json!({ "email": ADA, "password": "wrong" });
    browser.post_json(TOKEN, &wrong).await;
    let me = browser.get_me().await;
    assert_eq!(me.json["email"], "lena@example.com", "nothing is replaced");
    browser.post_json(TOKEN, &ada).await;
    assert_eq!(browser.get_me().await.json["email"], ADA);
    tokens.assert_revoked(&app, TOKEN).await;
    let adas = CopiedTokens::of(&browser);
    let code = code_for(&app, "olive@example.com").await;
    let path = "/api/auth/workos/callback";
    browser.post_json(path, &json!({ "code": code })).await;
    assert_eq!(browser.get_me().await.json["email"], "olive@example.com");
    adas.assert_revoked(&app, path).await;
}

/// A late answer can leave cookies of two users in a browser.
#[tokio::test]
async fn tokens_for_the_browsers_session_end_those_of_another_user() {
    let app = app("true");
    let (_, tokens) = signed_in(&app).await;
    let ada = app.signed_in("olive@example.com").await;
    let cookies = format!("{}; {NAME}={}", ada.cookies("/"), tokens.access);
    let path = "/api/auth/session";
    let request = app.visitor().request(Method::POST, path).json(&json!({}));
    let answer = ApiResponse::of_request(request.header("cookie", cookies)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    tokens.assert_revoked(&app, path).await;

    // Tokens of the same session stay valid: other tabs may still use them.
    let first = ada.post_json(path, &json!({})).await.text("access_token");
    let second = ada.post_json(path, &json!({})).await;
    assert_eq!(second.status, StatusCode::OK);
    let me = app.visitor().get_me_with_token(&first).await;
    assert_eq!(me.json["email"], "olive@example.com");
}

#[tokio::test]
async fn their_end_is_in_the_audit_trail() {
    let app = app("true");
    let reasons = || -> Vec<Value> {
        let events = crate::audit::events(&app);
        let revoked = events.iter().filter(|row| row.event == "tokens_revoked");
        revoked
            .map(|row| crate::audit::detail(row)["reason"].clone())
            .collect()
    };
    let (browser, _) = signed_in(&app).await;
    browser.post("/auth/logout").await;
    browser.post("/auth/logout").await;
    assert_eq!(reasons(), [Value::Null]);
    let (browser, _) = signed_in(&app).await;
    browser.log_in(ADA, PASSWORD).await;
    assert_eq!(reasons(), [Value::Null, json!("replaced")]);
}

/// Tokens of an earlier version name no family, nor do those that simplejwt has exchanged.
#[tokio::test]
async fn an_access_token_that_names_no_family_ends_nothing() {
    let app = app("true");
    let (_, tokens) = signed_in(&app).await;
    let user = app.user("lena@example.com");
    let issued = |user: &User| {
        let access = app.issue_tokens(user, TokenGrant::default()).access;
        crate::support::tokens::token_claims(&access)
    };
    let mut claims = issued(&user);
    claims["jti"] = json!("0123456789abcdef0123456789abcdef");
    let older = crate::support::tokens::sign_claims(&claims);
    let me = app.visitor().get_me_with_token(&older).await;
    assert_eq!(me.status, StatusCode::OK);
    // Neither does the access token of another user, whatever its id.
    let id = crate::support::tokens::token_claims(&tokens.access)["jti"].clone();
    claims = issued(&app.user(ADA));
    claims["jti"] = id;
    let forged = crate::support::tokens::sign_claims(&claims);
    for token in [older, forged] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let visitor = app.visitor();
        visitor
            .post_json_with_headers(LOGOUT, &json!({}), &headers)
            .await;
        let me = app.visitor().get_me_with_token(&tokens.access).await;
        assert_eq!(me.status, StatusCode::OK);
    }
    assert_eq!(tokens.refreshed(&app).await.status, StatusCode::OK);
}
