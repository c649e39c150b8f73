//! The error responses of the API: status, headers and body as Django REST framework and simplejwt
//! have them, because single-page applications compare them.

mod domain;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;

use super::wire::NextStepJson;
use crate::db::DbError;
use crate::error::{Error, InternalError, NotAnAttempt};
use crate::links::login_url;
use crate::origin::Origin;
use crate::tokens::TokenError;

/// simplejwt's `WWW-Authenticate`, which every 401 has.
pub(crate) const BEARER: &str = "Bearer realm=\"api\"";

/// Anything that ends a request under `/api/` early.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Missing or invalid fields: 400.
    #[error("fields are missing or invalid")]
    Fields(FieldErrors),
    /// A body that is not valid JSON, or not a valid form: 400.
    #[error("{0}")]
    Parse(String),
    /// A blacklisted token at `/api/token/verify`, which simplejwt reports as an invalid field: 400.
    #[error("{}", TokenError::Blacklisted)]
    Blacklisted,
    /// A body of an unsupported media type: 415.
    #[error("the media type {0:?} is not supported")]
    UnsupportedMediaType(String),
    /// Missing or invalid credentials: 401 with `WWW-Authenticate`.
    #[error("not authenticated: {0}")]
    Unauthorized(Unauthorized),
    /// The browser session has ended: 401 with the URL to sign in again.
    #[error("the session has ended")]
    SessionOver {
        /// The absolute URL, because the application may be on another origin.
        sign_in_url: String,
    },
    /// A code exchange that failed.
    #[error("the exchange failed: {0}")]
    Exchange(ExchangeError),
    /// A sign-in for which WorkOS requires one more step: 403.
    #[error("the sign-in needs another step: {0}")]
    NextStep(Box<NextStepJson>),
    /// Any error that pages have too.
    #[error(transparent)]
    Other(#[from] Error),
}

/// Why the credentials of a request are not accepted; the texts are simplejwt's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// No credentials, or credentials of another scheme.
    NotProvided,
    /// `Bearer` without a token, or followed by more than one word.
    BadHeader,
    /// A wrong email address or password, or an inactive account.
    NoActiveAccount,
    /// The account of a refresh token is inactive or deleted.
    NoActiveAccountForToken,
    /// An invalid token in the body.
    Token(TokenError),
    /// An invalid token in the header or cookie.
    AccessToken(TokenError),
    /// A token without a user id.
    NoUser,
    /// The password was changed after the token was issued, or the user signed out everywhere.
    PasswordChanged,
    /// The account of an access token does not exist.
    UserNotFound,
    /// The account of an access token is inactive.
    UserInactive,
}

/// The response to a code exchange that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeError {
    /// 400, 403, 404, 409 or 503.
    pub status: StatusCode,
    /// A sentence for people.
    pub detail: String,
    /// A code for programs.
    pub code: String,
    /// With 503: seconds to wait.
    pub retry_after: Option<u64>,
    /// Whether the request counts for the limits: a provider or an account was asked.
    pub is_attempt: bool,
}

/// The error messages of each field, in the order in which the fields were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<(&'static str, String)>);

impl Serialize for FieldErrors {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, message)| (name, [message])))
    }
}

/// The body of most error responses, with its keys in Django REST framework's order.
#[derive(Serialize)]
struct DetailJson {
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<[TokenErrorJson; 1]>,
}

impl DetailJson {
    fn new(detail: String) -> Self {
        Self {
            detail,
            code: None,
            sign_in_url: None,
            messages: None,
        }
    }
}

