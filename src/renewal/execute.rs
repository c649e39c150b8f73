//! Renews a session whose lease this process holds: asks WorkOS and stores the result.
//!
//! A result is stored only if the lease is still held or, for new tokens, if the row still has the
//! refresh token that they were given for. Otherwise nothing is stored, and the caller reads the row
//! again.

use std::sync::Arc;

use diesel::QueryResult;
use secrecy::ExposeSecret;

use super::context::RenewalContext;
use super::policy::{self, LEASE, RenewalDecision, confirmed_until, lease_start, renew_after};
use super::refresh_grant::{self, RefreshOutcome};
use super::status::{RenewalError, RenewalRequest, RenewedSession, SessionStatus, decided};
use super::write_behind::StoreRenewal;
use crate::accounts::{User, WorkosProfile, update_from_workos};
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError};
use crate::random::random_fraction;
use crate::sealing::SealError;
use crate::sessions::{
    Confirmation, LeaseCondition, RenewalFailure, SessionFacts, SessionGeneration, SessionRow,
};
use crate::sign_out::end_session;
use crate::tokens::RefreshTokenRow;
use crate::workos::{Authentication, RenewalPermit, WorkosError};

/// A session, its account, and the lease.
pub(super) struct LeasedRenewal<'a> {
    pub(super) context: &'a RenewalContext,
    pub(super) request: &'a RenewalRequest,
    pub(super) row: SessionRow,
    pub(super) user: User,
    pub(super) lease: Timestamp,
}

impl<'a> LeasedRenewal<'a> {
    /// Takes the lease of a session. Returns `None` if the condition is not met, for example because another
    /// process has renewed the session.
    pub(super) async fn take(
        context: &'a RenewalContext,
        request: &'a RenewalRequest,
        user: User,
        condition: LeaseCondition,
    ) -> Result<Option<Self>, DbError> {
        let now = context.clock.now();
        let (id, lease) = (request.session_id.clone(), now.plus(LEASE));
        let database = context.database.queued_by(user.id);
        let row = database.write(move |conn| {
            if !SessionRow::take_lease(conn, &id, now, lease, condition)? {
                return Ok(None);
            }
            // Read again: another process may have renewed the session since.
            Ok::<_, DbError>(SessionRow::by_id(conn, &id)?)
        });
        Ok(row.await?.map(|row| Self {
            context,
            request,
            row,
            user,
            lease,
        }))
    }

    /// The database, for the writes of the session's account.
    pub(super) fn database(&self) -> Database {
        self.context.database.queued_by(self.user.id)
    }

    /// Whether the refresh token was sent before this lease without a complete answer.
    fn was_sent_before(&self) -> bool {
        self.row.refresh_token_sent_at != Some(lease_start(self.lease))
    }

    /// Asks WorkOS and stores the result. Returns `None` if the lease was lost meanwhile.
    pub(super) async fn renew(
        self,
        permit: &RenewalPermit,
    ) -> Result<Option<SessionStatus>, RenewalError> {
        match self.ask_workos(permit).await {
            RefreshOutcome::Confirmed(authentication) => self.confirm(*authentication).await,
            RefreshOutcome::Unverified(authentication, error) => {
                // The refresh token is stored all the same, because WorkOS has consumed the old one.
                // It can be trusted so far: it was received from WorkOS over TLS.
                let token = self.seal(&authentication)?;
                self.record_failure(Some(token), &error).await
            }
            RefreshOutcome::Unavailable(error) => self.record_failure(None, &error).await,
            RefreshOutcome::Declined(error) => self.end(&error.to_string()).await,
            RefreshOutcome::Invalid(reason) => self.end(&reason).await,
        }
    }

    /// Asks WorkOS for new tokens.
    pub(super) async fn ask_workos(&self, permit: &RenewalPermit) -> RefreshOutcome {
        refresh_grant::request(self.context, self.request, &self.row, &self.user, permit).await
    }

    /// Gives the lease back after WorkOS has answered without consuming the refresh token.
    pub(super) async fn give_back(&self) -> Result<(), DbError> {
        let (id, lease) = (self.row.id.clone(), self.lease);
        let was_sent_before = self.was_sent_before();
        let give_back = move |conn: &mut Conn| {
            if SessionRow::release_lease(conn, &id, lease)? && !was_sent_before {
                SessionRow::forget_sent_token(conn, &id)?;
            }
            Ok(())
        };
        let write_behind = &self.context.write_behind;
        let database = self.database();
        write_behind.write(&database, Arc::new(give_back)).await
    }

