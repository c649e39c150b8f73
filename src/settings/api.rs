//! The settings of the JSON API: the cookie policy, the redirects of a log-out, the rate limits.

use std::num::NonZeroU32;
use std::time::Duration;

use super::api_prefix::ApiPrefix;
use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;
use super::values::{WANTED_COOKIE_NAME, parse_bool, parse_cookie_name, parse_redirect_target};

/// More than any client sends; it also keeps the time per request above a microsecond.
const MOST_REQUESTS: u32 = 100_000;
const WANTED_RATE: &str =
    "a number from 1 to 100000 for each sec, min, hour or day, such as 10/min, or off";
const WANTED_TARGET: &str = "a path of this site, such as /signin, or a whole https:// URL";

/// A number of requests in a period, as Django REST framework writes it: `10/min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number of requests.
    pub requests: NonZeroU32,
    /// The period.
    pub period: Duration,
}

/// The settings of the JSON API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The beginning of the paths.
    pub prefix: ApiPrefix,
    /// The name of the cookie that holds the access token; without one there is no cookie policy.
    pub auth_cookie_name: Option<String>,
    /// Whether a second cookie holds the refresh token.
    pub auth_cookie_refresh: bool,
    /// The `redirect_to` of a log-out from a WorkOS session.
    pub logout_to_signin: String,
    /// The `redirect_to` of any other log-out.
    pub logout_to_login: String,
    /// The schemes of `Authorization` that announce an access token, and are compared without case. The
    /// first is the one of `WWW-Authenticate`.
    pub auth_header_types: Vec<String>,
    /// The rate limit of sign-ins; `None` is unlimited.
    pub throttle_login: Option<Rate>,
    /// The rate limit of refreshes; `None` is unlimited.
    pub throttle_refresh: Option<Rate>,
    /// Whether `/api/docs` and `/api/schema` are served.
    pub docs: bool,
}

impl ApiSettings {
    /// The scheme of `WWW-Authenticate` and of the documentation.
    pub fn scheme(&self) -> &str {
        self.auth_header_types
            .first()
            .map_or("Bearer", String::as_str)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            prefix: ApiPrefix::read(reader),
            auth_cookie_name: reader.optional(
                "AUTH_COOKIE_NAME",
                WANTED_COOKIE_NAME,
                parse_cookie_name,
            ),
            auth_cookie_refresh: reader.value(
                "AUTH_COOKIE_REFRESH",
                "false",
                "true or false",
                parse_bool,
            ),
            logout_to_signin: reader.value(
                "LOGOUT_TO_SIGNIN",
                "/signin",
                WANTED_TARGET,
                parse_redirect_target,
            ),
            logout_to_login: reader.value(
                "LOGOUT_TO_LOGIN",
                "/login",
                WANTED_TARGET,
                parse_redirect_target,
            ),
            auth_header_types: read_header_types(reader),
            throttle_login: reader.value("THROTTLE_LOGIN", "10/min", WANTED_RATE, parse_rate),
            throttle_refresh: reader.value("THROTTLE_REFRESH", "60/min", WANTED_RATE, parse_rate),
            docs: reader.value("API_DOCS", "on", "on or off", parse_switch),
        }
    }
}

/// Reads `AUTH_HEADER_TYPES` alone, for commands that need few settings.
pub fn auth_header_types(source: &Source) -> Result<Vec<String>, SettingsError> {
    let mut reader = Reader::new(source);
    let types = read_header_types(&mut reader);
    reader.finish(types)
}

fn read_header_types(reader: &mut Reader<'_>) -> Vec<String> {
    reader.list(
        "AUTH_HEADER_TYPES",
        "Bearer",
        "names of authorization schemes between commas, such as Bearer, JWT",
        parse_scheme,
    )
}

/// Accepts the name of a scheme (RFC 9110, section 11.1).
fn parse_scheme(text: &str) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.chars().all(is_token).then(|| text.to_owned())
}

fn parse_switch(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// Parses `off`, or a number and a period, of which only the first letter counts, as in Django REST
/// framework.
fn parse_rate(text: &str) -> Option<Option<Rate>> {
    if text == "off" {
        return Some(None);
    }
    let (requests, period) = text.split_once('/')?;
    let seconds = match period.trim_start().chars().next()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let requests: NonZeroU32 = requests.trim().parse().ok()?;
    (requests.get() <= MOST_REQUESTS).then_some(Some(Rate {
        requests,
        period: Duration::from_secs(seconds),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_parsed_as_django_rest_framework_parses_it() {
        let rate = |requests, seconds| {
            Some(Some(Rate {
                requests: NonZeroU32::new(requests).unwrap(),
                period: Duration::from_secs(seconds),
            }))
        };
        assert_eq!(parse_rate("10/min"), rate(10, 60));
        assert_eq!(parse_rate("3 / second"), rate(3, 1));
        assert_eq!(parse_rate("1/h"), rate(1, 3_600));
        assert_eq!(parse_rate("100000/day"), rate(100_000, 86_400));
        assert_eq!(parse_rate("10/minutes"), rate(10, 60));
        assert_eq!(parse_rate("off"), Some(None));
        for bad in [
            "", "10", "10/", "/min", "0/min", "-1/min", "1.5/min", "10/week", "100001/s", "none",
        ] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }
}
