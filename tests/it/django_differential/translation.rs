//! Requests that Django is asked in another form, because vestibule means to answer them as Django answers that
//! form. The two answers are then compared like any others, so that a translation hides no difference.

use super::request::GeneratedRequest;

/// A form of a request that only vestibule understands.
pub(super) struct Translation {
    pub(super) name: &'static str,
    /// Why vestibule understands it.
    pub(super) reason: &'static str,
    /// The header, and the value that Django gets in its place; `None` if Django understands this value itself.
    header: &'static str,
    translate: fn(&[u8]) -> Option<Vec<u8>>,
}

/// The values of `Accept` with which Django REST framework sends JSON.
const ACCEPTS_JSON: &[&[u8]] = &[
    b"*/*",
    b"application/json",
    b"application/*",
    b"application/json, text/plain, */*",
    b"application/json; charset=utf-8",
    b"application/json; indent=4",
    b"application/json; version=1.0",
    b"application/json;q=0",
    b"application/json, text/html",
    b"text/html, application/json",
    b"*/json",
];

pub(super) const TRANSLATIONS: &[Translation] = &[
    Translation {
        name: "one representation",
        reason: "vestibule sends JSON whatever Accept asks for; Django sends pages, or refuses with 406",
        header: "Accept",
        translate: |accept| (!ACCEPTS_JSON.contains(&accept)).then(|| b"application/json".to_vec()),
    },
    Translation {
        name: "scheme in any case",
        reason: "HTTP's authentication schemes have no case (RFC 9110, section 11.1)",
        header: "Authorization",
        translate: |value| {
            let value = value.trim_ascii_start();
            let (scheme, rest) = value.split_at_checked("Bearer".len())?;
            let is_alone = rest.first().is_none_or(u8::is_ascii_whitespace);
            let is_ours = scheme.eq_ignore_ascii_case(b"Bearer") && scheme != b"Bearer";
            (is_ours && is_alone).then(|| [b"Bearer", rest].concat())
        },
    },
    Translation {
        name: "media type in any case",
        reason: "media types and their parameters have no case (RFC 9110, section 8.3.1); Django's parser of multipart forms disagrees",
        header: "Content-Type",
        translate: |value| {
            let boundary = value.strip_prefix(b"Multipart/Form-Data; Boundary=")?;
            Some([b"multipart/form-data; boundary=", boundary].concat())
        },
    },
];

/// The request as Django gets it, and the names of the translations.
pub(super) fn for_django(request: &GeneratedRequest) -> (GeneratedRequest, Vec<&'static str>) {
    let mut translated = request.clone();
    let mut names = Vec::new();
    for (name, value) in &mut translated.headers {
        let of_header = TRANSLATIONS.iter().filter(|one| one.header == *name);
        for translation in of_header {
            if let Some(other) = (translation.translate)(value) {
                *value = other;
                names.push(translation.name);
            }
        }
    }
    (translated, names)
}

#[test]
fn only_what_django_does_not_understand_is_translated() {
    let translated = |name, value: &str| {
        let (request, _) = for_django(&GeneratedRequest::new("GET", "/").header(name, value));
        String::from_utf8(request.value(name).to_vec()).expect("ASCII")
    };
    for (name, value, expected) in [
        ("Accept", "text/html", "application/json"),
        (
            "Accept",
            "application/json; indent=4",
            "application/json; indent=4",
        ),
        ("Authorization", "bEARER a b", "Bearer a b"),
        ("Authorization", "bearer", "Bearer"),
        ("Authorization", "Bearer x", "Bearer x"),
        ("Authorization", "bearerx y", "bearerx y"),
        ("Authorization", "Basic bearer", "Basic bearer"),
        (
            "Content-Type",
            "Multipart/Form-Data; Boundary=B",
            "multipart/form-data; boundary=B",
        ),
        (
            "Content-Type",
            "Text/Plain; Boundary=B",
            "Text/Plain; Boundary=B",
        ),
    ] {
        assert_eq!(translated(name, value), expected, "{name}: {value}");
    }
}
