//! The request that a proxy asks about.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, HeaderMap};
use url::Url;

use crate::origin::Origin;
use crate::web::page_target;

/// The path of the route; Envoy appends the path of the original request.
const ROUTE: &str = "/auth/verify";

/// The request that a proxy asks about, as its headers describe it.
#[derive(Debug)]
pub(super) struct OriginalRequest {
    /// Path and query, or a whole URL.
    uri: Option<String>,
    /// Host and port, if the proxy says so.
    authority: Option<String>,
    /// Whether a browser opens a page, and the proxy has said which.
    pub(super) is_navigation: bool,
}

impl OriginalRequest {
    pub(super) fn read(request: &HttpRequest) -> Self {
        let headers = request.headers();
        // Caddy and Traefik, then the two of nginx's examples, the second with a whole URL.
        let names = ["x-forwarded-uri", "x-original-uri", "x-original-url"];
        let uri = names.iter().find_map(|name| text(headers, name));
        let method = ["x-forwarded-method", "x-original-method"]
            .iter()
            .find_map(|name| text(headers, name))
            .unwrap_or(request.method().as_str());
        let is_read = matches!(method, "GET" | "HEAD");
        Self {
            is_navigation: uri.is_some() && is_read && wants_page(headers),
            uri: uri.map(str::to_owned).or_else(|| of_envoy(request)),
            authority: text(headers, "x-forwarded-host").map(str::to_owned),
        }
    }

    /// The page to return to after the sign-in: a path of this site. `None` for another host, and for a
    /// target that is no page.
    pub(super) fn target(&self, public_url: &Origin) -> Option<String> {
        let uri = self.uri.as_deref()?;
        if uri.starts_with('/') {
            let is_here = |host: &str| host.eq_ignore_ascii_case(public_url.authority());
            let is_here = self.authority.as_deref().is_none_or(is_here);
            return page_target(uri, public_url).filter(|_| is_here);
        }
        let url = Url::parse(uri).ok()?;
        let origin = Origin::of(&url)?;
        // A proxy that ends TLS may give the inner scheme.
        let is_here = origin.host() == public_url.host();
        let path = &url[url::Position::BeforePath..];
        page_target(path, public_url).filter(|_| is_here)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value).filter(|value| !value.is_empty())
}

/// Whether a browser opens a page: scripts say that they fetch, and rarely accept HTML.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = text(headers, ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html"));
    accepts && text(headers, "sec-fetch-dest") != Some("empty")
}

/// The path and query of the original request behind the route.
fn of_envoy(request: &HttpRequest) -> Option<String> {
    let target = request.uri().path_and_query()?.as_str();
    let rest = target.strip_prefix(ROUTE)?;
    (rest.starts_with('/') && rest.len() > 1).then(|| rest.to_owned())
}
