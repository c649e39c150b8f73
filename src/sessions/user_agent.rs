//! The browser's `User-Agent`: stored with the session, and described on the account page.
//!
//! Two short tables are enough. A user must be able to tell their own phone from a stranger's desktop,
//! and a wrong description does no harm.

/// The most characters of a user agent that are stored.
const MAX_CHARS: usize = 255;
const UNKNOWN: &str = "Unknown device";

/// A part of the user agent and the browser that it identifies. Most browsers also name the browsers that
/// they imitate, so an imitating browser comes before the imitated one.
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

/// A part of the user agent and the system that it identifies. Android also names Linux, and an iPhone
/// also names Mac OS X.
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

/// The user agent as it is stored: truncated, and without control characters.
pub fn truncate_user_agent(user_agent: Option<&str>) -> Option<String> {
    let printable = user_agent?.chars().filter(|letter| !letter.is_control());
    let truncated: String = printable.take(MAX_CHARS).collect();
    (!truncated.trim().is_empty()).then_some(truncated)
}

/// A short description of the device, such as `Firefox on Windows`.
pub fn device_description(user_agent: Option<&str>) -> String {
    let user_agent = user_agent.unwrap_or_default();
    let browser = first_match(&BROWSERS, user_agent);
    let system = first_match(&SYSTEMS, user_agent);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("Unknown browser on {system}"),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn first_match(table: &[(&str, &'static str)], user_agent: &str) -> Option<&'static str> {
    let mut found = table.iter().filter(|(part, _)| user_agent.contains(part));
    found.next().map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_and_systems_are_described() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let mobile = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (user_agent, description) in [
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
            assert_eq!(
                device_description(Some(&user_agent)),
                description,
                "{user_agent}"
            );
        }
        assert_eq!(device_description(None), UNKNOWN);
    }

    #[test]
    fn a_stored_user_agent_is_truncated_and_printable() {
        assert_eq!(truncate_user_agent(None), None);
        assert_eq!(truncate_user_agent(Some(" \t\u{7f}")), None);
        let stored = truncate_user_agent(Some("a\u{0}b\tc\u{9f}d")).unwrap();
        assert_eq!(stored, "abcd");
        let stored = truncate_user_agent(Some(&"é".repeat(1_000))).unwrap();
        assert_eq!(stored.chars().count(), MAX_CHARS);
    }
}
