//! Applies WorkOS's events, which it sends by webhook or lists in its Events API: changed and deleted users, revoked sessions and
//! changed memberships.

use std::sync::Arc;

use diesel::prelude::*;

use crate::account_queue::AccountReference;
use crate::accounts::{self, ProvisionError, User, WorkosProfile, provision};
use crate::audit::{AuditEvent, ChangedBy, RevocationReason};
use crate::clock::Timestamp;
use crate::db::schema::webhook_events;
use crate::db::{Conn, Database, DbError, load_unlocked, on_unique_violation};
use crate::ids::{SessionId, WorkosSid};
use crate::logging::RepeatedWarning;
use crate::memberships::Memberships;
use crate::sessions::{RevocationCache, SessionGeneration, SessionRow, WorkosRevocation};
use crate::tokens::RefreshTokenRow;
use crate::workos::webhook::{SignatureError, WebhookEvent, WebhookMessage};
use crate::workos::{ClientDevice, WorkosUser};

/// Applies WorkOS's events, each once. Cheap to clone.
#[derive(Clone)]
pub struct WebhookService {
    database: Database,
    memberships: Memberships,
    revocations: Arc<RevocationCache>,
    refusals: Arc<RepeatedWarning>,
}

/// The result of receiving an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventReceipt {
    /// The event was new and has been applied.
    Applied,
    /// The event was received before; nothing was done.
    Duplicate,
}

/// Ids and expiry times of the sessions that an event ended.
type EndedSessions = Vec<(SessionId, Timestamp)>;

/// What an event changed, for the caches of this replica.
#[derive(Debug, Default)]
struct SessionChanges {
    ended: EndedSessions,
    changed_generations: Vec<SessionGeneration>,
}

impl SessionChanges {
    fn ended(ended: EndedSessions) -> Self {
        Self {
            ended,
            ..Self::default()
        }
    }
}

impl WebhookService {
    /// Creates the service.
    pub fn new(
        database: Database,
        memberships: Memberships,
        revocations: Arc<RevocationCache>,
    ) -> Self {
        Self {
            database,
            memberships,
            revocations,
            refusals: Arc::new(RepeatedWarning::new(module_path!())),
        }
    }

    /// Logs that a request was refused because it was not signed by WorkOS. Anybody can send such
    /// requests, so the log has one line a minute at most.
    pub fn log_refusal(&self, error: &SignatureError) {
        self.refusals
            .log(|repeated| format!("refused a webhook: {error}{repeated}"));
    }

