//! The request that a proxy asks about.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use url::Url;

use crate::http::accepts::accepts;
use crate::http::site::Site;
use crate::links::login_url;
use crate::middleware::is_from_trusted_proxy;
use crate::origin::{Origin, host_name};
use crate::settings::Settings;

/// The path of the route; Envoy appends the path of the original request.
const ROUTE: &str = "/auth/verify";

/// The request that a proxy asks about, as its headers describe it.
#[derive(Debug)]
pub(super) struct OriginalRequest {
    /// Path and query, or a whole URL.
    uri: Option<String>,
    /// Host and port, if the proxy says so.
    authority: Option<String>,
    /// Host and port of the site that the proxy has asked, by `Host`. A sign-in there is open to everybody, so no trust
    /// is needed.
    asked: String,
    /// Whether a trusted proxy says so. Other hosts are believed only then.
    is_trusted: bool,
    /// Whether a browser opens a page, and the proxy has said which.
    pub(super) is_navigation: bool,
}

impl OriginalRequest {
    pub(super) fn read(request: &HttpRequest, settings: &Settings) -> Self {
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
            is_navigation: uri.is_some() && is_read && wants_page(request),
            uri: uri.map(str::to_owned).or_else(|| of_envoy(request)),
            authority: text(headers, "x-forwarded-host").map(str::to_owned),
            asked: Site::of(request, settings).origin.authority().to_owned(),
            is_trusted: is_from_trusted_proxy(request, &settings.trusted_proxies),
        }
    }

    /// Where the user signs in for the page, and returns to it if it is a page of this site, or of another host on
    /// which the user is signed in then: one with a redirect URI of its own, or a host of `LOGIN_REDIRECT_HOSTS`
    /// that gets the session cookie.
    pub(super) fn sign_in_url(&self, settings: &Settings) -> String {
        let public = Site::public(settings);
        let (site, next) = self.target(settings).unwrap_or((public, String::new()));
        format!("{}{}", site.origin.as_str(), login_url(&next))
    }

    fn target<'a>(&self, settings: &'a Settings) -> Option<(Site<'a>, String)> {
        let public = Site::public(settings);
        let Some(uri) = self.uri.as_deref() else {
            return Some((Site::at(&self.asked, settings)?, String::new()));
        };
        let (authority, path) = if uri.starts_with('/') {
            let authority = self.authority.as_ref().unwrap_or(&self.asked);
            (authority.clone(), uri.to_owned())
        } else {
            let url = Url::parse(uri).ok()?;
            let origin = Origin::of(&url)?;
            // A proxy that ends TLS may give the inner scheme.
            let is_here = origin.host() == public.origin.host();
            let authority = if is_here { public.origin } else { &origin }.authority();
            let path = &url[url::Position::BeforePath..];
            (authority.to_owned(), path.to_owned())
        };
        let is_believed = |site: &Site<'_>| {
            let authority = site.origin.authority();
            self.is_trusted || *site.origin == settings.public_url || authority == self.asked
        };
        if let Some(site) = Site::at(&authority, settings).filter(is_believed) {
            return Some((site, site.page_target(&path).unwrap_or_default()));
        }
        settings.session_cookie_domain_of(&host_name(&authority)?)?;
        let (scheme, _) = public.origin.as_str().split_once("://")?;
        let next = public.page_target(&format!("{scheme}://{authority}{path}"))?;
        self.is_trusted.then_some((public, next))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value).filter(|value| !value.is_empty())
}

/// Whether a browser opens a page: scripts say that they fetch, and rarely accept HTML.
fn wants_page(request: &HttpRequest) -> bool {
    let is_script = text(request.headers(), "sec-fetch-dest") == Some("empty");
    accepts(request, "text/html") && !is_script
}

/// The path and query of the original request behind the route.
fn of_envoy(request: &HttpRequest) -> Option<String> {
    let target = request.uri().path_and_query()?.as_str();
    let rest = target.strip_prefix(ROUTE)?;
    (rest.starts_with('/') && rest.len() > 1).then(|| rest.to_owned())
}
