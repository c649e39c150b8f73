//! The beginning of the paths of the JSON API.

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;

/// What the prefix has to be.
const WANTED_PREFIX: &str = "a path such as /api or /api/v1, without the first part of a page: account, auth, healthz, login, readyz, signin, static, webhooks, .well-known";
/// The first parts of the paths of pages, which the API must not hide.
const PAGES: [&str; 9] = [
    "account",
    "auth",
    "healthz",
    "login",
    "readyz",
    "signin",
    "static",
    "webhooks",
    ".well-known",
];

/// The beginning of the paths of the JSON API, such as `/api`: without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPrefix(String);

impl ApiPrefix {
    /// Reads `API_PREFIX` alone: `openapi` needs no other setting.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let prefix = Self::read(&mut reader);
        reader.finish(prefix)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.value("API_PREFIX", "/api", WANTED_PREFIX, Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let mut parts = text.strip_prefix('/')?.split('/');
        let is_part = |part: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            !matches!(part, "" | "." | "..") && part.chars().all(is_plain)
        };
        let first = parts.next().filter(|first| is_part(first))?;
        let valid = !PAGES.contains(&first) && parts.all(is_part);
        valid.then(|| Self(text.to_owned()))
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part of a path after the prefix, without a slash at its end: `/token`, and an empty text for the
    /// prefix itself; `None` for a path outside of the API.
    pub fn route<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&self.0)?;
        let is_below = rest.is_empty() || rest.starts_with('/');
        is_below.then(|| rest.strip_suffix('/').unwrap_or(rest))
    }
}

impl Default for ApiPrefix {
    fn default() -> Self {
        Self("/api".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_hides_no_page() {
        for (text, prefix) in [
            ("/api", "/api"),
            ("/api/", "/api"),
            ("/v2/authentication", "/v2/authentication"),
            ("/api-1.0/~x", "/api-1.0/~x"),
        ] {
            assert_eq!(ApiPrefix::parse(text).unwrap().as_str(), prefix);
        }
        for bad in [
            "",
            "/",
            "//",
            "api",
            "/api//",
            "/a//b",
            "/..",
            "/a/./b",
            "/auth",
            "/auth/api",
            "/static",
            "/login/api",
            "/.well-known/x",
            "/{id}",
            "/a b",
            "/a?b",
            "/%61",
        ] {
            assert_eq!(ApiPrefix::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_route_is_what_follows_the_prefix() {
        let prefix = ApiPrefix::parse("/v1/api").unwrap();
        assert_eq!(prefix.route("/v1/api/token/"), Some("/token"));
        assert_eq!(
            prefix.route("/v1/api/token/refresh"),
            Some("/token/refresh")
        );
        assert_eq!(prefix.route("/v1/api"), Some(""));
        assert_eq!(prefix.route("/v1/api/"), Some(""));
        for path in ["/v1/apis", "/v1", "/api/token", "/"] {
            assert_eq!(prefix.route(path), None, "{path}");
        }
    }
}
