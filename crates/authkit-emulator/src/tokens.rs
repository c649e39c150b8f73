//! From a settled sign-in to tokens: the steps in between, the session, the access token.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::clock::Millis;
use crate::ids;
use crate::model::Connection;
use crate::replies::Refusal;
use crate::seed::Mfa;
use crate::state::{
    PENDING_LIFETIME, Pending, REPLAY_GRACE, RefreshToken, Session, SignIn, State, Step, Used,
};

impl State {
    /// Finishes a sign-in, or stops it at the next step with a `pending_authentication_token`.
    pub(crate) fn proceed(
        &mut self,
        mut sign_in: SignIn,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let user = self.directory.user(&sign_in.user_id).ok_or_else(gone)?;
        let (verified, mfa) = (user.email_verified, user.mfa);
        // Whoever impersonates has proved themselves to the dashboard, not with the user's means.
        let own = sign_in.impersonator.is_none();
        if own && !verified {
            return Err(self.stop_for_email(sign_in, now));
        }
        if own && sign_in.method != "SSO" && !sign_in.second_factor_done {
            match mfa {
                Some(Mfa::Totp) => return Err(self.stop_for_code(sign_in, base_url, now)),
                Some(Mfa::EnrollmentRequired) => {
                    return Err(self.stop_for_enrollment(sign_in, base_url, now));
                }
                None => {}
            }
        }
        if sign_in.organization_id.is_none() {
            let organizations = self.directory.organizations_of(&sign_in.user_id);
            match organizations[..] {
                [] => {}
                [one] => sign_in.organization_id = Some(one.id.clone()),
                _ => return Err(self.stop_for_organization(sign_in, base_url, now)),
            }
        }
        if let Some(id) = &sign_in.organization_id {
            let exempt = sign_in.method == "SSO" || sign_in.impersonator.is_some();
            self.check_sso(id, &sign_in.user_id, exempt)?;
        }
        self.open_session(sign_in, base_url, now)
    }

    /// Refuses whoever would come into an organisation past its single sign-on.
    fn check_sso(&self, id: &str, user_id: &str, exempt: bool) -> Result<(), Refusal> {
        let organization = self.directory.organization(id);
        if exempt || organization.is_none_or(|organization| !organization.sso_required) {
            return Ok(());
        }
        let of_it = |one: &&Connection| one.organization_id == id;
        let connections = self.directory.connections.iter().filter(of_it);
        let connection_ids: Vec<&str> = connections.map(|one| one.id.as_str()).collect();
        let user = self.directory.user(user_id);
        let email = user.map(|user| user.email.as_str());
        let message = "User must authenticate using one of the matching connections.";
        let refusal = Refusal::oauth("sso_required", message);
        Err(refusal
            .with("connection_ids", connection_ids)
            .with("email", email))
    }

    fn open_session(
        &mut self,
        sign_in: SignIn,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, Refusal> {
        if let Some(user) = self.directory.user_mut(&sign_in.user_id) {
            user.last_sign_in_at = Some(now);
        }
        let session = Session {
            id: ids::fresh("session"),
            user_id: sign_in.user_id,
            method: sign_in.method,
            organization_id: sign_in.organization_id,
            impersonator: sign_in.impersonator,
            browser: sign_in.browser,
            created_at: now,
        };
        let reply = self.tokens_for(&session, base_url, now)?;
        self.outbox.put("session.created", session.to_json());
        self.sessions.insert(session.id.clone(), session);
        Ok(reply)
    }

    /// A new pair for a session, in the body of a 200.
    fn tokens_for(
        &mut self,
        session: &Session,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let user = self.directory.user(&session.user_id).ok_or_else(gone)?;
        let mut reply = json!({
            "user": user.to_json(base_url),
            "access_token": self.keys.sign(&self.claims(session, now))?,
            "authentication_method": session.method,
        });
        if let Some(organization_id) = &session.organization_id {
            reply["organization_id"] = json!(organization_id);
        }
        if let Some(impersonator) = &session.impersonator {
            reply["impersonator"] = json!(impersonator);
        }
        let refresh_token = ids::secret();
        reply["refresh_token"] = json!(refresh_token);
        let entry = RefreshToken {
            session_id: session.id.clone(),
            used: None,
        };
        self.refresh_tokens.insert(refresh_token, entry);
        Ok(reply)
    }

    fn claims(&self, session: &Session, now: Millis) -> Value {
        let issued_at = now / 1000;
        let mut claims: Map<String, Value> = self.tokens.extra_claims.clone();
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("iss", json!(self.tokens.issuer));
        claim("sub", json!(session.user_id));
        claim("sid", json!(session.id));
        claim("jti", json!(ids::fresh("token")));
        claim("iat", json!(issued_at));
        claim("exp", json!(issued_at + self.tokens.lifetime / 1000));
        if let Some(audience) = &self.tokens.audience {
            claim("aud", json!(audience));
        }
        if let Some(impersonator) = &session.impersonator {
            claim("act", json!({ "sub": impersonator.email }));
        }
        let organization = session
            .organization_id
            .as_ref()
            .and_then(|id| self.directory.organization(id));
        if let Some(organization) = organization {
            claim("org_id", json!(organization.id));
            claim("entitlements", json!(organization.entitlements));
            if let Some(member) = organization.member(&session.user_id) {
                claim("role", json!(member.role));
                claim("roles", json!([member.role]));
                claim("permissions", json!(member.permissions));
            }
        }
        Value::Object(claims)
    }

    /// Exchanges a refresh token; within the grace a replay gets the answer of the first time.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        organization_id: Option<&str>,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let in_grace = |used: &Used| now - used.at <= REPLAY_GRACE;
        self.refresh_tokens
            .retain(|_, entry| entry.used.as_ref().is_none_or(in_grace));
        let refused = || Refusal::oauth("invalid_grant", "The refresh token is invalid or used.");
        let entry = self.refresh_tokens.get(token).ok_or_else(refused)?;
        let ended = || Refusal::oauth("invalid_grant", "Session has already ended.");
        let mut session = self
            .sessions
            .get(&entry.session_id)
            .cloned()
            .ok_or_else(ended)?;
        if let Some(used) = &entry.used {
            return Ok(used.reply.clone());
        }
        if let Some(id) = organization_id {
            self.check_member(id, &session.user_id)?;
            if session.organization_id.as_deref() != Some(id) {
                let exempt = session.method == "SSO" || session.impersonator.is_some();
                self.check_sso(id, &session.user_id, exempt)?;
            }
            session.organization_id = Some(id.to_owned());
        }
        let reply = self.tokens_for(&session, base_url, now)?;
        self.sessions.insert(session.id.clone(), session);
        if let Some(entry) = self.refresh_tokens.get_mut(token) {
            entry.used = Some(Used {
                at: now,
                reply: reply.clone(),
            });
        }
        Ok(reply)
    }

