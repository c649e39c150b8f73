//! Authentication, visible in a handler's signature.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::error::Error;
use crate::sessions::{BrowserSession, SessionState, Standing};
use crate::state::AppState;

/// Whoever is signed in, or nobody.
pub struct MaybeUser(pub Option<SessionState>);

/// Whoever is signed in; nobody is sent to log in and then returns here.
pub struct SessionUser(pub SessionState);

impl FromRequest for MaybeUser {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(current(request, payload).map(Self))
    }
}

impl FromRequest for SessionUser {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(current(request, payload).and_then(|state| {
            let next = request
                .uri()
                .path_and_query()
                .map_or("/", |target| target.as_str());
            state.map(Self).ok_or_else(|| Error::LoginRequired {
                next: next.to_owned(),
            })
        }))
    }
}

fn current(request: &HttpRequest, payload: &mut Payload) -> Result<Option<SessionState>, Error> {
    let app = web::Data::<AppState>::from_request(request, payload).into_inner();
    let app = app.map_err(|error| Error::Internal(error.to_string()))?;
    let Ok(session) = BrowserSession::from_request(request, payload).into_inner();
    let Some(state) = session.current(app.clock.now()) else {
        return Ok(None);
    };
    match app.revocations.standing(&state.session_id) {
        Standing::Good => Ok(Some(state)),
        Standing::Ended => {
            session.end();
            Ok(None)
        }
        Standing::Unknown => Err(Error::RevocationsUnknown),
    }
}
