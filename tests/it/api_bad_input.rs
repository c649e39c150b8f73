//! Malformed and hostile request bodies: every POST route of the API rejects them in JSON and stays up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::api_schema::{committed, operations};
use crate::organization::{ORCHARDS, TWYLA};
use crate::support::app::TestApp;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// An app, and the access token of a session for the route that needs one.
struct Api {
    app: TestApp,
    token: String,
}

async fn app() -> Api {
    // With the providers configured, their routes read the body.
    let mut app = TestApp::builder();
    for provider in ["GOOGLE", "OKTA"] {
        app = app
            .setting(&format!("{provider}_CLIENT_ID"), "made-up-client")
            .setting(&format!("{provider}_CLIENT_SECRET"), "made-up-secret")
            .setting(&format!("{provider}_ISSUER"), "http://localhost:9")
            .setting(
                &format!("{provider}_REDIRECT_URIS"),
                "https://app.example.com/callback",
            );
    }
    let app = app
        .setting("THROTTLE_LOGIN", "off")
        .setting("THROTTLE_REFRESH", "off")
        .start();
    let token = app.exchange_in(TWYLA, ORCHARDS).await.text("access_token");
    Api { app, token }
}

/// A request without a body. The token is checked before the body.
fn post(api: &Api, path: &str) -> RequestBuilder {
    let request = api.app.visitor().request(Method::POST, path);
    match path {
        "/api/auth/organization" => request.bearer_auth(&api.token),
        _ => request,
    }
}

/// The routes that read a body, with the name of each field and whether it is required.
fn routes() -> Vec<(String, Vec<(String, bool)>)> {
    let document = committed();
    let posts = operations()
        .into_iter()
        .filter(|(_, method)| *method == Method::POST);
    let routes = posts.filter_map(|(path, _)| {
        let body = &document["paths"][&path]["post"]["requestBody"]["content"][JSON]["schema"];
        let place = body["$ref"].as_str()?.trim_start_matches('#').to_owned();
        let schema = document.pointer(&place)?;
        let must = |name: &String| {
            let required = schema["required"].as_array();
            required.is_some_and(|all| all.iter().any(|one| one == name))
        };
        let fields = schema["properties"].as_object()?.keys();
        Some((
            path,
            fields.map(|name| (name.clone(), must(name))).collect(),
        ))
    });
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() >= 4, "{routes:?}");
    routes
}

fn request(api: &Api, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    post(api, path).header("Content-Type", kind).body(body)
}

/// Asserts that the status is one of these; returns the JSON.
async fn assert_refused(response: Response, statuses: &[u16], story: &str) -> Value {
    let status = response.status().as_u16();
    assert!(statuses.contains(&status), "{story}: {status}");
    assert_eq!(response.headers()["content-type"], JSON, "{story}");
    response.json().await.expect(story)
}

