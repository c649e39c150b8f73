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
use crate::logging::{RepeatedWarning, shortened};
use crate::sessions::SessionFacts;
use crate::state::AppState;
use original::OriginalRequest;
use subject::Subject;

/// Where a user of the application signs in, in the 401.
const SIGN_IN: HeaderName = HeaderName::from_static("x-auth-sign-in");

/// The part of the route that Envoy adds: the path of the original request.
const ORIGINAL_PATH: &str = "original";
/// The parameters by which a proxy requires rights.
const PARAMETERS: [&str; 3] = ["permission", "role", "organization"];
/// The longest name of a parameter in the log, in bytes.
const LONGEST_NAME: usize = 64;

/// Answers a proxy: 200 with headers about the user, 401 or a redirect to the sign-in, or 403.
pub async fn verify(request: HttpRequest, app: web::Data<AppState>) -> Result<HttpResponse, Error> {
    let query = match request.match_info().get(ORIGINAL_PATH) {
        // Behind the route Envoy appends path and query of the original request: the client's own.
        Some(path) if !path.is_empty() => "",
        // With a slash alone it is the proxy's query, or that of a client which asks Envoy for `/` and can only
        // refuse itself.
        Some(_) => request.query_string(),
        None => {
            refuse_unknown_parameters(request.query_string())?;
            request.query_string()
        }
    };
    let original = OriginalRequest::read(&request, &app.settings);
    let Some(subject) = Subject::of(&request, &app).await? else {
        return sign_in_required(&original, &app);
    };
    if let Some(missing) = missing_right(query, &subject.known.facts) {
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

/// Refuses everybody if the query has a parameter that is not known: a misspelt one would require nothing.
fn refuse_unknown_parameters(query: &str) -> Result<(), Error> {
    static UNKNOWN: RepeatedWarning = RepeatedWarning::new(module_path!());
    let names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let Some(name) = names
        .into_iter()
        .find(|name| !PARAMETERS.contains(&name.as_ref()))
    else {
        return Ok(());
    };
    let name = shortened(&name, LONGEST_NAME);
    UNKNOWN.log_error(|repeated| {
        format!(
            "refused a request to /auth/verify with the unknown parameter {name:?}{repeated}; the proxy may require {}, and must not pass on the client's query",
            PARAMETERS.join(", ")
        )
    });
    Err(Error::NotPermitted(MissingRight::Unknown(
        name.into_owned(),
    )))
}

/// The first right that the query requires and the session does not have.
fn missing_right(query: &str, facts: &SessionFacts) -> Option<MissingRight> {
    let required = url::form_urlencoded::parse(query.as_bytes());
    required
        .filter_map(|(name, value)| match name.as_ref() {
            "permission" => missing_permission(facts, &value),
            "role" => missing_role(facts, &value),
            "organization" => missing_organization(facts, &value),
            _ => None,
        })
        .next()
}

fn sign_in_required(original: &OriginalRequest, app: &AppState) -> Result<HttpResponse, Error> {
    let sign_in = HeaderValue::from_str(&original.sign_in_url(&app.settings))
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
