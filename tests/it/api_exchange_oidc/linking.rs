//! Which accounts an address alone may link.

use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::{GOOGLE, OKTA, body, exchange, start};
use crate::support::app::{TestApp, TestAppBuilder, Visitor, location};
use crate::support::exchange::{CHALLENGE, VERIFIER, json_of, post, refused, signed_in};
use crate::support::oidc_provider::{
    CLIENT_ID, OidcProvider, REDIRECT_URI, WithOidcIssuer, verified,
};
use crate::support::steps::query;

async fn start_with(settings: &[(&str, &str)]) -> (OidcProvider, TestApp) {
    let provider = OidcProvider::start().await;
    let builder = TestApp::builder().with_oidc_issuer(provider.issuer());
    let set = |app: TestAppBuilder, (name, value): &(&str, &str)| app.setting(name, value);
    (provider, settings.iter().fold(builder, set).start())
}

fn hosted(email: &str) -> Value {
    json!({ "claims": { "email": email, "email_verified": true, "hd": "example.com" } })
}

#[tokio::test]
async fn a_provider_vouches_for_its_domains_only() {
    let (provider, app) = start_with(&[
        ("OKTA_DOMAINS", "Example.com, example.org"),
        ("GOOGLE_DOMAINS", "example.com"),
    ])
    .await;
    for (number, (path, email, links)) in [
        (OKTA, "one@example.com", true),
        (OKTA, "two@EXAMPLE.org", true),
        (OKTA, "three@sub.example.com", false),
        (OKTA, "four@notexample.com", false),
        (OKTA, "five@example.com@example.net", false),
        (GOOGLE, "six@example.com", true),
        (GOOGLE, "seven@gmail.com", false),
    ]
    .into_iter()
    .enumerate()
    {
        app.add_user(email, true);
        let mut claims = hosted(email);
        claims["claims"]["sub"] = json!(format!("person-{number}"));
        provider.configure(claims).await;
        let response = exchange(&app, path).await;
        if links {
            signed_in(response).await;
        } else {
            refused(response, StatusCode::FORBIDDEN, "email_not_verified").await;
        }
    }
}

#[tokio::test]
async fn staff_and_superusers_are_never_linked_by_an_address() {
    for flag in ["is_staff", "is_superuser"] {
        let (provider, app) = start().await;
        app.add_user("ada@gmail.com", true);
        let set = |value: &str| {
            app.run_sql(&format!("UPDATE users SET {flag} = {value}"));
        };
        set("TRUE");
        provider.configure(verified("ada@gmail.com")).await;
        for path in [GOOGLE, OKTA] {
            let response = exchange(&app, path).await;
            refused(response, StatusCode::FORBIDDEN, "account_not_connected").await;
        }
        // An identity that is linked signs in, whatever the account may do.
        set("FALSE");
        signed_in(exchange(&app, OKTA).await).await;
        set("TRUE");
        signed_in(exchange(&app, OKTA).await).await;
    }
}

#[tokio::test]
async fn with_signed_in_linking_an_address_links_nothing() {
    let (provider, app) = start_with(&[("PROVIDER_LINKING", "signed-in")]).await;
    app.add_user("ada@gmail.com", true);
    // The answer does not say whether there is an account.
    for email in ["ada@gmail.com", "nobody@gmail.com"] {
        provider.configure(verified(email)).await;
        for path in [GOOGLE, OKTA] {
            let response = exchange(&app, path).await;
            refused(response, StatusCode::FORBIDDEN, "account_not_connected").await;
        }
    }
}

#[tokio::test]
async fn nonce_and_code_verifier_can_be_required() {
    let (provider, app) = start_with(&[("PROVIDER_REQUIRE_NONCE", "true")]).await;
    app.add_user("ada@gmail.com", true);
    let required = json!(["This field is required."]);
    for path in [GOOGLE, OKTA] {
        let response = post(&app, path, &body()).await;
        let answer = json_of(response, StatusCode::BAD_REQUEST).await;
        let expected = json!({ "nonce": required, "code_verifier": required });
        assert_eq!(answer, expected);
    }
    assert!(provider.requests("token").await.is_empty());
    let claims = json!({ "email": "ada@gmail.com", "email_verified": true, "nonce": "n" });
    provider.configure(json!({ "claims": claims })).await;
    // As a page does: it asks for the code with the challenge of its verifier.
    let mut authorize = Url::parse(&format!("{}/authorize", provider.issuer())).unwrap();
    authorize
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("scope", "openid email")
        .append_pair("state", "the page's own")
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256");
    let response = Visitor::new(provider.issuer())
        .get(authorize.as_str())
        .await;
    let mut complete = body();
    complete["code"] = json!(query(&Url::parse(&location(&response)).unwrap(), "code"));
    complete["nonce"] = json!("n");
    complete["code_verifier"] = json!(VERIFIER);
    signed_in(post(&app, OKTA, &complete).await).await;
}
