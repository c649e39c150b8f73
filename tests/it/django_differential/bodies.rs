//! Bodies: fields as JSON and as forms, whole and broken, in several charsets.

use encoding_rs::Encoding;

use super::random::Random;
use super::request::GeneratedRequest;
use super::values::{Field, json_text, unknown_field};

const JSON_TYPES: &[&str] = &[
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "APPLICATION/JSON",
    "application/json ; charset=utf-8",
    "application/json; charset=\"utf-8\"",
    "application/json; indent=4",
    "application/json; charset=",
    "application/json; charset=unknown",
    "application/*",
    "*/*",
    "*/json; charset=utf-8",
    "application/json;",
    " application/json ",
];
const OTHER_TYPES: &[&str] = &[
    "text/plain",
    "text/json",
    "text/html; charset=utf-8",
    "application/vnd.api+json",
    "application/xml",
    "application/octet-stream",
    "*/form-data; boundary=b",
    "text/*",
    "*",
    "json",
    "application/json, text/plain",
    "application/json/",
    "application/jsonp",
    "multipart/mixed; boundary=b",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "application/x-www-form-urlencoded",
    "application/json",
    "",
    "/",
    ";",
    "application/json; charset=zlib",
    "application/json; charset=hex",
    "application/json; charset=undefined",
];
const CHARSETS: &[&str] = &[
    "utf-8",
    "latin-1",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1252",
    "cp1252",
    "koi8-r",
    "shift_jis",
    "gbk",
    "big5",
    "euc-kr",
    "utf-32",
    "utf_32_le",
    "utf-32be",
    "utf-16le",
    "utf-16be",
    "utf-16",
    "ascii",
    "us-ascii",
    "utf8",
    "utf-8-sig",
    "macintosh",
];

/// Puts the fields into the body of a request, in one of the ways that clients know.
pub(super) fn with_fields(
    random: &mut Random,
    request: GeneratedRequest,
    mut fields: Vec<Field>,
) -> GeneratedRequest {
    if random.one_in(8) {
        fields.push(unknown_field(random));
    }
    if random.one_in(20) && !fields.is_empty() {
        let again = Field {
            json: json_text("another"),
            text: "another".to_owned(),
            ..fields[random.below(fields.len())].clone()
        };
        fields.insert(random.below(fields.len() + 1), again);
    }
    match random.below(20) {
        0..=11 => json(random, request, &fields),
        12..=14 => urlencoded(random, request, &fields),
        15..=17 => multipart(random, request, &fields),
        18 => whole_json(random, request),
        _ => of_another_type(random, request, &fields),
    }
}

fn finish(mut request: GeneratedRequest, content_type: &str, body: Vec<u8>) -> GeneratedRequest {
    request.body = Some(body);
    request.header("Content-Type", content_type)
}

fn json_object(random: &mut Random, fields: &[Field]) -> String {
    let space = random.pick(&["", "", "", " ", "\n  ", "\t"]);
    let fields: Vec<_> = fields
        .iter()
        .map(|field| format!("{space}{}:{space}{}", json_text(&field.name), field.json))
        .collect();
    format!("{{{}{space}}}", fields.join(","))
}

fn json(random: &mut Random, request: GeneratedRequest, fields: &[Field]) -> GeneratedRequest {
    let text = json_object(random, fields);
    match random.below(12) {
        0 => {
            let (content_type, body) = in_charset(random, "application/json", &text);
            finish(request, &content_type, body)
        }
        1 => finish(
            request,
            "application/json",
            broken(random, text.into_bytes()),
        ),
        2 => finish(request, random.pick(JSON_TYPES), text.into_bytes()),
        3 => {
            let escaped: String = text
                .chars()
                .map(|character| match character {
                    'a'..='e' | '\u{80}'..='\u{ffff}' => format!("\\u{:04X}", u32::from(character)),
                    other => other.to_string(),
                })
                .collect();
            finish(request, "application/json", escaped.into_bytes())
        }
        _ => finish(request, "application/json", text.into_bytes()),
    }
}

