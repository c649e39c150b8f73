//! Checks redirect targets, such as `next`. They must stay on this origin (CWE-601).

use url::Url;

use super::Origin;

/// The maximum length in characters, before and after percent-encoding. A longer target would not fit
/// into the attempt's cookie.
pub(super) const MAX_LENGTH: usize = 2_048;

/// The path, query and fragment of `value`, if it stays on `origin` however it is parsed.
///
/// Browsers replace `\` by `/`, so the value must stay on the origin with and without that
/// replacement.
pub fn local_target(value: &str, origin: &Origin) -> Option<String> {
    if value.is_empty() || value.chars().count() > MAX_LENGTH || value.contains(char::is_control) {
        return None;
    }
    let base = Url::parse(origin.as_str()).ok()?;
    resolve(&base, &value.replace('\\', "/"))?;
    // Percent-encoding makes a target longer than its value.
    resolve(&base, value).filter(|target| target.len() <= MAX_LENGTH)
}

/// Whether `value` is a path on the same site, regardless of the site's origin.
pub fn is_local_path(value: &str) -> bool {
    Origin::parse("http://vestibule.invalid")
        .is_some_and(|origin| value.starts_with('/') && local_target(value, &origin).is_some())
}

fn resolve(base: &Url, value: &str) -> Option<String> {
    if has_scheme_without_authority(value) {
        return None;
    }
    let url = base.join(value).ok()?;
    let target = &url[url::Position::BeforePath..];
    // `/.//evil.com` is normalised to the path `//evil.com`, which by itself means another host.
    let stays =
        url.origin() == base.origin() && !target.starts_with("//") && !target.starts_with("/\\");
    stays.then(|| target.to_owned())
}

/// Whether the value is like `http:a`, `http:/a` or `http:///a`. Parsers disagree whether that is a
/// path or a host.
fn has_scheme_without_authority(value: &str) -> bool {
    let Some((scheme, rest)) = value.trim_start().split_once(':') else {
        return false;
    };
    let is_scheme = !scheme.is_empty()
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme && (!rest.starts_with("//") || rest.starts_with("///"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(value: &str) -> Option<String> {
        local_target(value, &Origin::parse("http://localhost:8000").unwrap())
    }

    #[test]
    fn local_targets_are_accepted() {
        for (value, expected) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a?next=//evil", "/a?next=//evil"),
            ("?x=1", "/?x=1"),
            ("/a#part", "/a#part"),
            ("/a b/ü", "/a%20b/%C3%BC"),
            ("a/b", "/a/b"),
            ("/a:b", "/a:b"),
            ("http://localhost:8000/a?b", "/a?b"),
        ] {
            assert_eq!(target(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn other_targets_are_refused() {
        for value in [
            "",
            "//evil.com",
            "///evil.com",
            "////evil.com",
            "/\\evil.com",
            "\\\\evil.com",
            "\\/evil.com",
            "http:///evil.com",
            "http:/evil.com",
            "http:evil.com",
            "http://evil.com",
            "https://localhost:8000/",
            "http://localhost:8001/",
            "http://localhost:8000@evil.com/",
            "http://localhost:8000.evil.com/",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            " //evil.com",
            "\t//evil.com",
            "/a\n",
            "/a\u{0}b",
            "/a\u{7f}",
            "/a\u{85}",
            "/.//evil.com",
            "/..//evil.com",
            "/x/..//evil.com",
            "/.\\/evil.com",
            "ftp://localhost:8000/",
            "http:\\\\evil.com",
            "http:\\evil.com",
            "/\t/evil.com",
        ] {
            assert_eq!(target(value), None, "{value:?}");
        }
    }

    #[test]
    fn the_limit_is_2048_characters() {
        assert!(target(&format!("/{}", "a".repeat(2_047))).is_some());
        assert_eq!(target(&format!("/{}", "a".repeat(2_048))), None);
        // Each ü is six characters in the target.
        assert!(target(&format!("/{}", "ü".repeat(341))).is_some());
        assert_eq!(target(&format!("/{}", "ü".repeat(342))), None);
    }

    proptest::proptest! {
        /// A browser that resolves an accepted target stays on this origin.
        #[test]
        fn accepted_targets_stay_on_the_origin(value in r"[/\\:.@?#a-z \t]{0,12}") {
            let base = Url::parse("http://localhost:8000/auth/callback").unwrap();
            if let Some(target) = target(&value) {
                proptest::prop_assert!(target.starts_with('/'));
                for form in [target.clone(), target.replace('\\', "/")] {
                    proptest::prop_assert_eq!(base.join(&form).unwrap().origin(), base.origin());
                }
            }
        }
    }
}
