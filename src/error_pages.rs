//! Makes a page, or JSON under `/api/`, of every error, and logs what the client may not see.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, ResponseError, web};
use askama::Template;

use crate::api::ApiError;
use crate::api::bearer::nobody;
use crate::error::{Error, ErrorChain, Public};
use crate::middleware::{is_api_path, request_id};
use crate::settings::PasswordLogin;
use crate::state::AppState;
use crate::web::pages::{Action, ErrorPage};
use crate::web::render;

/// Fills in the body of an answer that an error made.
pub async fn error_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let answer = next.call(request).await?;
    let Some(error) = answer.response().error() else {
        return Ok(answer.map_into_boxed_body());
    };
    let public = match (error.as_error::<Error>(), error.as_error::<ApiError>()) {
        (Some(Error::LoginRequired { .. } | Error::SessionOver { .. }), _) => {
            return Ok(match wants_json(answer.request()) {
                true => in_json(answer.map_into_boxed_body()),
                false => answer.map_into_boxed_body(),
            });
        }
        (Some(error), _) | (_, Some(ApiError::Other(error))) => {
            note(error, answer.status());
            error.public()
        }
        // It has a body of its own.
        (None, Some(error)) => {
            log::info!("{error}");
            return Ok(answer.map_into_boxed_body());
        }
        (None, None) => {
            log::info!("the framework refused a request: {error}");
            Public::of_status(answer.status())
        }
    };
    let (request, mut response) = answer.into_parts();
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

fn note(error: &Error, status: StatusCode) {
    if error.is_operators() {
        log::error!(
            "{error}; `vestibule check --online` tells whether the key and the client id work together"
        );
    } else if status.is_server_error() {
        log::error!("{}", ErrorChain(error));
    } else {
        log::info!("{}", ErrorChain(error));
    }
}

fn body(request: &HttpRequest, public: &Public) -> (&'static str, String) {
    if is_api_path(request.path()) {
        return (
            "application/json",
            public.json(request.method()).to_string(),
        );
    }
    let itself = match *request.method() {
        Method::GET | Method::HEAD => request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str()),
        _ => "/",
    };
    let action = public.action.as_ref().map(|(label, url)| Action {
        label,
        url: if url.is_empty() { itself } else { url },
    });
    let id = request_id(request);
    let page = ErrorPage {
        page: render::bare(),
        status: public.status.as_u16(),
        heading: public.heading,
        message: &public.message,
        request_id: id.as_deref(),
        action,
        other: password_door(request, public),
    };
    let html = page.render().unwrap_or_else(|_| public.heading.to_owned());
    ("text/html; charset=utf-8", html)
}

/// Whether a script asks, which can do nothing with a page to log in on.
fn wants_json(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let accepts = header("accept").unwrap_or_default();
    let accepts = |kind: &str| {
        accepts
            .windows(kind.len())
            .any(|part| part == kind.as_bytes())
    };
    let script = header("sec-fetch-dest") == Some(b"empty");
    !accepts("text/html") && (script || accepts("application/json"))
}

/// The API's 401 in place of the way to log in.
fn in_json(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = answer.request();
    let Some(app) = request.app_data::<web::Data<AppState>>() else {
        return answer;
    };
    let mut refusal = nobody(request, app).error_response();
    for cookie in answer.headers().get_all(SET_COOKIE) {
        refusal.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    answer.into_response(refusal)
}

/// The door that is open while WorkOS's is not.
fn password_door<'a>(request: &HttpRequest, public: &'a Public) -> Option<Action<'a>> {
    let app = request.app_data::<web::Data<AppState>>()?;
    let url = public.password_door.as_deref()?;
    (app.settings.password_login != PasswordLogin::Off).then_some(Action {
        label: "Log in with a password",
        url,
    })
}
