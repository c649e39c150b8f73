//! Differences in how bodies are read.

use serde_json::{Value, json};

use super::{Example, NearMisses, Sent, pair_of};
use crate::django_differential::allowed::detail;
use crate::django_differential::request::GeneratedRequest;

const NO_ACCOUNT: &str = "No active account found with the given credentials";

fn sign_in(email: &str, password: &str) -> GeneratedRequest {
    let body = json!({ "email": email, "password": password });
    GeneratedRequest::json("/api/token", body.to_string())
}

const TOO_LONG: &str = "Multipart form parse error - Request max total header size exceeded.";

/// A body in a multipart form.
fn form(body: &str) -> GeneratedRequest {
    let kind = "multipart/form-data; boundary=b";
    let mut request = GeneratedRequest::new("POST", "/api/token").header("Content-Type", kind);
    request.body = Some(body.as_bytes().to_vec());
    request
}

fn unsupported(kind: &str) -> Value {
    detail(&format!("Unsupported media type \"{kind}\" in request."))
}

pub(super) fn all() -> Vec<NearMisses> {
    let refusal = || Sent::json(401, &detail(NO_ACCOUNT));
    let parse_error = || Sent::json(400, &detail("JSON parse error - x"));
    let missing = |name: &str| Sent::json(400, &json!({ name: ["This field is required."] }));
    let email = Example::new(
        sign_in("ADA@example.com", "Correct-horse-1"),
        refusal(),
        Sent::json(200, &pair_of("1")),
    );
    let field =
        |value: &str| GeneratedRequest::json("/api/token", format!("{{\"email\":{value}}}"));
    let surrogates = Example::new(field("\"\\ud800\""), missing("password"), parse_error());
    let huge = Example::new(field("1E400"), missing("password"), parse_error());
    let none = Example::new(
        GeneratedRequest::new("POST", "/api/token"),
        Sent::json(415, &unsupported("text/plain")),
        Sent::json(415, &unsupported("")),
    );
    let part = "Content-Disposition: form-data; name=\"email\"\r\n\r\nx\r\n--b--";
    let boundary = Example::new(form(part), missing("password"), missing("email"));
    let mut log_out = form("--b\nContent-Disposition: form-data; name=\"refresh\"\n\nx\n--b--");
    log_out.target = "/api/auth/logout".to_owned();
    let log_out = Example::new(
        log_out,
        Sent::json(400, &detail(TOO_LONG)),
        Sent::json(200, &json!({ "message": "Successfully logged out" })),
    );
    let file = "--b\r\nContent-Disposition: form-data; name=\"email\"; filename=\"a\"\r\n\r\nx";
    let not_text = Sent::json(400, &json!({ "email": ["Not a valid string."] }));
    let file = Example::new(form(file), missing("email"), not_text);
    let mut large = sign_in("ada@example.com", &"x".repeat(64 * 1024));
    large.body.as_mut().expect("a body").push(b' ');
    let too_large = Sent::json(413, &detail("Request body too large."));
    let large = Example::new(large, refusal(), too_large);
    let mut many = GeneratedRequest::new("POST", "/api/token");
    many.body = Some(b"&".repeat(1_000));
    let too_many = detail("The number of GET/POST parameters exceeded 1000.");
    let page = Sent {
        body: "<p>".to_owned(),
        ..Sent::json(400, &json!({}))
    };
    let many = Example::new(many, page, Sent::json(400, &too_many));
    vec![
        (
            "broken form",
            log_out,
            vec![
                |one| one.request.target = "/api/token/blacklist".to_owned(),
                |one| one.request.body = Some(b"--b\r\n\r\nx\r\n--b--".to_vec()),
                |one| one.theirs = Sent::json(400, &detail("Multipart form parse error - x")),
                |one| one.ours = Sent::json(200, &json!({})),
                |one| one.ours.status = 400,
            ],
        ),
        (
            "large body",
            large,
            vec![
                |one| one.request = sign_in("ada@example.com", "x"),
                |one| one.ours.status = 200,
                |one| one.ours = Sent::json(413, &detail("x")),
                |one| one.theirs.status = 404,
                |one| one.theirs.status = 500,
                |one| one.theirs = one.theirs.clone().with("content-type", "text/html"),
            ],
        ),
        (
            "many fields",
            many,
            vec![
                |one| one.request.body = Some(b"&".repeat(999)),
                |one| one.ours.status = 200,
                |one| one.theirs.status = 200,
            ],
        ),
        (
            "email in any case",
            email,
            vec![
                |one| one.request = sign_in("ADA@example.com", "Correct-horse-2"),
                |one| one.request = sign_in("ADA@example.com", ""),
                // Django refuses the account's own address.
                |one| one.request = sign_in("ada@example.com", "Correct-horse-1"),
                |one| one.request = sign_in("ada@example.org", "Correct-horse-1"),
                |one| one.request = sign_in("CLOSED@example.com", "Correct-horse-3"),
                |one| one.request.target = "/api/token/refresh".to_owned(),
                |one| one.ours = Sent::json(200, &pair_of("2")),
                |one| one.ours = Sent::json(200, &json!({})),
                |one| one.theirs = Sent::json(401, &detail("No active account found.")),
                |one| one.theirs.status = 403,
            ],
        ),
        (
            "surrogates",
            surrogates,
            vec![
                |one| one.request.body = Some(b"{}".to_vec()),
                |one| one.ours = Sent::json(400, &detail("x")),
                |one| one.ours.status = 200,
            ],
        ),
        (
            "huge numbers",
            huge,
            vec![
                |one| one.request.body = Some(b"{}".to_vec()),
                |one| one.theirs.status = 200,
                |one| one.ours = Sent::json(200, &json!({})),
            ],
        ),
        (
            "no media type",
            none,
            vec![
                |one| {
                    one.request
                        .headers
                        .push(("Content-Type", b"text/plain".to_vec()));
                },
                |one| one.theirs = Sent::json(415, &unsupported("text/html")),
                |one| one.ours.status = 400,
            ],
        ),
        (
            "broken form",
            boundary,
            vec![
                |one| one.request.body = Some(b"--b--".to_vec()),
                |one| one.ours = Sent::json(400, &json!({ "email": ["Not a valid string."] })),
                |one| one.ours = Sent::json(200, &pair_of("1")),
            ],
        ),
        (
            "file that breaks off",
            file,
            vec![
                |one| one.request.body = Some(b"--b--".to_vec()),
                |one| one.ours = Sent::json(400, &json!({ "password": ["Not a valid string."] })),
                |one| one.ours.status = 200,
            ],
        ),
    ]
}