    /// Encrypts the new refresh token for the row.
    pub(super) fn seal(&self, authentication: &Authentication) -> Result<Vec<u8>, SealError> {
        let token = authentication.refresh_token.expose_secret().as_bytes();
        let place = SessionRow::refresh_token_place(&self.row.id);
        self.context.keys.seal_row(&place, token)
    }

    /// Encrypts the new access token for the row, with `WORKOS_TOKEN_ROUTE` only.
    fn seal_access_token(
        &self,
        authentication: &Authentication,
    ) -> Result<Option<Vec<u8>>, SealError> {
        if !self.context.stores_access_tokens {
            return Ok(None);
        }
        let token = authentication.access_token.expose_secret().as_bytes();
        let place = SessionRow::access_token_place(&self.row.id);
        self.context.keys.seal_row(&place, token).map(Some)
    }

    fn confirmation(&self, authentication: Authentication) -> Result<Confirmation, SealError> {
        let now = self.context.clock.now();
        let expires_at = authentication.access_token_expires_at.map(Timestamp::from);
        let until = confirmed_until(expires_at, now);
        let requested = self.request.target_organization(&self.row);
        let requested = requested.cloned();
        Ok(Confirmation {
            workos_refresh_token: Some(self.seal(&authentication)?),
            workos_access_token: self.seal_access_token(&authentication)?,
            workos_sid: authentication.sid.or(self.row.workos_sid.clone()),
            // A response that names no organisation is about the requested one.
            organization_id: authentication.organization_id.or(requested),
            role: authentication.role,
            workos_facts: Some(authentication.facts.to_json()),
            confirmed_until: Some(until),
            renew_after: Some(renew_after(until, now)),
            renewal_failures: 0,
        })
    }

    /// Stores the new tokens and the new state of the session.
    pub(super) async fn confirm(
        self,
        authentication: Authentication,
    ) -> Result<Option<SessionStatus>, RenewalError> {
        self.context.refused.forget(&self.row.id);
        let profile = WorkosProfile::from(&authentication.user);
        let workos_facts = authentication.facts.clone();
        let confirmation = self.confirmation(authentication)?;
        let facts = SessionFacts {
            organization_id: confirmation.organization_id.clone(),
            role: confirmation.role.clone(),
            workos: workos_facts,
        };
        let now = self.context.clock.now();
        let switches = self.request.switch_to.is_some();
        let device = self.request.device.clone();
        let database = self.database();
        let Self {
            context, row, user, ..
        } = self;
        let id = row.id.clone();
        let unstored =
            RenewedSession::from_confirmation(user.clone(), &confirmation, row.generation, now);
        let unstored_facts = facts.clone();
        let store: StoreRenewal = Arc::new(move |conn: &mut Conn| {
            if !SessionRow::claim_refresh_token(conn, &row)? {
                return Ok(None);
            }
            let changes_facts = facts.would_change(conn, &row)?;
            SessionRow::confirm(conn, &row.id, &confirmation)?;
            let renew_again = expire_if_generation_changed(conn, &row, now)?;
            // The other replicas have the old facts in memory.
            if switches || changes_facts {
                SessionRow::increment_generation(conn, &row.id, now)?;
            }
            move_tokens_to_new_sid(conn, &row, &confirmation)?;
            let updated = update_from_workos(conn, user.clone(), &profile, &device, now)?;
            let Some(user) = updated else {
                // The address was not verified when this session began, so it has ended.
                return Ok(None);
            };
            // A change of the account has begun a new generation too.
            let latest = SessionGeneration::of(conn, &row.id)?;
            let new_generation = latest.filter(|latest| latest.generation != row.generation);
            let generation = new_generation.as_ref();
            let generation = generation.map_or(row.generation, |new| new.generation);
            let mut renewed =
                RenewedSession::from_confirmation(user, &confirmation, generation, now);
            if renew_again {
                renewed.renew_after = now;
            }
            Ok(Some((renewed, new_generation)))
        });
        let write_behind = &context.write_behind;
        match write_behind.write(&database, Arc::clone(&store)).await {
            Ok(Some((renewed, new_generation))) => {
                if let Some(new) = new_generation {
                    context.revocations.add_generation(&new);
                }
                Ok(Some(SessionStatus::Valid(Arc::new(renewed))))
            }
            Ok(None) => Ok(None),
            Err(_) => {
                let renewed = Arc::new(unstored);
                let unstored = (Arc::clone(&renewed), unstored_facts);
                write_behind.store_later(id, database, unstored, store);
                Ok(Some(SessionStatus::Valid(renewed)))
            }
        }
    }

