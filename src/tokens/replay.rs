//! Answers a request with a refresh token that rotation has replaced, or treats it as theft.

use chrono::TimeDelta;

use super::claims::{TokenError, TokenKind};
use super::pair::TokenPair;
use super::refresh_error::RefreshError;
use super::refresh_token::{REPLAY_WINDOW, RefreshTokenRow};
use super::rotation::TokenRefresh;
use super::signing::Tokens;
use super::successor;
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};

/// How long a request with a replaced token may have been on its way. Within this time after the replacement
/// it is no sign of theft: a client that gave up waiting, or a second tab, may have sent it before.
const LONGEST_DELAY: TimeDelta = TimeDelta::seconds(5);

impl Tokens {
    /// Returns the successor of a replaced token again. If the replay window is over, or if the successor
    /// has been used, refuses the token and revokes the family.
    pub(super) async fn replay(
        &self,
        database: &Database,
        request: TokenRefresh<'_>,
        row: &RefreshTokenRow,
    ) -> Result<TokenPair, RefreshError> {
        let (user, family) = (row.user_id.unwrap_or_default(), row.family.clone());
        let address = request.device.ip_address.as_deref();
        let client = address.unwrap_or("an unknown address");
        if let Some(pair) = self.unused_successor(database, request, row).await? {
            log::info!(
                "a replaced refresh token of account {user} was used again from {client} within the replay window; family {family}"
            );
            return Ok(pair);
        }
        let may_be_late = |consumed_at: Timestamp| request.now <= consumed_at.plus(LONGEST_DELAY);
        if row.consumed_at.is_some_and(may_be_late) {
            log::info!(
                "refused a replaced refresh token of account {user} from {client}, whose successor was used already; family {family}"
            );
            return Err(TokenError::Blacklisted.into());
        }
        let device = request.device.clone();
        let replayed = AuditEvent::TokenReplayed {
            user_id: row.user_id,
            family: family.clone(),
        };
        let now = request.now;
        database
            .write(move |conn| {
                if RefreshTokenRow::revoke_family(conn, &family, now)? > 0 {
                    replayed.record(conn, &device, now)?;
                }
                Ok::<_, DbError>(())
            })
            .await?;
        Err(TokenError::Blacklisted.into())
    }

    /// The pair that replaced a token, if the replay window is open and the pair's refresh token has not
    /// been used.
    async fn unused_successor(
        &self,
        database: &Database,
        request: TokenRefresh<'_>,
        row: &RefreshTokenRow,
    ) -> Result<Option<TokenPair>, RefreshError> {
        let TokenRefresh { token, now, .. } = request;
        let is_open = row
            .consumed_at
            .is_some_and(|consumed_at| now <= consumed_at.plus(REPLAY_WINDOW));
        let sealed = row.successor.as_deref().filter(|_| is_open);
        let Some(pair) = sealed.and_then(|sealed| successor::open(token, sealed)) else {
            return Ok(None);
        };
        let next = self.read_expired(&pair.refresh, TokenKind::Refresh, now)?;
        let next = database
            .read(move |conn| Ok::<_, DbError>(RefreshTokenRow::by_jti(conn, &next.jti)?))
            .await?;
        let is_unused = next.is_some_and(|next| next.consumed_at.is_none());
        Ok(is_unused.then_some(pair))
    }
}
