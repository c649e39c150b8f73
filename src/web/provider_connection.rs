//! `/account/providers/…`: connects identities at Google and Okta to the account of a signed-in user, and
//! disconnects them.

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web};

use super::connection_attempt::ConnectionAttempt;
use super::login::public_url_redirect;
use super::pages::{Notice, NoticeLevel};
use super::{query_value, redirect};
use crate::accounts::LinkError;
use crate::error::{Error, InternalError};
use crate::http::recent_session::{RecentSession, require_recent};
use crate::http::session_user::{MaybeUser, login_required};
use crate::http::site::Site;
use crate::http::throttled::ClientAddress;
use crate::middleware::{device, is_own_link};
use crate::oidc::{OidcAuthorization, OidcCode, OidcError, OidcProvider, ProviderName};
use crate::origin::Origin;
use crate::sessions::SessionState;
use crate::sign_in::oidc_outcome;
use crate::state::AppState;

/// The page that has the links and forms.
const PAGE: &str = "/account";
/// The path of the redirect URI, which must be registered with each provider.
pub const CALLBACK_PATH: &str = "/account/providers/callback";

/// The notices of these routes on the account page.
pub const NOTICES: [(&str, Notice<'static>); 5] = [
    (
        "provider-connected",
        Notice {
            level: NoticeLevel::Success,
            text: "The account is connected. You can sign in to applications with it.",
        },
    ),
    (
        "provider-disconnected",
        Notice {
            level: NoticeLevel::Success,
            text: "The account is no longer connected.",
        },
    ),
    (
        "provider-cancelled",
        Notice {
            level: NoticeLevel::Info,
            text: "You cancelled the connection. Nothing was changed.",
        },
    ),
    (
        "provider-failed",
        Notice {
            level: NoticeLevel::Warning,
            text: "The connection did not work. Please try again.",
        },
    ),
    (
        "provider-conflict",
        Notice {
            level: NoticeLevel::Warning,
            text: "Nothing was connected: that account belongs to another user here, or you have connected another account of the same provider.",
        },
    ),
];

/// The redirect URI of a site.
pub fn redirect_uri(origin: &Origin) -> String {
    format!("{}{CALLBACK_PATH}", origin.as_str())
}

/// `GET /account/providers/{provider}/connect`: sends the browser to the provider. Only a link of this
/// site does so, since another site could otherwise connect an account that the user did not choose.
pub async fn connect(
    request: HttpRequest,
    user: MaybeUser,
    path: web::Path<String>,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    // A log-in returns to the page with the link: `next` cannot be an address that acts.
    let user = user.0.ok_or_else(|| login_required(&request, PAGE))?;
    let now = app.clock.now();
    require_recent(&user, PAGE, now)?;
    let (name, provider) = find(&app, &path)?;
    may_change(&user)?;
    if let Some(url) = public_url_redirect(&request, &app.settings) {
        return Ok(redirect(&url));
    }
    if !is_own_link(&request, &app.settings) {
        return Ok(redirect(PAGE));
    }
    let attempt = ConnectionAttempt::start(name, user.session_id, now)?;
    let url = provider
        .authorize_url(
            &OidcAuthorization {
                redirect_uri: &redirect_uri(Site::of(&request, &app.settings).origin),
                state: attempt.state(),
                nonce: attempt.nonce(),
                code_challenge: &attempt.pkce().challenge(),
            },
            now,
        )
        .await;
    let url = match url {
        Ok(url) => url,
        Err(error) => {
            log::error!("{} cannot be connected: {error}", name.title());
            return Ok(redirect_with("provider-failed"));
        }
    };
    let mut response = redirect(url.as_str());
    let cookie = attempt.cookie(&app.keys, app.secure());
    let cookie =
        cookie.ok_or_else(|| InternalError::new("set a cookie", "it cannot be encrypted"))?;
    response.add_cookie(&cookie)?;
    Ok(response)
}

/// `GET /account/providers/callback`: the redirect from the provider.
pub async fn callback(
    ClientAddress(client): ClientAddress,
    request: HttpRequest,
    user: MaybeUser,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    // A log-in returns to the account page: the code cannot be used any more by then.
    let user = user.0.ok_or_else(|| login_required(&request, PAGE))?;
    may_change(&user)?;
    let notice = complete(&request, &user, client, &app).await?;
    let mut response = redirect_with(notice);
    response.add_cookie(&ConnectionAttempt::removal(app.secure()))?;
    Ok(response)
}

/// Exchanges the code and connects the identity. Returns the id of the notice.
async fn complete(
    request: &HttpRequest,
    user: &SessionState,
    client: IpAddr,
    app: &AppState,
) -> Result<&'static str, Error> {
    let now = app.clock.now();
    let state = query_value(request, "state").unwrap_or_default();
    let attempt = ConnectionAttempt::find(request, &app.keys, &state, &user.session_id, now);
    let Some(attempt) = attempt else {
        log::info!("a connection was not made: the state belongs to no open attempt");
        return Ok("provider-failed");
    };
    if let Some(error) = query_value(request, "error") {
        log::info!("a connection was not made: the provider returned an error");
        let cancelled = error == "access_denied";
        return Ok(if cancelled {
            "provider-cancelled"
        } else {
            "provider-failed"
        });
    }
    let (Some(code), Some(provider)) = (
        query_value(request, "code").filter(|code| !code.is_empty()),
        app.oidc.get(attempt.provider()),
    ) else {
        return Ok("provider-failed");
    };
    let sent = (attempt.state(), code.clone());
    let code = OidcCode {
        code,
        redirect_uri: redirect_uri(Site::of(request, &app.settings).origin),
        nonce: Some(attempt.nonce().to_owned()),
        code_verifier: Some(attempt.pkce().verifier),
    };
    app.throttle.count_account_change(user.user_id)?;
    let permit = match app
        .sign_in
        .reserve_exchange(client, Some((sent.0, &sent.1)))
    {
        Ok(permit) => permit,
        Err(refusal) => {
            log::info!("a connection was not made: {refusal}");
            return Ok("provider-failed");
        }
    };
    let identity = provider.identify(&code, now).await;
    permit.settle(oidc_outcome(&identity));
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => {
            log_failure(attempt.provider(), &error);
            return Ok("provider-failed");
        }
    };
    let session_id = user.session_id.clone();
    let device = device(request, &app.settings.trusted_proxies);
    let connected = app
        .sign_in
        .connect_identity(session_id, identity, device, now);
    match connected.await {
        Ok(true) => Ok("provider-connected"),
        Ok(false) => Err(login_required(request, PAGE)),
        Err(LinkError::Database(error)) => Err(error.into()),
        Err(refusal) => {
            log::info!("a connection was not made: {refusal}");
            Ok("provider-conflict")
        }
    }
}

