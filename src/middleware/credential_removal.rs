//! Removes the cookies with credentials when the browser's user changes, and ends what they gave access to.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::Cookie;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use super::client_ip::device;
use super::credential_cookies::{
    LOGIN_ATTEMPT, LOGIN_CODE, MOST_REMOVALS, PENDING_SIGN_IN, SignInCookies, TokenCookie,
    cookie_claims, pending_sign_in_id,
};
use super::request_cookies::cookie_parts;
use super::session_encryption::sets_cookie;
use crate::audit::RevocationReason;
use crate::sessions::CredentialRemoval;
use crate::settings::Settings;
use crate::sign_out::SignOutRequest;
use crate::state::AppState;
use crate::tokens::TokenKind;

/// Removes the credentials that [`BrowserSession`](crate::sessions::BrowserSession) has marked, except
/// those that the response sets, and revokes the tokens among them.
pub async fn remove_credentials(
    app: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    let marked = response.request().extensions_mut().remove();
    let Some(removal): Option<CredentialRemoval> = marked else {
        return Ok(response);
    };
    if removal > CredentialRemoval::ForeignTokens {
        end_tokens(&app, response.request()).await;
    }
    if removal >= CredentialRemoval::TokensAndPendingSignIns {
        end_pending_sign_ins(&app, response.request()).await;
    }
    for cookie in removals(removal, response.request(), &app.settings) {
        if !sets_cookie(response.headers(), cookie.name())
            && let Ok(line) = HeaderValue::from_str(&cookie.to_string())
        {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }
    Ok(response)
}

/// Revokes the families of the tokens in the request's cookies: a copy of a removed or replaced cookie must
/// not work any longer. A log-out has already done so, in its own transaction.
async fn end_tokens(app: &AppState, request: &HttpRequest) {
    let now = app.clock.now();
    let access_tokens = cookie_claims(app, request, TokenKind::Access);
    let refresh_tokens = cookie_claims(app, request, TokenKind::Refresh);
    if access_tokens.is_empty() && refresh_tokens.is_empty() {
        return;
    }
    let request = SignOutRequest {
        access_tokens,
        refresh_tokens,
        device: device(request, &app.settings.trusted_proxies),
        reason: Some(RevocationReason::Replaced),
        ..SignOutRequest::default()
    };
    if let Err(error) = app.sign_out.end_families(request, now).await {
        // The browser has its new identity, and the response must reach it.
        log::error!("failed to revoke the tokens of a browser's previous user: {error}");
    }
}

/// Deletes the rows of the browser's pending sign-ins: a copy of a removed cookie must not work any longer.
async fn end_pending_sign_ins(app: &AppState, request: &HttpRequest) {
    let cookies = PENDING_SIGN_IN.in_request(request.headers());
    let ids = cookies
        .map(|cookie| pending_sign_in_id(cookie.name(), cookie.value()))
        .take(MOST_REMOVALS)
        .collect();
    if let Err(error) = app.sign_in.delete_pending(ids).await {
        log::error!("failed to delete the pending sign-ins of a browser's previous user: {error}");
    }
}

fn removals(
    removal_kind: CredentialRemoval,
    request: &HttpRequest,
    settings: &Settings,
) -> Vec<Cookie<'static>> {
    let secure = settings.public_url.is_https();
    let api = &settings.api;
    let tokens = [TokenCookie::access(api), TokenCookie::refresh(api)];
    let tokens = tokens.into_iter().flatten();
    let mut removals: Vec<_> = tokens.map(|cookie| cookie.removal(secure)).collect();
    let kinds: &[SignInCookies] = match removal_kind {
        CredentialRemoval::ForeignTokens
        | CredentialRemoval::Tokens
        | CredentialRemoval::TokensAndLoginCode => &[],
        CredentialRemoval::TokensAndPendingSignIns => &[PENDING_SIGN_IN],
        CredentialRemoval::TokensAndSignIns => &[LOGIN_ATTEMPT, PENDING_SIGN_IN],
    };
    if removal_kind >= CredentialRemoval::TokensAndLoginCode {
        // The browser sends this cookie to its own page only.
        removals.push(LOGIN_CODE.removal(LOGIN_CODE.prefix.to_owned(), secure));
    }
    let of_sign_ins = cookie_parts(request.headers()).flat_map(|part| {
        let name = part.split_once('=').map_or(part, |(name, _)| name).trim();
        let kind = kinds.iter().filter(move |kind| kind.names(name));
        kind.map(move |kind| kind.removal(name.to_owned(), secure))
    });
    removals.extend(of_sign_ins.take(MOST_REMOVALS));
    removals
}
