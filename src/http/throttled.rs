//! The rate limits, as extractors. They must be the first argument of a handler, so that a request
//! over the limit is rejected before its body is read.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::known_browser::KnownBrowser;
use crate::accounts::LoginName;
use crate::accounts::passwords::PasswordSource;
use crate::error::Error;
use crate::ids::UserId;
use crate::middleware::client_ip;
use crate::settings::Settings;
use crate::state::AppState;
use crate::throttle::{CountedRequest, Throttle};

/// Counts a sign-in by password or code exchange, and rejects it over the limit. Holds the client's
/// address.
pub struct SignInThrottle(pub IpAddr);

/// The client's address, for limits that are counted later.
pub struct ClientAddress(pub IpAddr);

/// Counts a sign-in with the password form, and rejects it over the limit, unless the account that signs
/// in has signed in with this browser before: these browsers have a limit of their own.
pub struct PasswordFormThrottle {
    client: IpAddr,
    browser: KnownBrowser,
    counted: Result<(), Error>,
}

/// Counts a token refresh, and rejects it over the limit.
pub struct RefreshThrottle;

/// Counts a token verification, and rejects it over the limit.
pub struct VerifyThrottle;

impl FromRequest for SignInThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(client(request).and_then(|(app, client)| {
            let counted = app.throttle.count_sign_in(client);
            keep(request, counted.map_err(|error| on_form(error, request))?);
            Ok(Self(client))
        }))
    }
}

impl FromRequest for ClientAddress {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(client(request).map(|(_, client)| Self(client)))
    }
}

impl FromRequest for PasswordFormThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(client(request).and_then(|(app, client)| {
            let browser = KnownBrowser::from_request(request, &app.keys, app.clock.now());
            let counted = app.throttle.count_sign_in(client);
            let counted = counted.map(|counted| keep(request, counted));
            if browser.is_empty() {
                counted.map_err(|error| on_form(error, request))?;
                return Ok(Self {
                    client,
                    browser,
                    counted: Ok(()),
                });
            }
            Ok(Self {
                client,
                browser,
                counted,
            })
        }))
    }
}

impl PasswordFormThrottle {
    /// Admits a password for this name. Returns where it comes from, and the browser.
    ///
    /// The account is read before the limits only if the browser knows the name: the time of the answer would tell
    /// others whether an account has it.
    pub async fn admit_name(
        self,
        app: &AppState,
        name: &mut LoginName,
    ) -> Result<(PasswordSource, KnownBrowser), Error> {
        let account = match self.browser.knows_name(name) {
            true => name.read_account(&app.database).await?,
            false => None,
        };
        let source =
            account.and_then(|account| self.browser.source(account.id, account.token_version));
        self.admit(&app.throttle, source)
    }

    /// Admits a code after the right password of this account.
    pub fn admit_account(
        self,
        throttle: &Throttle,
        user_id: UserId,
        token_version: i64,
    ) -> Result<(PasswordSource, KnownBrowser), Error> {
        let source = self.browser.source(user_id, token_version);
        self.admit(throttle, source)
    }

    fn admit(
        self,
        throttle: &Throttle,
        known: Option<PasswordSource>,
    ) -> Result<(PasswordSource, KnownBrowser), Error> {
        let Some(source) = known else {
            self.counted?;
            return Ok((PasswordSource::Address(self.client), self.browser));
        };
        if self.counted.is_err() {
            // It stays counted: an account signs in from a browser less often than the limit.
            drop(throttle.count_known_browser(&source)?);
        }
        Ok((source, self.browser))
    }
}

impl FromRequest for RefreshThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(client(request).and_then(|(app, client)| {
            keep(request, app.throttle.count_refresh(client)?);
            Ok(Self)
        }))
    }
}

impl FromRequest for VerifyThrottle {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(client(request).and_then(|(app, client)| {
            keep(request, app.throttle.count_verification(client)?);
            Ok(Self)
        }))
    }
}

/// Keeps a counted request until its response is known: see the middleware `settle_throttle`.
pub fn keep(request: &HttpRequest, counted: Option<CountedRequest>) {
    if let Some(counted) = counted {
        request.extensions_mut().insert(counted);
    }
}

/// The error of a throttled form, whose page leads back to the form, which has the same address.
fn on_form(error: Error, request: &HttpRequest) -> Error {
    let form = request.uri().path_and_query();
    error.on_form(form.map_or("/", |target| target.as_str()))
}

/// The client's address.
pub fn client_address(request: &HttpRequest, settings: &Settings) -> IpAddr {
    // Only connections that are not TCP have no address, and the server opens none.
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    client_ip(request, &settings.trusted_proxies).unwrap_or(unknown)
}

fn client(request: &HttpRequest) -> Result<(web::Data<AppState>, IpAddr), Error> {
    let app = AppState::of(request)?;
    let client = client_address(request, &app.settings);
    Ok((app, client))
}
