//! The media types that a client accepts.

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header, Quality};

/// Whether the `Accept` header names this media type, such as `text/html`, and does not refuse it by `q=0`. Wildcards
/// do not count: scripts send `*/*`.
pub fn accepts(request: &HttpRequest, media_type: &str) -> bool {
    Accept::parse(request).is_ok_and(|Accept(ranges)| {
        let mut ranges = ranges.iter();
        ranges.any(|range| {
            range.item.essence_str().eq_ignore_ascii_case(media_type)
                && range.quality > Quality::ZERO
        })
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_type_is_accepted_if_it_is_named_and_not_refused() {
        for (header, expected) in [
            ("text/html", true),
            ("TEXT/HTML", true),
            ("application/xhtml+xml, text/html;level=1;q=0.5", true),
            ("nonsense, text/html;q=0.001", true),
            ("text/html;q=0", false),
            ("text/html; q=0.000, application/json", false),
            ("text/htmlx", false),
            ("application/x-text/html", false),
            ("*/*", false),
            ("", false),
        ] {
            let request = TestRequest::get().insert_header(("accept", header));
            let request = request.to_http_request();
            assert_eq!(accepts(&request, "text/html"), expected, "{header}");
        }
        let request = TestRequest::get().to_http_request();
        assert!(!accepts(&request, "text/html"));
    }
}
