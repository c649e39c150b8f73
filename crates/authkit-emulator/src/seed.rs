//! The people and organisations that an emulator starts with: a JSON file of the shape that
//! WorkOS's own emulator reads, with a few fields more.

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::directory::Directory;
use crate::webhooks::Endpoint;

/// The one-time code of every e-mail and every authenticator in the emulator.
pub const ONE_TIME_CODE: &str = "123456";

/// Who and what an emulator begins with; [`Seed::default`] shows each kind of sign-in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Who can sign in.
    #[serde(default)]
    pub users: Vec<SeedUser>,
    /// Organisations and who belongs to them.
    #[serde(default)]
    pub organizations: Vec<SeedOrganization>,
    /// Roles and what they permit.
    #[serde(default)]
    pub roles: Vec<SeedRole>,
    /// Single sign-on connections that `connection_id` can select.
    #[serde(default)]
    pub connections: Vec<SeedConnection>,
    /// Invitations that nobody has accepted yet.
    #[serde(default)]
    pub invitations: Vec<SeedInvitation>,
    // What WorkOS's emulator reads beside these, and this one has no use for.
    #[serde(default, rename = "apiKeys")]
    _api_keys: IgnoredAny,
    #[serde(default, rename = "permissions")]
    _permissions: IgnoredAny,
    #[serde(default, rename = "pipeConnections")]
    _pipe_connections: IgnoredAny,
    /// Who is told of what happens.
    #[serde(default, rename = "webhookEndpoints")]
    pub webhook_endpoints: Vec<SeedEndpoint>,
}

/// An address that webhooks are sent to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedEndpoint {
    /// Where to.
    #[serde(alias = "url")]
    pub endpoint_url: String,
    /// What they are signed with; `whsec_emulator` without one.
    pub secret: Option<String>,
    /// Which events; empty: all.
    pub events: Vec<String>,
    #[serde(rename = "enabled")]
    _enabled: IgnoredAny,
}

impl SeedEndpoint {
    pub(crate) fn registered(&self) -> Endpoint {
        let secret = self.secret.as_deref().unwrap_or("whsec_emulator");
        Endpoint {
            url: self.endpoint_url.clone(),
            secret: secret.to_owned(),
            events: self.events.clone(),
        }
    }
}

/// One person of the seed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedUser {
    /// The address, unique whatever its case.
    pub email: String,
    /// The WorkOS id; without it, one derived from the e-mail, the same in every run.
    pub id: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Without one the person cannot use the password form or the password grant.
    pub password: Option<String>,
    /// When false, a sign-in stops at `email_verification_required`.
    pub email_verified: bool,
    /// A picture's URL; a path such as `/pictures/ada.svg` is on the emulator's own origin.
    pub profile_picture_url: Option<String>,
    /// The application's own id for the person.
    pub external_id: Option<String>,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    /// Free keys and values.
    pub metadata: Map<String, Value>,
    /// Who is really at the keyboard: every sign-in as this user is an impersonated one.
    pub impersonator: Option<Impersonator>,
    /// The second factor that a sign-in asks for.
    pub mfa: Option<Mfa>,
}

/// A WorkOS dashboard user who signs in as somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Impersonator {
    /// The impersonator's own address.
    pub email: String,
    /// Why, where the impersonator said so.
    pub reason: Option<String>,
}

/// Where a user stands with multi-factor authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mfa {
    /// An authenticator is enrolled: a sign-in stops at `mfa_challenge`.
    Totp,
    /// None is enrolled though one is required: a sign-in stops at `mfa_enrollment`.
    EnrollmentRequired,
}

/// One organisation of the seed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedOrganization {
    /// What people call it.
    pub name: String,
    /// The WorkOS id; without it, one derived from the name.
    pub id: Option<String>,
    /// Who belongs to it.
    pub memberships: Vec<SeedMembership>,
    /// The claim `entitlements` of its members' access tokens.
    pub entitlements: Vec<String>,
    /// Its members come in through one of its connections only: any other sign-in stops at
    /// `sso_required`.
    pub sso_required: bool,
    #[serde(rename = "external_id")]
    _external_id: IgnoredAny,
    #[serde(rename = "metadata")]
    _metadata: IgnoredAny,
    #[serde(rename = "domains")]
    _domains: IgnoredAny,
}

/// One member, named by id or by e-mail.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedMembership {
    /// The member's id.
    pub user_id: Option<String>,
    /// The member's e-mail, instead of the id.
    pub email: Option<String>,
    /// The role's slug; `member` without one.
    pub role: Option<String>,
    /// Only `active` (the default) members can sign in to the organisation.
    pub status: Option<String>,
}

/// A role and its permissions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedRole {
    /// The claim `role`.
    pub slug: String,
    /// The claim `permissions`.
    pub permissions: Vec<String>,
    #[serde(rename = "name")]
    _name: IgnoredAny,
    #[serde(rename = "description")]
    _description: IgnoredAny,
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    #[serde(rename = "organization_id")]
    _organization_id: IgnoredAny,
    #[serde(rename = "is_default_role")]
    _is_default_role: IgnoredAny,
    #[serde(rename = "priority")]
    _priority: IgnoredAny,
}

/// A single sign-on connection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedConnection {
    /// What the sign-in page calls it.
    pub name: String,
    /// The WorkOS id (`conn_01…`); without it, one derived from the name.
    pub id: Option<String>,
    /// The name of its organisation.
    pub organization: String,
    #[serde(rename = "connection_type")]
    _connection_type: IgnoredAny,
    #[serde(rename = "state")]
    _state: IgnoredAny,
    #[serde(rename = "domains")]
    _domains: IgnoredAny,
    #[serde(rename = "profiles")]
    _profiles: IgnoredAny,
}

/// An invitation to an organisation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedInvitation {
    /// Whom it is for, whether the address has an account yet or not.
    pub email: String,
    /// What `invitation_token` carries; without it, a text that is derived from the e-mail.
    pub token: Option<String>,
    /// The organisation's id.
    pub organization_id: Option<String>,
    /// The organisation's name, instead of the id.
    pub organization: Option<String>,
    /// The role in it; `member` without one.
    pub role_slug: Option<String>,
    #[serde(rename = "inviter_user_id")]
    _inviter_user_id: IgnoredAny,
}

/// Why a seed was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file could not be read.
    #[error("the seed file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was read and makes no sense.
    #[error("the seed file {} is malformed: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        reason: String,
    },
}

impl Seed {
    /// Reads and checks a seed file.
    ///
    /// # Errors
    /// Names the file, and the place in it that is wrong.
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let text = std::fs::read_to_string(path).map_err(|source| SeedError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::from_json(&text).map_err(|reason| SeedError::Malformed {
            path: path.to_owned(),
            reason,
        })
    }

    /// Reads and checks the text of a seed file.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let seed: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Directory::new(&seed, 0)?;
        Ok(seed)
    }
}

impl Default for Seed {
    fn default() -> Self {
        let seed = serde_json::from_str(include_str!("../seed.json"));
        #[expect(
            clippy::expect_used,
            reason = "the file is compiled in, and a test reads it"
        )]
        seed.expect("the built-in seed")
    }
}
