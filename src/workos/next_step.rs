//! The further steps of a sign-in: what WorkOS asks for, and where the user answers.

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::authorize::AuthorizeRequest;

use crate::ids::OrganizationId;

/// WorkOS's message, sent without a code, if an organisation requires single sign-on.
const MUST_USE_SSO: &str = "Must use SSO for selected organization";
/// The maximum length of an email address (RFC 5321).
const MAX_EMAIL_LENGTH: usize = 254;

/// The next step of a sign-in.
#[derive(Clone, Debug)]
pub enum NextStep {
    /// Our own page asks for an answer and sends it to WorkOS.
    Answerable(PendingAuthentication),
    /// A new sign-in at WorkOS's hosted pages, which ask the user themselves.
    Hosted(HostedStep),
}

/// A sign-in at WorkOS that waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingAuthentication {
    /// WorkOS's `pending_authentication_token`, with which the sign-in is continued.
    #[serde(serialize_with = "exposed")]
    pub token: SecretString,
    /// What WorkOS asks for.
    pub question: StepQuestion,
    /// WorkOS's id of the user, or the email address, in WorkOS's answer; not stored.
    #[serde(skip)]
    pub subject: Option<String>,
}

/// What WorkOS asks the user for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepQuestion {
    /// One of these organisations.
    Organization(Vec<Organization>),
    /// The code that was sent to this address.
    Email(Option<String>),
    /// The code of an authenticator app.
    Totp {
        /// The authenticator, for which a challenge can be created.
        factor_id: Option<String>,
        /// The challenge, if WorkOS has created one already.
        challenge_id: Option<String>,
    },
}

/// An organisation that the user can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// `org_…`.
    pub id: OrganizationId,
    /// Its display name.
    #[serde(default)]
    pub name: String,
}

/// A sign-in that continues at WorkOS's hosted pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedStep {
    /// What WorkOS's pages have to settle.
    pub why: HostedStepReason,
    /// The user's email, if known.
    pub email: Option<String>,
    /// The single sign-on connections that the organisation accepts.
    pub connection_ids: Vec<String>,
}

/// Why a sign-in continues at WorkOS's hosted pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostedStepReason {
    /// The organisation requires its single sign-on.
    SingleSignOn,
    /// The authentication method is not allowed, by the organisation or in general.
    OtherMethod,
    /// The user has to set up an authenticator app.
    Enrollment,
    /// WorkOS requires a challenge, such as proof that the user is a person, or a step that is not known here.
    Challenge,
    /// The email address has to be verified, and WorkOS gave no token to answer with.
    Email,
    /// An authenticator's code is required, and WorkOS gave no token to answer with.
    SecondFactor,
}

impl NextStep {
    /// The code of a refusal that WorkOS sends without a code, but that has a next step.
    pub(super) fn code_of(body: &Value) -> Option<&'static str> {
        (body["message"] == MUST_USE_SSO).then_some("sso_required")
    }

    /// Reads the next step from a refusal; `None` if there is none.
    pub(super) fn read(status: StatusCode, code: Option<&str>, body: &Value) -> Option<Self> {
        let why = match code {
            Some("organization_selection_required") => {
                let organizations = Vec::<Organization>::deserialize(&body["organizations"]);
                match organizations.ok().filter(|list| !list.is_empty()) {
                    Some(list) => return pending(body, StepQuestion::Organization(list)),
                    None => unknown_step(status, body)?,
                }
            }
            Some("email_verification_required") => {
                match pending(body, StepQuestion::Email(text(body, "email"))) {
                    None => HostedStepReason::Email,
                    step => return step,
                }
            }
            Some("mfa_challenge") => match totp(body).and_then(|totp| pending(body, totp)) {
                None => HostedStepReason::SecondFactor,
                step => return step,
            },
            Some("mfa_enrollment") => HostedStepReason::Enrollment,
            Some("sso_required") => HostedStepReason::SingleSignOn,
            Some(
                "organization_authentication_methods_required"
                | "authentication_method_not_allowed"
                | "email_password_auth_disabled",
            ) => HostedStepReason::OtherMethod,
            Some(
                "passkey_progressive_enrollment"
                | "radar_challenge"
                | "radar_sign_up_challenge"
                | "radar_sms_challenge"
                | "radar_email_challenge"
                | "radar_sms_sign_in_challenge"
                | "application_consent_required",
            ) => HostedStepReason::Challenge,
            _ => unknown_step(status, body)?,
        };
        let connections = ["connection_ids", "sso_connection_ids"].map(|name| &body[name]);
        let connections = connections.into_iter().find_map(Value::as_array);
        let ids = connections.into_iter().flatten().filter_map(Value::as_str);
        Some(Self::Hosted(HostedStep {
            why,
            email: text(body, "email").or_else(|| text(&body["user"], "email")),
            connection_ids: ids.map(str::to_owned).collect(),
        }))
    }
}

