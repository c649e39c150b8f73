//! What goes wrong under `/api/`, with the status, the headers and the body that single-page apps
//! were written against.

mod domain;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;

use super::wire::UnfinishedJson;
use crate::db::DbError;
use crate::error::{Error, InternalError};
use crate::links::login_url;
use crate::state::AppState;
use crate::tokens::TokenError;

/// What every 401 says: simplejwt's `WWW-Authenticate`.
pub(super) const BEARER: &str = "Bearer realm=\"api\"";

/// Anything that ends a request under `/api/` early.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Fields that are missing or of the wrong kind: 400.
    #[error("fields are missing or wrong")]
    Fields(FieldErrors),
    /// A body that is no JSON: 400.
    #[error("JSON parse error - {0}")]
    Parse(String),
    /// A body of another kind: 415.
    #[error("the media type {0:?} is not supported")]
    UnsupportedMediaType(String),
    /// Nobody, or nobody any more: 401 with `WWW-Authenticate`.
    #[error("not authenticated: {0}")]
    Unauthorized(Unauthorized),
    /// A browser session that has ended: 401, and where to sign in again.
    #[error("the session has ended")]
    SessionOver {
        /// The whole URL: the application may stand on another origin.
        sign_in_url: String,
    },
    /// A sign-in exchange that failed.
    #[error("the exchange failed: {0}")]
    Exchange(Exchange),
    /// A sign-in for which WorkOS wants one more step: 403.
    #[error("the exchange is unfinished: {0}")]
    Unfinished(Box<UnfinishedJson>),
    /// What pages know too.
    #[error(transparent)]
    Other(#[from] Error),
}

/// Why a request under `/api/` is nobody's, in simplejwt's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// No credentials, or of another scheme.
    NotProvided,
    /// `Bearer` alone, or with more than one word behind it.
    BadHeader,
    /// Wrong e-mail or password, or a closed account.
    NoActiveAccount,
    /// The account behind a token is closed or gone.
    NoActiveAccountForToken,
    /// A token in a body.
    Token(TokenError),
    /// A token in the header or cookie.
    AccessToken(TokenError),
    /// A token that names nobody.
    NoUser,
    /// The password was changed, or the account signed out everywhere, since.
    PasswordChanged,
    /// A token's account is gone.
    UserNotFound,
    /// A token's account is closed.
    UserInactive,
}

/// A sign-in exchange that failed: what, in a sentence and in a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// 400, 403, 404, 409 or 503.
    pub status: StatusCode,
    /// For people.
    pub detail: String,
    /// For programs.
    pub code: String,
    /// Seconds to wait, with 503.
    pub retry_after: Option<u64>,
}

/// The complaints about each field, in the order in which the fields were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<(&'static str, String)>);

impl Serialize for FieldErrors {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, complaint)| (name, [complaint])))
    }
}

/// The body of most refusals, its keys in Django REST framework's order.
#[derive(Serialize)]
struct Words {
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<[Message; 1]>,
}

impl Words {
    fn of(detail: String) -> Self {
        Self {
            detail,
            code: None,
            sign_in_url: None,
            messages: None,
        }
    }
}

/// What simplejwt says of one kind of token.
#[derive(Serialize)]
struct Message {
    token_class: &'static str,
    token_type: &'static str,
    message: String,
}

impl fmt::Display for Exchange {
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

    fn words(self) -> Words {
        let message = match self {
            Self::AccessToken(error) => Some([Message {
                token_class: "AccessToken",
                token_type: "access",
                message: error.to_string(),
            }]),
            _ => None,
        };
        Words {
            detail: self.detail(),
            code: self.code().map(str::to_owned),
            sign_in_url: None,
            messages: message,
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

    /// A browser session that has ended, however that is known.
    pub(super) fn session_over(app: &AppState) -> Self {
        let origin = app.settings.public_url.as_str();
        Self::SessionOver {
            sign_in_url: format!("{origin}{}", login_url("/")),
        }
    }

    /// What a client is told, for the API's document; null where the middleware says it.
    pub(super) fn example(&self) -> Value {
        let body = self.body().unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    fn body(&self) -> serde_json::Result<String> {
        let words = match self {
            Self::Fields(errors) => return serde_json::to_string(errors),
            Self::Parse(_) => Words::of(self.to_string()),
            Self::UnsupportedMediaType(kind) => {
                Words::of(format!("Unsupported media type \"{kind}\" in request."))
            }
            Self::Unauthorized(why) => why.words(),
            Self::SessionOver { sign_in_url } => Words {
                code: Some("session_ended".to_owned()),
                sign_in_url: Some(sign_in_url.clone()),
                ..Words::of("Your session has ended. Please log in again.".to_owned())
            },
            Self::Exchange(why) => Words {
                code: Some(why.code.clone()),
                ..Words::of(why.detail.clone())
            },
            Self::Unfinished(step) => return serde_json::to_string(step),
            // The middleware writes those, for every route alike.
            Self::Other(_) => return Ok(String::new()),
        };
        serde_json::to_string(&words)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Fields(_) | Self::Parse(_) => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unauthorized(_) | Self::SessionOver { .. } => StatusCode::UNAUTHORIZED,
            Self::Exchange(why) => why.status,
            Self::Unfinished(_) => StatusCode::FORBIDDEN,
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
            Self::Exchange(Exchange {
                retry_after: Some(seconds),
                ..
            }) => {
                response.insert_header((RETRY_AFTER, *seconds));
            }
            _ => {}
        }
        // Texts in a struct always become JSON.
        response.body(self.body().unwrap_or_default())
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
