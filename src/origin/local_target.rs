//! `next`: where a sign-in returns to. Safe only if it stays on this origin (CWE-601).

use url::Url;

use super::Origin;

/// Longer ones are no address of ours, and would outgrow the attempt's cookie.
const LONGEST: usize = 2_048;

/// The path, query and fragment that `value` leads to, when every reading of it stays on `origin`.
///
/// Browsers turn `\` into `/`, so the value and its copy with that done must both stay.
pub fn local_target(value: &str, origin: &Origin) -> Option<String> {
    if value.is_empty() || value.chars().count() > LONGEST || value.contains(char::is_control) {
        return None;
    }
    let base = Url::parse(origin.as_str()).ok()?;
    resolve(&base, &value.replace('\\', "/"))?;
    resolve(&base, value)
}

/// Whether `value` is a path of this site, whatever its origin.
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
    // `/.//evil.com` is normalised to the path `//evil.com`, which alone would be another host.
    let stays =
        url.origin() == base.origin() && !target.starts_with("//") && !target.starts_with("/\\");
    stays.then(|| target.to_owned())
}

/// `http:a`, `http:/a` and `http:///a` are read as a path by some and as a host by others.
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
    fn what_stays_here_is_kept() {
        for (value, kept) in [
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
            assert_eq!(target(value).as_deref(), Some(kept), "{value}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
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
    fn the_bound_is_2048_characters() {
        assert!(target(&format!("/{}", "a".repeat(2_047))).is_some());
        assert_eq!(target(&format!("/{}", "a".repeat(2_048))), None);
    }

    proptest::proptest! {
        /// Whatever is let through, a browser that resolves it stays on this origin.
        #[test]
        fn no_value_leads_elsewhere(value in r"[/\\:.@?#a-z \t]{0,12}") {
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