    /// Refuses an organisation that does not exist or that the user does not belong to.
    pub(crate) fn check_member(&self, id: &str, user_id: &str) -> Result<(), Refusal> {
        let organization = self.directory.organization(id);
        let organization = organization.ok_or_else(|| Refusal::not_found("Organization", id))?;
        if organization.member(user_id).is_none() {
            let message = "The user is not a member of the organization.";
            return Err(Refusal::coded(
                StatusCode::BAD_REQUEST,
                "invalid_organization_id",
                message,
            ));
        }
        Ok(())
    }

    fn hold(&mut self, sign_in: SignIn, step: Step, now: Millis) -> String {
        self.pending
            .retain(|_, pending| now - pending.since <= PENDING_LIFETIME);
        let token = ids::secret();
        self.pending.insert(
            token.clone(),
            Pending {
                sign_in,
                step,
                attempts: 0,
                since: now,
            },
        );
        token
    }

    fn stop_for_email(&mut self, sign_in: SignIn, now: Millis) -> Refusal {
        let user = self.directory.user(&sign_in.user_id);
        let email = user.map(|user| user.email.clone()).unwrap_or_default();
        let message = "Email ownership must be verified before authentication.";
        forbidden("email_verification_required", message)
            .with("email", email)
            .with("email_verification_id", ids::fresh("email_verification"))
            .with(PENDING, self.hold(sign_in, Step::EmailVerification, now))
    }

    fn stop_for_code(&mut self, sign_in: SignIn, base_url: &str, now: Millis) -> Refusal {
        let message = "The user must complete an MFA challenge to finish authenticating.";
        let (user, factor) = self
            .directory
            .user(&sign_in.user_id)
            .map(|user| (user.to_json(base_url), user.factor_id()))
            .unwrap_or_default();
        forbidden("mfa_challenge", message)
            .with("user", user)
            .with(
                "authentication_factors",
                json!([{ "id": factor, "type": "totp" }]),
            )
            .with(PENDING, self.hold(sign_in, Step::SecondFactor, now))
    }

    fn stop_for_enrollment(&mut self, sign_in: SignIn, base_url: &str, now: Millis) -> Refusal {
        let message = "The user must enroll in MFA to finish authenticating.";
        let browser = sign_in.browser.as_ref();
        if let Some(browser) = browser.and_then(|id| self.browsers.get_mut(id)) {
            browser.enrolls = true;
        }
        let user = self
            .directory
            .user(&sign_in.user_id)
            .map(|user| user.to_json(base_url));
        forbidden("mfa_enrollment", message)
            .with("user", user)
            .with(PENDING, self.hold(sign_in, Step::SecondFactor, now))
    }

    fn stop_for_organization(&mut self, sign_in: SignIn, base_url: &str, now: Millis) -> Refusal {
        let message = "The user must choose an organization to finish their authentication.";
        let organizations: Vec<Value> = self
            .directory
            .organizations_of(&sign_in.user_id)
            .iter()
            .map(|organization| json!({ "id": organization.id, "name": organization.name }))
            .collect();
        let user = self
            .directory
            .user(&sign_in.user_id)
            .map(|user| user.to_json(base_url));
        forbidden("organization_selection_required", message)
            .with("user", user)
            .with("organizations", organizations)
            .with(PENDING, self.hold(sign_in, Step::Organization, now))
    }
}

const PENDING: &str = "pending_authentication_token";

fn forbidden(code: &str, message: &str) -> Refusal {
    Refusal::coded(StatusCode::FORBIDDEN, code, message)
}

fn gone() -> Refusal {
    Refusal::oauth("invalid_grant", "The user no longer exists.")
}
