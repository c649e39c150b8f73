//! Forms in request bodies, URL-encoded or as `multipart/form-data`, read as Django reads them: a body
//! that breaks off counts as far as it goes.

use std::borrow::Cow;
use std::convert::Infallible;

use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{FutureExt, stream};
use multer::{Field, Multipart};
// multer has the same type of headers.
use reqwest::header::{CONTENT_DISPOSITION, HeaderMap};

use super::charset::{Charset, latin1};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";
/// The most fields of a form: Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS`.
const MAX_FIELDS: usize = 1000;
/// The most files of a form: Django's `DATA_UPLOAD_MAX_NUMBER_FILES`.
const MAX_FILES: usize = 100;
/// The most bytes of the headers of one part, as in Django. They contain the field's name.
const MAX_PART_HEADERS: usize = 1024;
/// The most characters of a boundary (RFC 2046, section 5.1.1, allows 70; Django allows these).
const MAX_BOUNDARY: usize = 201;

/// The value of a form's field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormValue {
    /// A text.
    Text(String),
    /// A file. No route takes one, so its content is dropped.
    File,
}

/// The fields of a form, in the order in which they were sent.
pub type FormFields = Vec<(String, FormValue)>;

/// Why a form cannot be read; the texts are Django's and Django REST framework's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Too many fields.
    #[error("The number of GET/POST parameters exceeded {MAX_FIELDS}.")]
    TooManyFields,
    /// Too many files.
    #[error("The number of files exceeded {MAX_FILES}.")]
    TooManyFiles,
    /// The charset is one of those codecs that are refused.
    #[error("Unsupported charset \"{0}\" in request Content-Type header.")]
    Charset(String),
    /// The type is `*/form-data`, which Django's parser of parts does not take.
    #[error("Multipart form parse error - Invalid Content-Type: {0}")]
    ContentType(String),
    /// The boundary is missing or malformed.
    #[error("Multipart form parse error - Invalid boundary in multipart: {0}")]
    Boundary(String),
    /// The headers of a part are too large.
    #[error("Multipart form parse error - Request max total header size exceeded.")]
    PartHeaders,
}

/// The `Content-Type` of a request.
#[derive(Clone, Copy, Debug)]
pub struct BodyType<'a>(pub &'a str);

impl<'a> BodyType<'a> {
    /// Whether the media type, without its parameters, is this one.
    pub fn is(self, media_type: &str) -> bool {
        let kind = self.0.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(media_type)
    }

    /// Whether Django REST framework reads a body of this type as one of `media_type`: either part may be `*`.
    pub fn is_read_as(self, media_type: &str) -> bool {
        let kind = self.0.split(';').next().unwrap_or_default();
        let parts = kind.trim().split_once('/').zip(media_type.split_once('/'));
        let is_same = |sent: &str, known: &str| sent == "*" || sent.eq_ignore_ascii_case(known);
        parts.is_some_and(|(sent, known)| is_same(sent.0, known.0) && is_same(sent.1, known.1))
    }

    /// A parameter without its quotes. The last one counts, as in Django.
    pub fn parameter(self, name: &str) -> Option<&'a str> {
        let mut quoted = false;
        let pieces = self.0.split(move |character| {
            quoted ^= character == '"';
            character == ';' && !quoted
        });
        let pairs = pieces.skip(1).filter_map(|piece| piece.split_once('='));
        let named = pairs.filter(|(other, _)| other.trim().eq_ignore_ascii_case(name));
        let value = named.last()?.1.trim();
        let unquoted = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Some(unquoted.unwrap_or(value))
    }

    /// The charset that the parameter names, or UTF-8.
    pub fn charset(self) -> Result<Charset, FormError> {
        let Some(name) = self.parameter("charset") else {
            return Ok(Charset::default());
        };
        Charset::named(name).ok_or_else(|| FormError::Charset(name.to_owned()))
    }

    /// Whether this is the type of a form.
    pub fn is_form(self) -> bool {
        self.is(URLENCODED) || self.is(MULTIPART)
    }

    /// Whether Django REST framework reads a body of this type as a form.
    pub fn is_read_as_form(self) -> bool {
        self.is_read_as(URLENCODED) || self.is_read_as(MULTIPART)
    }

    /// Reads a form.
    pub fn read_form(self, body: &Bytes) -> Result<FormFields, FormError> {
        let charset = self.charset()?;
        if self.is_read_as(URLENCODED) {
            return urlencoded(body, charset);
        }
        let kind = self.0.trim_start().to_ascii_lowercase();
        if !kind.starts_with("multipart/") {
            return Err(FormError::ContentType(self.0.to_owned()));
        }
        let boundary = self.boundary()?;
        let mut fields = FormFields::new();
        // The body is in memory, so this never waits.
        let read = read_parts(body, boundary, charset, &mut fields).now_or_never();
        read.unwrap_or(Ok(())).map(|()| fields)
    }

    fn boundary(self) -> Result<&'a str, FormError> {
        let boundary = self.parameter("boundary");
        let is_valid = |boundary: &&str| {
            (1..=MAX_BOUNDARY).contains(&boundary.len())
                && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                && !boundary.ends_with(' ')
        };
        boundary
            .filter(is_valid)
            .ok_or_else(|| FormError::Boundary(boundary.unwrap_or("None").to_owned()))
    }
}

/// The last text of a field; `None` if the field is missing or its last value is a file.
pub fn last_text<'a>(fields: &'a FormFields, name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().rev().find(|(other, _)| other == name)?;
    match value {
        FormValue::Text(text) => Some(text),
        FormValue::File => None,
    }
}

