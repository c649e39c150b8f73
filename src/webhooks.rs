//! What WorkOS tells by itself, brought into the tables: people who change or go, sessions that end.

use diesel::prelude::*;

use crate::accounts::{self, ProvisionError, User, WorkosProfile, provision};
use crate::clock::Timestamp;
use crate::db::schema::webhook_events;
use crate::db::{Conn, DbError, unless_taken};
use crate::sessions::{Mark, SessionRow};
use crate::state::AppState;
use crate::tokens::RefreshTokenRow;
use crate::workos::webhook::{WebhookEvent, WebhookMessage};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was new.
    Now,
    /// It had come before.
    Before,
}

/// Ids and ends of the sessions that an event has ended.
type Ended = Vec<(String, Timestamp)>;

/// What this replica need not wait for its next reading to know.
#[derive(Debug, Default)]
struct News {
    ended: Ended,
    marked: Vec<Mark>,
}

impl News {
    fn ended(ended: Ended) -> Self {
        Self {
            ended,
            ..Self::default()
        }
    }
}

/// Takes a message in, once: WorkOS repeats what it thinks was not heard. Ends sessions on this replica
/// at once.
pub async fn take(
    app: &AppState,
    message: WebhookMessage,
    event: WebhookEvent,
    now: Timestamp,
) -> Result<Taken, DbError> {
    let member = match &event {
        WebhookEvent::MembershipChanged { user_id } => Some(user_id.clone()),
        _ => None,
    };
    let news = app
        .database
        .write(move |conn| {
            if !note(conn, &message, &event, now)? {
                return Ok(None);
            }
            apply(conn, &event, now).map(Some)
        })
        .await?;
    let Some(news) = news else {
        return Ok(Taken::Before);
    };
    if let Some(user_id) = member {
        app.memberships.forget(&user_id);
    }
    for (id, end) in news.ended {
        app.revocations.end(&id, end);
    }
    for mark in &news.marked {
        app.revocations.mark(mark);
    }
    Ok(Taken::Now)
}

/// Deletes the events that nobody repeats any more, `most` of them at the most.
pub fn delete_expired(conn: &mut Conn, now: Timestamp, most: i64) -> QueryResult<usize> {
    let old: Vec<String> = webhook_events::table
        .filter(webhook_events::received_at.le(now.plus(-accounts::DELETED_USER_RETENTION)))
        .select(webhook_events::id)
        .limit(most)
        .load(conn)?;
    diesel::delete(webhook_events::table.filter(webhook_events::id.eq_any(old))).execute(conn)
}

/// Writes the event down; `false` when it was before.
fn note(
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
    let new = unless_taken(conn, |conn| {
        diesel::insert_into(webhook_events::table)
            .values(row)
            .execute(conn)
    })?;
    Ok(new.is_some())
}

fn apply(conn: &mut Conn, event: &WebhookEvent, now: Timestamp) -> Result<News, DbError> {
    match event {
        WebhookEvent::UserChanged(user) => {
            user_changed(conn, &WorkosProfile::from(user), now)?;
            Ok(News::default())
        }
        WebhookEvent::UserDeleted { id } => Ok(News::ended(user_deleted(conn, id, now)?)),
        WebhookEvent::SessionRevoked { id } => Ok(News::ended(session_revoked(conn, id, now)?)),
        WebhookEvent::MembershipChanged { user_id } => Ok(News {
            marked: membership_changed(conn, user_id, now)?,
            ..News::default()
        }),
        WebhookEvent::Other => Ok(News::default()),
    }
}

/// By the rules of a sign-in. But nobody has shown here that an unverified address is theirs, so it
/// takes no row of its own: that waits for a sign-in.
fn user_changed(conn: &mut Conn, profile: &WorkosProfile, now: Timestamp) -> Result<(), DbError> {
    let known = User::by_workos_user_id(conn, &profile.workos_user_id)?.is_some();
    if !known && !profile.email_verified {
        return Ok(());
    }
    match provision(conn, profile, now) {
        Ok(user) => log::info!("WorkOS told of a change: account {}", user.id),
        Err(ProvisionError::Database(error)) => return Err(error),
        // It would be refused again, however often WorkOS repeated it.
        Err(refusal) => log::info!("WorkOS told of a change that is not taken: {refusal}"),
    }
    Ok(())
}

fn user_deleted(conn: &mut Conn, workos_user_id: &str, now: Timestamp) -> QueryResult<Ended> {
    let Some(user) = User::by_workos_user_id(conn, workos_user_id)? else {
        return Ok(Ended::new());
    };
    let open = SessionRow::open_of(conn, user.id, now)?;
    accounts::deactivate_deleted_user(conn, user.id, now)?;
    log::info!("WorkOS deleted a user: account {} is closed", user.id);
    Ok(open
        .into_iter()
        .map(|row| (row.id, row.expires_at))
        .collect())
}

fn session_revoked(conn: &mut Conn, sid: &str, now: Timestamp) -> QueryResult<Ended> {
    let ended = SessionRow::revoke_sid(conn, sid, now)?;
    let families = RefreshTokenRow::revoke_sid(conn, sid, now)?;
    if !ended.is_empty() || families > 0 {
        log::info!("WorkOS revoked a session that stood here");
    }
    Ok(ended)
}

/// What WorkOS has confirmed of this person's sessions no longer counts: the next request of each asks.
fn membership_changed(
    conn: &mut Conn,
    workos_user_id: &str,
    now: Timestamp,
) -> QueryResult<Vec<Mark>> {
    let Some(user) = User::by_workos_user_id(conn, workos_user_id)? else {
        return Ok(Vec::new());
    };
    let marked = SessionRow::ask_to_renew(conn, user.id, now)?;
    log::info!(
        "a membership of account {} changed: {} sessions are to be renewed",
        user.id,
        marked.len()
    );
    Ok(marked)
}
