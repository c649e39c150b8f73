//! `POST /api/token`.

use reqwest::Method;
use serde_json::json;

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::TestApp;
use crate::support::tokens::token_part;

const NO_ACTIVE: &str = r#"{"detail":"No active account found with the given credentials"}"#;
const BOTH_REQUIRED: &str =
    r#"{"email":["This field is required."],"password":["This field is required."]}"#;

#[tokio::test]
async fn a_correct_password_gives_a_pair_with_and_without_a_trailing_slash() {
    let (app, user) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    for path in ["/api/token", "/api/token/"] {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        let reply = visitor.post_json(path, &body).await;
        let (refresh, access) = (reply.text("refresh"), reply.text("access"));
        reply.assert_is(
            200,
            &format!(r#"{{"refresh":"{refresh}","access":"{access}"}}"#),
        );
        assert!(reply.header("cache-control").unwrap().contains("no-store"));
        for (token, kind, lifetime) in [(&refresh, "refresh", 86_400), (&access, "access", 300)] {
            assert_eq!(
                token_part(token, 0),
                json!({ "alg": "HS256", "typ": "JWT" })
            );
            let claims = token_part(token, 1);
            let now = app.now().seconds();
            let jti = claims["jti"].as_str().unwrap();
            assert!(jti.len() == 32 && jti.bytes().all(|b| b"0123456789abcdef".contains(&b)));
            let expected = json!({
                "token_type": kind, "exp": now + lifetime, "iat": now, "jti": jti,
                "user_id": user.id.to_string(), "ver": 0,
                "vestibule": claims["vestibule"],
            });
            assert_eq!(claims, expected);
        }
        assert_ne!(
            token_part(&refresh, 1)["jti"],
            token_part(&access, 1)["jti"]
        );
        let me = visitor.get_me_with_token(&access).await;
        me.assert_is(
            200,
            &format!(
                r#"{{"id":{},"email":"ada@example.com","first_name":"","last_name":"","email_verified":true,"picture_url":null,"organization_id":null,"organization_name":null,"roles":[],"permissions":[],"entitlements":[],"feature_flags":[],"claims":{{}},"impersonator":null,"is_staff":false,"is_superuser":false,"groups":[]}}"#,
                user.id
            ),
        );
    }
    assert_eq!(app.user("ada@example.com").last_login, Some(app.now()));
}

#[tokio::test]
async fn other_accepted_requests() {
    let (app, _) = TestApp::builder().start_with_user();
    app.add_password_user("7@example.com");
    let visitor = app.visitor();
    let form = Some("application/x-www-form-urlencoded");
    let json = Some("application/json");
    for (kind, body) in [
        (
            form,
            "email=ada%40example.com&password=Correct-horse-9&more=1",
        ),
        (
            form,
            "password=wrong&password=Correct-horse-9&email=ada%40example.com",
        ),
        (
            Some("APPLICATION/JSON; charset=utf-8"),
            r#"{"email":"ada@example.com","password":"Correct-horse-9"}"#,
        ),
        (
            json,
            r#"{"email":"  ADA@Example.COM\n","password":"Correct-horse-9","unknown":[{}]}"#,
        ),
    ] {
        let reply = visitor
            .post_bytes("/api/token", kind, body.as_bytes())
            .await;
        assert_eq!(reply.status, 200, "{body}: {reply:?}");
    }
    // An invalid Authorization header is ignored here.
    let request = visitor
        .request(Method::POST, "/api/token")
        .header("authorization", "Bearer garbage")
        .json(&json!({ "email": "ada@example.com", "password": PASSWORD }));
    assert_eq!(ApiResponse::of_request(request).await.status, 200);
}

/// Django REST framework trims every text. A password that itself begins with a space is refused, as
/// there; the form at `/login` takes it as it is, as Django's form does.
#[tokio::test]
async fn white_space_at_the_ends_of_a_password_is_ignored() {
    let (app, _) = TestApp::builder().start_with_user();
    let spacious = " Correct-horse-9";
    app.add_user_with_password("grace@example.com", spacious);
    let visitor = app.visitor();
    for (status, email, password) in [
        (200, "ada@example.com", " Correct-horse-9"),
        (200, "ada@example.com", "\u{a0}Correct-horse-9\r\n\t\u{1f}"),
        (401, "grace@example.com", spacious),
    ] {
        let body = json!({ "email": email, "password": password });
        let reply = visitor.post_json("/api/token", &body).await;
        assert_eq!(reply.status, status, "{password:?}");
    }
    let trimmed = app
        .visitor()
        .log_in("ada@example.com", " Correct-horse-9")
        .await;
    assert_eq!(trimmed.status(), 200, "the form again");
    let exact = app.visitor().log_in("grace@example.com", spacious).await;
    assert_eq!(exact.status(), 302);
}

#[tokio::test]
async fn refusals_do_not_reveal_the_reason() {
    let (app, _) = TestApp::builder().start_with_user();
    let closed = app.add_password_user("closed@example.com");
    app.set_active(closed.id, false);
    let linked = app.add_password_user("linked@example.com");
    app.change(|conn| {
        use diesel::prelude::*;
        use vestibule::db::schema::users;
        diesel::update(users::table.find(linked.id))
            .set(users::workos_user_id.eq("user_made_up"))
            .execute(conn)
    });
    let visitor = app.visitor();
    for (email, password) in [
        ("ada@example.com", "wrong"),
        ("ada@example.com", "Correct -horse-9"),
        ("nobody@example.com", PASSWORD),
        ("closed@example.com", PASSWORD),
        ("linked@example.com", PASSWORD),
    ] {
        let body = json!({ "email": email, "password": password });
        visitor
            .post_json("/api/token", &body)
            .await
            .assert_is(401, NO_ACTIVE);
    }
    assert!(app.refresh_token_rows().is_empty());
}

#[tokio::test]
async fn bodies_with_missing_or_invalid_fields() {
    let (app, _) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let field =
        |complaint: &str| format!(r#"{{"email":["{complaint}"],"password":["{complaint}"]}}"#);
    let both = |value: &str| format!(r#"{{"email":{value},"password":{value}}}"#);
    let dictionary = |kind: &str| {
        format!(
            r#"{{"non_field_errors":["Invalid data. Expected a dictionary, but got {kind}."]}}"#
        )
    };
    let blank = field("This field may not be blank.");
    let no_text = field("Not a valid string.");
    for (body, expected) in [
        ("{}".to_owned(), BOTH_REQUIRED.to_owned()),
        (String::new(), BOTH_REQUIRED.to_owned()),
        (
            r#"{"email":"a@example.com"}"#.to_owned(),
            r#"{"password":["This field is required."]}"#.to_owned(),
        ),
        (
            r#"{"password":"a"}"#.to_owned(),
            r#"{"email":["This field is required."]}"#.to_owned(),
        ),
        (both(r#""""#), blank.clone()),
        (both(r#"" \t ""#), blank),
        (both("null"), field("This field may not be null.")),
        (both("true"), no_text.clone()),
        (both("[]"), no_text.clone()),
        (both(r#"["a"]"#), no_text.clone()),
        (both("{}"), no_text),
        (
            both(r#""a\u0000b""#),
            field("Null characters are not allowed."),
        ),
        ("[]".to_owned(), dictionary("list")),
        (r#""text""#.to_owned(), dictionary("str")),
        ("12".to_owned(), dictionary("int")),
        ("1.5".to_owned(), dictionary("float")),
        ("true".to_owned(), dictionary("bool")),
        (
            "null".to_owned(),
            r#"{"non_field_errors":["No data provided"]}"#.to_owned(),
        ),
    ] {
        let reply = visitor
            .post_bytes("/api/token", Some("application/json"), body.as_bytes())
            .await;
        assert_eq!(reply.body, expected, "{body}");
        reply.assert_is(400, &expected);
    }
    // A number is converted to text, and matches no user.
    let reply = visitor
        .post_json("/api/token", &json!({ "email": 5, "password": 1.5 }))
        .await;
    reply.assert_is(401, NO_ACTIVE);
}

#[tokio::test]
async fn unreadable_bodies() {
    let (app, _) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let deep = "[".repeat(30_000);
    let deep_object = r#"{"a":"#.repeat(10_000);
    for body in [
        b"{".as_slice(),
        b"{]",
        b"nonsense",
        b"{\"email\":\"\xff\"}",
        b"\xff\xfe",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":NaN}",
        b"{} {}",
        b"\0",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ] {
        let reply = visitor
            .post_bytes("/api/token", Some("application/json"), body)
            .await;
        let detail = reply.text("detail");
        assert!(detail.starts_with("JSON parse error - "), "{reply:?}");
        reply.assert_is(400, &json!({ "detail": detail }).to_string());
    }
    for (kind, shown) in [
        (Some("text/plain"), r#"\"text/plain\""#),
        (Some("application/jsonp"), r#"\"application/jsonp\""#),
        (None, r#"\"\""#),
    ] {
        let reply = visitor.post_bytes("/api/token", kind, b"{}").await;
        reply.assert_is(
            415,
            &format!(r#"{{"detail":"Unsupported media type {shown} in request."}}"#),
        );
    }
    let large = format!(r#"{{"email":"{}"}}"#, "a".repeat(64 * 1024));
    let reply = visitor
        .post_bytes("/api/token", Some("application/json"), large.as_bytes())
        .await;
    reply.assert_is(413, r#"{"detail":"Request body too large."}"#);
}

#[tokio::test]
async fn only_post_is_allowed() {
    let app = TestApp::start();
    let visitor = app.visitor();
    for path in [
        "/api/token",
        "/api/token/refresh",
        "/api/token/verify",
        "/api/token/blacklist",
    ] {
        for slash in ["", "/"] {
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                let request = visitor.request(method.clone(), &format!("{path}{slash}"));
                let reply = ApiResponse::of_request(request).await;
                assert_eq!(reply.header("allow"), Some("POST, OPTIONS"), "{path}");
                reply.assert_is(
                    405,
                    &format!(r#"{{"detail":"Method \"{method}\" not allowed."}}"#),
                );
            }
            let reply = ApiResponse::of_request(visitor.request(Method::OPTIONS, path)).await;
            assert_eq!(
                (reply.status.as_u16(), reply.header("allow")),
                (204, Some("POST, OPTIONS"))
            );
        }
    }
    let reply = ApiResponse::of_request(visitor.request(Method::POST, "/api/token/nothing")).await;
    reply.assert_is(404, r#"{"detail":"Not found."}"#);
}