fn urlencoded(body: &[u8], charset: Charset) -> Result<FormFields, FormError> {
    let text = charset.decode_whole(body).unwrap_or_else(|| latin1(body));
    if text.matches('&').count() >= MAX_FIELDS {
        return Err(FormError::TooManyFields);
    }
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    let pairs = pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let value = FormValue::Text(unquote(value, charset));
        (unquote(name, charset), value)
    });
    Ok(pairs.collect())
}

/// Decodes `+` and percent-encoded bytes. The bytes of each run of ASCII characters are decoded together,
/// as Python does.
fn unquote(text: &str, charset: Charset) -> String {
    let text = text.replace('+', " ");
    if !text.contains('%') {
        return text;
    }
    let runs = text
        .as_bytes()
        .chunk_by(|one, next| one.is_ascii() == next.is_ascii());
    let decoded = runs.map(|run| match run.is_ascii() {
        true => charset.decode_lossy(&percent_decoded(run)).into_owned(),
        false => String::from_utf8_lossy(run).into_owned(),
    });
    decoded.collect()
}

fn percent_decoded(run: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(run.len());
    let mut rest = run;
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |index: usize| char::from(*after.get(index)?).to_digit(16);
        let encoded = match byte {
            b'%' => digit(0).zip(digit(1)),
            _ => None,
        };
        match encoded.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

/// Adds the parts of a multipart body to `fields`.
async fn read_parts(
    body: &Bytes,
    boundary: &str,
    charset: Charset,
    fields: &mut FormFields,
) -> Result<(), FormError> {
    // Django takes a last part that breaks off, which multer refuses. After a complete body this is ignored.
    let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let body = without_control_characters(body, boundary);
    let chunks = [body, end].map(Ok::<_, Infallible>);
    let mut parts = Multipart::new(stream::iter(chunks), boundary);
    let (mut texts, mut files) = (0, 0);
    // Nothing that follows a malformed part is read.
    while let Ok(Some(part)) = parts.next_field().await {
        if header_size(part.headers()) > MAX_PART_HEADERS {
            return Err(FormError::PartHeaders);
        }
        let name = match disposition_parameter(&part, "name*") {
            Some(extended) => extended_value(&extended),
            None => {
                let name = part.name().map(str::to_owned);
                name.or_else(|| disposition_parameter(&part, "name"))
            }
        };
        let Some(name) = name else { continue };
        let name = charset.decode_lossy(name.trim().as_bytes()).into_owned();
        if is_file(&part) {
            files += 1;
            fields.push((name, FormValue::File));
        } else {
            texts += 1;
            let is_base64 = is_base64(part.headers());
            let Ok(bytes) = part.bytes().await else { break };
            let bytes = match is_base64 {
                true => base64_decoded(&bytes),
                false => Cow::Borrowed(&*bytes),
            };
            let text = charset.decode_lossy(&bytes).into_owned();
            fields.push((name, FormValue::Text(text)));
        }
        if texts > MAX_FIELDS {
            return Err(FormError::TooManyFields);
        }
        if files > MAX_FILES {
            return Err(FormError::TooManyFiles);
        }
    }
    Ok(())
}

/// Replaces control characters in the headers of the parts by `_`. Django takes them, multer does not.
fn without_control_characters(body: &Bytes, boundary: &str) -> Bytes {
    let delimiter = format!("--{boundary}\r\n");
    let mut replaced = body.to_vec();
    let mut start = 0;
    while let Some(headers) = position(&body[start..], delimiter.as_bytes()) {
        start += headers + delimiter.len();
        let length = position(&body[start..], b"\r\n\r\n").unwrap_or(body.len() - start);
        for byte in &mut replaced[start..start + length] {
            if byte.is_ascii_control() && !b"\r\n\t".contains(byte) {
                *byte = b'_';
            }
        }
        start += length;
    }
    replaced.into()
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(wanted.len());
    windows.position(|window| window == wanted)
}

fn header_size(headers: &HeaderMap) -> usize {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    sizes.sum()
}

/// A parameter of a part's `Content-Disposition`, also if its name is in upper case, which multer does not read.
fn disposition_parameter(part: &Field<'_>, name: &str) -> Option<String> {
    let value = part.headers().get(CONTENT_DISPOSITION)?;
    let value = String::from_utf8_lossy(value.as_bytes());
    BodyType(&value).parameter(name).map(str::to_owned)
}

/// The text of a parameter `name*` (RFC 5987): `charset'language'text`, with percent-encoded bytes. `None` if the
/// charset is unknown; Django then leaves the part out.
fn extended_value(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, text) = match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(charset), Some(_), Some(text)) => (charset, text),
        _ => ("", value),
    };
    let charset = match charset {
        "" => Charset::Ascii,
        named => Charset::known(named)?,
    };
    let bytes = percent_decoded(text.as_bytes());
    Some(charset.decode_lossy(&bytes).into_owned())
}

/// Whether a part is a file: it has a file's name.
fn is_file(part: &Field<'_>) -> bool {
    ["filename", "filename*"].into_iter().any(|name| {
        disposition_parameter(part, name).is_some_and(|file_name| !file_name.is_empty())
    })
}

fn is_base64(headers: &HeaderMap) -> bool {
    let encoding = headers.get("content-transfer-encoding");
    encoding.is_some_and(|value| {
        value
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"base64")
    })
}

/// The decoded bytes, or these bytes if they are not base64.
fn base64_decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let dense: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let decoded = STANDARD.decode(dense);
    decoded.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

#[cfg(test)]
mod tests;
