//! Reports to the rate limits which requests have succeeded.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use crate::error::NotAnAttempt;
use crate::state::AppState;
use crate::throttle::CountedRequest;

/// Takes back the failure that an extractor counted for a request that has succeeded, or was no attempt.
pub async fn settle_throttle(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_api = app.settings.api.prefix.route(request.path()).is_some();
    let response = next.call(request).await?.map_into_boxed_body();
    let counted = response.request().extensions_mut().remove();
    let Some(counted): Option<CountedRequest> = counted else {
        return Ok(response);
    };
    if response.response().extensions().contains::<NotAnAttempt>() {
        counted.withdraw();
    } else if has_succeeded(response.status(), is_api) {
        counted.succeeded();
    }
    Ok(response)
}

/// A form that is refused is shown again, and one that is accepted redirects. 403 in the API follows right
/// credentials: a further step, or an account that may not sign in.
fn has_succeeded(status: StatusCode, is_api: bool) -> bool {
    match is_api {
        true => status.is_success() || status == StatusCode::FORBIDDEN,
        false => status.is_redirection(),
    }
}
