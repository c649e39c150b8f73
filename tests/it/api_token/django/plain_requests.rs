//! The requests without tokens that both servers get.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::EMAIL;
use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::Visitor;

/// One request.
#[derive(Clone, Debug)]
pub(in crate::api_token) struct Call {
    pub(in crate::api_token) method: Method,
    pub(in crate::api_token) path: String,
    pub(in crate::api_token) kind: Option<&'static str>,
    pub(in crate::api_token) body: String,
    pub(in crate::api_token) authorization: Option<String>,
    /// Why vestibule's response differs on purpose.
    pub(in crate::api_token) better: Option<&'static str>,
}

impl Call {
    pub(in crate::api_token) fn post(path: &str, body: &Value) -> Self {
        Self {
            method: Method::POST,
            path: path.to_owned(),
            kind: Some("application/json"),
            body: body.to_string(),
            authorization: None,
            better: None,
        }
    }

    pub(super) fn text(path: &str, body: &str) -> Self {
        let body = body.to_owned();
        Self {
            body,
            ..Self::post(path, &Value::Null)
        }
    }

    pub(in crate::api_token) fn me(authorization: &str) -> Self {
        Self {
            method: Method::GET,
            kind: None,
            authorization: Some(authorization.to_owned()),
            ..Self::text("/api/users/me/", "")
        }
    }

    pub(super) fn better(self, why: &'static str) -> Self {
        Self {
            better: Some(why),
            ..self
        }
    }

