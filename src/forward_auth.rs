//! `GET /auth/verify`: forward authentication for a proxy in front of an application in any language: nginx's
//! `auth_request`, Caddy's `forward_auth`, Traefik's `ForwardAuth`, Envoy's `ext_authz`.
//!
//! `original` reads which request the proxy asks about, `subject` finds out who sent it, `headers` writes the
//! answer. The body of a request is never read.

mod headers;
mod original;
mod subject;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::api::error::BEARER;
use crate::error::{Error, InternalError, MissingRight};
use crate::http::require::{missing_organization, missing_permission, missing_role};
use crate::links::login_url;
use crate::sessions::SessionFacts;
use crate::state::AppState;
use original::OriginalRequest;
use subject::Subject;

/// Where a user of the application signs in, in the 401.
const SIGN_IN: HeaderName = HeaderName::from_static("x-auth-sign-in");

/// Answers a proxy: 200 with headers about the user, 401 or a redirect to the sign-in, or 403.
pub async fn verify(request: HttpRequest, app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    let original = OriginalRequest::read(&request);
    let Some(subject) = Subject::of(&request, &app).await? else {
        return sign_in_required(&original, &app);
    };
    if let Some(missing) = missing_right(&request, &subject.known.facts) {
        return Err(Error::NotPermitted(missing));
    }
    let mut response = HttpResponse::Ok();
    for (name, value) in headers::of(&subject, app.settings.forward_auth.headers) {
        response.insert_header((name, value));
    }
    let audience = app.settings.forward_auth.audience.as_deref();
    let token = app
        .tokens
        .forward(&subject.token_grant(), audience, app.clock.now());
    let token = token.map_err(|error| InternalError::new("sign a token for a proxy", error))?;
    response.insert_header((headers::TOKEN, token));
    Ok(response.finish())
}

/// The first right that the query requires and the session does not have.
fn missing_right(request: &HttpRequest, facts: &SessionFacts) -> Option<MissingRight> {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    query
        .filter_map(|(name, value)| match name.as_ref() {
            "permission" => missing_permission(facts, &value),
            "role" => missing_role(facts, &value),
            "organization" => missing_organization(facts, &value),
            _ => None,
        })
        .next()
}

fn sign_in_required(original: &OriginalRequest, app: &AppState) -> Result<HttpResponse, Error> {
    let public_url = &app.settings.public_url;
    let next = original.target(public_url);
    let sign_in = format!(
        "{}{}",
        public_url.as_str(),
        login_url(next.as_deref().unwrap_or("/"))
    );
    let sign_in = HeaderValue::from_str(&sign_in)
        .map_err(|error| InternalError::new("write the address of the sign-in", error))?;
    if original.is_navigation {
        return Ok(HttpResponse::Found()
            .insert_header((LOCATION, sign_in.clone()))
            .insert_header((SIGN_IN, sign_in))
            .finish());
    }
    let mut response = HttpResponse::build(StatusCode::UNAUTHORIZED);
    Ok(response
        .insert_header((SIGN_IN, sign_in))
        .insert_header((WWW_AUTHENTICATE, BEARER))
        .json(serde_json::json!({
            "detail": "Authentication credentials were not provided.",
            "code": "not_authenticated",
        })))
}