/// Bodies that are no object, or that are nested.
fn whole_json(random: &mut Random, request: GeneratedRequest) -> GeneratedRequest {
    let body = random.pick(&[
        "",
        " ",
        "null",
        "true",
        "5",
        "1.5",
        "-0",
        "\"text\"",
        "[]",
        "[{}]",
        "{}",
        "{} ",
        "\u{feff}{}",
        "[1,]",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":1}{\"b\":2}",
        "{\"a\"}",
        "// a\n{}",
        "nonsense",
        "{\"\":\"\"}",
        "Infinity",
        "[NaN]",
        "0x10",
        "1e999",
        "\"\\ud800\"",
        "{\"a\":\"\u{1}\"}",
        "\u{0}",
    ]);
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let body = match random.below(12) {
        0 => format!("{{\"a\":{}}}", deep(100)),
        1 => deep(20),
        _ => body.to_owned(),
    };
    finish(request, "application/json", body.into_bytes())
}

fn of_another_type(
    random: &mut Random,
    request: GeneratedRequest,
    fields: &[Field],
) -> GeneratedRequest {
    let text = json_object(random, fields);
    match random.below(8) {
        0 => {
            let mut request = request;
            request.body = Some(text.into_bytes());
            request
        }
        1 => finish(request, random.pick(OTHER_TYPES), Vec::new()),
        2 => request,
        _ => finish(request, random.pick(OTHER_TYPES), text.into_bytes()),
    }
}

/// A body in another charset, and its `Content-Type`.
fn in_charset(random: &mut Random, media_type: &str, text: &str) -> (String, Vec<u8>) {
    let charset = random.pick(CHARSETS);
    // Sometimes the name is wrong.
    let named = if random.one_in(5) {
        random.pick(CHARSETS)
    } else {
        charset
    };
    let utf_16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    let utf_32 =
        |to: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| to(c.into())).collect::<Vec<u8>>();
    let body = match charset {
        "utf-32" => [b"\xff\xfe\0\0".to_vec(), utf_32(u32::to_le_bytes)].concat(),
        "utf_32_le" => utf_32(u32::to_le_bytes),
        "utf-32be" => utf_32(u32::to_be_bytes),
        "utf-16le" => utf_16(u16::to_le_bytes),
        "utf-16be" => utf_16(u16::to_be_bytes),
        "utf-16" => [b"\xff\xfe".to_vec(), utf_16(u16::to_le_bytes)].concat(),
        "utf-8-sig" => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        "latin-1" => {
            encoding_rs::mem::encode_latin1_lossy(&text.replace(|c| c > '\u{ff}', "?")).into_owned()
        }
        other => match Encoding::for_label(other.as_bytes()) {
            Some(encoding) => encoding.encode(text).0.into_owned(),
            None => text.as_bytes().to_vec(),
        },
    };
    (format!("{media_type}; charset={named}"), body)
}

/// A body that breaks off, or with something before, in or after it.
fn broken(random: &mut Random, mut body: Vec<u8>) -> Vec<u8> {
    let at = random.below(body.len() + 1);
    match random.below(6) {
        0 => body.truncate(at),
        1 => body.extend_from_slice(random.pick(&["}", " x", "\0", ",", "\n\n"]).as_bytes()),
        2 => body.insert(0, b'x'),
        3 => body.insert(at, random.pick(b"\"\\\0\xff,:{}[]\n")),
        4 => drop(body.splice(0..0, *b"\xef\xbb\xbf")),
        _ => drop(body.splice(at..(at + 1).min(body.len()), [])),
    }
    body
}

