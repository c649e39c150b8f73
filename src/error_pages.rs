//! Turns every error into a page, or into JSON under `API_PREFIX`, and logs the details that clients must
//! not see.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, ResponseError, web};
use askama::Template;

use crate::api::ApiError;
use crate::api::bearer::not_signed_in;
use crate::api::error::BEARER;
use crate::error::{Error, ErrorChain, PublicError};
use crate::http::accepts::accepts;
use crate::middleware::{ErrorPageUser, request_id};
use crate::settings::PasswordLogin;
use crate::state::AppState;
use crate::web::pages::{ActionLink, ErrorPage};
use crate::web::render;

/// Writes the body of every error response, and the scheme of `AUTH_HEADER_TYPES` into every 401 of the API.
pub async fn error_pages(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut response = with_body(request, next).await?;
    let scheme = app.settings.api.scheme();
    if scheme != "Bearer"
        && let Some(header) = response.headers_mut().get_mut(WWW_AUTHENTICATE)
        && header == BEARER
        && let Ok(own) = HeaderValue::from_str(&BEARER.replace("Bearer", scheme))
    {
        *header = own;
    }
    Ok(response)
}

async fn with_body(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?;
    let Some(error) = response.response().error() else {
        return Ok(response.map_into_boxed_body());
    };
    let public = match (error.as_error::<Error>(), error.as_error::<ApiError>()) {
        (Some(Error::LoginRequired { .. } | Error::SessionOver { .. }), _) => {
            return Ok(match wants_json(response.request()) {
                true => json_unauthorized(response.map_into_boxed_body()),
                false => response.map_into_boxed_body(),
            });
        }
        (Some(error), _) | (_, Some(ApiError::Other(error))) => {
            log_error(error, response.status());
            error.public()
        }
        // Other API errors have written their own body.
        (None, Some(error)) => {
            log::info!("{error}");
            return Ok(response.map_into_boxed_body());
        }
        (None, None) => {
            log::info!("actix-web rejected a request: {error}");
            PublicError::of_status(response.status())
        }
    };
    let (request, mut response) = response.into_parts();
    *response.status_mut() = public.status;
    let (kind, body) = body(&request, &public);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(ServiceResponse::new(
        request,
        response.set_body(BoxBody::new(body)),
    ))
}

fn log_error(error: &Error, status: StatusCode) {
    if error.is_operators() {
        log::error!(
            "{error}; run `vestibule check --online` to test whether WORKOS_API_KEY and WORKOS_CLIENT_ID work together"
        );
    } else if status.is_server_error() {
        log::error!("{}", ErrorChain(error));
    } else {
        log::info!("{}", ErrorChain(error));
    }
}

fn body(request: &HttpRequest, public: &PublicError) -> (&'static str, String) {
    let for_script = public.code.is_some() && wants_json(request);
    if is_api_path(request) || for_script {
        return (
            "application/json",
            public.json(request.method()).to_string(),
        );
    }
    let this_page = match *request.method() {
        Method::GET | Method::HEAD => request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str()),
        _ => "/",
    };
    let action = public.action.as_ref().map(|(label, url)| ActionLink {
        label,
        url: if url.is_empty() { this_page } else { url },
    });
    let id = request_id(request);
    let extensions = request.extensions();
    let user = extensions.get::<ErrorPageUser>();
    let page = ErrorPage {
        page: match user {
            Some(ErrorPageUser(user)) => render::frame(Some(user), None),
            None => render::bare_frame(),
        },
        status: public.status.as_u16(),
        heading: public.heading,
        message: &public.message,
        request_id: id.as_deref(),
        action,
        other: password_log_in(request, public),
    };
    let html = page.render().unwrap_or_else(|_| public.heading.to_owned());
    ("text/html; charset=utf-8", html)
}

fn is_api_path(request: &HttpRequest) -> bool {
    let app = request.app_data::<web::Data<AppState>>();
    app.is_some_and(|app| app.settings.api.prefix.route(request.path()).is_some())
}

/// Whether a script sent the request: it cannot use a redirect to a log-in page.
fn wants_json(request: &HttpRequest) -> bool {
    let destination = request.headers().get("sec-fetch-dest");
    let is_script = destination.is_some_and(|destination| destination == "empty");
    !accepts(request, "text/html") && (is_script || accepts(request, "application/json"))
}

/// The API's 401 instead of a redirect to the log-in.
fn json_unauthorized(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = response.request();
    let Some(app) = request.app_data::<web::Data<AppState>>() else {
        return response;
    };
    let mut unauthorized = not_signed_in(request, &app.settings).error_response();
    for cookie in response.headers().get_all(SET_COOKIE) {
        unauthorized
            .headers_mut()
            .append(SET_COOKIE, cookie.clone());
    }
    response.into_response(unauthorized)
}

/// The link to the password log-in, for errors of WorkOS while passwords are accepted.
fn password_log_in<'a>(request: &HttpRequest, public: &'a PublicError) -> Option<ActionLink<'a>> {
    let app = request.app_data::<web::Data<AppState>>()?;
    let url = public.password_login_url.as_deref()?;
    (app.settings.password_login != PasswordLogin::Off).then_some(ActionLink {
        label: "Log in with a password",
        url,
    })
}