    /// Applies an event once: WorkOS repeats a webhook until it is acknowledged, and the Events API has the same events. The caches of this
    /// replica are updated at once, instead of at their next reading.
    pub async fn receive(
        &self,
        message: WebhookMessage,
        event: WebhookEvent,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<EventReceipt, DbError> {
        let account = match &event {
            WebhookEvent::UserChanged(WorkosUser { id, .. })
            | WebhookEvent::UserDeleted { id }
            | WebhookEvent::MembershipChanged { user_id: id } => {
                Some(AccountReference::WorkosUser(id.clone()))
            }
            WebhookEvent::SessionRevoked { id } => {
                Some(AccountReference::WorkosSession(id.as_str().into()))
            }
            WebhookEvent::Other => None,
        };
        let database = match account {
            Some(account) => account.queue(&self.database).await?,
            None => self.database.clone(),
        };
        self.apply_on(&database, message, event, device, now).await
    }

    /// As [`receive`](Self::receive), for a caller that applies one event at a time. It does not wait behind requests of
    /// the account, which could delay the account's end without end.
    pub async fn apply_next(
        &self,
        message: WebhookMessage,
        event: WebhookEvent,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<EventReceipt, DbError> {
        self.apply_on(&self.database, message, event, device, now)
            .await
    }

    async fn apply_on(
        &self,
        database: &Database,
        message: WebhookMessage,
        event: WebhookEvent,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<EventReceipt, DbError> {
        let member = match &event {
            WebhookEvent::MembershipChanged { user_id } => Some(user_id.clone()),
            _ => None,
        };
        let changes = database
            .write(move |conn| {
                if !record(conn, &message, &event, now)? {
                    return Ok(None);
                }
                apply(conn, &event, &device, now).map(Some)
            })
            .await?;
        let Some(changes) = changes else {
            return Ok(EventReceipt::Duplicate);
        };
        if let Some(user_id) = member {
            self.memberships.forget(&user_id);
        }
        for (id, expires_at) in changes.ended {
            self.revocations.add_revoked(&id, expires_at);
        }
        for changed in &changes.changed_generations {
            self.revocations.add_generation(changed);
        }
        Ok(EventReceipt::Applied)
    }
}

/// Deletes at most `limit` events that are too old for WorkOS to repeat.
pub fn delete_expired(conn: &mut Conn, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let old: Vec<String> = load_unlocked!(
        conn,
        webhook_events::table
            .filter(webhook_events::received_at.le(now.plus(-accounts::DELETED_USER_RETENTION)))
            .select(webhook_events::id)
            .limit(limit)
    )?;
    diesel::delete(webhook_events::table.filter(webhook_events::id.eq_any(old))).execute(conn)
}

/// Inserts the event's row. Returns `false` if it was recorded before.
fn record(
    conn: &mut Conn,
    message: &WebhookMessage,
    event: &WebhookEvent,
    now: Timestamp,
) -> QueryResult<bool> {
    let row = (
        webhook_events::id.eq(&message.id),
        webhook_events::event.eq(&message.event),
        webhook_events::object_id.eq(event.object_id()),
        webhook_events::received_at.eq(now),
    );
    let inserted = on_unique_violation(conn, |conn| {
        diesel::insert_into(webhook_events::table)
            .values(row)
            .execute(conn)
    })?;
    Ok(inserted.is_some())
}

fn apply(
    conn: &mut Conn,
    event: &WebhookEvent,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<SessionChanges, DbError> {
    match event {
        WebhookEvent::UserChanged(user) => {
            let ended = user_changed(conn, &WorkosProfile::from(user), device, now)?;
            Ok(SessionChanges::ended(ended))
        }
        WebhookEvent::UserDeleted { id } => {
            Ok(SessionChanges::ended(user_deleted(conn, id, device, now)?))
        }
        WebhookEvent::SessionRevoked { id } => Ok(SessionChanges::ended(session_revoked(
            conn,
            &WorkosSid::from(id.as_str()),
            device,
            now,
        )?)),
        WebhookEvent::MembershipChanged { user_id } => Ok(SessionChanges {
            changed_generations: membership_changed(conn, user_id, now)?,
            ..SessionChanges::default()
        }),
        WebhookEvent::Other => Ok(SessionChanges::default()),
    }
}

/// Updates or creates the account by the rules of a sign-in, with two exceptions. An unknown user with
/// an unverified address gets no account, because nobody has proved that the address is theirs. Their
/// account is created when they sign in. An account of staff or of a superuser is not linked by its
/// address alone, as it is not by Google or Okta: whoever has the webhook's secret can write any event. Its
/// user's own sign-in through WorkOS links it. Returns the sessions that end because the address was not
/// verified before.
fn user_changed(
    conn: &mut Conn,
    profile: &WorkosProfile,
    device: &ClientDevice,
    now: Timestamp,
) -> Result<EndedSessions, DbError> {
    let known = User::by_workos_user_id(conn, &profile.workos_user_id)?;
    let open = match &known {
        Some(user) => SessionRow::active_of_user(conn, user.id, now)?,
        None if !profile.email_verified => return Ok(EndedSessions::new()),
        None if needs_sign_in_to_link(conn, &profile.email)? => {
            log::info!("a user event from WorkOS does not link an account of staff or a superuser");
            return Ok(EndedSessions::new());
        }
        None => Vec::new(),
    };
    let user = match provision(conn, profile, device, now) {
        Ok(user) => user,
        Err(ProvisionError::Database(error)) => return Err(error),
        // WorkOS is not asked to repeat the event, because the result would be the same.
        Err(refusal) => {
            log::info!("a user event from WorkOS was not applied: {refusal}");
            return Ok(EndedSessions::new());
        }
    };
    log::info!("account {} updated from a WorkOS event", user.id);
    let still_open = SessionRow::active_of_user(conn, user.id, now)?;
    let has_ended = |row: &SessionRow| still_open.iter().all(|open| open.id != row.id);
    let ended = open.into_iter().filter(has_ended);
    Ok(ended.map(|row| (row.id, row.expires_at)).collect())
}

/// Whether the account with this email is one of staff or of a superuser without a WorkOS user.
fn needs_sign_in_to_link(conn: &mut Conn, email: &str) -> QueryResult<bool> {
    let user = User::by_email(conn, email.trim())?;
    let user = user.filter(|user| user.workos_user_id.is_none());
    Ok(user.is_some_and(|user| user.has_privileges()))
}

fn user_deleted(
    conn: &mut Conn,
    workos_user_id: &str,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<EndedSessions> {
    accounts::record_deleted_workos_user(conn, workos_user_id, now)?;
    let Some(user) = User::by_workos_user_id(conn, workos_user_id)? else {
        return Ok(EndedSessions::new());
    };
    let open = SessionRow::active_of_user(conn, user.id, now)?;
    if let Some(ended_sessions) = accounts::deactivate_deleted_user(conn, user.id, now)? {
        let closed = AuditEvent::AccountClosed {
            user_id: user.id,
            by: ChangedBy::Workos,
            ended_sessions,
        };
        closed.record(conn, device, now)?;
    }
    Ok(open
        .into_iter()
        .map(|row| (row.id, row.expires_at))
        .collect())
}

fn session_revoked(
    conn: &mut Conn,
    sid: &WorkosSid,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<EndedSessions> {
    WorkosRevocation::delete(conn, sid)?;
    let ended = SessionRow::revoke_sid(conn, sid, now)?;
    let families = RefreshTokenRow::revoke_sid(conn, sid, now)?;
    if !ended.is_empty() || families > 0 {
        log::info!(
            "WorkOS revoked a session: {} sessions and {families} token families ended",
            ended.len()
        );
    }
    for row in &ended {
        let revoked = AuditEvent::SessionRevoked {
            user_id: row.user_id,
            session_id: row.id.clone(),
            reason: RevocationReason::RevokedAtWorkos,
        };
        revoked.record(conn, device, now)?;
    }
    let ended = ended.into_iter().map(|row| (row.id, row.expires_at));
    Ok(ended.collect())
}

/// Makes each of the user's sessions be renewed at its next request, so that it gets the new
/// organisation and role.
fn membership_changed(
    conn: &mut Conn,
    workos_user_id: &str,
    now: Timestamp,
) -> QueryResult<Vec<SessionGeneration>> {
    let Some(user) = User::by_workos_user_id(conn, workos_user_id)? else {
        return Ok(Vec::new());
    };
    let changed_generations = SessionRow::require_renewal(conn, user.id, now)?;
    log::info!(
        "a membership of account {} changed: {} sessions are to be renewed",
        user.id,
        changed_generations.len()
    );
    Ok(changed_generations)
}
