//! `GET /account`: the account page.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::join;

use super::pages::{
    AccountPage, AuthenticatorSection, Notice, NoticeLevel, OrganizationChoice,
    OrganizationSection, PasswordChangeErrors, ProviderConnection,
};
use super::{account_addresses, account_sessions, notice, provider_connection, render};
use crate::accounts::second_factor::SecondFactor;
use crate::accounts::{User, connected_issuers, has_password};
use crate::authentication_method::AuthenticationMethod;
use crate::clock::Clock;
use crate::db::{Database, DbError};
use crate::error::Error;
use crate::http::recent_session::{is_recent, log_in_again_url};
use crate::http::session_user::{MaybeUser, login_required_here};
use crate::ids::OrganizationId;
use crate::known_sessions::{KnownSession, KnownSessions};
use crate::memberships::Memberships;
use crate::oidc::ProviderName;
use crate::sessions::{BrowserSession, SessionFacts, SessionState};
use crate::settings::PasswordLogin;
use crate::state::AppState;
use crate::workos::OrganizationList;

const PASSWORD_CHANGED: Notice<'static> = Notice {
    level: NoticeLevel::Success,
    text: "Your password was changed, and your other sessions have ended.",
};

const AUTHENTICATOR_REMOVED: Notice<'static> = Notice {
    level: NoticeLevel::Success,
    text: "Your authenticator app is off, and your recovery codes were deleted.",
};

/// Shows the profile, the organisation, the open sessions, and the password form if the account has a
/// password.
pub async fn account(
    request: HttpRequest,
    MaybeUser(user): MaybeUser,
    session: BrowserSession,
    view: AccountView,
) -> Result<HttpResponse, Error> {
    let user = user.ok_or_else(|| login_required_here(&request))?;
    view.page(&user, &session, &[], Some(&request)).await
}

/// Builds the account page. An extractor, since the handlers of the page's forms show it too.
pub struct AccountView {
    database: Database,
    memberships: Memberships,
    known_sessions: KnownSessions,
    clock: Clock,
    password_login: PasswordLogin,
    /// The providers that are set up, with their issuers.
    providers: Vec<(ProviderName, String)>,
}

impl FromRequest for AccountView {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let view = AppState::of(request).map(|app| Self {
            database: app.database.clone(),
            memberships: app.memberships.clone(),
            known_sessions: app.known_sessions.clone(),
            clock: app.clock.clone(),
            password_login: app.settings.password_login,
            providers: ProviderName::ALL
                .into_iter()
                .filter_map(|name| Some((name, app.oidc.get(name)?.issuer().to_owned())))
                .collect(),
        });
        ready(view.map_err(Error::from))
    }
}

impl AccountView {
    /// The page with the errors of the form that switches organisations. A notice is shown only if
    /// `request` is given and its query names one.
    pub(super) async fn page(
        &self,
        user: &SessionState,
        session: &BrowserSession,
        organization_errors: &[String],
        request: Option<&HttpRequest>,
    ) -> Result<HttpResponse, Error> {
        let account = match self.active_account(user, session).await {
            Ok(account) => Some(account),
            // The rest of the page needs only the cookie.
            Err(Error::Database(error)) => {
                log::warn!("the account page is shown without what the database has: {error}");
                None
            }
            Err(error) => return Err(error),
        };
        let has_password = |account: &User| has_password(account, self.password_login);
        // An impersonator may not change the user's password.
        let offered = account.as_ref().is_some_and(has_password) && user.impersonator.is_none();
        let no_errors = PasswordChangeErrors::default();
        let password = offered.then_some(&no_errors);
        let form = (account.is_some(), password);
        self.render(user, form, organization_errors, request).await
    }

    /// The page after a password change failed.
    pub(super) async fn page_with_password_errors(
        &self,
        user: &SessionState,
        errors: &PasswordChangeErrors,
    ) -> Result<HttpResponse, Error> {
        self.render(user, (true, Some(errors)), &[], None).await
    }

