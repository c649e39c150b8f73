//! Users, connections and invitations.

use serde_json::{Map, Value, json};

use crate::clock::{Millis, to_iso};
use crate::ids;
use crate::seed::{Impersonator, Mfa, SeedUser};

/// A WorkOS user, with additional data for the emulator.
#[derive(Debug, Clone)]
pub struct User {
    /// `user_01…`.
    pub id: String,
    /// The email address, as it was entered.
    pub email: String,
    /// Whether the email address is verified.
    pub email_verified: bool,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The URL of a picture. A path is on the emulator's own origin.
    pub profile_picture_url: Option<String>,
    /// The application's own id of the user.
    pub external_id: Option<String>,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    /// Arbitrary keys and values.
    pub metadata: Map<String, Value>,
    /// The password in plain text. No user of the emulator is a real person.
    pub password: Option<String>,
    /// If set, every sign-in as this user is impersonated by this person.
    pub impersonator: Option<Impersonator>,
    /// The second factor that a sign-in requires.
    pub mfa: Option<Mfa>,
    /// The `code` of the 403 that a sign-in stops at, such as `radar_sms_challenge`. AuthKit's own page
    /// at the next sign-in in the same browser completes it.
    pub challenge: Option<String>,
    /// Additional claims of the user's access tokens, as a JWT template makes them of `metadata`.
    pub claims: Map<String, Value>,
    /// When the user was created, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When a field above was last changed, in milliseconds since the Unix epoch.
    pub updated_at: i64,
    /// When the user last signed in, in milliseconds since the Unix epoch. A token refresh is not a
    /// sign-in.
    pub last_sign_in_at: Option<i64>,
}

impl User {
    pub(crate) fn from_seed(seed: &SeedUser, now: Millis) -> Self {
        Self {
            id: seed
                .id
                .clone()
                .unwrap_or_else(|| ids::derived_id("user", &seed.email)),
            email: seed.email.clone(),
            email_verified: seed.email_verified,
            first_name: seed.first_name.clone(),
            last_name: seed.last_name.clone(),
            profile_picture_url: seed.profile_picture_url.clone(),
            external_id: seed.external_id.clone(),
            locale: seed.locale.clone(),
            metadata: seed.metadata.clone(),
            password: seed.password.clone(),
            impersonator: seed.impersonator.clone(),
            mfa: seed.mfa,
            challenge: seed.challenge.clone(),
            claims: seed.claims.clone(),
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        }
    }

    /// First and last name, or the email address of a user without a name.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<&str> = [&self.first_name, &self.last_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if names.is_empty() {
            self.email.clone()
        } else {
            names.join(" ")
        }
    }

    /// The user object of WorkOS's API.
    pub(crate) fn to_json(&self, base_url: &str) -> Value {
        json!({
            "object": "user",
            "id": self.id,
            "email": self.email,
            "email_verified": self.email_verified,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "profile_picture_url": self.picture_url(base_url),
            "external_id": self.external_id,
            "locale": self.locale,
            "metadata": self.metadata,
            "last_sign_in_at": self.last_sign_in_at.map(to_iso),
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
        })
    }

    fn picture_url(&self, base_url: &str) -> Option<String> {
        let url = self.profile_picture_url.as_ref()?;
        Some(if url.starts_with('/') {
            format!("{base_url}{url}")
        } else {
            url.clone()
        })
    }

    /// The id of the user's authenticator.
    pub(crate) fn factor_id(&self) -> String {
        ids::derived_id("auth_factor", &self.id)
    }
}

/// A single sign-on connection of an organisation.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) organization_id: String,
}

/// An invitation to an organisation.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) email: String,
    pub(crate) organization_id: String,
    /// The slug of the role.
    pub(crate) role: String,
    pub(crate) accepted: bool,
}

impl Invitation {
    /// The invitation object in the event of its acceptance.
    pub(crate) fn accepted_json(&self, user_id: &str, now: Millis) -> Value {
        json!({
            "object": "invitation",
            "id": self.id,
            "email": self.email,
            "state": "accepted",
            "accepted_at": to_iso(now),
            "revoked_at": null,
            "expires_at": to_iso(now),
            "organization_id": self.organization_id,
            "inviter_user_id": null,
            "accepted_user_id": user_id,
            "role_slug": self.role,
            "created_at": to_iso(now),
            "updated_at": to_iso(now),
        })
    }
}
