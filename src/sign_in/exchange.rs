//! A provider's yes, and the tokens that it begins.

use std::sync::Arc;

use chrono::TimeDelta;

use super::LONGEST_IMPERSONATION;
use crate::accounts::{ExternalIdentity, LinkError, User, WorkosProfile, find_or_link, provision};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::SignInFailure;
use crate::oidc::{OidcError, OidcIdentity};
use crate::random::random_text;
use crate::sessions::{NewSession, truncate_user_agent};
use crate::state::AppState;
use crate::tokens::{Actor, IssueError, TokenGrant, TokenPair, Tokens};
use crate::workos::{Authentication, ClientDevice};

/// A person and the tokens that were given out for them.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The account.
    pub user: User,
    /// Its tokens.
    pub pair: TokenPair,
}

/// Why a provider's code gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeFailure {
    /// WorkOS, or the account that it led to.
    #[error(transparent)]
    Workos(#[from] SignInFailure),
    /// Google or Okta.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// The account that they led to.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The tokens.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<DbError> for ExchangeFailure {
    fn from(error: DbError) -> Self {
        Self::Issue(error.into())
    }
}

impl From<diesel::result::Error> for ExchangeFailure {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

/// Provisions the account of whom WorkOS has authenticated, and gives out a pair that stands on
/// WorkOS's session: its row is there to be ended, and the tokens with it.
pub async fn tokens_for_workos(
    app: &AppState,
    authentication: Authentication,
    device: ClientDevice,
    now: Timestamp,
) -> Result<SignedIn, ExchangeFailure> {
    let impersonator = authentication.impersonator.as_ref();
    let grant = TokenGrant {
        sid: authentication.sid.clone(),
        session: None,
        act: impersonator.map(|impersonator| Actor {
            sub: impersonator.email.clone(),
        }),
        not_after: impersonator.map(|_| now.plus(LONGEST_IMPERSONATION)),
    };
    let row = session_row(app, &authentication, device, now)?;
    let profile = WorkosProfile::from(&authentication.user);
    let tokens = Arc::clone(&app.tokens);
    let signed_in = app
        .database
        .write(move |conn| {
            let user = provision(conn, &profile, now).map_err(SignInFailure::from)?;
            if let Some(row) = row {
                row(user.id).insert(conn)?;
            }
            finish(conn, &tokens, user, grant, now)
        })
        .await?;
    log::info!("account {} got tokens through WorkOS", signed_in.user.id);
    Ok(signed_in)
}

/// Finds or links the account of whom Google or Okta has authenticated, and gives out a pair.
pub async fn tokens_for_identity(
    app: &AppState,
    person: OidcIdentity,
    now: Timestamp,
) -> Result<SignedIn, ExchangeFailure> {
    let issuer = person.issuer.clone();
    let identity = ExternalIdentity {
        issuer: person.issuer,
        subject: person.subject,
        email: person.email,
    };
    let tokens = Arc::clone(&app.tokens);
    let result = app
        .database
        .write(move |conn| {
            let user = find_or_link(conn, &identity, now)?;
            finish(conn, &tokens, user, TokenGrant::default(), now)
        })
        .await;
    match (result, person.email_failure) {
        // Nobody knows whether the e-mail is verified: it could not be asked for.
        (Err(ExchangeFailure::Link(LinkError::EmailNotVerified { .. })), Some(failure)) => {
            Err(failure.into())
        }
        (Ok(signed_in), _) => {
            log::info!("account {} got tokens through {issuer}", signed_in.user.id);
            Ok(signed_in)
        }
        (Err(failure), _) => Err(failure),
    }
}

/// Notes the sign-in and gives out the tokens.
fn finish(
    conn: &mut Conn,
    tokens: &Tokens,
    user: User,
    grant: TokenGrant,
    now: Timestamp,
) -> Result<SignedIn, ExchangeFailure> {
    // Asked again: `deactivate` may have come between, and would not see this sign-in.
    if User::record_login(conn, user.id, now)? == 0 {
        return Err(LinkError::Inactive { user_id: user.id }.into());
    }
    let pair = tokens.issue(conn, &user, grant, now)?;
    Ok(SignedIn { user, pair })
}

/// The row of WorkOS's session, whose user is not known yet; `None` without a session to name.
///
/// No cookie stands on it. It lasts as long as any token that does, so that its end can be told
/// from its never having been.
fn session_row(
    app: &AppState,
    authentication: &Authentication,
    device: ClientDevice,
    now: Timestamp,
) -> Result<Option<impl FnOnce(i64) -> NewSession + use<>>, SignInFailure> {
    let Some(sid) = authentication.sid.clone() else {
        return Ok(None);
    };
    let id = random_text()?;
    let confirmed_until = authentication.access_token_expires_at.map(Timestamp::from);
    let expires_at = now.plus(longest(app, authentication));
    let organization_id = authentication.organization_id.clone();
    let role = authentication.role.clone();
    let impersonator = authentication.impersonator.as_ref();
    let impersonator = impersonator.map(|who| who.email.clone());
    Ok(Some(move |user_id| NewSession {
        id,
        user_id,
        login_attempt: None,
        workos_sid: Some(sid),
        // Nothing renews it: our own tokens have their own lives.
        workos_refresh_token: None,
        confirmed_until,
        created_at: now,
        expires_at,
        organization_id,
        role,
        ip_address: device.ip_address,
        user_agent: truncate_user_agent(device.user_agent.as_deref()),
        impersonator,
    }))
}

/// How long the last token of this sign-in may live.
fn longest(app: &AppState, authentication: &Authentication) -> TimeDelta {
    let tokens = &app.settings.tokens;
    match authentication.impersonator {
        Some(_) => LONGEST_IMPERSONATION,
        None => tokens.family_lifetime + tokens.access_lifetime,
    }
}
