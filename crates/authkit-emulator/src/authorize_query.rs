//! The query parameters of an authorization request.

/// An error code and a description, as the application receives them.
pub(crate) type QueryError = (&'static str, &'static str);

/// The parameters of an authorization request. None occurs twice (RFC 6749, section 3.1).
pub(crate) struct AuthorizeQuery(Vec<(String, String)>);

impl AuthorizeQuery {
    /// Parses a query.
    ///
    /// # Errors
    /// The name of a parameter that occurs twice.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(name);
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter's value. An empty value counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// `response_type` must be `code`.
    pub(crate) fn check_response_type(&self) -> Result<(), QueryError> {
        if self.get("response_type") == Some("code") {
            Ok(())
        } else {
            Err((
                "unsupported_response_type",
                "The response_type must be 'code'.",
            ))
        }
    }

    /// The PKCE code challenge (RFC 7636). Only the method `S256` is allowed.
    pub(crate) fn code_challenge(&self) -> Result<Option<String>, QueryError> {
        let challenge = self.get("code_challenge");
        let error = match (challenge, self.get("code_challenge_method")) {
            (None, None) => return Ok(None),
            (Some(challenge), Some("S256")) if is_s256(challenge) => {
                return Ok(Some(challenge.to_owned()));
            }
            (None, Some(_)) => "A code_challenge_method needs a code_challenge.",
            (Some(_), Some("S256")) => "The code_challenge is malformed.",
            (Some(_), _) => "The code_challenge_method must be 'S256'.",
        };
        Err(("invalid_request", error))
    }

    /// Whether `screen_hint` asks for the sign-up page.
    pub(crate) fn wants_sign_up(&self) -> Result<bool, QueryError> {
        match self.get("screen_hint") {
            None | Some("sign-in") => Ok(false),
            Some("sign-up") => Ok(true),
            Some(_) => Err((
                "invalid_request",
                "The screen_hint must be 'sign-up' or 'sign-in'.",
            )),
        }
    }

    /// `max_age`, in seconds.
    pub(crate) fn max_age(&self) -> Result<Option<i64>, QueryError> {
        match self.get("max_age").map(str::parse) {
            None => Ok(None),
            Some(Ok(seconds)) if seconds >= 0 => Ok(Some(seconds)),
            Some(_) => Err((
                "invalid_request",
                "The max_age must be a number of seconds.",
            )),
        }
    }
}

/// Whether a code challenge has the form of a SHA-256 digest in unpadded base64url.
fn is_s256(challenge: &str) -> bool {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    challenge.len() == 43 && challenge.bytes().all(is_base64url)
}
