//! Request headers that clients vary: `Accept`, `Authorization`, and others that change nothing.

use super::random::Random;
use super::request::GeneratedRequest;

const ACCEPT: &[&str] = &[
    "*/*",
    "application/json",
    "application/*",
    "application/json, text/plain, */*",
    "application/json; charset=utf-8",
    "application/json; indent=4",
    "application/json; indent=4",
    "application/json; version=1.0",
    "application/json;q=0",
    "application/json, text/html",
    "text/html, application/json",
    "text/html",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/*",
    "application/xml",
    "application/vnd.api+json",
    "image/png",
    "APPLICATION/JSON",
    "",
    "nonsense",
    "*",
    ";",
    ",",
    "*/json",
];

/// Adds `Accept`, sometimes.
pub(super) fn accept(random: &mut Random, request: GeneratedRequest) -> GeneratedRequest {
    match random.below(4) {
        0 => request.header("Accept", random.pick(ACCEPT)),
        1 => request.header("Accept", "application/json"),
        _ => request,
    }
}

/// Adds headers that must change nothing.
pub(super) fn unrelated(random: &mut Random, request: GeneratedRequest) -> GeneratedRequest {
    let (name, value) = random.pick(&[
        ("Accept-Language", "de, en;q=0.5"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "made-up/1.0"),
        ("Referer", "http://localhost/"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-CSRFToken", "nonsense"),
        ("If-None-Match", "\"a\""),
        ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ("Range", "bytes=0-1"),
        ("Cookie", "csrftoken=nonsense"),
        ("Cookie", "sessionid=nonsense"),
        ("Cookie", "a=b; c"),
    ]);
    match random.one_in(4) {
        true => request.header(name, value),
        false => request,
    }
}

/// An `Authorization` header around this token; `None`: without the header.
pub(super) fn authorization(random: &mut Random, token: &str) -> Option<Vec<u8>> {
    let text = match random.below(24) {
        0..=13 => format!("Bearer {token}"),
        14 => {
            random
                .pick(&[
                    "bearer", "BEARER", "bEARER", "JWT", "Token", "Basic", "Bearer:", "Digest",
                ])
                .to_owned()
                + " "
                + token
        }
        15 => format!("Bearer  {token}"),
        16 => format!("Bearer\t{token}"),
        17 => format!("Bearer {token} {token}"),
        18 => format!(" Bearer {token} "),
        19 => random
            .pick(&[
                "Bearer", "Bearer ", "", " ", "Basic", "Bearer  ", "Bearer\t",
            ])
            .to_owned(),
        20 => token.to_owned(),
        21 => format!("Bearer {token},"),
        22 => {
            let mut bytes = b"Bearer \xff\xe9".to_vec();
            bytes.extend_from_slice(token.as_bytes());
            return Some(bytes);
        }
        _ => return None,
    };
    Some(text.into_bytes())
}

/// A header that the routes which need no authentication ignore.
pub(super) fn ignored_authorization(
    random: &mut Random,
    request: GeneratedRequest,
) -> GeneratedRequest {
    match random.one_in(8) {
        true => request.header(
            "Authorization",
            random.pick(&[
                "Bearer x",
                "Bearer",
                "Bearer a b",
                "Basic YTpi",
                "nonsense",
                "",
            ]),
        ),
        false => request,
    }
}
