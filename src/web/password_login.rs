//! `GET` and `POST /login`: log-in with an email address or a username and a password, and a link to log in
//! with WorkOS. The form does not need WorkOS, so users with a password can log in while WorkOS is
//! unavailable.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;

use super::form::{Form, field_error, not_an_attempt};
use super::login::public_url_redirect;
use super::pages::{LoginForm, LoginPage, Notice, NoticeLevel, PageFrame};
use super::{
    login_code, none_if_refused, notice, query_value, redirect, redirect_target, render, valid_next,
};
use crate::accounts::{CredentialError, LoginName};
use crate::error::{Error, InternalError};
use crate::http::session_user::UnrenewedUser;
use crate::http::site::Site;
use crate::http::throttled::PasswordFormThrottle;
use crate::links::{
    LOGIN_EXPIRED, SESSION_OVER, login_url, login_with_hint_url, password_login_url,
};
use crate::middleware::device;
use crate::sessions::BrowserSession;
use crate::settings::{LoginField, PasswordLogin, Settings};
use crate::sign_in::PasswordOutcome;
use crate::state::AppState;

/// Django's sentence, for every refusal.
const REFUSED: &str = "Please enter a correct email address and password. Note that both fields may be case-sensitive.";
/// The same where usernames are accepted.
const REFUSED_NAME: &str = "Please enter a correct username or email address and password. Note that both fields may be case-sensitive.";
/// Shown if the code did not follow the password in time, or the account has changed meanwhile.
const EXPIRED: Notice<'static> = Notice {
    level: NoticeLevel::Info,
    text: "This log-in has expired. Please start again.",
};

/// Shows the form. A signed-in user sees it too, with a link to continue: a redirect could loop with a
/// page that requires another user, and would keep that user from logging in.
pub async fn get(
    request: HttpRequest,
    user: UnrenewedUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    if let Some(url) = public_url_redirect(&request, &app.settings) {
        return Ok(redirect(&url));
    }
    let next = query_value(&request, "next");
    let next = valid_next(next.as_deref(), &Site::of(&request, &app.settings));
    let session_over = notice::from_query(&request, &[(SESSION_OVER, notice::SESSION_ENDED)]);
    // A session that has ended was usually a WorkOS session.
    let workos_first = session_over.is_some();
    let notice = notice::from_query(&request, &[(LOGIN_EXPIRED, EXPIRED)]).or(session_over);
    let page = render::frame(user.0.as_ref(), notice);
    show(
        &app.settings,
        page,
        &next,
        &RejectedLogin::default(),
        workos_first,
    )
}

/// Signs in a user who entered the right password.
pub async fn post(
    throttle: PasswordFormThrottle,
    request: HttpRequest,
    body: web::Bytes,
    session: BrowserSession,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let in_query = query_value(&request, "next");
    let next = form.value("next").or(in_query.as_deref());
    let next = valid_next(next, &Site::of(&request, &app.settings));
    if app.settings.password_login == PasswordLogin::Off {
        return Err(Error::PasswordsOff { next });
    }
    let field = app.settings.login_field;
    // Django's form names the field `username`, whatever it contains.
    let text = form.value("email").or_else(|| form.value("username"));
    let text = text.unwrap_or_default().trim();
    let password = form.password("password");
    let mut rejected = RejectedLogin {
        text,
        text_error: field_error(text),
        password_error: field_error(password.expose_secret()),
        form_error: None,
    };
    if rejected.text_error.is_none() && rejected.password_error.is_none() {
        let form_url = password_login_url(&next);
        let on_form = |error: Error| error.on_form(&form_url);
        let mut name = LoginName::of_form(field, text);
        // The limits that answer 429 come before the account is read, so that the time does not tell whether
        // there is one.
        let admitted = throttle
            .admit_name(&app, &mut name)
            .await
            .map_err(on_form)?;
        let (source, browser) = admitted;
        let attempt = app.throttle.begin_password(&source, &name.key());
        let mut attempt = attempt.map_err(on_form)?;
        let account = name.read_account_of_names(&app.database).await;
        let account = account.map_err(|error| on_form(error.into()))?;
        if account.is_some_and(|account| !attempt.admits_account(account.id)) {
            name = name.refused();
        }
        let now = app.clock.now();
        let previous = session.peek(now).map(|state| state.session_id);
        let device = device(&request, &app.settings.trusted_proxies);
        let outcome = app
            .sign_in
            .session_for_password(&name, (&password, source), previous, device, now)
            .await;
        attempt.finish(matches!(outcome, Err(CredentialError::Refused(_))));
        let outcome = none_if_refused(outcome, &form_url)?;
        if let Some(PasswordOutcome::CodeRequired(pending)) = &outcome {
            return login_code::ask(&app, pending, &next);
        }
        if let Some(PasswordOutcome::SignedIn((state, account))) = outcome {
            let begun = session.start(state);
            begun.map_err(|error| InternalError::new("write the session cookie", error))?;
            let target = redirect_target(&next, &app.settings.login_redirect_url);
            let mut response = redirect(target);
            let cookie = browser.cookie_after_sign_in(&account, &app.keys, app.secure(), now);
            if let Some(cookie) = cookie {
                response.add_cookie(&cookie)?;
            }
            return Ok(response);
        }
        rejected.form_error = Some(match field {
            LoginField::Email => REFUSED,
            LoginField::Username => REFUSED_NAME,
        });
    }
    let page = show(&app.settings, render::bare_frame(), &next, &rejected, false)?;
    Ok(match rejected.form_error {
        Some(_) => page,
        None => not_an_attempt(page),
    })
}

/// What was entered in the login field, and the form's errors. Empty before the form is sent.
#[derive(Default)]
struct RejectedLogin<'a> {
    text: &'a str,
    form_error: Option<&'a str>,
    text_error: Option<String>,
    password_error: Option<String>,
}

fn show(
    settings: &Settings,
    page: PageFrame<'_>,
    next: &str,
    rejected: &RejectedLogin<'_>,
    workos_first: bool,
) -> Result<HttpResponse, Error> {
    // WorkOS's hint is an email.
    let hint = rejected.text.contains('@').then_some(rejected.text);
    let forgot_url = login_with_hint_url(next, hint.unwrap_or_default());
    let form = LoginForm {
        field: settings.login_field,
        login_name: rejected.text,
        next,
        refusal: rejected.form_error,
        name_errors: rejected.text_error.as_slice(),
        password_errors: rejected.password_error.as_slice(),
        forgot_url: &forgot_url,
    };
    let login = LoginPage {
        page,
        form: (settings.password_login != PasswordLogin::Off).then_some(form),
        workos_url: &login_url(next),
        workos_first,
        continue_url: redirect_target(next, &settings.login_redirect_url),
    };
    render::page(StatusCode::OK, &login)
}
