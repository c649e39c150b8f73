//! The steps between a sign-in and its session: email verification, second factor, choice of an
//! organisation, required single sign-on.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::clock::Millis;
use crate::ids;
use crate::seed::Mfa;
use crate::store::{HostedStep, PendingSignIn, PendingStep, SignIn, Store};

const PENDING_TOKEN: &str = "pending_authentication_token";

impl Store {
    /// Finishes a sign-in and returns its tokens, or returns the error that names the next step,
    /// with a `pending_authentication_token`.
    pub(crate) fn continue_sign_in(
        &mut self,
        mut sign_in: SignIn,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, ApiError> {
        let user = self
            .directory
            .user(&sign_in.user_id)
            .ok_or_else(ApiError::user_deleted)?;
        let (verified, mfa) = (user.email_verified, user.mfa);
        let challenge = user.challenge.clone();
        // An impersonator has signed in to the dashboard and has no access to the user's mailbox or
        // authenticator.
        let is_impersonated = sign_in.impersonator.is_some();
        if let Some(code) = challenge
            && !is_impersonated
            && !sign_in.challenge_done
        {
            return Err(self.challenge_required(&code, sign_in, base_url, now));
        }
        if !is_impersonated && !verified {
            return Err(self.email_verification_required(sign_in, now));
        }
        if !is_impersonated && sign_in.method != "SSO" && !sign_in.second_factor_done {
            match mfa {
                Some(Mfa::Totp) => return Err(self.mfa_challenge(sign_in, base_url, now)),
                Some(Mfa::EnrollmentRequired) => {
                    return Err(self.mfa_enrollment(sign_in, base_url, now));
                }
                None => {}
            }
        }
        if sign_in.organization_id.is_none() {
            let organizations = self.directory.organizations_of(&sign_in.user_id);
            match organizations[..] {
                [] => {}
                [only] => sign_in.organization_id = Some(only.id.clone()),
                _ => return Err(self.organization_selection_required(sign_in, base_url, now)),
            }
        }
        if let Some(id) = &sign_in.organization_id
            && !sign_in.satisfies_sso()
        {
            self.check_sso_not_required(id, &sign_in.user_id)?;
        }
        self.open_session(sign_in, base_url, now)
    }

    /// Stores a pending sign-in and returns its token.
    fn add_pending(&mut self, sign_in: SignIn, step: PendingStep, now: Millis) -> String {
        self.pending.retain(|_, pending| pending.is_valid(now));
        let token = ids::random_secret();
        self.pending.insert(
            token.clone(),
            PendingSignIn {
                sign_in,
                step,
                failed_attempts: 0,
                created_at: now,
            },
        );
        token
    }

    fn user_json(&self, user_id: &str, base_url: &str) -> Option<Value> {
        let user = self.directory.user(user_id);
        user.map(|user| user.to_json(base_url))
    }

    /// Makes the next sign-in in the same browser show the page of a step.
    fn set_hosted_step(&mut self, sign_in: &SignIn, step: HostedStep) {
        let browser = sign_in.browser.as_ref();
        if let Some(browser) = browser.and_then(|cookie| self.browsers.get_mut(cookie)) {
            browser.hosted_step = Some(step);
        }
    }

    fn challenge_required(
        &mut self,
        code: &str,
        sign_in: SignIn,
        base_url: &str,
        now: Millis,
    ) -> ApiError {
        self.set_hosted_step(&sign_in, HostedStep::Challenge);
        let mut error = step_required(code, "Request could not be processed.")
            .with("user", self.user_json(&sign_in.user_id, base_url));
        if code == "radar_email_challenge" {
            error = error.with("radar_challenge_id", ids::random_id("radar_challenge"));
        }
        let token = self.add_pending(sign_in, PendingStep::HostedPage, now);
        error.with(PENDING_TOKEN, token)
    }

    fn email_verification_required(&mut self, sign_in: SignIn, now: Millis) -> ApiError {
        let user = self.directory.user(&sign_in.user_id);
        let email = user.map(|user| user.email.clone()).unwrap_or_default();
        let token = self.add_pending(sign_in, PendingStep::EmailVerification, now);
        step_required(
            "email_verification_required",
            "Email ownership must be verified before authentication.",
        )
        .with("email", email)
        .with(
            "email_verification_id",
            ids::random_id("email_verification"),
        )
        .with(PENDING_TOKEN, token)
    }

    fn mfa_challenge(&mut self, sign_in: SignIn, base_url: &str, now: Millis) -> ApiError {
        let user = self.directory.user(&sign_in.user_id);
        let factor_id = user.map(|user| user.factor_id());
        let factors = json!([{ "id": factor_id, "type": "totp" }]);
        step_required(
            "mfa_challenge",
            "The user must complete an MFA challenge to finish authenticating.",
        )
        .with("user", self.user_json(&sign_in.user_id, base_url))
        .with("authentication_factors", factors)
        .with(
            PENDING_TOKEN,
            self.add_pending(sign_in, PendingStep::SecondFactor, now),
        )
    }

    fn mfa_enrollment(&mut self, sign_in: SignIn, base_url: &str, now: Millis) -> ApiError {
        self.set_hosted_step(&sign_in, HostedStep::Enrollment);
        step_required(
            "mfa_enrollment",
            "The user must enroll in MFA to finish authenticating.",
        )
        .with("user", self.user_json(&sign_in.user_id, base_url))
        .with(
            PENDING_TOKEN,
            self.add_pending(sign_in, PendingStep::SecondFactor, now),
        )
    }

    fn organization_selection_required(
        &mut self,
        sign_in: SignIn,
        base_url: &str,
        now: Millis,
    ) -> ApiError {
        let organizations: Vec<Value> = self
            .directory
            .organizations_of(&sign_in.user_id)
            .iter()
            .map(|organization| json!({ "id": organization.id, "name": organization.name }))
            .collect();
        step_required(
            "organization_selection_required",
            "The user must choose an organization to finish their authentication.",
        )
        .with("user", self.user_json(&sign_in.user_id, base_url))
        .with("organizations", organizations)
        .with(
            PENDING_TOKEN,
            self.add_pending(sign_in, PendingStep::OrganizationSelection, now),
        )
    }
}

fn step_required(code: &str, message: &str) -> ApiError {
    ApiError::coded(StatusCode::FORBIDDEN, code, message)
}
