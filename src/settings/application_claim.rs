//! The claims that access tokens have for applications: `TOKEN_CLAIMS`.

use super::reader::Reader;

const NAME: &str = "TOKEN_CLAIMS";
const DEFAULT: &str = "org_id,role,permissions";
const WANTED: &str = "names between commas, out of org_id, role, roles, permissions, entitlements, feature_flags, email, name and groups";

/// A claim that an access token has for applications if `TOKEN_CLAIMS` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl ApplicationClaim {
    /// Every claim that `TOKEN_CLAIMS` may name.
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
    pub fn name(self) -> &'static str {
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
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.name() == name)
    }

    /// The claims that the setting names. An empty value names none, unlike a variable that is unset.
    pub(super) fn read_list(reader: &mut Reader<'_>) -> Vec<Self> {
        match reader.or_nothing(NAME, DEFAULT, WANTED, |_| Some(())) {
            Some(()) => reader.list(NAME, DEFAULT, WANTED, Self::parse),
            None => Vec::new(),
        }
    }
}
