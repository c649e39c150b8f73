//! Pending sign-ins: WorkOS requires another answer of the user before it authenticates them.
//!
//! A pending sign-in is stored in a row, because the list of a user's organisations may be larger than
//! a cookie can be. The browser holds the secret with which the row is found. After the sign-in has
//! ended, the row holds its result for half a minute, so that a form that is sent twice gets the same
//! response twice.

mod row;

use serde::{Deserialize, Serialize};

use super::requirement::SignInRequirement;
use super::service::SignInService;
use crate::client_network::client_hash;
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::error::{InternalError, SignInFailure};
use crate::hex::sha256_hex;
use crate::ids::{OrganizationId, SessionId};
use crate::keys::Keys;
use crate::sessions::SessionState;
use crate::workos::{ClientDevice, HostedStep, PendingAuthentication, StepQuestion};

pub use row::PendingSignInRow;

/// The content of a row. The names in JSON are those of rows that earlier versions wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingState {
    /// The sign-in waits for an answer.
    #[serde(rename = "waits")]
    Waiting(PendingSignIn),
    /// The sign-in has ended.
    Ended(EndedSignIn),
}

/// A sign-in that waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// WorkOS's question.
    pub pending: PendingAuthentication,
    /// The attempt's fingerprint. One attempt creates one session, however many steps it takes.
    pub attempt: String,
    /// Where to return after the sign-in. It was validated when the attempt began.
    pub next: String,
    /// The organisation of the session, if one was requested.
    pub organization_id: Option<OrganizationId>,
    /// The browser's session when WorkOS asked its first question.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// When WorkOS asked its first question, in microseconds since the Unix epoch; `None` in rows of earlier
    /// versions.
    #[serde(default)]
    pub began_at: Option<i64>,
    /// What the sign-in must show.
    #[serde(default, skip_serializing_if = "SignInRequirement::is_empty")]
    pub requirement: SignInRequirement,
    /// The hash of the client that answered the question before; `None` at the first question. The next question is
    /// for this client alone: whoever began the sign-in and set its cookie in another person's browser has the
    /// cookie too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
}

/// A sign-in that has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndedSignIn {
    /// See [`PendingSignIn::next`].
    pub next: String,
    /// Its result.
    pub end: SignInEnd,
    /// The [`answer_proof`] of the answer that ended it; `None` in rows of earlier versions.
    #[serde(default)]
    pub proof: Option<String>,
}

/// What a request must show to get the result of an answer again: the answer, and the same client.
pub(super) fn answer_proof(answer: &str, device: &ClientDevice) -> String {
    sha256_hex(&format!("{} {answer}", client_hash(device)))
}

/// The result of a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInEnd {
    /// A session.
    SignedIn(Box<SessionState>),
    /// A new sign-in at WorkOS, into this organisation if one was requested.
    #[serde(rename = "elsewhere")]
    ContinueAtWorkos(HostedStep, Option<OrganizationId>),
}

impl PendingSignIn {
    /// How long the browser keeps its cookie, in seconds.
    pub const COOKIE_MAX_AGE: i64 = row::RETENTION.num_seconds();

    /// Whether this client may answer, in the browser's session. A choice of organisation proves nothing about who
    /// answers, so it must not replace a session that has begun since: that may be another user's.
    pub fn may_be_answered_by(&self, device: &ClientDevice, session: Option<&SessionId>) -> bool {
        let answered_by = self.answered_by.as_ref();
        if answered_by.is_some_and(|client| *client != client_hash(device)) {
            return false;
        }
        match self.pending.question {
            StepQuestion::Organization(_) => {
                session.is_none() || session == self.session_id.as_ref()
            }
            StepQuestion::Email(_) | StepQuestion::Totp { .. } => true,
        }
    }

    /// The same sign-in after WorkOS accepted the `answer` of this device and asked the next question.
    pub(super) fn after(
        &self,
        answer: &str,
        device: &ClientDevice,
        next: PendingAuthentication,
    ) -> Self {
        Self {
            pending: next,
            attempt: self.attempt.clone(),
            next: self.next.clone(),
            organization_id: self.organization_after(answer),
            session_id: self.session_id.clone(),
            began_at: self.began_at,
            requirement: self.requirement.clone(),
            answered_by: Some(client_hash(device)),
        }
    }

