//! The settings of forward authentication, `/auth/verify`.

use super::reader::Reader;

/// The settings of forward authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuthSettings {
    /// The names of the headers about the user.
    pub headers: ForwardAuthHeaders,
    /// The claim `aud` of the forwarded tokens; `None`: `JWT_AUDIENCE`, as for every access token.
    pub audience: Option<String>,
}

/// A family of header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardAuthHeaders {
    /// `X-Auth-User-Id` and others.
    XAuth,
    /// `X-Auth-Request-User` and others, as oauth2-proxy has them.
    XAuthRequest,
    /// `Remote-User` and others, as Authelia has them.
    Remote,
}

impl ForwardAuthHeaders {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "x-auth" => Some(Self::XAuth),
            "x-auth-request" => Some(Self::XAuthRequest),
            "remote" => Some(Self::Remote),
            _ => None,
        }
    }
}

impl ForwardAuthSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            headers: reader.value(
                "FORWARD_AUTH_HEADERS",
                "x-auth",
                "x-auth, x-auth-request or remote",
                ForwardAuthHeaders::parse,
            ),
            audience: reader.optional(
                "FORWARD_AUTH_AUDIENCE",
                "a name or a URL, such as https://app.example.com",
                |text| Some(text.to_owned()),
            ),
        }
    }
}
