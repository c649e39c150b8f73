//! A sign-in that waits for an answer of the person's, kept until it comes, and what it came to for
//! half a minute more: a form that was sent twice is answered twice.
//!
//! It is a row, since the list of somebody's organisations may be larger than any cookie; the
//! browser holds what the row is found by.

mod row;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::DbError;
use crate::error::{InternalError, SignInFailure};
use crate::sessions::SessionState;
use crate::state::AppState;
use crate::workos::{HostedStep, PendingAuthentication, StepQuestion};

pub use row::UnfinishedRow;

/// Whoever comes late is still told so, with the way back.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);
/// How long its end is told to whoever sends the form again: a click more, or an answer that the
/// browser dropped. WorkOS gives a lost renewal again for as long.
const END_REMEMBERED: TimeDelta = TimeDelta::seconds(30);

/// What a row says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// An answer is waited for.
    Waits(Unfinished),
    /// It has come.
    Ended(Ended),
}

/// A sign-in that waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unfinished {
    /// What WorkOS asks for.
    pub pending: PendingAuthentication,
    /// The attempt's fingerprint: one attempt makes one session, however many steps it takes.
    pub attempt: String,
    /// The way back, checked when the attempt began.
    pub next: String,
    /// The organisation that the sign-in is to end in, where one was asked for.
    pub organization_id: Option<String>,
}

/// A sign-in that waits no longer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// See [`Unfinished::next`].
    pub next: String,
    /// What it came to.
    pub end: End,
}

/// What a sign-in came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// A session.
    SignedIn(Box<SessionState>),
    /// A fresh sign-in at WorkOS, into this organisation where one was asked for.
    Elsewhere(HostedStep, Option<String>),
}

impl Unfinished {
    /// How long a browser is to remember it.
    pub const REMEMBERED_SECONDS: i64 = REMEMBERED.num_seconds();

    /// The same sign-in, which waits for something else now that `given` was taken.
    pub fn followed_by(&self, pending: PendingAuthentication, given: &str) -> Self {
        let chosen = match self.pending.question {
            StepQuestion::Organization(_) => Some(given.to_owned()),
            StepQuestion::Email(_) | StepQuestion::Totp { .. } => self.organization_id.clone(),
        };
        Self {
            pending,
            attempt: self.attempt.clone(),
            next: self.next.clone(),
            organization_id: chosen,
        }
    }

    /// Keeps it under `id`, which is new.
    pub async fn keep(self, app: &AppState, id: &str, now: Timestamp) -> Result<(), SignInFailure> {
        let content = Kept::Waits(self).seal(app, id)?;
        let row = UnfinishedRow::new(id, content, now);
        app.database
            .write(move |conn| row.insert(conn).map_err(SignInFailure::from))
            .await
    }
}

impl Kept {
    /// The newest of these that is there, with its row.
    pub async fn newest(
        app: &AppState,
        ids: Vec<String>,
    ) -> Result<Option<(UnfinishedRow, Self)>, DbError> {
        let rows: Vec<UnfinishedRow> = app
            .database
            .read(move |conn| UnfinishedRow::newest_of(conn, &ids).map_err(DbError::from))
            .await?;
        Ok(rows.into_iter().find_map(|row| {
            let opened = app.keys.open_row(&place(&row.id), &row.content)?;
            let kept = serde_json::from_slice(&opened.plain).ok()?;
            Some((row, kept))
        }))
    }

    /// The way back.
    pub fn next(&self) -> &str {
        match self {
            Self::Waits(unfinished) => &unfinished.next,
            Self::Ended(ended) => &ended.next,
        }
    }

    pub(super) fn seal(&self, app: &AppState, id: &str) -> Result<Vec<u8>, SignInFailure> {
        let plain = serde_json::to_vec(self)
            .map_err(|error| InternalError::new("write the state of a sign-in as JSON", error))?;
        Ok(app.keys.seal_row(&place(id), &plain)?)
    }
}

fn place(id: &str) -> String {
    format!("unfinished_sign_ins:{id}")
}
