//! The family of an access token, which its `jti` names. So a log-out with an access token alone finds the
//! family, and the end of the family ends its access tokens.

use diesel::prelude::*;

use super::claims::TokenClaims;
use super::jti::{FAMILY_DIGITS, JTI_DIGITS, family_digits};
use super::refresh_token::RefreshTokenRow;
use crate::audit::{AuditEvent, RevocationReason};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::db::schema::refresh_tokens;
use crate::ids::{UserId, WorkosSid};
use crate::workos::ClientDevice;

/// The families that an access token may belong to: at most one, unless two random numbers agree.
#[derive(Clone, Debug)]
struct FamilyRange {
    user_id: UserId,
    /// The pattern of the families' ids.
    pattern: String,
    /// The smallest id, with which the database uses its index whatever its collation.
    first: String,
    /// The largest id.
    last: String,
}

impl FamilyRange {
    fn of(claims: &TokenClaims, user_id: UserId) -> Option<Self> {
        // The row of a refresh token says which family it belongs to.
        let digits = family_digits(&claims.jti).filter(|_| !claims.is_refresh())?;
        Some(Self {
            user_id,
            pattern: format!("{digits}%"),
            first: format!("{digits}{}", "0".repeat(JTI_DIGITS - FAMILY_DIGITS)),
            last: format!("{digits}{}", "f".repeat(JTI_DIGITS - FAMILY_DIGITS)),
        })
    }

    /// The rows of the families.
    #[diesel::dsl::auto_type(no_type_alias)]
    fn rows<'a>(&'a self) -> _ {
        let first: &'a str = self.first.as_str();
        let last: &'a str = self.last.as_str();
        let pattern: &'a str = self.pattern.as_str();
        let user_id: UserId = self.user_id;
        refresh_tokens::table
            .filter(refresh_tokens::family.between(first, last))
            .filter(refresh_tokens::family.like(pattern))
            .filter(refresh_tokens::user_id.eq(user_id))
    }

    fn ids(&self, conn: &mut Conn) -> QueryResult<Vec<String>> {
        self.rows()
            .select(refresh_tokens::family)
            .distinct()
            .load(conn)
    }

    /// Whether all tokens of the families were revoked.
    fn is_revoked(&self, conn: &mut Conn) -> QueryResult<bool> {
        let states: Vec<bool> = self
            .rows()
            .select(refresh_tokens::revoked_at.is_not_null())
            .distinct()
            .load(conn)?;
        Ok(states == [true])
    }
}

/// Whether the family of this user's access token has been revoked; `false` for a refresh token.
pub(super) fn family_is_revoked(
    conn: &mut Conn,
    claims: &TokenClaims,
    user_id: UserId,
) -> QueryResult<bool> {
    match FamilyRange::of(claims, user_id) {
        Some(range) => range.is_revoked(conn),
        None => Ok(false),
    }
}

/// The current WorkOS session of the family of this user's access token.
pub(super) fn sid_of_family(
    conn: &mut Conn,
    claims: &TokenClaims,
    user_id: UserId,
) -> QueryResult<Option<WorkosSid>> {
    let Some(range) = FamilyRange::of(claims, user_id) else {
        return Ok(None);
    };
    let sids = range
        .rows()
        .filter(refresh_tokens::consumed_at.is_null())
        .select(refresh_tokens::sid);
    let sid: Option<Option<WorkosSid>> = sids.first(conn).optional()?;
    Ok(sid.flatten())
}

/// Revokes the family of an access token, inside the transaction that ends what the token was given out
/// for. `reason`: why, if not by the client's own log-out.
pub fn end_family_of_access_token(
    conn: &mut Conn,
    claims: &TokenClaims,
    reason: Option<RevocationReason>,
    device: &ClientDevice,
    now: Timestamp,
) -> QueryResult<()> {
    let user = claims.user(conn)?;
    let Some(range) = user.and_then(|user| FamilyRange::of(claims, user.id)) else {
        return Ok(());
    };
    for family in range.ids(conn)? {
        if RefreshTokenRow::revoke_family(conn, &family, now)? > 0 {
            let revoked = AuditEvent::TokensRevoked {
                user_id: Some(range.user_id),
                family,
                reason,
            };
            revoked.record(conn, device, now)?;
        }
    }
    Ok(())
}
