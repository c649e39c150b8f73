//! `GET` and `POST /auth/logout`: ends the session here and at WorkOS.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};

use super::pages::LogoutConfirmPage;
use super::step::cookie::row_ids;
use super::{is_prefetch, notice, redirect, render};
use crate::clock::Clock;
use crate::error::Error;
use crate::http::session_user::UnrenewedUser;
use crate::http::site::Site;
use crate::ids::{SessionId, WorkosSid};
use crate::middleware::{cookie_claims, device, is_own_link, is_typed_address, other_sessions};
use crate::sessions::{BrowserSession, RevocationCache, RevocationStatus, SessionState};
use crate::sign_in::SignInService;
use crate::sign_out::{SignOutRequest, SignOutService};
use crate::state::AppState;
use crate::tokens::{TokenClaims, TokenKind};
use crate::workos::{ClientDevice, WorkosClient};

/// Chromium's Back button shows cached pages, even with `no-store`, until a cookie changes. It also
/// keeps a page that another site's redirect led to, such as AuthKit's after a sign-in.
const CLEAR_CACHE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("clear-site-data"),
    HeaderValue::from_static("\"cache\""),
);

/// Logs out a user who followed a link on this site. If the link may be on another site, asks first.
pub async fn get(
    request: HttpRequest,
    user: UnrenewedUser,
    session: BrowserSession,
    app: web::Data<AppState>,
    logout: BrowserLogout,
) -> Result<HttpResponse, Error> {
    let is_signed_in = user.0.is_some() || !logout.access_tokens.is_empty();
    if is_signed_in && is_prefetch(&request) {
        return Ok(HttpResponse::NoContent().finish());
    }
    if !is_own_link(&request, &app.settings) && !is_typed_address(&request) {
        if is_signed_in {
            let page = render::frame(user.0.as_ref(), None);
            return render::page(StatusCode::OK, &LogoutConfirmPage { page });
        }
        // Without a notice: it would surprise somebody who did not ask for this.
        session.remove();
        return Ok(redirect("/"));
    }
    logout.end_current(user.0, &session).await
}

/// Logs the user out; the cross-site check has passed.
pub async fn post(
    user: UnrenewedUser,
    session: BrowserSession,
    logout: BrowserLogout,
) -> Result<HttpResponse, Error> {
    logout.end_current(user.0, &session).await
}

/// Ends sessions from a browser, and redirects a browser whose session has ended. An extractor.
pub struct BrowserLogout {
    sign_in: SignInService,
    sign_out: SignOutService,
    /// The claims of the access tokens in the browser's cookies, which may have expired.
    access_tokens: Vec<TokenClaims>,
    /// The sessions of further session cookies.
    other_sessions: Vec<SessionId>,
    /// The ids of the browser's pending sign-ins.
    pending_sign_ins: Vec<String>,
    revocations: Arc<RevocationCache>,
    workos: WorkosClient,
    return_to: Option<String>,
    clock: Clock,
    secure: bool,
    device: ClientDevice,
}

impl FromRequest for BrowserLogout {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let logout = AppState::of(request).map(|app| Self {
            sign_in: app.sign_in.clone(),
            access_tokens: cookie_claims(&app, request, TokenKind::Access),
            other_sessions: other_sessions(request),
            pending_sign_ins: row_ids(request, None),
            sign_out: app.sign_out.clone(),
            revocations: Arc::clone(&app.revocations),
            workos: app.workos.clone(),
            return_to: Site::of(request, &app.settings).logout_return_to(),
            clock: app.clock.clone(),
            secure: app.secure(),
            device: device(request, &app.settings.trusted_proxies),
        });
        ready(logout.map_err(Error::from))
    }
}

impl BrowserLogout {
    /// Ends this browser's session, if it has one.
    pub(super) async fn end_current(
        &self,
        user: Option<SessionState>,
        session: &BrowserSession,
    ) -> Result<HttpResponse, Error> {
        // The rows are ended first: if only the cookies were removed, copies of them would still work.
        self.end_pending_sign_ins().await?;
        let request = SignOutRequest {
            session_id: user.as_ref().map(|user| user.session_id.clone()),
            access_tokens: self.access_tokens.clone(),
            other_sessions: self.other_sessions.clone(),
            device: self.device.clone(),
            ..SignOutRequest::default()
        };
        let ended = self.sign_out.sign_out(request, self.clock.now()).await?;
        let Some(user) = user else {
            if ended.workos_sid.is_some() {
                return self.redirect(session, ended.workos_sid.as_ref());
            }
            session.log_out();
            let mut response = redirect("/");
            notice::announce_logout(&mut response, self.secure)?;
            return Ok(response);
        };
        // Also if the row was deleted.
        self.revocations
            .add_revoked(&user.session_id, user.expires_at);
        self.redirect(session, ended.workos_sid.as_ref())
    }

    /// Ends another session of the user. `None` if this browser's session goes on.
    pub(super) async fn end_other(
        &self,
        user: &SessionState,
        id: &SessionId,
        session: &BrowserSession,
    ) -> Result<Option<HttpResponse>, Error> {
        let now = self.clock.now();
        let ended = self
            .sign_out
            .end_one_session(&user.session_id, id, self.device.clone(), now)
            .await?;
        let sid = ended.ok_or(Error::NotFound)?.workos_sid;
        if self.revocations.status(&user.session_id) == RevocationStatus::Revoked {
            // Both sessions belonged to the same WorkOS session.
            return self.redirect(session, sid.as_ref()).map(Some);
        }
        Ok(None)
    }

    /// Ends all sessions of the user. WorkOS's log-out page ends this browser's session at WorkOS.
    pub(super) async fn end_all(
        &self,
        user: &SessionState,
        session: &BrowserSession,
    ) -> Result<HttpResponse, Error> {
        let now = self.clock.now();
        self.end_pending_sign_ins().await?;
        let current = self
            .sign_out
            .sign_out_everywhere(&user.session_id, self.device.clone(), now)
            .await?;
        // Also if its row was deleted.
        self.revocations
            .add_revoked(&user.session_id, user.expires_at);
        self.redirect(session, current.as_ref())
    }

    async fn end_pending_sign_ins(&self) -> Result<(), Error> {
        let ids = self.pending_sign_ins.clone();
        Ok(self.sign_in.delete_pending(ids).await?)
    }

    /// Removes the browser's credentials, and redirects to WorkOS's log-out of the session `sid`, or to home
    /// if WorkOS has no session.
    fn redirect(
        &self,
        session: &BrowserSession,
        sid: Option<&WorkosSid>,
    ) -> Result<HttpResponse, Error> {
        session.log_out();
        let mut response = match sid {
            Some(sid) => {
                let url = self.workos.logout_url(sid, self.return_to.as_deref())?;
                redirect(url.as_str())
            }
            None => redirect("/"),
        };
        notice::announce_logout(&mut response, self.secure)?;
        let (name, value) = CLEAR_CACHE;
        response.headers_mut().insert(name, value);
        Ok(response)
    }
}