fn urlencoded(
    random: &mut Random,
    request: GeneratedRequest,
    fields: &[Field],
) -> GeneratedRequest {
    let style = random.below(6);
    let encode = |text: &str| -> String {
        let encoded = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' if style != 1 => {
                char::from(byte).to_string()
            }
            b' ' if style == 2 => "%20".to_owned(),
            b' ' => "+".to_owned(),
            b'@' | b'/' | b'?' | b'!' if style == 3 => char::from(byte).to_string(),
            _ if style == 4 => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        });
        encoded.collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|field| match style {
            // As somebody writes it by hand.
            5 => format!("{}={}", field.name, field.text.replace('&', "%26")),
            _ => format!("{}={}", encode(&field.name), encode(&field.text)),
        })
        .collect();
    let mut text = pairs.join("&");
    match random.below(10) {
        0 => text = text.replace('&', ";"),
        1 => text = format!("&{text}&&"),
        2 => text = text.replacen('=', "", 1),
        3 => text = format!("{text}&%zz=%4&=x&y"),
        _ => {}
    }
    let kind = "application/x-www-form-urlencoded";
    match random.below(8) {
        0 => {
            let (content_type, body) = in_charset(random, kind, &text);
            finish(request, &content_type, body)
        }
        1 => finish(request, kind, broken(random, text.into_bytes())),
        2 => finish(
            request,
            "application/x-www-form-urlencoded;charset=UTF-8",
            text.into_bytes(),
        ),
        _ => finish(request, kind, text.into_bytes()),
    }
}

fn multipart(random: &mut Random, request: GeneratedRequest, fields: &[Field]) -> GeneratedRequest {
    let boundary = random.pick(&[
        "b",
        "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "a'b(c)+_,-./:=?",
        "0",
    ]);
    let mut text = String::new();
    if random.one_in(10) {
        text.push_str("preamble\r\n");
    }
    for field in fields {
        text.push_str(&part(random, boundary, field));
    }
    text.push_str(&match random.below(10) {
        0 => String::new(),
        1 => format!("--{boundary}--"),
        2 => format!("--{boundary}--\r\nepilogue"),
        3 => format!("--{boundary}\r\n"),
        _ => format!("--{boundary}--\r\n"),
    });
    let content_type = match random.below(12) {
        0 => format!("multipart/form-data; boundary=\"{boundary}\""),
        1 => format!("multipart/form-data;boundary={boundary}"),
        2 => format!("Multipart/Form-Data; Boundary={boundary}"),
        3 => format!("multipart/form-data; charset=utf-8; boundary=\"{boundary}\""),
        4 => format!(
            "multipart/form-data; boundary=\"{boundary}\"; charset={}",
            random.pick(CHARSETS)
        ),
        5 => "multipart/form-data; boundary=another".to_owned(),
        _ => format!("multipart/form-data; boundary={boundary}"),
    };
    let body = match random.below(14) {
        0 => broken(random, text.into_bytes()),
        1 => text.replace("\r\n", "\n").into_bytes(),
        _ => text.into_bytes(),
    };
    finish(request, &content_type, body)
}

fn part(random: &mut Random, boundary: &str, field: &Field) -> String {
    let (name, value) = (&field.name, &field.text);
    let disposition = match random.below(16) {
        0 => format!("form-data; name={name}"),
        1 => format!("form-data;name=\"{name}\""),
        2 => format!("FORM-DATA; NAME=\"{name}\""),
        3 => format!("form-data; name=\"{name}\"; filename=\"a.txt\""),
        4 => format!("form-data; name=\"{name}\"; filename=\"\""),
        5 => "form-data".to_owned(),
        6 => format!("attachment; name=\"{name}\""),
        7 => format!("form-data; name*=utf-8''{name}"),
        8 => format!(
            "form-data; name=\"other\"; name*=UTF-8'en'{}",
            name.replace('a', "%61")
        ),
        9 => format!("form-data; name*=no-such-charset''{name}"),
        _ => format!("form-data; name=\"{name}\""),
    };
    let more = match random.below(16) {
        0 => "Content-Type: text/plain\r\n",
        1 => "Content-Type: text/plain; charset=latin-1\r\n",
        2 => "Content-Transfer-Encoding: 8bit\r\n",
        3 => "X-Unknown: 1\r\n",
        4 => "Content-Type: application/json\r\n",
        _ => "",
    };
    let header = random.pick(&[
        "Content-Disposition",
        "Content-Disposition",
        "content-disposition",
    ]);
    format!("--{boundary}\r\n{header}: {disposition}\r\n{more}\r\n{value}\r\n")
}
