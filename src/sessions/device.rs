//! What a browser says of itself: kept with the session, and read for its owner.
//!
//! Our own short tables: what matters is that a person tells the own phone from a stranger's desktop,
//! and a wrong guess does no harm. Browsers pose as one another, so the order counts.

/// The most characters of a user agent that are kept.
const LONGEST: usize = 255;
const UNKNOWN: &str = "Unknown device";

/// What stands in a user agent, and which browser it is; whoever poses as another stands before it.
const BROWSERS: [(&str, &str); 20] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Electron/", "A desktop application"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Trident/", "Internet Explorer"),
];

/// The same for systems: Android says Linux too, and iPhones say Mac OS X.
const SYSTEMS: [(&str, &str); 10] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("Linux", "Linux"),
    ("X11", "Unix"),
];

/// The user agent as it is kept: bounded, and without control characters.
pub fn kept_user_agent(user_agent: Option<&str>) -> Option<String> {
    let plain = user_agent?.chars().filter(|letter| !letter.is_control());
    let kept: String = plain.take(LONGEST).collect();
    (!kept.trim().is_empty()).then_some(kept)
}

/// A device in a few words, such as `Firefox on Windows`.
pub fn device_in_words(user_agent: Option<&str>) -> String {
    let user_agent = user_agent.unwrap_or_default();
    let browser = first(&BROWSERS, user_agent);
    let system = first(&SYSTEMS, user_agent);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("Unknown browser on {system}"),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn first(table: &[(&str, &'static str)], user_agent: &str) -> Option<&'static str> {
    let mut found = table.iter().filter(|(mark, _)| user_agent.contains(mark));
    found.next().map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_browsers_are_told_apart() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let mobile = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (user_agent, words) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
                    .to_owned(),
                "Firefox on Windows",
            ),
            (
                format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/142.0.0.0 Safari/537.36"),
                "Chrome on Linux",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0) {webkit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
                ),
                "Edge on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/142.0.0.0 Mobile Safari/537.36"
                ),
                "Chrome on Android",
            ),
            (
                format!(
                    "Mozilla/5.0 (Linux; Android 10; K) {webkit} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36"
                ),
                "Samsung Internet on Android",
            ),
            (
                format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {mobile} Version/26.0 Mobile/15E148 Safari/604.1"
                ),
                "Safari on iPhone",
            ),
            (
                format!(
                    "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) {mobile} CriOS/142.0.0.0 Mobile/15E148 Safari/604.1"
                ),
                "Chrome on iPad",
            ),
            (
                format!(
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {mobile} Version/26.0 Safari/605.1.15"
                ),
                "Safari on macOS",
            ),
            (
                format!(
                    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {webkit} Chrome/142.0.0.0 Safari/537.36 OPR/124.0.0.0"
                ),
                "Opera on ChromeOS",
            ),
            ("curl/8.5.0".to_owned(), "curl"),
            (
                "Something/1.0 (Windows NT 10.0)".to_owned(),
                "Unknown browser on Windows",
            ),
            ("Something/1.0".to_owned(), UNKNOWN),
            (String::new(), UNKNOWN),
        ] {
            assert_eq!(device_in_words(Some(&user_agent)), words, "{user_agent}");
        }
        assert_eq!(device_in_words(None), UNKNOWN);
    }

    #[test]
    fn what_is_kept_is_bounded_and_plain() {
        assert_eq!(kept_user_agent(None), None);
        assert_eq!(kept_user_agent(Some(" \t\u{7f}")), None);
        let kept = kept_user_agent(Some("a\u{0}b\tc\u{9f}d")).unwrap();
        assert_eq!(kept, "abcd");
        let kept = kept_user_agent(Some(&"é".repeat(1_000))).unwrap();
        assert_eq!(kept.chars().count(), LONGEST);
    }
}
