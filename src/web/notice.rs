//! Notices: messages above a page's content. A request selects one of a page's fixed texts by its id,
//! so that a link cannot make this site show other text.
//!
//! The id is in the query. The notice after a log-out is in a short-lived cookie instead: WorkOS's own
//! log-out is in between, and it returns to a registered address without a query.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};

use super::pages::{Notice, NoticeLevel};
use super::query_value;
use crate::error::Error;
use crate::http::session_user::SessionOver;

/// Shown to a user whose session has ended by itself.
pub const SESSION_ENDED: Notice<'static> = Notice {
    level: NoticeLevel::Info,
    text: "Your session has ended. Please log in again.",
};
/// Shown after a log-out.
pub const LOGGED_OUT: Notice<'static> = Notice {
    level: NoticeLevel::Success,
    text: "You are logged out.",
};
/// The cookie that selects [`LOGGED_OUT`].
const COOKIE: &str = "vestibule_notice";
const LOGGED_OUT_ID: &str = "logged-out";
/// Long enough for the redirects through WorkOS's log-out.
const COOKIE_AGE: Duration = Duration::minutes(1);

/// The notice among `notices` whose id the query names.
pub fn from_query<'a>(request: &HttpRequest, notices: &[(&str, Notice<'a>)]) -> Option<Notice<'a>> {
    let wanted = query_value(request, "notice")?;
    let mut known = notices.iter().filter(|(id, _)| *id == wanted);
    known.next().map(|(_, notice)| *notice)
}

/// The notice for a user whose session was found to be over during this request.
pub fn session_over(request: &HttpRequest) -> Option<Notice<'static>> {
    (SessionOver::of(request) == Some(SessionOver::JustEnded)).then_some(SESSION_ENDED)
}

/// Has the next page that calls [`after_logout`] show [`LOGGED_OUT`].
pub fn announce_logout(response: &mut HttpResponse, secure: bool) -> Result<(), Error> {
    let mut cookie = cookie(secure);
    cookie.set_value(LOGGED_OUT_ID);
    cookie.set_max_age(COOKIE_AGE);
    Ok(response.add_cookie(&cookie)?)
}

/// The notice after a log-out, if the browser has just logged out.
pub fn after_logout(request: &HttpRequest) -> Option<Notice<'static>> {
    let cookie = request.cookie(COOKIE)?;
    (cookie.value() == LOGGED_OUT_ID).then_some(LOGGED_OUT)
}

/// Removes the cookie of [`announce_logout`], if the request has it: a notice is shown once.
pub fn clear(
    request: &HttpRequest,
    response: &mut HttpResponse,
    secure: bool,
) -> Result<(), Error> {
    if request.cookie(COOKIE).is_none() {
        return Ok(());
    }
    let mut cookie = cookie(secure);
    cookie.make_removal();
    Ok(response.add_cookie(&cookie)?)
}

fn cookie(secure: bool) -> Cookie<'static> {
    let mut cookie = Cookie::new(COOKIE, "");
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_secure(secure);
    // WorkOS's redirect back is a cross-site navigation, with which Strict cookies are not sent.
    cookie.set_same_site(SameSite::Lax);
    cookie
}
