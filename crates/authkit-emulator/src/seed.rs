//! The seed: the users, organisations and connections that an emulator starts with. It is JSON in
//! the format of WorkOS's own emulator, with a few additional fields.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The one-time code that every email and every authenticator in the emulator shows.
pub const ONE_TIME_CODE: &str = "123456";

/// The data that an emulator starts with. [`Seed::default`] has a user for each kind of sign-in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The users who can sign in.
    #[serde(default)]
    pub users: Vec<SeedUser>,
    /// The organisations and their members.
    #[serde(default)]
    pub organizations: Vec<SeedOrganization>,
    /// The roles and their permissions.
    #[serde(default)]
    pub roles: Vec<SeedRole>,
    /// The single sign-on connections, which `connection_id` selects.
    #[serde(default)]
    pub connections: Vec<SeedConnection>,
    /// Invitations that have not been accepted yet.
    #[serde(default)]
    pub invitations: Vec<SeedInvitation>,
    /// The feature flags.
    #[serde(default, rename = "featureFlags")]
    pub feature_flags: Vec<SeedFeatureFlag>,
    /// Additional claims of all access tokens, as a JWT template adds them.
    #[serde(default)]
    pub claims: Map<String, Value>,
    // WorkOS's emulator reads these fields too. This one accepts and ignores them.
    #[serde(default, rename = "apiKeys")]
    _api_keys: IgnoredAny,
    #[serde(default, rename = "permissions")]
    _permissions: IgnoredAny,
    #[serde(default, rename = "pipeConnections")]
    _pipe_connections: IgnoredAny,
    /// The endpoints that webhooks are sent to.
    #[serde(default, rename = "webhookEndpoints")]
    pub webhook_endpoints: Vec<SeedWebhookEndpoint>,
}

/// An endpoint that webhooks are sent to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedWebhookEndpoint {
    /// The URL of the endpoint.
    #[serde(alias = "url")]
    pub endpoint_url: String,
    /// The secret that webhooks are signed with. The default is `whsec_emulator`.
    pub secret: Option<String>,
    /// The events to send. An empty list means all events.
    pub events: Vec<String>,
    #[serde(rename = "enabled")]
    _enabled: IgnoredAny,
}

/// A user of the seed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedUser {
    /// The email address. It must be unique, regardless of case.
    pub email: String,
    /// The WorkOS id. By default it is derived from the email address.
    pub id: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The password. A user without one cannot use the password form or the password grant.
    pub password: Option<String>,
    /// Whether the email address is verified. If not, a sign-in stops at
    /// `email_verification_required`.
    pub email_verified: bool,
    /// The URL of a picture. A path such as `/pictures/ada.svg` is on the emulator's own origin.
    pub profile_picture_url: Option<String>,
    /// The application's own id of the user.
    pub external_id: Option<String>,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    /// Arbitrary keys and values.
    pub metadata: Map<String, Value>,
    /// If set, every sign-in as this user is impersonated by this person.
    pub impersonator: Option<Impersonator>,
    /// The second factor that a sign-in requires.
    pub mfa: Option<Mfa>,
    /// The `code` of the 403 that a sign-in stops at: `radar_challenge`, `radar_sms_challenge`,
    /// `radar_email_challenge`, `radar_sms_sign_in_challenge`, `application_consent_required`, or any
    /// other, which the application may not know. AuthKit's own page at the next sign-in in the same
    /// browser completes it.
    pub challenge: Option<String>,
    /// Additional claims of the user's access tokens, as a JWT template makes them of `metadata`.
    pub claims: Map<String, Value>,
}

/// A user of the WorkOS dashboard who signs in as another user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Impersonator {
    /// The impersonator's email address.
    pub email: String,
    /// The reason that the impersonator gave.
    pub reason: Option<String>,
}

/// A user's multi-factor authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mfa {
    /// An authenticator is enrolled: a sign-in stops at `mfa_challenge`.
    Totp,
    /// An authenticator is required, but none is enrolled: a sign-in stops at `mfa_enrollment`.
    EnrollmentRequired,
}

/// An organisation of the seed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedOrganization {
    /// The display name.
    pub name: String,
    /// The WorkOS id. By default it is derived from the name.
    pub id: Option<String>,
    /// The memberships.
    pub memberships: Vec<SeedMembership>,
    /// The claim `entitlements` in the access tokens of its members.
    pub entitlements: Vec<String>,
    /// Whether its members must sign in through one of its connections. Any other sign-in stops at
    /// `sso_required`.
    pub sso_required: bool,
    #[serde(rename = "external_id")]
    _external_id: IgnoredAny,
    #[serde(rename = "metadata")]
    _metadata: IgnoredAny,
    #[serde(rename = "domains")]
    _domains: IgnoredAny,
}

/// A membership. The user is named either by id or by email address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedMembership {
    /// The user's id.
    pub user_id: Option<String>,
    /// The user's email address.
    pub email: Option<String>,
    /// The slug of the role. The default is `member`.
    pub role: Option<String>,
    /// The slugs of several roles, instead of `role`. The first is the claim `role`.
    pub roles: Vec<String>,
    /// `active` (the default), `inactive` or `pending`. Only active members can sign in to the
    /// organisation.
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

/// A feature flag. The claim `feature_flags` has the slugs of those that apply.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFeatureFlag {
    /// The slug.
    pub slug: String,
    /// Whether the flag is enabled. A disabled flag is in nobody's tokens.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// The users and organisations whose tokens have the flag, by id, email address or name. An empty
    /// list means all.
    #[serde(default)]
    pub targets: Vec<String>,
}

fn enabled() -> bool {
    true
}

/// A single sign-on connection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedConnection {
    /// The name that the sign-in page shows.
    pub name: String,
    /// The WorkOS id (`conn_01…`). By default it is derived from the name.
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
    /// The email address of the invited person, who may already have an account.
    pub email: String,
    /// The value of `invitation_token`. By default it is derived from the email address.
    pub token: Option<String>,
    /// The organisation's id.
    pub organization_id: Option<String>,
    /// The organisation's name, instead of its id.
    pub organization: Option<String>,
    /// The slug of the role. The default is `member`.
    pub role_slug: Option<String>,
    #[serde(rename = "inviter_user_id")]
    _inviter_user_id: IgnoredAny,
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
