//! Answers a request with a refresh token that rotation has replaced, or treats it as theft.

use chrono::TimeDelta;

use super::claims::{TokenError, TokenKind};
use super::pair::TokenPair;
use super::refresh_error::RefreshError;
use super::refresh_token::{REPLAY_WINDOW, RefreshTokenRow};
use super::rotation::{TokenRefresh, queued};
use super::signing::Tokens;
use super::successor::{self, OpenedSuccessor};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::{Conn, Database, DbError, database_time};

/// How long a request with a replaced token may have been on its way. From the same client it is no sign of
/// theft within this time after the replacement: a client that gave up waiting, or a second tab, may have sent
/// it before.
const LONGEST_DELAY: TimeDelta = TimeDelta::seconds(5);

impl Tokens {
    /// Returns the successor of a replaced token again, to the client that replaced it. If the client has
    /// another network or another `User-Agent`, if the replay window is over, or if the successor has been
    /// used, refuses the token and revokes the family.
    ///
    /// A client whose network has changed since it replaced the token has lost the response, or another of
    /// its tabs has it. It cannot be told from a thief, and must sign in again.
    pub(super) async fn replay(
        &self,
        database: &Database,
        request: TokenRefresh<'_>,
        row: &RefreshTokenRow,
    ) -> Result<TokenPair, RefreshError> {
        let now = request.now;
        // The time of this replica, or of the one that replaced the token, may be wrong.
        let clock = request.clock.clone();
        let replayed_at = move |conn: &mut Conn| database_time(conn, &clock).map_err(DbError::from);
        let replayed_at = database.read(replayed_at).await?;
        let is_within = |time| {
            row.consumed_at
                .is_some_and(|at| replayed_at <= at.plus(time))
        };
        let successor = open_successor(request, row).filter(|_| is_within(REPLAY_WINDOW));
        let is_same_client = successor
            .as_ref()
            .is_some_and(|one| one.is_for(request.device));
        if let Some(successor) = successor.filter(|_| is_same_client)
            && self.is_unused(database, &successor.pair, now).await?
        {
            log_answer(request, row);
            return Ok(successor.pair);
        }
        let ends_family = !(is_same_client && is_within(LONGEST_DELAY));
        let (device, family) = (request.device.clone(), row.family.clone());
        let replayed = AuditEvent::TokenReplayed {
            user_id: row.user_id,
            family: family.clone(),
            family_revoked: ends_family,
        };
        if !ends_family {
            // It can be repeated, and must not add a row each time.
            request.failures.count(replayed, &device, now);
            return Err(TokenError::Blacklisted.into());
        }
        queued(database, row.user_id)
            .write(move |conn| {
                if RefreshTokenRow::revoke_family(conn, &family, now)? > 0 {
                    replayed.record(conn, &device, now)?;
                }
                Ok::<_, DbError>(())
            })
            .await?;
        Err(TokenError::Blacklisted.into())
    }

    /// Whether the refresh token of a successor has not been used.
    async fn is_unused(
        &self,
        database: &Database,
        pair: &TokenPair,
        now: Timestamp,
    ) -> Result<bool, RefreshError> {
        let next = self.read_expired(&pair.refresh, TokenKind::Refresh, now)?;
        let next = database
            .read(move |conn| Ok::<_, DbError>(RefreshTokenRow::by_jti(conn, &next.jti)?))
            .await?;
        Ok(next.is_some_and(|next| next.consumed_at.is_none()))
    }
}

fn open_successor(request: TokenRefresh<'_>, row: &RefreshTokenRow) -> Option<OpenedSuccessor> {
    successor::open(request.token, row.successor.as_deref()?)
}

fn log_answer(request: TokenRefresh<'_>, row: &RefreshTokenRow) {
    let address = request.device.ip_address.as_deref();
    log::info!(
        "a replaced refresh token of account {} was used again from {} within the replay window; family {}",
        row.user_id.unwrap_or_default(),
        address.unwrap_or("an unknown address"),
        row.family
    );
}
