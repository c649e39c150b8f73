//! A session whose user has entered credentials recently, for actions that an open session alone must
//! not allow.

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::session_user::{MaybeUser, login_required};
use crate::authentication_method::AuthenticationMethod;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::links::{password_login_url, reauthentication_url};
use crate::sessions::SessionState;
use crate::state::AppState;

/// How long an authentication counts as recent.
pub const RECENT: TimeDelta = TimeDelta::minutes(15);
/// The page with the forms that need a recent session. A log-in cannot return to their own addresses,
/// which accept only POST.
const FORM_PAGE: &str = "/account";

/// The signed-in user, who has entered credentials in the last fifteen minutes. Otherwise the response
/// is a 403 that leads to a log-in; JSON clients get the code `reauthentication_required`.
pub struct RecentSession(pub SessionState);

impl FromRequest for RecentSession {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let next = match *request.method() {
                Method::GET | Method::HEAD => request.uri().path_and_query(),
                _ => None,
            };
            let next = next.map_or(FORM_PAGE, |target| target.as_str());
            let MaybeUser(state) = MaybeUser::extract(&request).await?;
            let state = state.ok_or_else(|| login_required(&request, next))?;
            let app = AppState::of(&request)?;
            require_recent(&state, next, app.clock.now())?;
            Ok(Self(state))
        }
        .boxed_local()
    }
}

/// Whether the session's user has entered credentials recently. A session is not known to be recent if
/// nothing says when they did.
pub fn is_recent(state: &SessionState, now: Timestamp) -> bool {
    state
        .auth_time
        .is_some_and(|auth_time| now < auth_time.plus(RECENT) && !auth_time.is_from_future(now))
}

/// The check of [`RecentSession`], for a handler that needs it for some of its requests only.
pub fn require_recent(state: &SessionState, next: &str, now: Timestamp) -> Result<(), Error> {
    if is_recent(state, now) {
        return Ok(());
    }
    Err(Error::ReauthenticationRequired {
        log_in_url: log_in_again_url(state, next),
    })
}

/// The log-in that repeats the authentication of this session in the way in which it began.
pub fn log_in_again_url(state: &SessionState, next: &str) -> String {
    match state.authentication_method {
        Some(AuthenticationMethod::LocalPassword) => password_login_url(next),
        _ => reauthentication_url(next),
    }
}
