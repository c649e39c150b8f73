//! The components of the document: schemas, headers and security schemes.

use serde_json::{Value, json};

use super::{CredentialKind, ResponseHeader};
use crate::api::error::BEARER;

impl CredentialKind {
    /// Its name in the document.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::PolicyCookie => "policyCookie",
            Self::SessionCookie => "sessionCookie",
        }
    }
}

/// `components.securitySchemes`. `scheme`: of the `Authorization` header.
pub(super) fn security_schemes(scheme: &str) -> Value {
    // Tools compare the usual name as it is registered, in lower case.
    let scheme = match scheme.eq_ignore_ascii_case("bearer") {
        true => "bearer",
        false => scheme,
    };
    json!({
        CredentialKind::Bearer.name(): {
            "type": "http",
            "scheme": scheme,
            "bearerFormat": "JWT",
            "description": "An access token. The header takes precedence over every cookie.",
        },
        CredentialKind::PolicyCookie.name(): {
            "type": "apiKey",
            "in": "cookie",
            "name": "AUTH_COOKIE_NAME",
            "description": "An access token in the cookie that the setting `AUTH_COOKIE_NAME` names. Only with that setting. A request with an unsafe method and this cookie must not come from a page of another site.",
        },
        CredentialKind::SessionCookie.name(): {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The cookie of the browser session, with the name of the setting `SESSION_COOKIE_NAME`. A request with an unsafe method and this cookie must not come from a page of another site.",
        },
    })
}

/// `components.headers`.
pub(super) fn headers(scheme: &str) -> Value {
    let text = |required: bool, description: &str, example: &str| {
        json!({
            "required": required,
            "description": description,
            "schema": { "type": "string" },
            "example": example,
        })
    };
    json!({
        ResponseHeader::WwwAuthenticate.component(): text(true, "The authentication scheme.", &BEARER.replace("Bearer", scheme)),
        ResponseHeader::Allow.component(): text(true, "The allowed methods.", "POST, OPTIONS"),
        ResponseHeader::SetCookie.component(): text(
            false,
            "The access token, only under the cookie policy.",
            "AUTH_COOKIE_NAME=made-up; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400",
        ),
        ResponseHeader::RetryAfter.component(): {
            "required": true,
            "description": "Seconds to wait before the next request.",
            "schema": { "type": "integer", "minimum": 1 },
            "example": 60,
        },
    })
}

impl ResponseHeader {
    /// The name of the header.
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

fn user_fields() -> Value {
    json!({
        "id": {
            "type": ["integer", "string"],
            "description": "A string for accounts that were imported from Django with a UUID or a text as key.",
        },
        "email": { "type": "string" },
        "first_name": { "type": "string", "description": "May be empty, never null." },
        "last_name": { "type": "string", "description": "May be empty, never null." },
    })
}

fn current_user_fields() -> Value {
    let mut fields = user_fields();
    fields["email_verified"] = json!({
        "type": "boolean",
        "description": "Whether the user has shown that the address is theirs.",
    });
    let list = |description: &str| {
        json!({
            "type": "array",
            "items": { "type": "string" },
            "description": description,
        })
    };
    let or_null = |description: &str| {
        json!({
            "type": ["string", "null"],
            "description": description,
        })
    };
    fields["picture_url"] = or_null("The address of the picture at WorkOS.");
    fields["organization_id"] = or_null("The organisation of the session.");
    fields["organization_name"] =
        or_null("Null without an organisation, and while WorkOS cannot be asked.");
    fields["role"] = json!({
        "type": "string",
        "description": "The user's role in the organisation. Absent without a WorkOS session or a role.",
    });
    fields["roles"] = list("All roles of the user in the organisation.");
    fields["permissions"] = list("The permissions of the roles.");
    fields["entitlements"] = list("The entitlements of the organisation.");
    fields["feature_flags"] =
        list("The feature flags that are on for the user or the organisation.");
    fields["claims"] = json!({
        "type": "object",
        "additionalProperties": true,
        "description": "The claims of WorkOS's access token that `WORKOS_CLAIMS` names.",
    });
    fields["impersonator"] = json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "required": ["email"],
        "properties": {
            "email": { "type": "string" },
            "reason": { "type": "string", "description": "Absent if it is not known." },
        },
        "description": "The member of the operator's staff who acts as the user.",
    });
    fields["is_staff"] = json!({ "type": "boolean", "description": "Django's flag." });
    fields["is_superuser"] = json!({ "type": "boolean", "description": "Django's flag." });
    fields["groups"] = list("The names of the groups that the user had in Django, sorted.");
    fields
}

