//! `GET /static/…`: the files of the folder `static`, which are compiled into the binary.

use std::sync::LazyLock;

use actix_web::http::header::{self, ETag, EntityTag, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

use super::query_pairs;
use crate::csp::SCRIPTED_PAGE;
use crate::error::Error;
use crate::hex::hex;
use crate::state::AppState;

#[derive(RustEmbed)]
#[folder = "static/"]
struct StaticFiles;

/// The style sheet's address, which includes a part of its hash.
pub static STYLE_URL: LazyLock<String> = LazyLock::new(|| versioned("style.css"));
/// The icon's address, which includes a part of its hash.
pub static ICON_URL: LazyLock<String> = LazyLock::new(|| versioned("favicon.svg"));

/// The example of a single-page application. Only the demo serves it.
const EXAMPLE: [&str; 2] = ["spa.html", "spa.js"];

/// Responds with a file. It is cached for ever if the address includes its hash, else it is revalidated
/// by its ETag.
pub async fn get(
    request: HttpRequest,
    path: web::Path<String>,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let path = path.trim_end_matches('/');
    if EXAMPLE.contains(&path) && !app.settings.demo {
        return Err(Error::NotFound);
    }
    let file = StaticFiles::get(path).ok_or(Error::NotFound)?;
    let version = version(&file);
    let by_hash = query_pairs(&request).contains(&("v".to_owned(), version.clone()));
    let cache = if by_hash {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    // Weak, because compression changes the bytes.
    let etag = EntityTag::new_weak(version);
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
    match StaticFiles::get(name) {
        Some(file) => format!("/static/{name}?v={}", version(&file)),
        None => format!("/static/{name}"),
    }
}

fn version(file: &rust_embed::EmbeddedFile) -> String {
    hex(&file.metadata.sha256_hash()[..8])
}

/// The content types of a website's files; any other file is a download.
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
