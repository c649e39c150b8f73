//! A sign-in that WorkOS has not finished: what it still asks for, and where that is answered.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::authorize::AuthorizeRequest;

/// What WorkOS says, without a code, of an organisation that wants single sign-on.
const MUST_USE_SSO: &str = "Must use SSO for selected organization";
/// RFC 5321's longest address.
const LONGEST_EMAIL: usize = 254;

/// What a sign-in still needs.
#[derive(Clone, Debug)]
pub enum NextStep {
    /// An answer that is asked for here and passed on to WorkOS.
    Answerable(PendingAuthentication),
    /// A fresh sign-in at WorkOS, which asks for it itself.
    Hosted(HostedStep),
}

/// A sign-in that waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingAuthentication {
    /// WorkOS's `pending_authentication_token`, which lets the sign-in go on.
    #[serde(serialize_with = "exposed")]
    pub token: SecretString,
    /// What is asked for.
    pub question: StepQuestion,
}

/// What WorkOS asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepQuestion {
    /// One of these organisations.
    Organization(Vec<Organization>),
    /// The code that was sent to this address.
    Email(Option<String>),
    /// The code that an authenticator shows.
    Totp {
        /// The authenticator, for which a challenge can be made.
        factor_id: Option<String>,
        /// A challenge that is there already.
        challenge_id: Option<String>,
    },
}

/// An organisation to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// `org_…`.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
}

/// A sign-in that goes on at WorkOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedStep {
    /// What for.
    pub why: HostedStepReason,
    /// Whose sign-in it is.
    pub email: Option<String>,
    /// The single sign-on connections that will do.
    pub connection_ids: Vec<String>,
}

/// What WorkOS's own pages are to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostedStepReason {
    /// The organisation wants its single sign-on.
    SingleSignOn,
    /// The way of signing in is not taken, by the organisation or at all.
    OtherMethod,
    /// An authenticator has to be set up.
    Enrollment,
    /// WorkOS wants to make sure that this is a person.
    Challenge,
    /// The e-mail address has to be verified, and WorkOS takes no answer from here.
    Email,
    /// An authenticator's code is wanted, and WorkOS takes no answer from here.
    SecondFactor,
}

impl NextStep {
    /// The code of a refusal that came without one and leads on all the same.
    pub(super) fn code_of(body: &Value) -> Option<&'static str> {
        (body["message"] == MUST_USE_SSO).then_some("sso_required")
    }

    /// Reads the body of a refusal; `None` where nothing in it leads on.
    pub(super) fn read(code: Option<&str>, body: &Value) -> Option<Self> {
        let why = match code {
            Some("organization_selection_required") => {
                let organizations = Vec::<Organization>::deserialize(&body["organizations"]);
                let organizations = organizations.ok().filter(|list| !list.is_empty())?;
                return pending(body, StepQuestion::Organization(organizations));
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
                "passkey_progressive_enrollment" | "radar_challenge" | "radar_sign_up_challenge",
            ) => HostedStepReason::Challenge,
            _ => return None,
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
    /// The fresh sign-in that settles it, into this organisation where one was asked for.
    pub fn request(&self, organization_id: Option<&str>) -> AuthorizeRequest {
        let mut parameters = Vec::new();
        let organization = organization_id.map(|id| ("organization_id", id.to_owned()));
        match (self.why, &self.connection_ids[..]) {
            (HostedStepReason::SingleSignOn, [one]) => {
                parameters.push(("connection_id", one.clone()));
            }
            // By itself the organisation selects its single sign-on.
            (HostedStepReason::SingleSignOn, _) => parameters.extend(organization),
            (_, _) => {
                parameters.push(("provider", "authkit".to_owned()));
                parameters.extend(organization);
            }
        }
        let email = self.email.clone();
        let hint = email.filter(|email| email.chars().count() <= LONGEST_EMAIL);
        parameters.extend(hint.map(|email| ("login_hint", email)));
        if matches!(
            self.why,
            HostedStepReason::Email | HostedStepReason::SecondFactor
        ) {
            // WorkOS remembers whom it let in so far: it is to ask anew, and then it asks this itself.
            parameters.push(("max_age", "0".to_owned()));
        }
        AuthorizeRequest { parameters }
    }
}

fn pending(body: &Value, question: StepQuestion) -> Option<NextStep> {
    let token = SecretString::from(text(body, "pending_authentication_token")?);
    Some(NextStep::Answerable(PendingAuthentication {
        token,
        question,
    }))
}

/// An authenticator rather than a telephone, to which a code would have to be sent.
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

/// For what is encrypted right after.
fn exposed<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

#[cfg(test)]
mod tests;