    /// The organisation of the sign-in after this answer, which may choose one.
    pub(super) fn organization_after(&self, answer: &str) -> Option<OrganizationId> {
        match self.pending.question {
            StepQuestion::Organization(_) => Some(answer.into()),
            StepQuestion::Email(_) | StepQuestion::Totp { .. } => self.organization_id.clone(),
        }
    }
}

impl PendingState {
    /// Where to return after the sign-in.
    pub fn next(&self) -> &str {
        match self {
            Self::Waiting(pending) => &pending.next,
            Self::Ended(ended) => &ended.next,
        }
    }

    /// Whether the sign-in waits for a choice of organisation.
    fn waits_for_a_choice(&self) -> bool {
        match self {
            Self::Waiting(sign_in) => {
                matches!(sign_in.pending.question, StepQuestion::Organization(_))
            }
            Self::Ended(_) => false,
        }
    }

    /// Encrypts the state for the row `id`.
    pub(super) fn seal(&self, keys: &Keys, id: &str) -> Result<Vec<u8>, SignInFailure> {
        let plain = serde_json::to_vec(self)
            .map_err(|error| InternalError::new("write the state of a sign-in as JSON", error))?;
        Ok(keys.seal_row(&place(id), &plain)?)
    }
}

impl SignInService {
    /// Stores a pending sign-in in a new row with this id.
    pub async fn store_pending(
        &self,
        pending: PendingSignIn,
        id: &str,
        now: Timestamp,
    ) -> Result<(), SignInFailure> {
        let content = PendingState::Waiting(pending).seal(&self.services.keys, id)?;
        let row = PendingSignInRow::new(id, content, now);
        self.services
            .database
            .write(move |conn| row.insert(conn).map_err(SignInFailure::from))
            .await
    }

    /// Deletes the pending sign-ins with these ids, because their browser's user has changed.
    pub async fn delete_pending(&self, ids: Vec<String>) -> Result<(), DbError> {
        if ids.is_empty() {
            return Ok(());
        }
        let deleted = self
            .services
            .database
            .write(move |conn| PendingSignInRow::delete_all(conn, &ids).map_err(DbError::from))
            .await?;
        log::debug!("deleted {deleted} pending sign-ins of a browser whose user has changed");
        Ok(())
    }

    /// Deletes those of these pending sign-ins that wait for a choice of organisation, and returns their ids. A
    /// choice needs no secret, so the browser's next user could make it.
    pub async fn delete_choices(&self, ids: Vec<String>) -> Result<Vec<String>, DbError> {
        let found = self.pending_of(ids).await?.into_iter();
        let choices = found.filter(|(_, state)| state.waits_for_a_choice());
        let choices: Vec<String> = choices.map(|(row, _)| row.id).collect();
        self.delete_pending(choices.clone()).await?;
        Ok(choices)
    }

    /// The newest pending sign-in with one of these ids, and its row.
    pub async fn newest_pending(
        &self,
        ids: Vec<String>,
    ) -> Result<Option<(PendingSignInRow, PendingState)>, DbError> {
        Ok(self.pending_of(ids).await?.into_iter().next())
    }

    /// The pending sign-ins with these ids and their rows, the newest first.
    async fn pending_of(
        &self,
        ids: Vec<String>,
    ) -> Result<Vec<(PendingSignInRow, PendingState)>, DbError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<PendingSignInRow> = self
            .services
            .database
            .read(move |conn| PendingSignInRow::newest_first(conn, &ids).map_err(DbError::from))
            .await?;
        let open = |row: PendingSignInRow| {
            let opened = self.services.keys.open_row(&place(&row.id), &row.content)?;
            let state = serde_json::from_slice(&opened.plain).ok()?;
            Some((row, state))
        };
        Ok(rows.into_iter().filter_map(open).collect())
    }
}

/// The place to which the encryption of a row's content is bound. It is not renamed with the table,
/// because that would make the rows of earlier versions unreadable.
fn place(id: &str) -> String {
    format!("unfinished_sign_ins:{id}")
}
