//! The values of the claims in `TOKEN_CLAIMS`. Applications read them from access tokens; vestibule never does.

use diesel::QueryResult;
use serde_json::{Map, Value};

use crate::accounts::{User, group_names};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::sessions::{SessionRow, TokenSession};
use crate::settings::ApplicationClaim;

/// Reads the wanted claims of a user's access token. A claim without a value is left out.
pub(super) fn read_application_claims(
    conn: &mut Conn,
    wanted: &[ApplicationClaim],
    user: &User,
    session: &TokenSession<'_>,
    now: Timestamp,
) -> QueryResult<Map<String, Value>> {
    let is_of_session = |claim: &ApplicationClaim| {
        matches!(
            claim,
            ApplicationClaim::OrganizationId | ApplicationClaim::Role
        )
    };
    let id = match wanted.iter().any(is_of_session) {
        true => session.current_id(conn, now)?,
        false => None,
    };
    let row = match id {
        Some(id) => SessionRow::by_id(conn, &id)?.filter(|row| row.user_id == user.id),
        None => None,
    };
    let mut claims = Map::new();
    for claim in wanted {
        let value = match claim {
            ApplicationClaim::OrganizationId => {
                let id = row.as_ref().and_then(|row| row.organization_id.as_ref());
                id.map(|id| Value::from(id.to_string()))
            }
            ApplicationClaim::Role => row
                .as_ref()
                .and_then(|row| row.role.clone())
                .map(Value::from),
            ApplicationClaim::Email => text(&user.email),
            ApplicationClaim::Name => text(&format!("{} {}", user.first_name, user.last_name)),
            ApplicationClaim::Groups => Some(group_names(conn, user.id)?.into()),
            // The session's row does not store these.
            ApplicationClaim::Roles
            | ApplicationClaim::Permissions
            | ApplicationClaim::Entitlements
            | ApplicationClaim::FeatureFlags => None,
        };
        if let Some(value) = value {
            claims.insert(claim.name().to_owned(), value);
        }
    }
    Ok(claims)
}

fn text(value: &str) -> Option<Value> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.into())
}
