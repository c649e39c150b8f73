//! The media types and charsets that a request body may have, as Django REST framework reads them.

use reqwest::Method;

use crate::support::api::{ApiResponse, PASSWORD};
use crate::support::app::{TestApp, Visitor};

const EMAIL: &str = "ada@example.com";
const MULTIPART: &str = "multipart/form-data; boundary=b";

fn part(disposition: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

async fn post(visitor: &Visitor, kind: &str, body: impl Into<reqwest::Body>) -> ApiResponse {
    let request = visitor.request(Method::POST, "/api/token");
    ApiResponse::of_request(request.header("content-type", kind).body(body)).await
}

#[tokio::test]
async fn a_multipart_form_is_accepted() {
    let (app, _) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let email = part("name=\"email\"", EMAIL);
    let password = part("name=\"password\"", PASSWORD);
    let picture = part("name=\"picture\"; filename=\"a.png\"", "unused");
    for body in [
        format!("{email}{password}{picture}--b--\r\n"),
        format!(
            "{email}{}{password}--b--",
            part("name=\"password\"", "wrong")
        ),
        // As in Django, a missing end is no error.
        format!("{password}{}", email.trim_end()),
    ] {
        let reply = post(&visitor, MULTIPART, body.clone()).await;
        assert_eq!(reply.status, 200, "{body}: {reply:?}");
        let refresh = part("name=\"refresh\"", &reply.text("refresh"));
        let request = visitor.request(Method::POST, "/api/token/refresh");
        let request = request.header("content-type", MULTIPART).body(refresh);
        assert_eq!(ApiResponse::of_request(request).await.status, 200);
    }
}

#[tokio::test]
async fn a_file_is_no_text() {
    let (app, _) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let file = part("name=\"password\"; filename=\"a.txt\"", PASSWORD);
    let email = part("name=\"email\"", EMAIL);
    let text = part("name=\"password\"", PASSWORD);
    for body in [format!("{email}{file}"), format!("{file}{email}{text}")] {
        let reply = post(&visitor, MULTIPART, body + "--b--").await;
        reply.assert_is(400, r#"{"password":["Not a valid string."]}"#);
    }
}

#[tokio::test]
async fn a_malformed_multipart_form_is_a_400() {
    let (app, _) = TestApp::builder().start_with_user();
    let visitor = app.visitor();
    let missing = r#"{"email":["This field is required."],"password":["This field is required."]}"#;
    post(&visitor, MULTIPART, "nonsense")
        .await
        .assert_is(400, missing);
    for kind in ["multipart/form-data", "multipart/form-data; boundary=\" \""] {
        let reply = post(&visitor, kind, "nonsense").await;
        let detail = reply.text("detail");
        let expected = "Multipart form parse error - Invalid boundary in multipart: ";
        assert!(detail.starts_with(expected), "{detail}");
        assert_eq!(reply.status, 400);
    }
    let short = "--b\r\nContent-Disposition:form-data;name=a\r\n\r\n\r\n".repeat(1001);
    let reply = post(&visitor, MULTIPART, short).await;
    reply.assert_is(
        400,
        r#"{"detail":"The number of GET/POST parameters exceeded 1000."}"#,
    );
}

#[tokio::test]
async fn bodies_are_decoded_in_the_charset_of_the_header() {
    const ACCENTED: &str = "Pässwörd-for-tests";
    let app = TestApp::start();
    app.add_user_with_password(EMAIL, ACCENTED);
    let visitor = app.visitor();
    let json = format!(r#"{{"email":"{EMAIL}","password":"{ACCENTED}"}}"#);
    let latin: Vec<u8> = json.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let utf_16 = "\u{feff}".to_owned() + &json;
    let utf_16: Vec<u8> = utf_16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let form = b"email=ada@example.com&password=P%E4ssw%F6rd-for-tests";
    let raw = b"email=ada@example.com&password=P\xe4ssw\xf6rd-for-tests";
    let multipart: Vec<u8> =
        (part("name=\"password\"", ACCENTED) + &part("name=\"email\"", EMAIL) + "--b--")
            .chars()
            .map(|c| u8::try_from(c).unwrap())
            .collect();
    for (status, kind, body) in [
        (200, "application/json", json.as_bytes()),
        (200, "application/json; charset=latin-1", &latin),
        (200, "application/json; charset=\"ISO-8859-1\"", &latin),
        (200, "application/json;charset=utf-16", &utf_16),
        (
            200,
            "application/json; charset=no-such-charset",
            json.as_bytes(),
        ),
        (
            200,
            "application/x-www-form-urlencoded; charset=windows-1252",
            form,
        ),
        (
            200,
            "application/x-www-form-urlencoded; charset=latin1",
            raw,
        ),
        // Django takes a body that is not valid UTF-8 for Latin-1.
        (200, "application/x-www-form-urlencoded", raw),
        (401, "application/x-www-form-urlencoded", form),
        (
            200,
            "multipart/form-data; boundary=b; charset=latin-1",
            &multipart,
        ),
        (401, "multipart/form-data; boundary=b", &multipart),
        (401, "application/json; charset=latin-1", json.as_bytes()),
        (400, "application/json", &latin),
        (400, "application/json; charset=ascii", json.as_bytes()),
        (400, "application/json; charset=utf-16", json.as_bytes()),
    ] {
        let reply = post(&visitor, kind, body.to_vec()).await;
        assert_eq!(reply.status, status, "{kind}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    let reply = post(&visitor, "application/json; charset=bz2", "{}").await;
    let unsupported = "Unsupported charset \\\"bz2\\\" in request Content-Type header.";
    reply.assert_is(400, &format!(r#"{{"detail":"{unsupported}"}}"#));
}
