//! `/account/providers/…`: a signed-in user connects Google and Okta, and disconnects them.

use chrono::TimeDelta;
use reqwest::header::REFERER;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::json;

use crate::support::app::{TestApp, Visitor, location};
use crate::support::exchange::{post, refused, signed_in};
use crate::support::oidc_provider::{CLIENT_ID, OidcProvider, REDIRECT_URI, WithOidcIssuer};
use crate::support::steps::{error_page, is_removal, query, set_cookie, with_query};

const CONNECT: &str = "/account/providers/okta/connect";
const DISCONNECT: &str = "/account/providers/okta/disconnect";
const CONNECTED: &str = "/account?notice=provider-connected";
const FAILED: &str = "/account?notice=provider-failed";

async fn start() -> (OidcProvider, TestApp) {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .setting("PROVIDER_LINKING", "signed-in")
        .start();
    (provider, app)
}

/// Follows the link, and returns the authorize URL.
async fn begin(visitor: &Visitor) -> Url {
    let response = visitor.follow(CONNECT).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    Url::parse(&location(&response)).unwrap()
}

/// Signs in at the provider, and returns the callback's URL. The provider puts the nonce into its token
/// as an authorization server does.
async fn authorize(provider: &OidcProvider, authorize: &Url) -> Url {
    let nonce = query(authorize, "nonce");
    provider
        .configure(json!({ "claims": { "nonce": nonce } }))
        .await;
    let response = Visitor::new(provider.issuer())
        .get(authorize.as_str())
        .await;
    Url::parse(&location(&response)).unwrap()
}

async fn connect(provider: &OidcProvider, visitor: &Visitor) -> Response {
    let url = begin(visitor).await;
    let callback = authorize(provider, &url).await;
    visitor.get(callback.as_str()).await
}

/// The answer of the provider's sign-in to a single-page application.
async fn exchange(app: &TestApp) -> Response {
    let body = json!({ "code": "made-up-code", "redirect_uri": REDIRECT_URI });
    post(app, "/api/auth/okta", &body).await
}

