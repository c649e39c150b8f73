//! How an application verifies the token: the example, and PyJWT as in docs/forward-auth.md.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;

use super::site::{AUDIENCE, EXAMPLE, examples, repository, start_application};
use super::{VERIFY, ask, header};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor};
use crate::support::site::free_port;
use crate::support::tokens::{forge_token, token_claims, token_part, write_private_key};

/// Tokens that the application must accept or refuse, with what they are.
struct Tokens {
    accepted: String,
    refused: Vec<(&'static str, String)>,
}

/// Every token has the audience of the application, and is signed with the key of the app unless it is forged.
async fn tokens(app: &TestApp) -> Tokens {
    let credentials = json!({ "email": "ada@example.com", "password": PASSWORD });
    let pair = app.visitor().post_json("/api/token", &credentials).await;
    let bearer = format!("Bearer {}", pair.text("access"));
    let answer = ask(&app.visitor(), VERIFY, &[("authorization", &bearer)]).await;
    let forwarded = header(&answer, "x-auth-token").to_owned();
    let [head, claims, signature] = [0, 1, 2].map(|at| forwarded.split('.').nth(at).unwrap());
    let kid = token_part(&forwarded, 0)["kid"].clone();
    let claims_text = token_claims(&forwarded).to_string();
    let signed_by = |algorithm: &str| {
        let head = json!({ "alg": algorithm, "typ": "JWT", "kid": kid }).to_string();
        forge_token(
            &head,
            claims_text.as_bytes(),
            kid.as_str().unwrap().as_bytes(),
        )
    };
    let [access, refresh] = ["access", "refresh"].map(|name| pair.text(name));
    let of_access = access.split('.').nth(1).unwrap();
    let refused = vec![
        (
            "of another signature",
            format!("{head}.{of_access}.{signature}"),
        ),
        ("of an empty signature", format!("{head}.{claims}.")),
        ("with a secret", signed_by("HS256")),
        ("with a secret as RS256", signed_by("RS256")),
        ("without algorithm", signed_by("none")),
        ("not a token", "a.b.c".to_owned()),
        ("nothing", String::new()),
        ("access", access),
        ("refresh", refresh),
    ];
    for (name, token) in &refused[7..] {
        assert_eq!(token_claims(token)["aud"], AUDIENCE, "{name}");
    }
    Tokens {
        accepted: forwarded,
        refused,
    }
}

#[tokio::test]
async fn the_example_accepts_forwarded_tokens_only() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with_key(folder.path(), "RS256");
    let port = free_port();
    let jwks_url = format!("{}/.well-known/jwks.json", app.url);
    let mut peer = start_application(EXAMPLE, port, &jwks_url, folder.path());
    peer.wait_for(|line| line.starts_with("listening").then_some(()))
        .await;
    let tokens = tokens(&app).await;
    let application = Visitor::new(&format!("http://127.0.0.1:{port}"));
    let status = async |token: &str| {
        let answer = ask(&application, "/", &[("x-auth-token", token)]).await;
        answer.status()
    };
    assert_eq!(status(&tokens.accepted).await, StatusCode::OK);
    for (name, token) in &tokens.refused {
        assert_eq!(status(token).await, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn pyjwt_as_documented_accepts_forwarded_tokens_only() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with_key(folder.path(), "ES256");
    let tokens = tokens(&app).await;
    let documented = "https://app.example.com";
    let example = &examples("python")[0];
    assert!(example.contains(documented), "{example}");
    let program = format!(
        "import sys\n{}\nfor token in sys.argv[1:]:\n    try:\n        print(claims_of(token)['user_id'])\n    except jwt.PyJWTError:\n        print('refused')\n",
        example.replace(documented, &app.url)
    );
    let output = Command::new(repository("script/peers/django/.venv/bin/python"))
        .args(["-c", &program, &tokens.accepted])
        .args(tokens.refused.iter().map(|(_, token)| token))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut lines = printed.lines();
    let user = app.user("ada@example.com").id.to_string();
    assert_eq!(lines.next(), Some(user.as_str()), "{output:?}");
    for (name, _) in &tokens.refused {
        assert_eq!(lines.next(), Some("refused"), "{name}: {output:?}");
    }
}

fn app_with_key(folder: &std::path::Path, algorithm: &str) -> TestApp {
    let builder = TestApp::builder()
        .setting("JWT_ALGORITHM", algorithm)
        .setting("JWT_SIGNING_KEY", &write_private_key(folder, algorithm))
        .setting("JWT_AUDIENCE", AUDIENCE);
    builder.start_with_user().0
}
