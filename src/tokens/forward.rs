//! The access tokens that a proxy passes on to an application, so that it need not trust headers.

use chrono::TimeDelta;

use super::application_claims::{ClaimValues, MAX_FORWARDED_SIZE, select_claims};
use super::claims::{Actor, TokenClaims, TokenKind};
use super::jti::new_jti;
use super::signing::{IssueError, Tokens};
use crate::clock::Timestamp;
use crate::known_sessions::KnownSession;

/// The claim of these tokens. Every route here refuses them, log-out too: with each other's help they would outlive the
/// session, and every application behind the proxy sees them.
const FORWARDED: &str = "forwarded";
/// The lifetime: the proxy asks for a new one at each request.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// What a forwarded token is issued for.
#[derive(Clone, Debug)]
pub struct ForwardGrant<'a> {
    /// What is known of the session: the account's key and version, its groups, WorkOS's id, and the facts.
    pub known: &'a KnownSession,
    /// The account's email; may be empty.
    pub email: &'a str,
    /// Whether the address is verified.
    pub email_verified: bool,
    /// The account's name; may be empty.
    pub name: &'a str,
    /// The email of the impersonator, in an impersonated session.
    pub impersonator: Option<&'a str>,
    /// The end of the session.
    pub not_after: Option<Timestamp>,
}

impl TokenClaims {
    /// Whether the token was issued for an application behind a proxy.
    pub(super) fn is_forwarded(&self) -> bool {
        self.other.contains_key(FORWARDED)
    }
}

impl Tokens {
    /// Signs an access token of sixty seconds. `audience`: instead of those of the settings.
    pub fn forward(
        &self,
        grant: &ForwardGrant<'_>,
        audience: Option<&str>,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let known = grant.known;
        let values = ClaimValues {
            email: grant.email,
            email_verified: grant.email_verified,
            name: grant.name,
            groups: &known.groups,
            facts: &known.facts,
            is_of_workos: known.workos_sid.is_some(),
        };
        let mut other = select_claims(&self.application_claims, &values, MAX_FORWARDED_SIZE);
        other.insert(FORWARDED.to_owned(), true.into());
        let end = now.plus(LIFETIME);
        let claims = TokenClaims {
            token_type: TokenKind::Access.as_str(),
            exp: grant.not_after.map_or(end, |last| last.min(end)).seconds(),
            iat: Some(now.seconds()),
            jti: new_jti()?,
            user_id: Some(known.user_key.to_string()),
            sid: known.workos_sid.clone(),
            ver: Some(known.token_version),
            act: grant.impersonator.map(|email| Actor {
                sub: email.to_owned(),
            }),
            aud: None,
            iss: None,
            binding: None,
            other,
        };
        match audience {
            Some(audience) => self.sign_for(claims, &[audience.to_owned()]),
            None => self.sign(claims),
        }
    }
}