#[tokio::test]
async fn a_user_connects_and_disconnects_a_provider() {
    let (provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    refused(
        exchange(&app).await,
        StatusCode::FORBIDDEN,
        "account_not_connected",
    )
    .await;
    assert!(ada.page("/account").await.contains(CONNECT));

    let url = begin(&ada).await;
    for (name, value) in [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
        (
            "redirect_uri",
            &format!("{}/account/providers/callback", app.url),
        ),
    ] {
        assert_eq!(query(&url, name), value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(query(&url, name).len(), 43, "{name}");
    }
    let callback = authorize(&provider, &url).await;
    let response = ada.get(callback.as_str()).await;
    assert_eq!(location(&response), CONNECTED);
    assert!(is_removal(
        &set_cookie(&response, "vestibule_connection").unwrap()
    ));
    let page = ada.page(CONNECTED).await;
    assert!(page.contains("The account is connected."), "{page}");
    assert!(page.contains(DISCONNECT), "{page}");
    let answer = signed_in(exchange(&app).await).await;
    let id = i64::from(app.user("ada@example.com").id);
    assert_eq!(answer["user"]["id"], id);

    // The callback counts once; the same identity may be connected again.
    assert_eq!(location(&ada.get(callback.as_str()).await), FAILED);
    assert_eq!(location(&connect(&provider, &ada).await), CONNECTED);

    let response = ada.post(DISCONNECT).await;
    assert_eq!(location(&response), "/account?notice=provider-disconnected");
    refused(
        exchange(&app).await,
        StatusCode::FORBIDDEN,
        "account_not_connected",
    )
    .await;
}

/// The tokens of a disconnected identity do not become valid again with another one.
#[tokio::test]
async fn disconnecting_a_provider_ends_the_tokens_of_its_sign_ins() {
    let (provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    let connect_as = async |subject: &str| {
        let url = begin(&ada).await;
        let callback = authorize(&provider, &url).await;
        let claims = json!({ "claims": { "nonce": query(&url, "nonce"), "sub": subject } });
        provider.configure(claims).await;
        assert_eq!(location(&ada.get(callback.as_str()).await), CONNECTED);
    };
    let tokens = async || signed_in(exchange(&app).await).await;
    let refreshed = async |tokens: &serde_json::Value| {
        let body = json!({ "refresh": tokens["refresh_token"] });
        let visitor = app.visitor();
        visitor.post_json("/api/token/refresh", &body).await.status
    };
    let me = async |tokens: &serde_json::Value| {
        let access = tokens["access_token"].as_str().unwrap();
        app.visitor().get_me_with_token(access).await.status
    };
    connect_as("mallory").await;
    let mallory = tokens().await;
    assert_eq!(refreshed(&mallory).await, StatusCode::OK);
    ada.post(DISCONNECT).await;
    connect_as("ada-herself").await;
    assert_eq!(refreshed(&mallory).await, StatusCode::UNAUTHORIZED);
    assert_eq!(me(&mallory).await, StatusCode::UNAUTHORIZED);

    // Also if the identity was replaced with SQL alone.
    let adas = tokens().await;
    assert_eq!(refreshed(&adas).await, StatusCode::OK);
    app.change(|conn| {
        use diesel::prelude::*;
        use vestibule::db::schema::identities;
        diesel::update(identities::table)
            .set(identities::subject.eq("somebody-else"))
            .execute(conn)
    });
    assert_eq!(refreshed(&adas).await, StatusCode::UNAUTHORIZED);
}

/// Tokens of an earlier version do not say which identity signed in.
#[tokio::test]
async fn tokens_without_a_subject_depend_on_any_identity_of_the_provider() {
    use diesel::prelude::*;
    use vestibule::db::schema::refresh_tokens;

    let (provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    connect(&provider, &ada).await;
    let tokens = signed_in(exchange(&app).await).await;
    app.change(|conn| {
        diesel::update(refresh_tokens::table)
            .set(refresh_tokens::sign_in_subject.eq(None::<String>))
            .execute(conn)
    });
    let body = json!({ "refresh": tokens["refresh_token"] });
    let refreshed = async || app.visitor().post_json("/api/token/refresh", &body).await;
    assert_eq!(refreshed().await.status, StatusCode::OK);
    ada.post(DISCONNECT).await;
    assert_eq!(refreshed().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_identity_belongs_to_one_account() {
    let (provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    assert_eq!(location(&connect(&provider, &ada).await), CONNECTED);
    let mut other = app.workos().user("ada@example.com").unwrap();
    other.id = "user_01OTHER".to_owned();
    other.email = "other@example.com".to_owned();
    other.password = Some("other-demo-password".to_owned());
    app.workos().put_user(other);
    let other = app.signed_in("other@example.com").await;
    let conflict = "/account?notice=provider-conflict";
    assert_eq!(location(&connect(&provider, &other).await), conflict);
    assert!(other.page(conflict).await.contains("Nothing was connected"));
    // An account has one identity at each provider.
    let url = begin(&ada).await;
    let callback = authorize(&provider, &url).await;
    let nonce = query(&url, "nonce");
    provider
        .configure(json!({ "claims": { "nonce": nonce, "sub": "somebody-else" } }))
        .await;
    assert_eq!(location(&ada.get(callback.as_str()).await), conflict);
}

#[tokio::test]
async fn a_callback_must_match_the_attempt() {
    let (provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    let url = begin(&ada).await;
    let callback = authorize(&provider, &url).await;
    // Another session, also of the same user, does not complete it.
    let elsewhere = app.signed_in("ada@example.com").await;
    assert_eq!(location(&elsewhere.get(callback.as_str()).await), FAILED);
    let forged = with_query(&callback, "state", Some("forged"));
    assert_eq!(location(&ada.get(forged.as_str()).await), FAILED);
    // An ID token for another attempt: the nonce differs.
    let url = begin(&ada).await;
    let callback = authorize(&provider, &url).await;
    provider
        .configure(json!({ "claims": { "nonce": "other" } }))
        .await;
    assert_eq!(location(&ada.get(callback.as_str()).await), FAILED);
    // Too late.
    let url = begin(&ada).await;
    let callback = authorize(&provider, &url).await;
    app.clock.advance(TimeDelta::minutes(10));
    let late = ada.get(callback.as_str()).await;
    assert_eq!(location(&late), FAILED);
    // The provider refuses, or the user does.
    for (error, notice) in [("access_denied", "cancelled"), ("server_error", "failed")] {
        let url = begin(&ada).await;
        let state = query(&url, "state");
        let path = format!("/account/providers/callback?error={error}&state={state}");
        let expected = format!("/account?notice=provider-{notice}");
        assert_eq!(location(&ada.get(&path).await), expected);
    }
    let identities = app.rows_of_tables()["identities"];
    assert_eq!(identities, 0);
}

#[tokio::test]
async fn only_a_link_of_this_site_starts_a_connection() {
    let (_provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    for headers in [
        vec![("Sec-Fetch-Site", "cross-site")],
        vec![("Sec-Fetch-Site", "same-site")],
        vec![("Sec-Fetch-Site", "none")],
        vec![(REFERER.as_str(), "https://evil.example/")],
        vec![],
    ] {
        let mut request = ada.request(Method::GET, CONNECT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(location(&response), "/account");
        assert_eq!(set_cookie(&response, "vestibule_connection"), None);
    }
    let foreign = ada.request(Method::POST, DISCONNECT);
    let foreign = foreign.header("Sec-Fetch-Site", "cross-site");
    error_page(foreign.send().await.unwrap(), StatusCode::FORBIDDEN).await;
}

#[tokio::test]
async fn without_a_session_or_a_provider_nothing_is_connected() {
    let (_provider, app) = start().await;
    let nobody = app.visitor();
    let response = nobody.follow(CONNECT).await;
    let expected = "/auth/login?next=%2Faccount";
    assert_eq!(location(&response), expected);
    let callback = "/account/providers/callback?code=c&state=s";
    assert_eq!(location(&nobody.get(callback).await), expected);
    assert_eq!(location(&nobody.post(DISCONNECT).await), expected);

    let without = TestApp::start();
    let ada = without.signed_in("ada@example.com").await;
    assert!(!ada.page("/account").await.contains("Connected accounts"));
    for name in ["google", "okta", "github"] {
        let path = format!("/account/providers/{name}/connect");
        error_page(ada.follow(&path).await, StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn an_old_log_in_neither_connects_nor_disconnects() {
    let (provider, app) = start().await;
    let ada = app.signed_in("ada@example.com").await;
    assert_eq!(location(&connect(&provider, &ada).await), CONNECTED);
    app.clock.advance(TimeDelta::minutes(16));
    for response in [ada.follow(CONNECT).await, ada.post(DISCONNECT).await] {
        let page = error_page(response, StatusCode::FORBIDDEN).await;
        assert!(page.contains("next=%2Faccount\""), "{page}");
    }
    assert_eq!(app.rows_of_tables()["identities"], 1);
}

#[tokio::test]
async fn an_impersonator_connects_nothing() {
    let (_provider, app) = start().await;
    let mut ada = app.workos().user("ada@example.com").unwrap();
    ada.impersonator = Some(authkit_emulator::Impersonator {
        email: "support@example.com".to_owned(),
        reason: None,
    });
    app.workos().put_user(ada);
    let support = app.signed_in("ada@example.com").await;
    assert!(
        !support
            .page("/account")
            .await
            .contains("Connected accounts")
    );
    error_page(support.follow(CONNECT).await, StatusCode::FORBIDDEN).await;
    error_page(support.post(DISCONNECT).await, StatusCode::FORBIDDEN).await;
}

#[tokio::test]
async fn a_provider_that_is_away_changes_nothing() {
    let app = TestApp::builder()
        .with_oidc_issuer("http://127.0.0.1:9")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    assert_eq!(location(&ada.follow(CONNECT).await), FAILED);
}

/// Each connection adds an audit event.
#[tokio::test]
async fn an_account_connects_a_limited_number_of_times() {
    let provider = OidcProvider::start().await;
    let app = TestApp::builder()
        .with_oidc_issuer(provider.issuer())
        .setting("THROTTLE_LOGIN", "1/min")
        .start();
    let ada = app.signed_in("ada@example.com").await;
    for _ in 0..30 {
        let connected = connect(&provider, &ada).await;
        assert_eq!(location(&connected), CONNECTED);
    }
    let refused = connect(&provider, &ada).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}
