//! Differences in the form of answers.

use serde_json::json;

use super::{Example, NearMisses, Sent};
use crate::django_differential::allowed::answers::MORE_FIELDS;
use crate::django_differential::allowed::detail;
use crate::django_differential::request::GeneratedRequest;

pub(super) fn all() -> Vec<NearMisses> {
    let get = || GeneratedRequest::new("GET", "/api/users/me");
    let mut headers = Example::same(get(), 200, &json!({}));
    headers.ours = headers
        .ours
        .with(
            "cache-control",
            "max-age=0, no-cache, no-store, must-revalidate, private",
        )
        .with("content-security-policy", "default-src 'none'")
        .with("x-request-id", "1");
    let mut vary = Example::same(get(), 200, &json!({}));
    vary.theirs = vary.theirs.with("vary", "Accept");
    vary.ours = vary.ours.with("vary", "Cookie");
    let mut allow = Example::same(get(), 200, &json!({}));
    allow.theirs = allow.theirs.with("allow", "GET, HEAD, OPTIONS");
    let mut log_out = Example::same(
        GeneratedRequest::json("/api/auth/logout", "{}"),
        200,
        &json!({}),
    );
    log_out.ours = log_out.ours.with(
        "set-cookie",
        "vestibule_login_code=; Path=/login/code; Max-Age=0; Expires=Fri, 28 Nov 2025 07:56:08 GMT",
    );
    let mut unknown = Example::same(
        GeneratedRequest::new("GET", "/api/x"),
        404,
        &detail("Not found."),
    );
    unknown.theirs = Sent {
        body: "<p>".to_owned(),
        ..unknown.theirs
    }
    .with("content-type", "text/html; charset=utf-8");
    let options = Example::new(
        GeneratedRequest::new("OPTIONS", "/api/token"),
        Sent::json(200, &json!({ "renders": [] })).with("allow", "POST, OPTIONS"),
        Sent {
            status: 204,
            headers: vec![("allow", "OPTIONS, POST")],
            body: String::new(),
        },
    );
    let mut fields = Example::same(get(), 200, &json!({}));
    fields.theirs.body = r#"{"id":1}"#.to_owned();
    fields.ours.body = format!(r#"{{"id":1,{MORE_FIELDS}}}"#);
    let slashes = Example::new(
        GeneratedRequest::json("/api/token%2Frefresh", "{}"),
        Sent::json(400, &json!({ "refresh": ["This field is required."] })),
        Sent::json(404, &detail("Not found.")),
    );
    vec![
        (
            "headers of vestibule only",
            headers,
            vec![
                |one| one.ours = one.ours.clone().with("cache-control", "public"),
                |one| {
                    one.ours = one
                        .ours
                        .clone()
                        .with("content-security-policy", "default-src *");
                },
                |one| one.theirs = one.theirs.clone().with("cache-control", "no-store"),
            ],
        ),
        (
            "vary",
            vary,
            vec![
                |one| one.ours = one.ours.clone().with("vary", "Origin"),
                |one| one.theirs = one.theirs.clone().with("vary", "Origin"),
            ],
        ),
        (
            "allow outside 405",
            allow,
            vec![
                |one| (one.theirs.status, one.ours.status) = (405, 405),
                |one| one.ours = one.ours.clone().with("allow", "POST"),
            ],
        ),
        (
            "cookies of a log-out",
            log_out,
            vec![
                |one| one.request.target = "/api/token".to_owned(),
                |one| {
                    one.ours = one
                        .ours
                        .clone()
                        .with("set-cookie", "vestibule_login_code=x; Max-Age=60; Path=/");
                },
                |one| {
                    one.ours = one.ours.clone().with(
                        "set-cookie",
                        "vestibule_login_code=; Max-Age=0; Path=/, sessionid=; Max-Age=0; Path=/",
                    );
                },
            ],
        ),
        (
            "page of an unknown route",
            unknown,
            vec![
                |one| one.ours = Sent::json(404, &detail("Not found")),
                |one| one.ours.status = 200,
                |one| one.theirs = one.theirs.clone().with("content-type", "text/plain"),
            ],
        ),
        (
            "options",
            options,
            vec![
                |one| one.request.method = "GET",
                |one| one.theirs.status = 403,
                |one| one.ours.status = 200,
            ],
        ),
        (
            "more fields of the current user",
            fields,
            vec![
                |one| one.request.target = "/api/token".to_owned(),
                |one| one.ours.body = one.ours.body.replace("false", "true"),
                |one| one.ours.body = one.ours.body.replace("[]", "[\"a\"]"),
                |one| one.ours.body = one.ours.body.replace("\"id\":1", "\"id\":2"),
            ],
        ),
        (
            "slashes in the path",
            slashes,
            vec![
                |one| one.request.target = "/api/token/refresh".to_owned(),
                |one| one.request.target = "/api/token%2Fverify".to_owned(),
                |one| one.ours.status = 200,
                |one| one.ours = Sent::json(404, &detail("x")),
                |one| one.theirs.status = 403,
                |one| one.theirs.status = 500,
                |one| one.theirs = one.theirs.clone().with("content-type", "text/html"),
            ],
        ),
    ]
}