/// simplejwt's message about an access token.
#[derive(Serialize)]
struct TokenErrorJson {
    token_class: &'static str,
    token_type: &'static str,
    message: String,
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl Unauthorized {
    fn detail(self) -> String {
        match self {
            Self::NotProvided => "Authentication credentials were not provided.".to_owned(),
            Self::BadHeader => {
                "Authorization header must contain two space-delimited values".to_owned()
            }
            Self::NoActiveAccount => {
                "No active account found with the given credentials".to_owned()
            }
            Self::NoActiveAccountForToken => {
                "No active account found for the given token.".to_owned()
            }
            Self::Token(error) => error.to_string(),
            Self::AccessToken(_) => "Given token not valid for any token type".to_owned(),
            Self::NoUser => "Token contained no recognizable user identification".to_owned(),
            Self::PasswordChanged => "The user's password has been changed.".to_owned(),
            Self::UserNotFound => "User not found".to_owned(),
            Self::UserInactive => "User is inactive".to_owned(),
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            Self::NotProvided | Self::NoActiveAccount | Self::NoActiveAccountForToken => None,
            Self::BadHeader => Some("bad_authorization_header"),
            Self::Token(_) | Self::AccessToken(_) | Self::NoUser => Some("token_not_valid"),
            Self::PasswordChanged => Some("password_changed"),
            Self::UserNotFound => Some("user_not_found"),
            Self::UserInactive => Some("user_inactive"),
        }
    }

    fn body(self) -> DetailJson {
        let messages = match self {
            Self::AccessToken(error) => Some([TokenErrorJson {
                token_class: "AccessToken",
                token_type: "access",
                message: error.to_string(),
            }]),
            _ => None,
        };
        DetailJson {
            detail: self.detail(),
            code: self.code().map(str::to_owned),
            sign_in_url: None,
            messages,
        }
    }
}

impl ApiError {
    /// An internal failure; `action` completes "failed to …".
    pub fn internal(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Other(InternalError::new(action, source).into())
    }

    /// The 401 of a browser session that has ended, with the address of the sign-in on this origin.
    pub(super) fn session_over(site: &Origin) -> Self {
        Self::SessionOver {
            sign_in_url: format!("{}{}", site.as_str(), login_url("/")),
        }
    }

    /// The body as an example for the OpenAPI document; null for errors whose body the error pages
    /// write.
    pub(super) fn example(&self) -> Value {
        let body = self.body().unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    fn body(&self) -> serde_json::Result<String> {
        let body = match self {
            Self::Fields(errors) => return serde_json::to_string(errors),
            Self::Blacklisted => {
                let message = self.to_string();
                return serde_json::to_string(&FieldErrors(vec![("non_field_errors", message)]));
            }
            Self::Parse(_) => DetailJson::new(self.to_string()),
            Self::UnsupportedMediaType(kind) => {
                DetailJson::new(format!("Unsupported media type \"{kind}\" in request."))
            }
            Self::Unauthorized(why) => why.body(),
            Self::SessionOver { sign_in_url } => DetailJson {
                code: Some("session_ended".to_owned()),
                sign_in_url: Some(sign_in_url.clone()),
                ..DetailJson::new("Your session has ended. Please log in again.".to_owned())
            },
            Self::Exchange(why) => DetailJson {
                code: Some(why.code.clone()),
                ..DetailJson::new(why.detail.clone())
            },
            Self::NextStep(step) => return serde_json::to_string(step),
            // The middleware `error_pages` writes their bodies.
            Self::Other(_) => return Ok(String::new()),
        };
        serde_json::to_string(&body)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Fields(_) | Self::Parse(_) | Self::Blacklisted => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unauthorized(_) | Self::SessionOver { .. } => StatusCode::UNAUTHORIZED,
            Self::Exchange(why) => why.status,
            Self::NextStep(_) => StatusCode::FORBIDDEN,
            Self::Other(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Other(error) = self {
            return error.error_response();
        }
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(ContentType::json());
        match self {
            Self::Unauthorized(_) | Self::SessionOver { .. } => {
                response.insert_header((WWW_AUTHENTICATE, BEARER));
            }
            Self::Exchange(ExchangeError {
                retry_after: Some(seconds),
                ..
            }) => {
                response.insert_header((RETRY_AFTER, *seconds));
            }
            _ => {}
        }
        // Serializing a struct of texts cannot fail.
        let mut response = response.body(self.body().unwrap_or_default());
        let is_attempt = match self {
            Self::Fields(_) | Self::Parse(_) | Self::UnsupportedMediaType(_) => false,
            Self::Exchange(error) => error.is_attempt,
            _ => true,
        };
        if !is_attempt {
            response.extensions_mut().insert(NotAnAttempt);
        }
        response
    }
}

impl From<Unauthorized> for ApiError {
    fn from(why: Unauthorized) -> Self {
        Self::Unauthorized(why)
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        Self::Other(error.into())
    }
}

impl From<diesel::result::Error> for ApiError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}