async fn assert_still_serving(api: &Api) {
    let answer = request(api, "/api/token", JSON, "{}").send().await.unwrap();
    let said = assert_refused(answer, &[400], "afterwards").await;
    assert_eq!(said["email"][0], "This field is required.");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_parse_error() {
    let app = app().await;
    let nested = |open: &str, close: &str| open.repeat(9_000) + "1" + &close.repeat(9_000);
    let bodies: Vec<Vec<u8>> = vec![
        nested("[", "]").into(),
        nested("{\"a\":", "}").into(),
        "[".repeat(65_536).into(),
        "{\"email\":".repeat(7_000).into(),
        b"{\"email\": \"a".to_vec(),
        b"{\"email\"".to_vec(),
        b"{".to_vec(),
        b" ".to_vec(),
        b"{} {}".to_vec(),
        b"{\"a\": 1,}".to_vec(),
        b"{'a': 1}".to_vec(),
        b"{\"a\": NaN}".to_vec(),
        b"{\"a\": 1e999999}".to_vec(),
        b"{\"a\": \"\\ud800\"}".to_vec(),
        b"{\"a\": \"\\u12\"}".to_vec(),
        b"{\"a\": \"\n\"}".to_vec(),
        b"\xff\xfe{}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"email\": \"\xff\"}".to_vec(),
        b"{\"\xc3\x28\": 1}".to_vec(),
        b"\x1f\x8b\x08\x00garbage".to_vec(),
        vec![0; 1_000],
    ];
    for (path, _) in routes() {
        for body in &bodies {
            let start = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
            let story = format!("{path} {start:?} of {}", body.len());
            let answer = request(&app, &path, JSON, body.clone()).send().await;
            let said = assert_refused(answer.unwrap(), &[400], &story).await;
            let detail = said["detail"].as_str().expect(&story);
            assert!(
                detail.starts_with("JSON parse error - "),
                "{story}: {detail}"
            );
        }
    }
    assert_still_serving(&app).await;
}

#[tokio::test]
async fn a_body_that_is_not_an_object_is_rejected_with_its_type() {
    let app = app().await;
    for (path, _) in routes() {
        for (body, said) in [
            ("[]", "Invalid data. Expected a dictionary, but got list."),
            ("\"a\"", "Invalid data. Expected a dictionary, but got str."),
            ("1", "Invalid data. Expected a dictionary, but got int."),
            ("1.5", "Invalid data. Expected a dictionary, but got float."),
            ("true", "Invalid data. Expected a dictionary, but got bool."),
            ("null", "No data provided"),
        ] {
            let answer = request(&app, &path, JSON, body).send().await.unwrap();
            let answer = assert_refused(answer, &[400], &path).await;
            assert_eq!(answer["non_field_errors"][0], said, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_rejected() {
    let app = app().await;
    for (path, fields) in routes() {
        for (field, required) in fields {
            for (value, said) in [
                ("[]", "Not a valid string."),
                ("{}", "Not a valid string."),
                ("true", "Not a valid string."),
                ("[[[[[[[[1]]]]]]]]", "Not a valid string."),
                ("\"a\\u0000b\"", "Null characters are not allowed."),
                ("null", "This field may not be null."),
                ("\" \"", "This field may not be blank."),
            ] {
                if !required && said.starts_with("This field") {
                    continue;
                }
                let body = format!("{{\"{field}\": {value}}}");
                let answer = request(&app, &path, JSON, body.clone())
                    .send()
                    .await
                    .unwrap();
                let answer = assert_refused(answer, &[400], &format!("{path} {body}")).await;
                assert_eq!(answer[&field][0], said, "{path} {body}");
            }
        }
    }
}

#[tokio::test]
async fn numbers_and_long_texts_are_accepted_as_texts() {
    let app = app().await;
    for (path, fields) in routes() {
        let long = format!("\"{}\"", "x".repeat(50_000));
        let dots = format!("\"{}\"", ".".repeat(50_000));
        let strange = "\"\\uD83D\\uDE00\\u202e\\r\\n\\t'\\\";--%00%ff\"";
        for value in [
            "0",
            "-1",
            "1e308",
            "12345678901234567890123",
            &long,
            &dots,
            strange,
        ] {
            let pairs = fields
                .iter()
                .map(|(name, _)| format!("\"{name}\": {value}"));
            // Two long fields would exceed the size limit.
            let most = if value.len() > 1_000 { 1 } else { fields.len() };
            let body = format!("{{{}}}", pairs.take(most).collect::<Vec<_>>().join(","));
            let answer = request(&app, &path, JSON, body).send().await.unwrap();
            let start = &value[..value.len().min(30)];
            let story = format!("{path} {start}");
            let status = answer.status();
            assert!(status.as_u16() < 500 || status == 503, "{story}: {status}");
            assert_eq!(answer.headers()["content-type"], JSON, "{story}");
            answer.json::<Value>().await.expect(&story);
        }
    }
    assert_still_serving(&app).await;
}

#[tokio::test]
async fn a_large_body_is_rejected_whatever_it_contains() {
    let app = app().await;
    for (path, _) in routes() {
        for kind in [JSON, FORM, "text/plain", "multipart/form-data; boundary=a"] {
            let answer = request(&app, &path, kind, vec![b'['; 65_537]).send().await;
            let said = assert_refused(answer.unwrap(), &[413], &path).await;
            assert_eq!(said["detail"], "Request body too large.", "{path} {kind}");
        }
    }
    assert_still_serving(&app).await;
}

#[tokio::test]
async fn unsupported_media_types_are_rejected_with_their_name() {
    let app = app().await;
    for (path, _) in routes() {
        for kind in [
            "text/plain",
            "application/jsonx",
            "application/xml",
            "multipart/mixed; boundary=a",
            "json",
            ";",
        ] {
            let answer = request(&app, &path, kind, "{}").send().await.unwrap();
            let said = assert_refused(answer, &[415], &path).await;
            let expected = format!("Unsupported media type \"{kind}\" in request.");
            assert_eq!(said["detail"], expected, "{path}");
        }
        let long = format!("application/json; a={}", "b".repeat(256));
        let answer = request(&app, &path, &long, "{}").send().await.unwrap();
        assert_refused(answer, &[415], &path).await;
        let bare = post(&app, &path).body("{}");
        let said = assert_refused(bare.send().await.unwrap(), &[415], &path).await;
        assert_eq!(said["detail"], "Unsupported media type \"\" in request.");
        let odd = post(&app, &path).body("{}");
        let odd = odd.header("Content-Type", &b"application/\xff"[..]);
        assert_refused(odd.send().await.unwrap(), &[415], &path).await;
    }
}

#[tokio::test]
async fn malformed_forms_are_read_as_far_as_possible() {
    let app = app().await;
    for (path, fields) in routes() {
        if !fields.iter().any(|(_, required)| *required) {
            continue;
        }
        for body in [
            &b"%"[..],
            b"%zz=%f",
            b"&&&=&=",
            b"\xff\x00=\xff",
            b"a[]=1&a[b]=2",
            b"[]",
        ] {
            let answer = request(&app, &path, FORM, body).send().await.unwrap();
            let said = assert_refused(answer, &[400], &format!("{path} {body:?}")).await;
            let (field, _) = fields.iter().find(|(_, required)| *required).unwrap();
            assert_eq!(said[field][0], "This field is required.", "{path}");
        }
        let (field, _) = &fields[0];
        let answer = request(&app, &path, FORM, format!("{field}=%00a"))
            .send()
            .await;
        let said = assert_refused(answer.unwrap(), &[400], &path).await;
        assert_eq!(said[field][0], "Null characters are not allowed.", "{path}");
    }
    assert_still_serving(&app).await;
}

/// Browsers send no compressed bodies, and decompression could exceed the size limit.
#[tokio::test]
async fn a_compressed_body_is_not_decompressed() {
    /// `{"email": …, "password": …}`, by gzip.
    const PACKED: &str = "H4sIAAAAAAAC/6tWSs1NzMxRslJKTEl0SK1IzC3ISdVLzs9V0lEqSCwuLs8vSgFK5iampOqWFijVAgBBDlS3MAAAAA==";
    let packed = STANDARD.decode(PACKED).unwrap();
    let app = app().await;
    for (path, _) in routes() {
        for encoding in ["gzip", "deflate", "br", "zstd", "identity"] {
            let story = format!("{path} {encoding}");
            let request = request(&app, &path, JSON, packed.clone());
            let answer = request.header("Content-Encoding", encoding).send().await;
            let said = assert_refused(answer.unwrap(), &[400], &story).await;
            let detail = said["detail"].as_str().expect(&story);
            assert!(
                detail.starts_with("JSON parse error - "),
                "{story}: {detail}"
            );
        }
    }
    // Larger than what actix-web decompresses without a thread of its own.
    let large = vec![b'x'; 50_000];
    let request = request(&app, "/api/token", JSON, large);
    let answer = request.header("Content-Encoding", "gzip").send().await;
    assert_refused(answer.unwrap(), &[400], "large").await;
    assert_still_serving(&app).await;
}