/// `POST /account/providers/{provider}/disconnect`: removes the identity from the account.
pub async fn disconnect(
    request: HttpRequest,
    RecentSession(user): RecentSession,
    path: web::Path<String>,
    app: web::Data<AppState>,
) -> Result<HttpResponse, Error> {
    let (_, provider) = find(&app, &path)?;
    may_change(&user)?;
    let issuer = provider.issuer().to_owned();
    let device = device(&request, &app.settings.trusted_proxies);
    let now = app.clock.now();
    let disconnected = app
        .sign_in
        .disconnect_identity(user.session_id, issuer, device, now)
        .await
        .map_err(|error| Error::from(error).on_form(PAGE))?;
    match disconnected {
        true => Ok(redirect_with("provider-disconnected")),
        false => Err(login_required(&request, PAGE)),
    }
}

fn find<'a>(app: &'a AppState, name: &str) -> Result<(ProviderName, &'a OidcProvider), Error> {
    let name = ProviderName::parse(name).ok_or(Error::NotFound)?;
    let provider = app.oidc.get(name).ok_or(Error::NotFound)?;
    Ok((name, provider))
}

/// An impersonator may not give himself another way into the account.
fn may_change(user: &SessionState) -> Result<(), Error> {
    match user.impersonator {
        Some(_) => Err(Error::Impersonated),
        None => Ok(()),
    }
}

fn redirect_with(notice: &str) -> HttpResponse {
    redirect(&format!("{PAGE}?notice={notice}"))
}

fn log_failure(name: ProviderName, error: &OidcError) {
    let unavailable = matches!(error, OidcError::Unavailable { .. });
    if unavailable || error.is_misconfiguration() {
        log::error!("a connection to {} was not made: {error}", name.title());
    } else {
        log::info!("a connection to {} was not made: {error}", name.title());
    }
}
