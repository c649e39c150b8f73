//! The claims that access tokens have for applications: `TOKEN_CLAIMS`.

use super::reader::Reader;

const NAME: &str = "TOKEN_CLAIMS";
const DEFAULT: &str = "org_id,role,permissions";
const WANTED: &str = "names between commas, out of org_id, role, roles, permissions, entitlements, feature_flags, email, name, groups and the names in WORKOS_CLAIMS";
const WORKOS_CLAIMS: &str = "WORKOS_CLAIMS";
const WANTED_OF_WORKOS: &str = "names of claims of WorkOS's JWT template between commas; the claims that every token has, and those of TOKEN_CLAIMS, need not be named";
/// The other claims that WorkOS's access tokens or ours have; a value of WorkOS's could be taken for ours.
const RESERVED: [&str; 17] = [
    "token_type",
    "exp",
    "iat",
    "nbf",
    "jti",
    "user_id",
    "sid",
    "ver",
    "act",
    "aud",
    "iss",
    "sub",
    "amr",
    "auth_time",
    "vestibule",
    "email_verified",
    "forwarded",
];

/// A claim that an access token has for applications if `TOKEN_CLAIMS` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationClaim {
    /// The organisation of the session.
    OrganizationId,
    /// The user's role in the organisation.
    Role,
    /// All roles of the user in the organisation.
    Roles,
    /// The permissions of the roles.
    Permissions,
    /// The entitlements of the organisation.
    Entitlements,
    /// The feature flags of the user or the organisation.
    FeatureFlags,
    /// The account's email.
    Email,
    /// The account's first and last name.
    Name,
    /// The names of the account's groups in Django.
    Groups,
    /// A claim of WorkOS's access token that `WORKOS_CLAIMS` names.
    OfWorkos(String),
}

impl ApplicationClaim {
    /// Every claim that `TOKEN_CLAIMS` may name, besides those of `WORKOS_CLAIMS`.
    pub const ALL: [Self; 9] = [
        Self::OrganizationId,
        Self::Role,
        Self::Roles,
        Self::Permissions,
        Self::Entitlements,
        Self::FeatureFlags,
        Self::Email,
        Self::Name,
        Self::Groups,
    ];

    /// The name of the claim.
    pub fn name(&self) -> &str {
        match self {
            Self::OrganizationId => "org_id",
            Self::Role => "role",
            Self::Roles => "roles",
            Self::Permissions => "permissions",
            Self::Entitlements => "entitlements",
            Self::FeatureFlags => "feature_flags",
            Self::Email => "email",
            Self::Name => "name",
            Self::Groups => "groups",
            Self::OfWorkos(name) => name,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.name() == name)
    }

    /// The claims that the setting names, besides those of `WORKOS_CLAIMS` in `of_workos`. An empty value names
    /// none, unlike a variable that is unset.
    pub(super) fn read_list(reader: &mut Reader<'_>, of_workos: &[String]) -> Vec<Self> {
        let parse = |name: &str| {
            let own = || of_workos.iter().find(|one| *one == name).cloned();
            Self::parse(name).or_else(|| own().map(Self::OfWorkos))
        };
        match reader.or_nothing(NAME, DEFAULT, WANTED, |_| Some(())) {
            Some(()) => reader.list(NAME, DEFAULT, WANTED, parse),
            None => Vec::new(),
        }
    }
}

/// The claims of WorkOS's access token to keep and pass on: `WORKOS_CLAIMS`.
pub(super) fn read_workos_claims(reader: &mut Reader<'_>) -> Vec<String> {
    reader.list(WORKOS_CLAIMS, "", WANTED_OF_WORKOS, |name| {
        let is_taken = RESERVED.contains(&name) || ApplicationClaim::parse(name).is_some();
        let is_plain = name.chars().all(|c| c.is_ascii_graphic());
        (is_plain && !is_taken).then(|| name.to_owned())
    })
}
