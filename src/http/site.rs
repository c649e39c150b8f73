//! The site of a request: the origin under which its browser sees this server, and the addresses to which its
//! sign-ins and log-outs may lead.

use actix_web::HttpRequest;
use actix_web::dev::Url as RequestPath;
use actix_web::http::Uri;
use actix_web::http::header::{HOST, HeaderMap};
use url::Url;

use crate::origin::{Origin, listed_target, local_target};
use crate::settings::Settings;

/// Addresses below which a GET acts, or leads to a log-in: a log-in must not return there. Another site
/// could otherwise choose the action by a link to the log-in form, and the redirect would look like a link
/// of this site.
const ACTIONS: [&str; 4] = ["/auth", "/login", "/signin", "/account/providers"];

/// A host at which people sign in: that of `PUBLIC_URL`, or of one of `WORKOS_REDIRECT_URIS`.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    settings: &'a Settings,
    /// The origin of its pages and cookies.
    pub origin: &'a Origin,
    /// The redirect URI of its sign-ins through WorkOS.
    pub redirect_uri: &'a str,
}

impl<'a> Site<'a> {
    /// The site of a request, by its `Host` header; that of `PUBLIC_URL` if the host has no redirect URI of its
    /// own.
    pub fn of(request: &HttpRequest, settings: &'a Settings) -> Self {
        Self::in_headers(request.headers(), settings)
    }

    /// As [`of`](Self::of), for middleware.
    pub fn in_headers(headers: &HeaderMap, settings: &'a Settings) -> Self {
        Self::at(host(headers), settings).unwrap_or_else(|| Self::public(settings))
    }

    /// The site at `PUBLIC_URL`.
    pub fn public(settings: &'a Settings) -> Self {
        Self {
            settings,
            origin: &settings.public_url,
            redirect_uri: &settings.workos.redirect_uri,
        }
    }

    /// The site with this host and port; `None` if people do not sign in there.
    pub fn at(authority: &str, settings: &'a Settings) -> Option<Self> {
        let mut sites = Self::all(settings).into_iter();
        sites.find(|site| authority.eq_ignore_ascii_case(site.origin.authority()))
    }

    /// Every site, that at `PUBLIC_URL` first.
    pub fn all(settings: &'a Settings) -> Vec<Self> {
        let public = Self::public(settings);
        let further = settings.workos.redirect_uris.iter().map(|one| Self {
            settings,
            origin: &one.origin,
            redirect_uri: &one.uri,
        });
        std::iter::once(public).chain(further).collect()
    }

    /// The target of `next`, if a sign-in may lead there: a page of this site, as its path, or a whole URL on
    /// `PUBLIC_URL` or a host of `LOGIN_REDIRECT_HOSTS`.
    pub fn page_target(&self, next: &str) -> Option<String> {
        let target = local_target(next, self.origin).or_else(|| self.foreign_target(next))?;
        // The routes compare the decoded path.
        let path = RequestPath::new(target.parse::<Uri>().ok()?);
        let is_below = |action: &&str| {
            let rest = path.path().strip_prefix(*action);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (!ACTIONS.iter().any(is_below)).then_some(target)
    }

    fn foreign_target(&self, next: &str) -> Option<String> {
        let public_url = &self.settings.public_url;
        // Only a whole URL is local there, because it is not local here.
        local_target(next, public_url)
            .filter(|_| self.origin != public_url)
            .map(|target| format!("{}{target}", public_url.as_str()))
            .or_else(|| listed_target(next, &self.settings.login_redirect_hosts))
    }

    /// Whether WorkOS may redirect to this URL after its log-out: an absolute URL on this site, `PUBLIC_URL`, a host
    /// of `LOGIN_REDIRECT_HOSTS` or an origin of `CORS_ALLOWED_ORIGINS`. It is passed on unchanged, so characters
    /// that another URL parser could read differently are not allowed.
    pub fn may_return_to(&self, url: &str) -> bool {
        let settings = self.settings;
        let plain = url.chars().all(|c| c.is_ascii_graphic() && c != '\\');
        let is_ours = |origin: Origin| {
            origin == *self.origin
                || origin == settings.public_url
                || settings.cors.allows(origin.as_str())
        };
        let is_on_site = Url::parse(url).is_ok_and(|url| {
            let anonymous = url.username().is_empty() && url.password().is_none();
            Origin::of(&url).filter(|_| anonymous).is_some_and(is_ours)
        });
        plain && (is_on_site || listed_target(url, &settings.login_redirect_hosts).is_some())
    }

    /// Where WorkOS's log-out returns to: `WORKOS_LOGOUT_RETURN_TO`, and its path on this site if it is on
    /// `PUBLIC_URL`. `None`: WorkOS decides.
    pub fn logout_return_to(&self) -> Option<String> {
        let return_to = self.settings.workos.logout_return_to.as_deref()?;
        let is_public = |url: &Url| {
            *self.origin != self.settings.public_url
                && Origin::of(url).as_ref() == Some(&self.settings.public_url)
        };
        let moved = Url::parse(return_to).ok().filter(is_public).map(|url| {
            let path = &url[url::Position::BeforePath..];
            format!("{}{path}", self.origin.as_str())
        });
        Some(moved.unwrap_or_else(|| return_to.to_owned()))
    }
}

/// The `Host` header: host and port.
pub fn host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.unwrap_or_default()
}
