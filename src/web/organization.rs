//! `POST /auth/organization`: the session goes on in another organisation.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use super::account;
use super::form::{Form, complaint};
use super::redirect;
use super::step::elsewhere;
use crate::error::Error;
use crate::http::session_user::{MaybeUser, SessionOver, login_required, update_cookie};
use crate::middleware::device;
use crate::origin::local_target;
use crate::renewal::{Ask, Switched, switch};
use crate::sessions::{BrowserSession, SessionState};
use crate::sign_in::LOCAL_PASSWORD;
use crate::state::AppState;
use crate::workos::{HostedStep, HostedStepReason, NextStep, OrganizationList, WorkosError};

const PAGE: &str = "/account";
const SWITCHED: &str = "/account?notice=organization-switched";
const NONE_CHOSEN: &str = "Choose one of your organisations.";
const NOT_A_MEMBER: &str =
    "You cannot switch to this organisation, so nothing has changed. Choose another one.";

/// Switches, and leads to the account or to `next`.
pub async fn post(
    request: HttpRequest,
    body: web::Bytes,
    user: MaybeUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let next = form.value("next").unwrap_or_default();
    let next = local_target(next, &app.settings.public_url);
    let back = next.as_deref().unwrap_or(PAGE);
    let user = user.0.ok_or_else(|| login_required(&request, back))?;
    let wanted = form.value("organization_id").unwrap_or_default();
    if let Some(complaint) = complaint(wanted) {
        let complaint = match wanted {
            "" => NONE_CHOSEN.to_owned(),
            _ => complaint,
        };
        return account::page(&user, &session, &app, &[complaint], None).await;
    }
    if user.organization_id.as_deref() == Some(wanted) {
        return Ok(redirect(next.as_deref().unwrap_or(SWITCHED)));
    }
    let ask = Ask {
        session_id: user.session_id.clone(),
        organization_id: user.organization_id.clone(),
        switch_to: Some(wanted.to_owned()),
        device: device(&request, &app.settings.trusted_proxies),
        follow_ups: 0,
    };
    match switch(&app.clone().into_inner(), ask).await? {
        Switched::Done(fresh) => {
            let state = fresh.applied_to(user);
            log::info!("account {} switched its organisation", state.user_id);
            if let Some(id) = &state.workos_user_id {
                app.memberships.forget(id);
            }
            update_cookie(&request, &session, state)?;
            Ok(redirect(next.as_deref().unwrap_or(SWITCHED)))
        }
        Switched::Over => {
            session.end();
            request.extensions_mut().insert(SessionOver::JustEnded);
            Err(login_required(&request, back))
        }
        Switched::Local => Err(Error::NoOrganizations),
        Switched::NotNow(retry_after) => Err(Error::NotSwitched { retry_after }),
        Switched::Refused(error) => match sign_in_again(&error, &user) {
            Some(elsewhere) => {
                log::info!("switching the organisation needs a fresh sign-in: {error}");
                elsewhere::page(&elsewhere, Some(wanted), back, false)
            }
            None => {
                log::info!("a switch of the organisation was refused: {error}");
                account::page(&user, &session, &app, &[NOT_A_MEMBER.to_owned()], None).await
            }
        },
    }
}

/// The fresh sign-in that WorkOS's refusal asks for. It ends in the same organisation, and takes the
/// place of this session, which goes on until then.
fn sign_in_again(error: &WorkosError, user: &SessionState) -> Option<HostedStep> {
    match error.next_step()? {
        NextStep::Hosted(elsewhere) => Some(HostedStep {
            email: elsewhere.email.clone().or_else(|| Some(user.email.clone())),
            ..elsewhere.clone()
        }),
        // A question that would be answered here belongs to a sign-in, and this is none.
        NextStep::Answerable(_) => Some(HostedStep {
            why: HostedStepReason::Challenge,
            email: Some(user.email.clone()),
            connection_ids: Vec::new(),
        }),
    }
}

/// The organisations of whoever came in through WorkOS; `None` where WorkOS cannot tell them now.
pub(super) async fn organizations_of(
    app: &AppState,
    user: &SessionState,
) -> Option<Arc<OrganizationList>> {
    let local = user.authentication_method.as_deref() == Some(LOCAL_PASSWORD);
    let Some(id) = user.workos_user_id.as_deref().filter(|_| !local) else {
        return Some(Arc::default());
    };
    let present = user.organization_id.as_deref();
    let memberships = &app.memberships;
    memberships.of(id, present).await
}
