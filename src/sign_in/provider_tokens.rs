//! Tokens for a user whom WorkOS, Google or Okta has authenticated.

use std::sync::Arc;

use super::audit::SignInRecord;
use super::new_session::{SessionDraft, end_replaced};
use super::requirement::auth_time;
use super::service::SignInService;
use crate::account_queue::AccountReference;
use crate::accounts::{
    ExternalIdentity, LinkError, SignInMethod, User, WorkosProfile, find_or_link, provision,
    sessions_of_workos_user_ended_since,
};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::SignInFailure;
use crate::ids::{SessionId, UserId};
use crate::oidc::{OidcError, OidcIdentity};
use crate::tokens::{Actor, IssueError, LONGEST_IMPERSONATION, TokenGrant, TokenPair};
use crate::workos::{Authentication, ClientDevice};

/// A user and the tokens issued for them.
#[derive(Clone, Debug)]
pub struct SignedInTokens {
    /// The account.
    pub user: User,
    /// Its tokens.
    pub pair: TokenPair,
}

/// Why no tokens were issued for a provider's code.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeFailure {
    /// WorkOS, or the account of its user.
    #[error(transparent)]
    Workos(#[from] SignInFailure),
    /// Google or Okta.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// The account of the user at Google or Okta.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The tokens.
    #[error(transparent)]
    NotIssued(#[from] IssueError),
}

impl ExchangeFailure {
    /// The audit event of this failure, for a sign-in by `method`.
    pub fn audit_event(&self, method: &str) -> Option<AuditEvent> {
        let user_id = match self {
            Self::Workos(failure) => return failure.audit_event(),
            Self::Link(LinkError::Inactive { user_id }) => Some(*user_id),
            Self::Link(LinkError::Database(_)) | Self::Oidc(_) | Self::NotIssued(_) => return None,
            Self::Link(_) => None,
        };
        Some(AuditEvent::SignInFailed {
            user_id,
            method: method.to_owned(),
            reason: "no account that may be used".to_owned(),
        })
    }
}

impl From<DbError> for ExchangeFailure {
    fn from(error: DbError) -> Self {
        Self::NotIssued(error.into())
    }
}

impl From<diesel::result::Error> for ExchangeFailure {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl SignInService {
    /// Creates or updates the account of a user whom WorkOS has authenticated, and issues tokens that
    /// depend on the WorkOS session. The session gets a row, so that ending it ends the tokens, and so that
    /// a refresh renews it. It replaces the browser's `previous` session. If the account's sessions have all
    /// ended at or after `waiting_since`, when WorkOS asked its first further question, it fails with
    /// [`SignInFailure::AttemptAlreadyUsed`]. If the sign-in is refused, WorkOS's session ends.
    pub async fn tokens_for_workos(
        &self,
        authentication: Authentication,
        waiting_since: Option<Timestamp>,
        previous: Option<SessionId>,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<SignedInTokens, ExchangeFailure> {
        let sid = authentication.sid.clone();
        let issued = self
            .issue_for_workos(authentication, waiting_since, previous, device, now)
            .await;
        if let Err(ExchangeFailure::Workos(failure)) = &issued {
            self.end_if_refused(sid, failure, now).await;
        }
        issued
    }

    async fn issue_for_workos(
        &self,
        authentication: Authentication,
        waiting_since: Option<Timestamp>,
        previous: Option<SessionId>,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<SignedInTokens, ExchangeFailure> {
        let impersonator = authentication.impersonator.as_ref();
        let grant = TokenGrant {
            sid: authentication.sid.clone(),
            session: None,
            act: impersonator.map(|impersonator| Actor {
                sub: impersonator.email.clone(),
            }),
            not_after: impersonator.map(|_| now.plus(LONGEST_IMPERSONATION)),
            sign_in_method: None,
        };
        let record = SignInRecord::by_workos(&authentication, &device, now, self.account_rate);
        let asking = device.clone();
        let draft = self.workos_session_draft(&authentication, device, now)?;
        let profile = WorkosProfile::from(&authentication.user);
        let tokens = Arc::clone(&self.services.tokens);
        let ending = previous.clone();
        let account = AccountReference::WorkosUser(profile.workos_user_id.clone());
        let sign_in = move |conn: &mut Conn| {
            if let Some(since) = waiting_since
                && sessions_of_workos_user_ended_since(conn, &profile.workos_user_id, since, now)?
            {
                return Err(SignInFailure::AttemptAlreadyUsed.into());
            }
            let user = provision(conn, &profile, &record.device, now);
            let user = user.map_err(SignInFailure::from)?;
            record_login(conn, &user, now)?;
            let row = match (draft, &ending) {
                (Some(draft), ending) => draft.insert(conn, &user, ending.as_ref())?,
                (None, Some(ending)) => {
                    end_replaced(conn, ending, None, &record.device, now)?;
                    None
                }
                (None, None) => None,
            };
            record.write::<SignInFailure>(conn, user.id, row.as_ref().map(|row| &row.id))?;
            let pair = tokens.issue(conn, &user, grant, now)?;
            Ok(SignedInTokens { user, pair })
        };
        let database = account.queue(&self.services.database).await;
        let database = database.map_err(SignInFailure::from)?;
        let issued = match database.write(sign_in.clone()).await {
            Err(ExchangeFailure::Workos(SignInFailure::Provision(refusal)))
                if self
                    .update_conflicting_account(&refusal, &asking, now)
                    .await =>
            {
                database.write(sign_in).await
            }
            outcome => outcome,
        }?;
        self.previous_has_ended(previous.as_ref(), now);
        Ok(issued)
    }

    /// Finds or links the account of a user whom Google or Okta has authenticated, and issues tokens. The
    /// browser's `previous` session ends.
    pub async fn tokens_for_identity(
        &self,
        identity: OidcIdentity,
        previous: Option<SessionId>,
        device: &ClientDevice,
        now: Timestamp,
    ) -> Result<SignedInTokens, ExchangeFailure> {
        let record = SignInRecord::new(&identity.issuer, device, now, self.account_rate);
        let external = ExternalIdentity {
            issuer: identity.issuer,
            subject: identity.subject,
            email: identity.email,
        };
        let mut confirmed = None;
        let result = loop {
            let result = self
                .link_and_issue(
                    external.clone(),
                    record.clone(),
                    confirmed,
                    previous.clone(),
                    now,
                )
                .await;
            let Err(ExchangeFailure::Link(LinkError::Unconfirmed {
                user_id,
                workos_user_id,
            })) = &result
            else {
                break result;
            };
            if confirmed == Some(*user_id) {
                break result;
            }
            if !self.update_account(workos_user_id, device, now).await? {
                log::warn!(
                    "account {user_id} did not sign in at {}: WorkOS does not know its user {workos_user_id}",
                    external.issuer
                );
                break Err(LinkError::Inactive { user_id: *user_id }.into());
            }
            confirmed = Some(*user_id);
        };
        match (result, identity.email_failure) {
            // The provider could not be asked whether the address is verified.
            (Err(ExchangeFailure::Link(LinkError::EmailNotVerified { .. })), Some(failure)) => {
                Err(failure.into())
            }
            (Ok(issued), _) => {
                self.previous_has_ended(previous.as_ref(), now);
                Ok(issued)
            }
            (Err(failure), _) => Err(failure),
        }
    }

    async fn link_and_issue(
        &self,
        external: ExternalIdentity,
        record: SignInRecord,
        confirmed: Option<UserId>,
        previous: Option<SessionId>,
        now: Timestamp,
    ) -> Result<SignedInTokens, ExchangeFailure> {
        let grant = TokenGrant {
            sign_in_method: Some(SignInMethod::Provider {
                issuer: external.issuer.clone(),
                subject: Some(external.subject.clone()),
            }),
            ..TokenGrant::default()
        };
        let tokens = Arc::clone(&self.services.tokens);
        let account = AccountReference::Identity {
            issuer: external.issuer.clone(),
            subject: external.subject.clone(),
        };
        let database = account.queue(&self.services.database).await;
        let database = database.map_err(SignInFailure::from)?;
        let linking = self.linking;
        database
            .write(move |conn| {
                let device = &record.device;
                let user = find_or_link(conn, &external, linking, confirmed, device, now)?;
                // Locks the account's row, so that concurrent sign-ins count each other.
                record_login(conn, &user, now)?;
                if let Some(ending) = &previous {
                    end_replaced(conn, ending, None, &record.device, now)?;
                }
                record.write::<SignInFailure>(conn, user.id, None)?;
                let pair = tokens.issue(conn, &user, grant, now)?;
                Ok(SignedInTokens { user, pair })
            })
            .await
    }

    /// The row of the WorkOS session, or `None` if WorkOS named no session.
    ///
    /// No cookie belongs to this session. Its row lasts as long as any token that depends on it, so
    /// that an ended session can be told from one that never existed.
    fn workos_session_draft(
        &self,
        authentication: &Authentication,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<Option<SessionDraft>, SignInFailure> {
        if authentication.sid.is_none() {
            return Ok(None);
        }
        let lifetime = match authentication.impersonator {
            Some(_) => LONGEST_IMPERSONATION,
            None => self.longest_token_lifetime,
        };
        let mut draft = SessionDraft::new(device, (&self.services.clock, now), lifetime)?;
        draft.keep_workos_session(
            &self.services.keys,
            authentication,
            self.stores_access_tokens,
        )?;
        draft.auth_time = auth_time(authentication, now);
        Ok(Some(draft))
    }
}

/// Records the login and locks the account's row. Checks again that the account is active: if it is deactivated in
/// between, the deactivation does not see the tokens.
fn record_login(conn: &mut Conn, user: &User, now: Timestamp) -> Result<(), ExchangeFailure> {
    match User::record_login(conn, user.id, now)? {
        0 => Err(LinkError::Inactive { user_id: user.id }.into()),
        _ => Ok(()),
    }
}
