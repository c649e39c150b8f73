//! `POST /api/auth/logout`: the end of whatever the request still knows, and the way on.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use url::Url;

use super::bearer::header_token;
use super::{ApiError, Body, auth_cookie, ok};
use crate::error::Error;
use crate::http::session_user::UnrenewedUser;
use crate::origin::Origin;
use crate::sessions::BrowserSession;
use crate::settings::Settings;
use crate::sign_out::{self, SignOut, SignedOut};
use crate::state::AppState;
use crate::tokens::Kind;

/// dj-rest-auth's sentence, which single-page applications of Django's know.
const MESSAGE: &str = "Successfully logged out";
pub(super) const ELSEWHERE: &str = "Enter a URL on this site or on an allowed origin.";

#[derive(Serialize)]
struct LoggedOut<'a> {
    message: &'static str,
    workos_logout_url: Option<String>,
    redirect_to: &'a str,
}

/// Logs out. An access token that has expired, or is none, is no reason to refuse.
pub async fn logout(
    request: HttpRequest,
    body: Body,
    user: UnrenewedUser,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut fields = body.fields();
    let refresh = fields.optional("refresh");
    let return_to = fields.optional("return_to");
    if return_to
        .as_deref()
        .is_some_and(|url| !may_return_to(url, &app.settings))
    {
        fields.complain("return_to", ELSEWHERE);
    }
    fields.finish()?;
    let now = app.clock.now();
    let header = header_token(&request).ok().flatten();
    let access = header
        .into_iter()
        .chain(auth_cookie::access_token(&request, &app));
    let refresh = refresh.or_else(|| auth_cookie::refresh_token(&request, &app));
    let read = |token: &str, kind| app.tokens.read_expired(token, kind, now).ok();
    let what = SignOut {
        session: user.0.map(|state| state.session_id),
        access: access
            .filter_map(|token| read(&token, Kind::Access))
            .collect(),
        refresh: refresh.and_then(|token| read(&token, Kind::Refresh)),
    };
    let ended = sign_out::complete(&app, what, now).await?;
    session.end();
    let mut response = answer(&app, ended, return_to.as_deref())?;
    auth_cookie::clear(&app, &mut response)?;
    Ok(response)
}

fn answer(
    app: &AppState,
    ended: SignedOut,
    return_to: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let return_to = return_to.or(app.settings.workos.logout_return_to.as_deref());
    let url = ended.sid.map(|sid| app.workos.logout_url(&sid, return_to));
    let url = url.transpose().map_err(Error::from)?;
    ok(&LoggedOut {
        message: MESSAGE,
        workos_logout_url: url.map(String::from),
        redirect_to: match ended.by_workos {
            true => &app.settings.api.logout_to_signin,
            false => &app.settings.api.logout_to_login,
        },
    })
}

/// Whether people may be sent there after WorkOS's log-out: a whole URL on an origin of ours. It is
/// passed on as it was written, so nothing may stand in it that others could read differently.
fn may_return_to(url: &str, settings: &Settings) -> bool {
    let plain = url.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    let ours = || std::iter::once(&settings.public_url).chain(&settings.cors_allowed_origins);
    plain
        && Url::parse(url).is_ok_and(|url| {
            let anonymous = url.username().is_empty() && url.password().is_none();
            let origin = Origin::of(&url).filter(|_| anonymous);
            origin.is_some_and(|origin| ours().any(|one| *one == origin))
        })
}