impl HostedStep {
    /// The parameters of the new sign-in at WorkOS, into this organisation if there is one.
    pub fn request(&self, organization_id: Option<&OrganizationId>) -> AuthorizeRequest {
        let mut parameters = Vec::new();
        let organization = organization_id.map(|id| ("organization_id", id.to_string()));
        match (self.why, &self.connection_ids[..]) {
            (HostedStepReason::SingleSignOn, [one]) => {
                parameters.push(("connection_id", one.clone()));
            }
            // The organisation selects its single sign-on connection.
            (HostedStepReason::SingleSignOn, _) => parameters.extend(organization),
            (_, _) => {
                parameters.push(("provider", "authkit".to_owned()));
                parameters.extend(organization);
            }
        }
        let email = self.email.clone();
        let hint = email.filter(|email| email.chars().count() <= MAX_EMAIL_LENGTH);
        parameters.extend(hint.map(|email| ("login_hint", email)));
        if matches!(
            self.why,
            HostedStepReason::Email | HostedStepReason::SecondFactor
        ) {
            // WorkOS would reuse its own session. With `max_age=0` it authenticates the user again
            // and asks for the code itself.
            parameters.push(("max_age", "0".to_owned()));
        }
        AuthorizeRequest { parameters }
    }
}

/// A refusal with a token with which the sign-in continues asks for a step, also if this program does not know it
/// yet. WorkOS's own pages do.
fn unknown_step(status: StatusCode, body: &Value) -> Option<HostedStepReason> {
    let is_step =
        status == StatusCode::FORBIDDEN && text(body, "pending_authentication_token").is_some();
    is_step.then_some(HostedStepReason::Challenge)
}

fn pending(body: &Value, question: StepQuestion) -> Option<NextStep> {
    let token = SecretString::from(text(body, "pending_authentication_token")?);
    Some(NextStep::Answerable(PendingAuthentication {
        token,
        question,
        subject: text(&body["user"], "id").or_else(|| text(body, "email")),
    }))
}

/// Prefers an authenticator app to a telephone, which would have to be sent a code.
fn totp(body: &Value) -> Option<StepQuestion> {
    let factors = body["authentication_factors"].as_array();
    let factors = || factors.into_iter().flatten();
    let factor = factors().find(|factor| factor["type"] == "totp");
    let factor_id = factor
        .or_else(|| factors().next())
        .and_then(|factor| text(factor, "id"));
    let challenge_id = text(&body["authentication_challenge"], "id")
        .or_else(|| text(body, "authentication_challenge_id"));
    (factor_id.is_some() || challenge_id.is_some()).then_some(StepQuestion::Totp {
        factor_id,
        challenge_id,
    })
}

fn text(body: &Value, name: &str) -> Option<String> {
    let text = body[name].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

/// Serializes the secret. The result is encrypted immediately.
fn exposed<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

#[cfg(test)]
mod tests;
