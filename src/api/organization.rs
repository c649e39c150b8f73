//! `POST /api/auth/organization`: switches a session to another organisation, and answers new tokens.

use actix_web::{HttpRequest, HttpResponse, web};

use super::exchange::next_step;
use super::session::issue_tokens;
use super::token_or_session::{TokenOrSession, no_workos_session};
use super::{ApiError, RequestBody};
use crate::error::Error;
use crate::http::session_user::update_cookie;
use crate::ids::OrganizationId;
use crate::middleware::device;
use crate::renewal::{OrganizationSwitch, RenewalRequest};
use crate::sessions::BrowserSession;
use crate::state::AppState;
use crate::workos::WorkosError;

/// The sentence for an organisation that WorkOS refuses.
const REFUSED: &str = "You cannot switch to this organisation, so nothing has changed.";

/// Switches the session to the organisation, if it is in another one, and issues tokens.
pub async fn post(
    current: TokenOrSession,
    request: HttpRequest,
    body: RequestBody,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let wanted = OrganizationId::from(fields.text("organization_id"));
    fields.finish()?;
    if !wanted.is_well_formed() {
        // It would be sent in a renewal, which a firewall before WorkOS might refuse.
        return Err(refused(next_step::NO_ORGANIZATION));
    }
    app.throttle.count_session_tokens(&current.session_id)?;
    if current.organization_id.as_ref() != Some(&wanted) {
        app.throttle.count_organization_switch(current.user_id)?;
        switch(&request, &session, &app, &current, wanted).await?;
    }
    let TokenOrSession {
        session_id,
        impersonator,
        ..
    } = current;
    issue_tokens(&request, &session, &app, session_id, impersonator).await
}

async fn switch(
    request: &HttpRequest,
    session: &BrowserSession,
    app: &AppState,
    current: &TokenOrSession,
    wanted: OrganizationId,
) -> Result<(), ApiError> {
    let renewal = RenewalRequest {
        session_id: current.session_id.clone(),
        switch_to: Some(wanted),
        device: device(request, &app.settings.trusted_proxies),
    };
    match app.renewal.switch_organization(renewal).await? {
        OrganizationSwitch::Done(fresh) => {
            log::info!("account {} switched its organisation", current.user_id);
            if let Some(id) = fresh.workos_user_id() {
                app.memberships.forget(id);
            }
            if let Some(state) = current.cookie.clone() {
                let state = fresh.applied_to(state, app.clock.now());
                update_cookie(request, session, state)?;
            }
            Ok(())
        }
        OrganizationSwitch::SessionEnded => Err(current.ended(request, session, app)),
        OrganizationSwitch::LocalSession => Err(no_workos_session()),
        OrganizationSwitch::RetryLater(retry_after) => {
            Err(Error::NotSwitched { retry_after }.into())
        }
        OrganizationSwitch::Refused(WorkosError::Refused {
            code, next: None, ..
        }) => {
            log::info!("WorkOS refused to switch the organisation: {code}");
            Err(refused(&code))
        }
        OrganizationSwitch::Refused(error) => {
            log::info!("switching the organisation requires another step: {error}");
            let now = app.clock.now();
            Err(next_step::refusal(&app.keys, &app.workos, error, (None, now)).await)
        }
    }
}

/// The response to an organisation that WorkOS refuses.
pub(super) fn refused(code: &str) -> ApiError {
    next_step::organization_refused(REFUSED, code)
}