    async fn render(
        &self,
        user: &SessionState,
        (is_account_known, password): (bool, Option<&PasswordChangeErrors>),
        organization_errors: &[String],
        request: Option<&HttpRequest>,
    ) -> Result<HttpResponse, Error> {
        let known = self.known_of(user).await;
        let facts = known.as_ref().map(|known| &known.facts);
        let nothing = SessionFacts::default();
        let facts = facts.unwrap_or(&nothing);
        let current = facts.organization_id.as_ref();
        let listed = self.organizations_of(user, current);
        // Without the account, the cookie's number of the user may be another one's.
        let (sessions, providers, addresses, listed) = match is_account_known {
            true => {
                let sessions = account_sessions::list(user, &self.database, self.clock.now());
                let (sessions, listed) = join(sessions, listed).await;
                let providers = self.connections_of(user).await;
                let addresses = account_addresses::list(user, &self.database).await;
                (sessions, providers, addresses, listed)
            }
            false => (None, Vec::new(), Vec::new(), listed.await),
        };
        let authenticator = match password {
            Some(_) => self.authenticator_of(user).await,
            None => AuthenticatorSection::Hidden,
        };
        let listed = listed.as_deref();
        let all = listed.map_or(&[][..], |listed| &listed.list);
        let others = all.iter().filter(|one| Some(&one.id) != current);
        let choices = OrganizationChoice::sorted(others, "");
        let current_name = all
            .iter()
            .find(|one| Some(&one.id) == current)
            .map(OrganizationChoice::name_of);
        let organizations = OrganizationSection {
            current: current_name,
            choices: &choices,
            unavailable: listed.is_none(),
            truncated: listed.is_some_and(|listed| listed.truncated),
            errors: organization_errors,
        };
        let current_id = facts.organization_id.as_deref();
        let name = current_name.or(current_id).unwrap_or_default();
        let switched = format!("You are now in {name}.");
        let unchanged = format!("You are in {name}.");
        let mut known = vec![
            ("password-changed", PASSWORD_CHANGED),
            ("authenticator-removed", AUTHENTICATOR_REMOVED),
            account_sessions::SESSION_ENDED,
            account_addresses::ADDRESS_REMOVED,
        ];
        known.extend(provider_connection::NOTICES);
        // Without an organisation these would name none.
        if !name.is_empty() {
            let success = NoticeLevel::Success;
            let switched = Notice {
                level: success,
                text: &switched,
            };
            let unchanged = Notice {
                level: NoticeLevel::Info,
                text: &unchanged,
            };
            known.push(("organization-switched", switched));
            known.push(("organization-unchanged", unchanged));
        }
        let notice = request.and_then(|request| notice::from_query(request, &known));
        let is_recent = is_recent(user, self.clock.now());
        let log_in_again = (!is_recent).then(|| log_in_again_url(user, "/account"));
        let account = AccountPage {
            page: render::frame(Some(user), notice),
            email_verified: user.email_verified,
            user_id: user.user_id,
            workos_user_id: user.workos_user_id.as_deref(),
            organization_id: current_id,
            organizations,
            roles: match facts.workos.roles.as_slice() {
                [] => facts.role.as_slice(),
                roles => roles,
            },
            permissions: &facts.workos.permissions,
            authentication_method: user.authentication_method.as_ref(),
            signed_in_at: user.signed_in_at.utc(),
            authenticated_at: user.authenticated_at().utc(),
            expires_at: user.expires_at.utc(),
            sessions: sessions.as_ref(),
            addresses: &addresses,
            providers: &providers,
            password,
            log_in_again_url: log_in_again.as_deref(),
            authenticator,
        };
        render::page(StatusCode::OK, &account)
    }

    /// What the session knows; nothing if the database is unavailable.
    async fn known_of(&self, user: &SessionState) -> Option<Arc<KnownSession>> {
        let known = self.known_sessions.of(user).await;
        known.unwrap_or_else(|error| {
            log::warn!("the account page is shown without the organisation: {error}");
            None
        })
    }

    /// The section about the second factor; hidden if the database is unavailable.
    async fn authenticator_of(&self, user: &SessionState) -> AuthenticatorSection {
        let id = user.user_id;
        let factor = self
            .database
            .read(move |conn| SecondFactor::of(conn, id).map_err(DbError::from));
        match factor.await {
            Ok(Some(SecondFactor { recovery_codes, .. })) => {
                AuthenticatorSection::On { recovery_codes }
            }
            Ok(None) => AuthenticatorSection::Off,
            Err(error) => {
                log::warn!("the account page is shown without the second factor: {error}");
                AuthenticatorSection::Hidden
            }
        }
    }

    /// The account of a session. Removes the session if its row is missing, or the account is deleted or closed.
    pub(super) async fn active_account(
        &self,
        user: &SessionState,
        session: &BrowserSession,
    ) -> Result<User, Error> {
        let (session_id, id) = (user.session_id.clone(), user.user_id);
        let account = self
            .database
            .read(move |conn| User::of_session(conn, &session_id, id).map_err(DbError::from))
            .await?;
        account.filter(|account| account.is_active).ok_or_else(|| {
            session.remove();
            let next = "/account".to_owned();
            Error::LoginRequired { next }
        })
    }

    /// The providers that the user can connect. Empty if none is set up, if the database cannot be read,
    /// and in an impersonated session.
    async fn connections_of(&self, user: &SessionState) -> Vec<ProviderConnection> {
        if self.providers.is_empty() || user.impersonator.is_some() {
            return Vec::new();
        }
        let id = user.user_id;
        let connected = self
            .database
            .read(move |conn| connected_issuers(conn, id).map_err(DbError::from))
            .await;
        let connected = match connected {
            Ok(connected) => connected,
            Err(error) => {
                log::warn!("the account page is shown without the providers: {error}");
                return Vec::new();
            }
        };
        let providers = self.providers.iter();
        let connection = |(name, issuer): &(ProviderName, String)| ProviderConnection {
            name: name.as_str(),
            title: name.title(),
            connected: connected.contains(issuer),
        };
        providers.map(connection).collect()
    }

    /// The organisations of a user who signed in through WorkOS; `None` if WorkOS cannot list them
    /// now.
    async fn organizations_of(
        &self,
        user: &SessionState,
        current: Option<&OrganizationId>,
    ) -> Option<Arc<OrganizationList>> {
        let local = user.authentication_method == Some(AuthenticationMethod::LocalPassword);
        let Some(id) = user.workos_user_id.as_deref().filter(|_| !local) else {
            return Some(Arc::default());
        };
        self.memberships.of(id, current).await
    }
}
