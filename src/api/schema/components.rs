//! The shapes of the bodies, by name, and what says who asks.

use serde_json::{Value, json};

use super::{Credential, Header};
use crate::api::error::BEARER;

impl Credential {
    /// Its name in the document.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::PolicyCookie => "policyCookie",
            Self::SessionCookie => "sessionCookie",
        }
    }
}

/// `components.securitySchemes`.
pub(super) fn security_schemes() -> Value {
    json!({
        Credential::Bearer.name(): {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token. The header wins over every cookie.",
        },
        Credential::PolicyCookie.name(): {
            "type": "apiKey",
            "in": "cookie",
            "name": "AUTH_COOKIE_NAME",
            "description": "An access token in the cookie that the setting `AUTH_COOKIE_NAME` names; without the setting there is none. An unsafe method that reads it must not come from another site's page.",
        },
        Credential::SessionCookie.name(): {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The browser session, by the name of the setting `SESSION_COOKIE_NAME`. An unsafe method that reads it must not come from another site's page.",
        },
    })
}

/// `components.headers`.
pub(super) fn headers() -> Value {
    let text = |required: bool, description: &str, example: &str| {
        json!({
            "required": required,
            "description": description,
            "schema": { "type": "string" },
            "example": example,
        })
    };
    json!({
        Header::WwwAuthenticate.component(): text(true, "How to say who asks.", BEARER),
        Header::Allow.component(): text(true, "What works here.", "POST, OPTIONS"),
        Header::SetCookie.component(): text(
            false,
            "Under the cookie policy alone: the access token.",
            "AUTH_COOKIE_NAME=made-up; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400",
        ),
        Header::RetryAfter.component(): {
            "required": true,
            "description": "Seconds to wait.",
            "schema": { "type": "integer", "minimum": 1 },
            "example": 60,
        },
    })
}

impl Header {
    /// As it is sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::RetryAfter => "Retry-After",
            Self::Allow => "Allow",
            Self::SetCookie => "Set-Cookie",
        }
    }

    /// Its name in the document.
    pub(super) fn component(self) -> &'static str {
        match self {
            Self::WwwAuthenticate => "WwwAuthenticate",
            Self::RetryAfter => "RetryAfter",
            Self::Allow => "Allow",
            Self::SetCookie => "SetCookie",
        }
    }
}

/// `components.schemas`, the bodies of answers.
pub(super) fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let left_out = || {
        json!({
            "type": "string",
            "description": "Left out under the cookie policy, which keeps it.",
        })
    };
    let user = json!({ "$ref": "#/components/schemas/User" });
    json!({
        "User": object(&["id", "email", "first_name", "last_name"], json!({
            "id": { "type": "integer", "format": "int64" },
            "email": text(),
            "first_name": { "type": "string", "description": "May be empty, never null." },
            "last_name": { "type": "string", "description": "May be empty, never null." },
        })),
        "TokenPair": object(&["access"], json!({ "access": text(), "refresh": left_out() })),
        "Refreshed": object(&["access"], json!({
            "access": text(),
            "refresh": {
                "type": "string",
                "description": "With `ROTATE_REFRESH_TOKENS`: the next one. Left out under the cookie policy, which keeps it.",
            },
        })),
        "SignedIn": object(&["access_token", "user"], json!({
            "access_token": text(),
            "refresh_token": left_out(),
            "user": user,
        })),
        "LoggedOut": object(&["message", "workos_logout_url", "redirect_to"], json!({
            "message": text(),
            "workos_logout_url": {
                "type": ["string", "null"],
                "description": "Where WorkOS's own session ends; null where none is known.",
            },
            "redirect_to": { "type": "string", "description": "Where the application goes next." },
        })),
        "Nothing": { "type": "object", "maxProperties": 0 },
        "Document": { "type": "object", "required": ["openapi", "info", "paths"] },
        "Problem": problem(),
        "Unfinished": unfinished(),
        "Forbidden": {
            "anyOf": [
                { "$ref": "#/components/schemas/Unfinished" },
                { "$ref": "#/components/schemas/Problem" },
            ],
        },
        "FieldErrors": {
            "type": "object",
            "description": "The complaints about each field; `non_field_errors` about the whole.",
            "minProperties": 1,
            "propertyNames": { "not": { "const": "detail" } },
            "additionalProperties": { "type": "array", "minItems": 1, "items": text() },
        },
        "BadRequest": {
            "anyOf": [
                { "$ref": "#/components/schemas/FieldErrors" },
                { "$ref": "#/components/schemas/Problem" },
            ],
        },
    })
}

/// A sign-in for which WorkOS wants one more step.
fn unfinished() -> Value {
    let organization = object(
        &["id", "name"],
        json!({ "id": { "type": "string" }, "name": { "type": "string" } }),
    );
    object(
        &["detail", "code"],
        json!({
            "detail": { "type": "string", "description": "For people." },
            "code": { "type": "string", "description": "WorkOS's: what is wanted." },
            "pending_authentication_token": {
                "type": "string",
                "description": "To be sent back with the answer, within ten minutes. It is WorkOS's, sealed: no other service takes it. Absent where the sign-in goes on at WorkOS.",
            },
            "organizations": {
                "type": "array",
                "description": "Those to choose from.",
                "minItems": 1,
                "items": organization,
            },
            "email": { "type": "string", "description": "Where a code was sent to, or whose sign-in it is." },
            "authentication_challenge_id": { "type": "string", "description": "What the code of an authenticator answers." },
            "connection_ids": {
                "type": "array",
                "description": "A fresh sign-in names one of them as `connection_id`.",
                "minItems": 1,
                "items": { "type": "string" },
            },
        }),
    )
}

fn problem() -> Value {
    let message = object(
        &["token_class", "token_type", "message"],
        json!({
            "token_class": { "const": "AccessToken" },
            "token_type": { "const": "access" },
            "message": { "type": "string" },
        }),
    );
    object(
        &["detail"],
        json!({
            "detail": { "type": "string", "description": "For people." },
            "code": { "type": "string", "description": "For programs, where there is one." },
            "sign_in_url": {
                "type": "string",
                "description": "With `session_ended`: where a browser signs in again.",
            },
            "messages": {
                "type": "array",
                "description": "What is wrong with the access token.",
                "items": message,
            },
        }),
    )
}

/// Nothing but these properties.
fn object(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    schema["required"] = json!(required);
    schema["properties"] = properties;
    schema
}
