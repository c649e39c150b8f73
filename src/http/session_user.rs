//! Authentication, visible in a handler's signature. A session that is due is renewed on the way, so
//! that nobody has to remember it.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::error::{Error, InternalError};
use crate::middleware::device;
use crate::renewal::{self, Ask, Stands};
use crate::sessions::{BrowserSession, CarriedOn, SessionState, Standing};
use crate::state::AppState;

/// Whoever is signed in, or nobody.
pub struct MaybeUser(pub Option<SessionState>);

/// Whoever is signed in; nobody is sent to log in and then returns here.
pub struct SessionUser(pub SessionState);

/// Whoever is signed in as far as is known here, without a word to WorkOS: for what must work while
/// WorkOS is away, such as signing out.
pub struct UnrenewedUser(pub Option<SessionState>);

/// Marks a request whose session has turned out to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOver {
    /// It was known: somebody signed out.
    Known,
    /// It has just been found out, so the person is told.
    News,
}

impl SessionOver {
    /// Whether this request's session is over, and how that is known.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().copied()
    }
}

impl FromRequest for MaybeUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { current(&request).await.map(Self) }.boxed_local()
    }
}

impl FromRequest for SessionUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let state = current(&request).await?;
            let target = request.uri().path_and_query();
            let next = target.map_or("/", |target| target.as_str());
            state.map(Self).ok_or_else(|| log_in_again(&request, next))
        }
        .boxed_local()
    }
}

impl FromRequest for UnrenewedUser {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let (app, session) = parts(&request).await?;
            known(&request, &app, &session).map(Self)
        }
        .boxed_local()
    }
}

/// Sends whoever is not signed in, or no longer, to log in and back to `next`.
pub fn log_in_again(request: &HttpRequest, next: &str) -> Error {
    let next = next.to_owned();
    match SessionOver::of(request) {
        Some(SessionOver::News) => Error::SessionOver { next },
        Some(SessionOver::Known) | None => Error::LoginRequired { next },
    }
}

async fn parts(request: &HttpRequest) -> Result<(web::Data<AppState>, BrowserSession), Error> {
    let app = web::Data::<AppState>::extract(request).await;
    let app =
        app.map_err(|error| InternalError::new("find the application's state", error.to_string()))?;
    let Ok(session) = BrowserSession::extract(request).await;
    Ok((app, session))
}

/// Whoever the cookie names, unless the session is known to have ended.
fn known(
    request: &HttpRequest,
    app: &AppState,
    session: &BrowserSession,
) -> Result<Option<SessionState>, Error> {
    let Some(state) = session.current(app.clock.now()) else {
        return Ok(None);
    };
    match app.revocations.standing(&state.session_id) {
        Standing::Good => Ok(Some(state)),
        Standing::Ended => {
            // Its cookie is left alone: this answer may be late, and take away that of a new session.
            request.extensions_mut().insert(SessionOver::Known);
            Ok(None)
        }
        Standing::Unknown => Err(Error::RevocationsUnknown),
    }
}

/// The same, renewed where that is due.
async fn current(request: &HttpRequest) -> Result<Option<SessionState>, Error> {
    let (app, session) = parts(request).await?;
    let Some(state) = known(request, &app, &session)? else {
        return Ok(None);
    };
    // A cookie that has not followed the latest mark looks at the row whatever it says itself.
    let marked = app.revocations.marks(&state.session_id) > state.marks;
    if app.clock.now() < state.renew_after && !marked {
        return Ok(Some(state));
    }
    let ask = Ask {
        session_id: state.session_id.clone(),
        organization_id: state.organization_id.clone(),
        switch_to: None,
        device: device(request, &app),
        follow_ups: 0,
    };
    match renewal::look(&app.into_inner(), ask).await? {
        Stands::Good(fresh) => {
            let state = fresh.applied_to(state);
            carry_on(request, &session, state.clone())?;
            Ok(Some(state))
        }
        Stands::AsItIs => Ok(Some(state)),
        Stands::Refused => {
            // It was open until now, so no newer one can have taken its place in this browser.
            session.end();
            request.extensions_mut().insert(SessionOver::News);
            Ok(None)
        }
        Stands::Over => {
            request.extensions_mut().insert(SessionOver::News);
            Ok(None)
        }
    }
}

/// Has the answer bring the cookie up to date, unless its session has ended by then.
pub fn carry_on(
    request: &HttpRequest,
    session: &BrowserSession,
    state: SessionState,
) -> Result<(), Error> {
    let id = state.session_id.clone();
    let updated = session.update(state);
    updated.map_err(|error| InternalError::new("write the session cookie", error))?;
    request.extensions_mut().insert(CarriedOn(id));
    Ok(())
}
