//! `POST /auth/organization`: switches the session to another organisation.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use super::account::AccountView;
use super::form::{Form, field_error};
use super::step::continue_at_workos;
use super::{redirect, render};
use crate::error::Error;
use crate::http::session_user::{MaybeUser, SessionOver, login_required, update_cookie};
use crate::http::site::Site;
use crate::ids::OrganizationId;
use crate::middleware::device;
use crate::renewal::{OrganizationSwitch, RenewalRequest};
use crate::sessions::{BrowserSession, SessionState};
use crate::state::AppState;
use crate::workos::{HostedStep, HostedStepReason, NextStep, WorkosError};

const PAGE: &str = "/account";
const SWITCHED: &str = "/account?notice=organization-switched";
const UNCHANGED: &str = "/account?notice=organization-unchanged";
const NONE_CHOSEN: &str = "Choose one of your organisations.";
const NOT_A_MEMBER: &str =
    "You cannot switch to this organisation, so nothing has changed. Choose another one.";

/// Switches the organisation, and redirects to `next` or to the account page.
pub async fn post(
    request: HttpRequest,
    body: web::Bytes,
    user: MaybeUser,
    session: BrowserSession,
    app: web::Data<AppState>,
    view: AccountView,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let next = form.value("next").unwrap_or_default();
    let next = Site::of(&request, &app.settings).page_target(next);
    let back = next.as_deref().unwrap_or(PAGE);
    let user = user.0.ok_or_else(|| login_required(&request, back))?;
    let wanted = form.value("organization_id").unwrap_or_default();
    if let Some(error) = field_error(wanted) {
        let error = match wanted {
            "" => NONE_CHOSEN.to_owned(),
            _ => error,
        };
        return view.page(&user, &session, &[error], None).await;
    }
    let wanted = OrganizationId::from(wanted);
    if !wanted.is_well_formed() {
        // It would be sent in a renewal, which a firewall before WorkOS might refuse.
        return view
            .page(&user, &session, &[NOT_A_MEMBER.to_owned()], None)
            .await;
    }
    let known = app.known_sessions.of(&user).await?;
    if known.is_some_and(|known| known.facts.organization_id.as_ref() == Some(&wanted)) {
        return Ok(redirect(next.as_deref().unwrap_or(UNCHANGED)));
    }
    let counted = app.throttle.count_organization_switch(user.user_id);
    counted.map_err(|error| error.on_form(PAGE))?;
    let renewal = RenewalRequest {
        session_id: user.session_id.clone(),
        switch_to: Some(wanted.clone()),
        device: device(&request, &app.settings.trusted_proxies),
    };
    match app.renewal.switch_organization(renewal).await? {
        OrganizationSwitch::Done(fresh) => {
            let state = fresh.applied_to(user, app.clock.now());
            log::info!("account {} switched its organisation", state.user_id);
            if let Some(id) = &state.workos_user_id {
                app.memberships.forget(id);
            }
            update_cookie(&request, &session, state)?;
            Ok(redirect(next.as_deref().unwrap_or(SWITCHED)))
        }
        OrganizationSwitch::SessionEnded => {
            session.remove();
            request.extensions_mut().insert(SessionOver::JustEnded);
            Err(login_required(&request, back))
        }
        OrganizationSwitch::LocalSession => Err(Error::NoOrganizations),
        OrganizationSwitch::RetryLater(retry_after) => Err(Error::NotSwitched { retry_after }),
        OrganizationSwitch::Refused(error) => match new_sign_in(&error, &user) {
            Some(step) => {
                log::info!("switching the organisation requires a new sign-in: {error}");
                let frame = render::frame(Some(&user), None);
                continue_at_workos::page(frame, &step, Some(&wanted), back, false)
            }
            None => {
                log::info!("WorkOS refused to switch the organisation: {error}");
                let errors = [NOT_A_MEMBER.to_owned()];
                view.page(&user, &session, &errors, None).await
            }
        },
    }
}

/// The new sign-in that WorkOS's refusal requires. It signs in to the same organisation and replaces
/// this session, which stays open until then.
fn new_sign_in(error: &WorkosError, user: &SessionState) -> Option<HostedStep> {
    match error.next_step()? {
        NextStep::Hosted(elsewhere) => Some(HostedStep {
            email: elsewhere.email.clone().or_else(|| Some(user.email.clone())),
            ..elsewhere.clone()
        }),
        // The question can only be answered within a sign-in, so a new one has to ask it.
        NextStep::Answerable(_) => Some(HostedStep {
            why: HostedStepReason::Challenge,
            email: Some(user.email.clone()),
            connection_ids: Vec::new(),
        }),
    }
}
