//! A sign-in that waits for an answer of the person's, kept until it comes.
//!
//! It is a row, since the list of somebody's organisations may be larger than any cookie; the
//! browser holds what the row is found by.

use chrono::TimeDelta;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::schema::unfinished_sign_ins as rows;
use crate::db::{Conn, DbError, unless_taken};
use crate::error::SignInFailure;
use crate::state::AppState;
use crate::workos::{Authentication, Device, Pending, Question, StepAnswer, WorkosError};

/// As long as WorkOS's codes are good.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Whoever comes late is still told so, with the way back.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);
/// WorkOS's codes have six digits.
const LONGEST_CODE: usize = 32;

/// A sign-in that waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unfinished {
    /// What WorkOS asks for.
    pub pending: Pending,
    /// The attempt's fingerprint: one attempt makes one session, however many steps it takes.
    pub attempt: String,
    /// The way back, checked when the attempt began.
    pub next: String,
    /// The organisation that the sign-in is to end in, where one was asked for.
    pub organization_id: Option<String>,
}

/// What the database keeps of it.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = rows)]
pub struct UnfinishedRow {
    /// SHA-256 of what the browser's cookie holds, in hex.
    pub id: String,
    /// An [`Unfinished`], encrypted.
    pub content: Vec<u8>,
    /// When WorkOS asked.
    pub asked_at: Timestamp,
    /// From when on the row may go.
    pub expires_at: Timestamp,
}

impl Unfinished {
    /// How long a browser is to remember it.
    pub const REMEMBERED_SECONDS: i64 = REMEMBERED.num_seconds();

    /// The same sign-in, which waits for something else now that `given` was taken.
    pub fn followed_by(&self, pending: Pending, given: &str) -> Self {
        let chosen = match self.pending.question {
            Question::Organization(_) => Some(given.to_owned()),
            Question::Email(_) | Question::Totp { .. } => self.organization_id.clone(),
        };
        Self {
            pending,
            attempt: self.attempt.clone(),
            next: self.next.clone(),
            organization_id: chosen,
        }
    }

    /// Keeps it under `id`, in place of the step before.
    pub async fn keep(
        &self,
        app: &AppState,
        id: &str,
        now: Timestamp,
    ) -> Result<(), SignInFailure> {
        let plain =
            serde_json::to_vec(self).map_err(|error| SignInFailure::Internal(error.to_string()))?;
        let row = UnfinishedRow {
            id: id.to_owned(),
            content: app.keys.seal_row(&place(id), &plain)?,
            asked_at: now,
            expires_at: now.plus(REMEMBERED),
        };
        app.database
            .write(move |conn| row.put(conn).map_err(SignInFailure::from))
            .await
    }

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
            let unfinished = serde_json::from_slice(&opened.plain).ok()?;
            Some((row, unfinished))
        }))
    }

    /// Forgets it: answered, or given up.
    pub async fn forget(app: &AppState, id: &str) {
        let id = id.to_owned();
        let gone = app.database.write(move |conn| {
            let deleted = diesel::delete(rows::table.find(id)).execute(conn);
            deleted.map_err(DbError::from)
        });
        // WorkOS takes no answer twice, so a row that stays does no harm until it is purged.
        if let Err(error) = gone.await {
            log::warn!("an unfinished sign-in stays until it expires: {error}");
        }
    }
}

impl UnfinishedRow {
    /// Whether WorkOS may still take an answer.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.asked_at.plus(LIFETIME)
    }

    /// Deletes up to `most` rows that nobody needs any more.
    pub fn delete_expired(conn: &mut Conn, now: Timestamp, most: i64) -> QueryResult<usize> {
        let expired: Vec<String> = rows::table
            .filter(rows::expires_at.le(now))
            .select(rows::id)
            .limit(most)
            .load(conn)?;
        diesel::delete(rows::table.filter(rows::id.eq_any(expired))).execute(conn)
    }

    fn newest_of(conn: &mut Conn, ids: &[String]) -> QueryResult<Vec<Self>> {
        rows::table
            .filter(rows::id.eq_any(ids.to_vec()))
            .order((rows::asked_at.desc(), rows::id))
            .select(Self::as_select())
            .load(conn)
    }

    fn put(&self, conn: &mut Conn) -> QueryResult<()> {
        let known = diesel::update(rows::table.find(&self.id)).set((
            rows::content.eq(&self.content),
            rows::asked_at.eq(self.asked_at),
            rows::expires_at.eq(self.expires_at),
        ));
        if known.execute(conn)? == 0 {
            unless_taken(conn, |conn| {
                let row = diesel::insert_into(rows::table).values(self);
                row.execute(conn)
            })?;
        }
        Ok(())
    }
}

fn place(id: &str) -> String {
    format!("unfinished_sign_ins:{id}")
}

/// Passes an answer on to WorkOS. For an authenticator's code a challenge is opened first, unless
/// there is one.
pub async fn answer(
    app: &AppState,
    pending: &Pending,
    given: &str,
    challenge_id: Option<&str>,
    device: &Device,
) -> Result<Authentication, WorkosError> {
    let opened;
    let answer = match &pending.question {
        Question::Organization(_) => StepAnswer::Organization(given),
        Question::Email(_) => StepAnswer::EmailCode(given),
        Question::Totp {
            factor_id,
            challenge_id: known,
        } => {
            opened = match (challenge_id, factor_id) {
                (Some(id), _) => id.to_owned(),
                (None, Some(factor_id)) => app.workos.challenge(factor_id).await?,
                (None, None) => known.clone().unwrap_or_default(),
            };
            StepAnswer::TotpCode {
                code: given,
                challenge_id: &opened,
            }
        }
    };
    let token = &pending.token;
    app.workos
        .authenticate_with_step(token, answer, device)
        .await
}

/// Whether WorkOS says so that the person does not belong to the organisation. It has a code for that,
/// and answers 404 without a telling one for an organisation that is gone.
pub fn is_no_membership(code: &str) -> bool {
    matches!(
        code,
        "http_404"
            | "entity_not_found"
            | "organization_not_found"
            | "organization_membership_not_found"
            | "invalid_organization_id"
    )
}

/// A code as people type it, `123 456`, as WorkOS wants it; `None` where it is no code at all.
pub fn code(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    let plain = code.chars().all(|c| c.is_ascii_alphanumeric());
    (!code.is_empty() && code.len() <= LONGEST_CODE && plain).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in ["123456", " 123 456 ", "123-456", "123\u{a0}456\n"] {
            assert_eq!(code(typed).as_deref(), Some("123456"), "{typed:?}");
        }
        for typed in ["", " ", "-", "123\u{0}456", "١٢٣٤٥٦", &"1".repeat(33)] {
            assert_eq!(code(typed), None, "{typed:?}");
        }
    }
}
