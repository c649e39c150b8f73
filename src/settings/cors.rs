//! The settings of CORS, under the names of django-cors-headers.

use actix_web::http::header::{HeaderName, HeaderValue};
use regex::bytes::{Regex, RegexBuilder};

use super::reader::Reader;
use crate::origin::{Origin, normalized_origin};

/// django-cors-headers' default list, which existing applications rely on, and the headers that tracing
/// libraries add.
const ALLOW_HEADERS: &str = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with, baggage, sentry-trace, traceparent, tracestate";
const EXPOSE_HEADERS: &str = "Retry-After, WWW-Authenticate, X-Request-Id";
/// django-cors-headers' default: a day, in seconds. Browsers cap it at two hours or a day.
const PREFLIGHT_MAX_AGE: u32 = 86_400;
const WANTED_ORIGINS: &str = "origins between commas, such as https://app.example.com or capacitor://localhost, without a path; patterns belong into CORS_ALLOWED_ORIGIN_REGEXES";
const WANTED_PATTERNS: &str = r"regular expressions between commas, such as https://[a-z0-9-]+\.example\.com, each of which has to match a whole origin; look-around is not supported";
const WANTED_HEADERS: &str = "names of headers between commas, such as accept, x-my-header";
/// Bounds the memory of one pattern, in bytes.
const PATTERN_SIZE: usize = 256 * 1024;

/// Which pages of other origins may use the API, and how.
#[derive(Clone, Debug)]
pub struct CorsSettings {
    /// The listed origins, in the form of [`normalized_origin`].
    origins: Vec<String>,
    /// Patterns of further origins. Each matches from the beginning to the end.
    patterns: Vec<Regex>,
    /// The headers that a request may have.
    pub allow_headers: HeaderValue,
    /// The headers that a page may read.
    pub expose_headers: HeaderValue,
    /// How long a preflight may be cached, in seconds.
    pub max_age: u32,
}

impl CorsSettings {
    /// Whether a listed origin of another machine has no https.
    pub fn allows_plain_http(&self) -> bool {
        let mut origins = self.origins.iter().filter_map(|text| Origin::parse(text));
        origins.any(|origin| !origin.is_https() && !origin.is_loopback())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            origins: reader.list("CORS_ALLOWED_ORIGINS", "", WANTED_ORIGINS, |text| {
                normalized_origin(text)
            }),
            patterns: reader.value(
                "CORS_ALLOWED_ORIGIN_REGEXES",
                "",
                WANTED_PATTERNS,
                parse_patterns,
            ),
            allow_headers: header_names(reader, "CORS_ALLOW_HEADERS", ALLOW_HEADERS),
            expose_headers: header_names(reader, "CORS_EXPOSE_HEADERS", EXPOSE_HEADERS),
            max_age: reader.number("CORS_PREFLIGHT_MAX_AGE", &PREFLIGHT_MAX_AGE, 0..=86_400),
        }
    }

    /// The patterns, each with anchors at both ends.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Regex::as_str)
    }

    /// Whether no other origin is allowed.
    pub fn is_off(&self) -> bool {
        self.origins.is_empty() && self.patterns.is_empty()
    }

    /// Whether pages of this origin, as a browser sends it, are allowed.
    pub fn allows(&self, origin: &str) -> bool {
        let Some(normalized) = normalized_origin(origin) else {
            return false;
        };
        let matches = |pattern: &Regex| pattern.is_match(normalized.as_bytes());
        self.origins.contains(&normalized) || self.patterns.iter().any(matches)
    }
}

fn header_names(reader: &mut Reader<'_>, name: &'static str, default: &str) -> HeaderValue {
    reader.value(name, default, WANTED_HEADERS, |text| {
        let names = text.split(',').map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let is_name = |name: &&str| *name != "*" && HeaderName::from_bytes(name.as_bytes()).is_ok();
        let valid = names.iter().all(is_name);
        valid.then(|| HeaderValue::from_str(&names.join(", ")).ok())?
    })
}

fn parse_patterns(text: &str) -> Option<Vec<Regex>> {
    split_patterns(text)
        .iter()
        .map(|one| pattern(one))
        .collect()
}

/// Splits at commas, except within `{…}` and `[…]`.
fn split_patterns(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let pieces = text.split(move |character| {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    let pieces = pieces.map(str::trim);
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// A pattern that matches whole texts only. Python's `re.match` would also accept
/// `https://app.example.com.evil.example` where the end of a pattern is not marked.
fn pattern(text: &str) -> Option<Regex> {
    // On its own first: `a)(?:b` must not become valid by what surrounds it.
    compiled(text)?;
    compiled(&format!(r"\A(?:{text})\z"))
}

fn compiled(text: &str) -> Option<Regex> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(PATTERN_SIZE)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Source;

    fn cors(origins: &str, patterns: &str) -> Option<CorsSettings> {
        let source = Source::from_pairs([
            ("CORS_ALLOWED_ORIGINS", origins),
            ("CORS_ALLOWED_ORIGIN_REGEXES", patterns),
        ]);
        let mut reader = Reader::new(&source);
        let settings = CorsSettings::read(&mut reader);
        reader.finish(settings).ok()
    }

    #[test]
    fn origins_of_installed_applications_may_be_listed() {
        let listed = "https://App.example.com:443/, capacitor://localhost,ionic://localhost, tauri://localhost, chrome-extension://abcdefghijklmnopabcdefghijklmnop, app://my.app:81";
        let cors = cors(listed, "").unwrap();
        for origin in [
            "https://app.example.com",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "app://my.app:81",
        ] {
            assert!(cors.allows(origin), "{origin}");
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com.evil.example",
            "capacitor://localhost.evil",
            "capacitor://localhost:1",
            "ionic://other",
            "app://my.app",
            "null",
            "",
            "capacitor://",
            "localhost",
        ] {
            assert!(!cors.allows(origin), "{origin}");
        }
    }

    #[test]
    fn an_entry_that_is_no_origin_is_an_error() {
        for bad in [
            "*",
            "https://*.example.com",
            "capacitor://*",
            "https://example.com/path",
            "capacitor://localhost/path",
            "example.com",
            "null",
            "file://",
            "javascript:alert(1)",
            "app://user@host",
            "app://host?query",
            "1app://host",
        ] {
            assert!(cors(bad, "").is_none(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_origins() {
        let listed = r"https://[a-z0-9-]+\.example\.com, ^http://(?:a|b)\.example\.org(:\d{2,4})?$,capacitor://app";
        let cors = cors("", listed).unwrap();
        assert!(!cors.is_off());
        for origin in [
            "https://pr-7.example.com",
            "http://a.example.org",
            "http://b.example.org:8080",
            "capacitor://app",
        ] {
            assert!(cors.allows(origin), "{origin}");
        }
        for origin in [
            "https://pr-7.example.com.evil.example",
            "https://pr-7.example.com:444",
            "https://evil.example/https://pr-7.example.com",
            "http://c.example.org",
            "http://a.example.org:80800",
            "http://a.example.org\nhttps://evil.example",
            "xcapacitor://app",
            "null",
        ] {
            assert!(!cors.allows(origin), "{origin}");
        }
    }

    #[test]
    fn an_invalid_pattern_is_an_error() {
        let huge = "(?:a{1000}){1000}";
        for bad in ["https://[a-z", "a)(?:b", "(?=a)", "*", huge] {
            assert!(cors("", bad).is_none(), "{bad}");
        }
    }
}