/// `components.schemas`: the bodies of responses.
pub(super) fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let refresh_token = || {
        json!({
            "type": "string",
            "description": "Left out under the cookie policy.",
        })
    };
    let user = json!({ "$ref": "#/components/schemas/User" });
    json!({
        "User": object(&["id", "email", "first_name", "last_name"], user_fields()),
        "CurrentUser": object(
            &[
                "id", "email", "first_name", "last_name", "email_verified", "picture_url",
                "organization_id", "organization_name", "roles", "permissions", "entitlements",
                "feature_flags", "claims", "impersonator", "is_staff", "is_superuser", "groups",
            ],
            current_user_fields(),
        ),
        "TokenPair": object(&["access"], json!({ "access": text(), "refresh": refresh_token() })),
        "Refreshed": object(&["access"], json!({
            "access": text(),
            "refresh": {
                "type": "string",
                "description": "The new refresh token, only with `ROTATE_REFRESH_TOKENS`. Left out under the cookie policy.",
            },
        })),
        "SignedIn": object(&["access_token", "user"], json!({
            "access_token": text(),
            "refresh_token": refresh_token(),
            "user": user,
        })),
        "WorkosToken": object(&["access_token", "expires_at"], json!({
            "access_token": text(),
            "expires_at": {
                "type": "string",
                "format": "date-time",
                "description": "When the token expires, in UTC.",
            },
        })),
        "LoggedOut": object(&["message", "workos_logout_url", "redirect_to"], json!({
            "message": text(),
            "workos_logout_url": {
                "type": ["string", "null"],
                "description": "The URL that ends the session at WorkOS; null if there is no WorkOS session.",
            },
            "redirect_to": { "type": "string", "description": "Where the application should go next." },
        })),
        "Nothing": { "type": "object", "maxProperties": 0 },
        "Document": { "type": "object", "required": ["openapi", "info", "paths"] },
        "Problem": problem(),
        "Unfinished": step_required(),
        "Forbidden": {
            "anyOf": [
                { "$ref": "#/components/schemas/Unfinished" },
                { "$ref": "#/components/schemas/Problem" },
            ],
        },
        "FieldErrors": {
            "type": "object",
            "description": "The error messages for each field; `non_field_errors` for the whole body.",
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

/// A sign-in for which WorkOS requires another step.
fn step_required() -> Value {
    let organization = object(
        &["id", "name"],
        json!({ "id": { "type": "string" }, "name": { "type": "string" } }),
    );
    object(
        &["detail", "code"],
        json!({
            "detail": { "type": "string", "description": "A sentence for people." },
            "code": { "type": "string", "description": "WorkOS's code for the step." },
            "pending_authentication_token": {
                "type": "string",
                "description": "Must be sent back with the answer to the step, within ten minutes: to `/api/auth/workos/callback`, or to `/api/token` if that route sent it. Absent if the step is taken at WorkOS.",
            },
            "organizations": {
                "type": "array",
                "description": "The organisations to choose from.",
                "minItems": 1,
                "items": organization,
            },
            "email": { "type": "string", "description": "The address that a code was sent to, or the user's address." },
            "authentication_challenge_id": { "type": "string", "description": "The challenge that the code of an authenticator app answers." },
            "connection_ids": {
                "type": "array",
                "description": "A new sign-in must name one of them as `connection_id`.",
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
            "detail": { "type": "string", "description": "A sentence for people." },
            "code": { "type": "string", "description": "A code for programs. Not every error has one." },
            "sign_in_url": {
                "type": "string",
                "description": "With `session_ended`: the URL to sign in again.",
            },
            "messages": {
                "type": "array",
                "description": "Why the access token is not accepted.",
                "items": message,
            },
        }),
    )
}

/// The schema of an object with exactly these properties.
fn object(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    schema["required"] = json!(required);
    schema["properties"] = properties;
    schema
}