    /// Stores that WorkOS could not be reached, and when to try again.
    pub(super) async fn record_failure(
        mut self,
        token: Option<Vec<u8>>,
        error: &WorkosError,
    ) -> Result<Option<SessionStatus>, RenewalError> {
        let (clock, refused) = (&self.context.clock, &self.context.refused);
        let now = clock.now();
        refused.record_failure(&self.row, error, clock.elapsed());
        let failures = self.row.renewal_failures.saturating_add(1);
        let renew_after = now.plus(policy::back_off(failures, random_fraction()));
        // WorkOS may have consumed the token, now or when it was sent before.
        let is_unanswered = token.is_none() && (error.is_lost() || self.was_sent_before());
        let sent_at = self.row.refresh_token_sent_at;
        log::warn!(
            "failed to renew session {} of account {}, {failures} times in a row: {error}",
            self.row.id,
            self.user.id
        );
        self.row.renewal_failures = failures;
        self.row.renew_after = Some(renew_after);
        self.row.renewing_until = None;
        let failure = RenewalFailure {
            workos_refresh_token: token,
            renew_after,
            failures,
            refresh_token_sent_at: sent_at.filter(|_| is_unanswered),
        };
        let (id, lease, database) = (self.row.id.clone(), self.lease, self.database());
        let stored = self.context.write_behind.write(
            &database,
            Arc::new(move |conn: &mut Conn| {
                let is_held = SessionRow::release_lease(conn, &id, lease)?;
                if is_held {
                    SessionRow::record_failure(conn, &id, &failure)?;
                }
                Ok(is_held)
            }),
        );
        if !stored.await? {
            return Ok(None);
        }
        if is_unanswered {
            self.context.answer_lost.notify_one();
        }
        match policy::decide(&self.row, now, self.context.grace(&self.row)) {
            RenewalDecision::Renew | RenewalDecision::Wait => Ok(None),
            decision => decided(decision, &self.row, self.user, now).map(Some),
        }
    }

    /// Ends the session because it cannot be renewed.
    pub(super) async fn end(self, reason: &str) -> Result<Option<SessionStatus>, RenewalError> {
        let now = self.context.clock.now();
        let database = self.database();
        let (id, lease) = (self.row.id, self.lease);
        let event = AuditEvent::SessionRevoked {
            user_id: self.row.user_id,
            session_id: id.clone(),
            reason: RevocationReason::NotRenewed,
        };
        let device = self.request.device.clone();
        let ended = self.context.write_behind.write(
            &database,
            Arc::new(move |conn: &mut Conn| {
                if !SessionRow::release_lease(conn, &id, lease)? {
                    return Ok(None);
                }
                event.record(conn, &device, now)?;
                end_session(conn, &id, now).map_err(DbError::from)
            }),
        );
        let Some(row) = ended.await? else {
            return Ok(None);
        };
        self.context
            .revocations
            .add_revoked(&row.id, row.expires_at);
        log::info!(
            "account {} signed out: its session could not be renewed: {reason}",
            self.user.id
        );
        Ok(Some(SessionStatus::Refused))
    }
}

/// If the session's generation changed while WorkOS was being asked, WorkOS may not have known of the
/// change yet. The session then expires at once, so that the next request renews it again.
fn expire_if_generation_changed(
    conn: &mut Conn,
    row: &SessionRow,
    now: Timestamp,
) -> QueryResult<bool> {
    let current = SessionRow::by_id(conn, &row.id)?;
    let has_changed = current.is_some_and(|current| current.generation != row.generation);
    if has_changed {
        SessionRow::discard_confirmation(conn, &row.id, now)?;
    }
    Ok(has_changed)
}

/// WorkOS's own emulator gives a session a new `sid` at each renewal. The tokens that depend on the
/// old one are moved, so that a log-out still finds them.
fn move_tokens_to_new_sid(
    conn: &mut Conn,
    row: &SessionRow,
    confirmation: &Confirmation,
) -> Result<(), DbError> {
    if let (Some(old), Some(new)) = (&row.workos_sid, &confirmation.workos_sid)
        && old != new
    {
        log::debug!("the WorkOS session {old} continues as {new}");
        RefreshTokenRow::replace_sid(conn, old, new)?;
    }
    Ok(())
}
