//! `GET` and `POST /login`: e-mail and password, with WorkOS beside them. Nothing here asks WorkOS,
//! so that whoever has a password comes in while WorkOS is down.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;

use super::form::{Form, complaint};
use super::login::home_of_the_cookie;
use super::pages::{Login, LoginForm, Page};
use super::{pairs, redirect, render, unless_refused};
use crate::error::{Error, InternalError};
use crate::http::session_user::UnrenewedUser;
use crate::http::throttle::SignInThrottle;
use crate::links::{SESSION_OVER, login_url, login_with_hint_url, password_login_url};
use crate::middleware::device;
use crate::origin::local_target;
use crate::sessions::BrowserSession;
use crate::settings::PasswordLogin;
use crate::sign_in;
use crate::state::AppState;

/// Django's sentence, whatever was wrong.
const REFUSED: &str = "Please enter a correct email address and password. Note that both fields may be case-sensitive.";

/// The form. Whoever is signed in sees it too, with a link to go on: a redirect would go round in a
/// circle with a page that wants another person, and would bar that person's way in.
pub async fn get(
    request: HttpRequest,
    user: UnrenewedUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    if let Some(elsewhere) = home_of_the_cookie(&request, &app) {
        return Ok(redirect(&elsewhere));
    }
    let next = checked(next_of(&request).as_deref(), &app);
    let notice = render::asked_for(&request, &[(SESSION_OVER, render::SESSION_ENDED)]);
    // Whose session has ended came in through WorkOS, as a rule.
    let workos_first = notice.is_some();
    let page = render::frame(user.0.as_ref(), notice);
    show(&app, page, &next, &Refusal::default(), workos_first)
}

/// Signs in whoever has typed the right password.
pub async fn post(
    SignInThrottle(client): SignInThrottle,
    request: HttpRequest,
    body: web::Bytes,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let in_query = next_of(&request);
    let next = checked(form.value("next").or(in_query.as_deref()), &app);
    if app.settings.password_login == PasswordLogin::Off {
        return Err(Error::PasswordsOff { next });
    }
    // Django's form calls the field `username`, whatever it holds.
    let email = form.value("email").or_else(|| form.value("username"));
    let email = email.unwrap_or_default().trim();
    let password = form.password("password");
    let mut refusal = Refusal {
        typed: email,
        email: complaint(email),
        password: complaint(password.expose_secret()),
        sentence: None,
    };
    if refusal.email.is_none() && refusal.password.is_none() {
        app.throttle.password(client, email)?;
        let now = app.clock.now();
        let previous = session.peek(now).map(|state| state.session_id);
        let device = device(&request, &app.settings.trusted_proxies);
        let outcome = sign_in::with_password(&app, email, &password, previous, device, now).await;
        if let Some(state) = unless_refused(outcome, &password_login_url(&next))? {
            let begun = session.begin(state);
            begun.map_err(|error| InternalError::new("write the session cookie", error))?;
            return Ok(redirect(landing(&next, &app)));
        }
        app.throttle.wrong_password(client, email);
        refusal.sentence = Some(REFUSED);
    }
    show(&app, render::bare(), &next, &refusal, false)
}

/// What is wrong with what was typed; nothing, before anything was.
#[derive(Default)]
struct Refusal<'a> {
    typed: &'a str,
    sentence: Option<&'a str>,
    email: Option<String>,
    password: Option<String>,
}

fn show(
    app: &AppState,
    page: Page<'_>,
    next: &str,
    refusal: &Refusal<'_>,
    workos_first: bool,
) -> Result<HttpResponse, Error> {
    let forgot_url = login_with_hint_url(next, refusal.typed);
    let form = LoginForm {
        email: refusal.typed,
        next,
        refusal: refusal.sentence,
        email_errors: refusal.email.as_slice(),
        password_errors: refusal.password.as_slice(),
        forgot_url: &forgot_url,
    };
    let login = Login {
        page,
        form: (app.settings.password_login != PasswordLogin::Off).then_some(form),
        workos_url: &login_url(next),
        workos_first,
        landing: landing(next, app),
    };
    render::page(StatusCode::OK, &login)
}

fn next_of(request: &HttpRequest) -> Option<String> {
    let mut query = pairs(request).into_iter();
    query
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value)
}

/// The way back, where it stays on this site; else empty.
fn checked(next: Option<&str>, app: &AppState) -> String {
    let next = next.and_then(|next| local_target(next, &app.settings.public_url));
    next.unwrap_or_default()
}

fn landing<'a>(next: &'a str, app: &'a AppState) -> &'a str {
    match next {
        "" => &app.settings.login_redirect_url,
        next => next,
    }
}
