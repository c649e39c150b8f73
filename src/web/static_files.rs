//! `GET /static/…`: the files of `static/`, compiled in.

use std::sync::LazyLock;

use actix_web::http::header::{self, ETag, EntityTag, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

use super::pairs;
use crate::csp::SCRIPTED_PAGE;
use crate::error::Error;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// The style sheet's address, with the beginning of its hash.
pub static STYLE_URL: LazyLock<String> = LazyLock::new(|| versioned("style.css"));
/// The icon's address, with the beginning of its hash.
pub static ICON_URL: LazyLock<String> = LazyLock::new(|| versioned("favicon.svg"));

/// A file; for ever cacheable when asked for by its hash, else checked by its ETag.
pub async fn get(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Error> {
    let path = path.trim_end_matches('/');
    let file = Files::get(path).ok_or(Error::NotFound)?;
    let version = version(&file);
    let by_hash = pairs(&request).contains(&("v".to_owned(), version.clone()));
    let cache = if by_hash {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    let etag = // Weak: compression changes the bytes, not what they say.
    EntityTag::new_weak(version);
    let known = request.headers().get(header::IF_NONE_MATCH).is_some() && is_known(&request, &etag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::CACHE_CONTROL, cache))
        .insert_header(ETag(etag));
    if path.ends_with(".html") {
        response.insert_header((header::CONTENT_SECURITY_POLICY, SCRIPTED_PAGE));
    }
    if known {
        return Ok(response.finish());
    }
    Ok(response
        .content_type(content_type(path))
        .body(file.data.into_owned()))
}

fn is_known(request: &HttpRequest, etag: &EntityTag) -> bool {
    use actix_web::http::header::Header;
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(etag)),
        Err(_) => false,
    }
}

fn versioned(name: &str) -> String {
    match Files::get(name) {
        Some(file) => format!("/static/{name}?v={}", version(&file)),
        None => format!("/static/{name}"),
    }
}

fn version(file: &rust_embed::EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The kinds of file that a site of pages has; another one is a download.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
