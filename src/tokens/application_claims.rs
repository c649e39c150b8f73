//! The values of the claims in `TOKEN_CLAIMS`. Applications read them from access tokens; vestibule never does.

use diesel::QueryResult;
use serde_json::{Map, Value};

use super::token_facts::facts_of_session;
use crate::accounts::{User, group_names};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::sessions::{SessionFacts, TokenSession};
use crate::settings::ApplicationClaim;

/// The most bytes of all claims together, as JSON. They take 2,667 bytes in the token, whose other parts take up to
/// 1,100: so it fits into a cookie, and into the header buffers of proxies.
const MAX_SIZE: usize = 2_000;
/// The claim beside `email`.
pub(super) const EMAIL_VERIFIED: &str = "email_verified";

/// The same for a token that a proxy passes on: nginx reads all headers of an answer into one buffer of 4 KB.
pub(super) const MAX_FORWARDED_SIZE: usize = 1_000;

/// What the claims are about.
pub(super) struct ClaimValues<'a> {
    pub(super) email: &'a str,
    pub(super) email_verified: bool,
    pub(super) name: &'a str,
    pub(super) groups: &'a [String],
    pub(super) facts: &'a SessionFacts,
    /// Whether WorkOS has said what the user may do. simplejwt's tokens have no lists.
    pub(super) is_of_workos: bool,
}

/// Reads the wanted claims of a user's access token.
pub(super) fn read_application_claims(
    conn: &mut Conn,
    wanted: &[ApplicationClaim],
    user: &User,
    session: &TokenSession<'_>,
    now: Timestamp,
) -> QueryResult<Map<String, Value>> {
    let session = match wanted.iter().all(is_of_account) {
        true => None,
        false => facts_of_session(conn, user, session, now)?,
    };
    let (facts, sid) = session.unwrap_or_default();
    let groups = match wanted.contains(&ApplicationClaim::Groups) {
        true => group_names(conn, user.id)?,
        false => Vec::new(),
    };
    let values = ClaimValues {
        email: &user.email,
        email_verified: user.email_verified,
        name: &format!("{} {}", user.first_name, user.last_name),
        groups: &groups,
        facts: &facts,
        is_of_workos: sid.is_some(),
    };
    Ok(select_claims(wanted, &values, MAX_SIZE))
}

/// The wanted claims. One without a value is left out, and so are the largest if all together have more than
/// `max_size` bytes.
pub(super) fn select_claims(
    wanted: &[ApplicationClaim],
    values: &ClaimValues<'_>,
    max_size: usize,
) -> Map<String, Value> {
    let SessionFacts {
        organization_id,
        role,
        workos,
    } = values.facts;
    let list = |texts: &[String]| values.is_of_workos.then(|| Value::from(texts));
    let mut claims = Map::new();
    for claim in wanted {
        let value = match claim {
            ApplicationClaim::OrganizationId => organization_id.as_deref().map(Value::from),
            ApplicationClaim::Role => role.as_deref().map(Value::from),
            ApplicationClaim::Roles => list(&workos.roles),
            ApplicationClaim::Permissions => list(&workos.permissions),
            ApplicationClaim::Entitlements => list(&workos.entitlements),
            ApplicationClaim::FeatureFlags => list(&workos.feature_flags),
            ApplicationClaim::OfWorkos(name) => workos.claims.get(name).cloned(),
            ApplicationClaim::Email => text(values.email),
            ApplicationClaim::Name => text(values.name),
            ApplicationClaim::Groups => Some(values.groups.into()),
        };
        if let Some(value) = value {
            if *claim == ApplicationClaim::Email {
                // An address that is not verified may be another person's.
                claims.insert(EMAIL_VERIFIED.to_owned(), values.email_verified.into());
            }
            claims.insert(claim.name().to_owned(), value);
        }
    }
    leave_out_the_largest(&mut claims, max_size);
    claims
}

fn is_of_account(claim: &ApplicationClaim) -> bool {
    matches!(
        claim,
        ApplicationClaim::Email | ApplicationClaim::Name | ApplicationClaim::Groups
    )
}

fn leave_out_the_largest(claims: &mut Map<String, Value>, max_size: usize) {
    let size = |(name, value): (&String, &Value)| name.len() + value.to_string().len() + 4;
    while claims.iter().map(size).sum::<usize>() > max_size {
        let largest = claims.iter().max_by_key(|claim| size(*claim));
        let Some(name) = largest.map(|(name, _)| name.clone()) else {
            return;
        };
        claims.remove(&name);
        log::debug!("left out the claim {name:?}, which would make an access token too large");
    }
}

fn text(value: &str) -> Option<Value> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_largest_claims_are_left_out_until_the_rest_fits() {
        let claims = |permissions: usize, roles: usize| {
            let list = |length| vec!["posts:read"; length];
            let claims =
                json!({"role": "admin", "permissions": list(permissions), "roles": list(roles)});
            let mut claims: Map<String, Value> = serde_json::from_value(claims).unwrap();
            leave_out_the_largest(&mut claims, MAX_SIZE);
            claims.keys().cloned().collect::<Vec<_>>()
        };
        let all = ["permissions", "role", "roles"];
        assert_eq!(claims(1, 1), all);
        assert_eq!(claims(100, 40), all);
        assert_eq!(claims(3_000, 40), ["role", "roles"]);
        assert_eq!(claims(3_000, 300), ["role"]);
    }
}