    pub(in crate::api_token) async fn send(&self, to: &Visitor) -> ApiResponse {
        let mut request = to.request(self.method.clone(), &self.path);
        if let Some(kind) = self.kind {
            request = request.header(CONTENT_TYPE, kind).body(self.body.clone());
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        ApiResponse::of_request(request).await
    }
}

/// Requests to obtain tokens.
pub(super) fn obtain() -> Vec<Call> {
    let path = "/api/token";
    let sign_in = |email: &str, password: &str| {
        Call::post(path, &json!({ "email": email, "password": password }))
    };
    let form = |body: &str| Call {
        kind: Some("application/x-www-form-urlencoded"),
        ..Call::text(path, body)
    };
    let mut calls = vec![
        sign_in(EMAIL, PASSWORD),
        Call {
            path: "/api/token/".to_owned(),
            ..sign_in(EMAIL, PASSWORD)
        },
        sign_in(EMAIL, "wrong"),
        sign_in("nobody@example.com", PASSWORD),
        sign_in("inactive@example.com", PASSWORD),
        sign_in("unusable@example.com", PASSWORD),
        sign_in(&format!("  {EMAIL} "), PASSWORD),
        sign_in(&EMAIL.to_uppercase(), PASSWORD).better("email addresses are matched without case"),
        sign_in(EMAIL, " Correct-horse-9 "),
        sign_in(EMAIL, "\u{1f}Correct-horse-9\u{85}"),
        Call {
            authorization: Some("Bearer x".to_owned()),
            ..sign_in(EMAIL, PASSWORD)
        },
        Call::post(
            path,
            &json!({ "email": EMAIL, "password": PASSWORD, "more": [1] }),
        ),
        form("email=pbkdf2_sha256%40example.com&password=Correct-horse-9"),
        form("email=&more=1"),
        form(""),
        Call {
            kind: Some("text/plain"),
            ..Call::text(path, "a")
        },
        Call {
            kind: None,
            ..Call::text(path, "")
        },
    ];
    calls.extend(body_types());
    for value in [
        json!(""),
        json!(" \t"),
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({ "a": 1 }),
        json!(5),
        json!(1.5),
        json!("a\0b"),
        json!("\0"),
    ] {
        calls.push(Call::post(
            path,
            &json!({ "email": value, "password": value }),
        ));
    }
    for body in [
        "",
        "{}",
        "[]",
        "[1]",
        "\"text\"",
        "null",
        "true",
        "5",
        "1.5",
        "{",
        "nonsense",
        "{\"a\":NaN}",
        r#"{"email":"a"}"#,
        r#"{"password":"a"}"#,
    ] {
        calls.push(Call::text(path, body));
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        calls.push(Call {
            method,
            kind: None,
            ..Call::text(path, "")
        });
    }
    calls
}

/// Multipart forms, and bodies in other charsets.
fn body_types() -> Vec<Call> {
    let with = |kind: &'static str, body: &str| Call {
        kind: Some(kind),
        ..Call::text("/api/token", body)
    };
    let part = |disposition: &str, value: &str| {
        format!("--b\r\nContent-Disposition: {disposition}\r\n\r\n{value}\r\n")
    };
    let email = part("form-data; name=\"email\"", EMAIL);
    let password = part("form-data; name=\"password\"", PASSWORD);
    let file = part("form-data; name=\"password\"; filename=\"a.txt\"", "x");
    let unnamed = part("form-data; name=\"password\"; filename=\"\"", PASSWORD);
    let extended = part("form-data; name=\"password\"; filename*=UTF-8''a", "x");
    let base64 = "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\
                  Content-Transfer-Encoding: base64\r\n\r\nQ29ycmVjdC1ob3JzZS05\r\n";
    let form = "multipart/form-data; boundary=b";
    let mut calls: Vec<Call> = [
        format!("{email}{password}--b--\r\n"),
        format!("preamble\r\n{email}{password}--b--\r\nepilogue"),
        format!("{email}{password}"),
        format!("{email}{unnamed}--b--"),
        format!("{email}{file}--b--"),
        format!("{file}{email}{password}--b--"),
        format!("{email}{extended}--b--"),
        format!("{email}{base64}--b--"),
        format!("{email}{password}{}--b--", part("form-data", "x")),
        part("form-data; name=email", EMAIL),
        "nonsense".to_owned(),
        String::new(),
    ]
    .iter()
    .map(|body| with(form, body))
    .collect();
    calls.push(with("multipart/form-data", &email));
    calls.push(with("multipart/form-data; boundary=\"\"", &email));
    calls.push(with(
        "multipart/form-data; boundary=\"b\"; charset=latin-1",
        &email,
    ));
    calls.push(with("multipart/mixed; boundary=b", &email));
    let accented = r#"{"email":"unicode@example.com","password":"Pässwörd-李-9"}"#;
    for kind in [
        "application/json",
        "application/json; charset=\"UTF-8\"",
        "application/json; charset=latin-1",
        "application/json; charset=ascii",
        "application/json; charset=utf-16",
        "application/json; charset=no-such-charset",
        "application/json; charset=bz2",
        "application/json; charset=rot13",
    ] {
        calls.push(with(kind, accented));
    }
    for kind in [
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded; charset=latin-1",
        "application/x-www-form-urlencoded; charset=windows-1251",
        "application/x-www-form-urlencoded; charset=shift_jis",
        "application/x-www-form-urlencoded; charset=zlib",
    ] {
        calls.push(with(
            kind,
            "email=unicode%40example.com&password=P%C3%A4ssw%C3%B6rd-%E6%9D%8E-9",
        ));
        calls.push(with(
            kind,
            "email=unicode@example.com&password=Pässwörd-李-9",
        ));
    }
    calls
}

/// The other routes, each with the name of its field.
pub(super) const ROUTES: [(&str, &str); 3] = [
    ("/api/token/refresh", "refresh"),
    ("/api/token/verify/", "token"),
    ("/api/token/blacklist", "refresh"),
];

/// Missing or invalid fields, at the other routes.
pub(super) fn fields() -> Vec<Call> {
    let mut calls = Vec::new();
    for (path, field) in ROUTES {
        for value in [
            json!(""),
            json!("  "),
            json!(null),
            json!([]),
            json!(true),
            json!(7),
            json!("garbage"),
        ] {
            calls.push(Call::post(path, &json!({ field: value })));
        }
        for body in ["", "{}", "[]", "null", "{"] {
            calls.push(Call::text(path, body));
        }
        calls.push(Call {
            method: Method::GET,
            kind: None,
            ..Call::text(path, "")
        });
    }
    calls
}
