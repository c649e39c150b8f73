//! Sessions and their tokens: access tokens, refresh tokens, the refresh grant.

use serde_json::{Map, Value, json};

use crate::api_error::ApiError;
use crate::clock::Millis;
use crate::ids;
use crate::store::{REPLAY_WINDOW, RefreshToken, Session, SignIn, Store, TokenUse};

impl Store {
    /// Opens a session for a finished sign-in and returns its first tokens.
    pub(crate) fn open_session(
        &mut self,
        sign_in: SignIn,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, ApiError> {
        if let Some(user) = self.directory.user_mut(&sign_in.user_id) {
            user.last_sign_in_at = Some(now);
        }
        let continued = self.token_settings.continues_sessions;
        let continued = self.sessions.values().find(|session| {
            continued && session.browser == sign_in.browser && session.user_id == sign_in.user_id
        });
        let session = Session {
            id: continued.map_or_else(|| ids::random_id("session"), |session| session.id.clone()),
            user_id: sign_in.user_id,
            method: sign_in.method,
            organization_id: sign_in.organization_id,
            impersonator: sign_in.impersonator,
            browser: sign_in.browser,
            authenticated_at: sign_in.authenticated_at,
            created_at: now,
        };
        let response = self.issue_tokens(&session, base_url, now)?;
        self.events.add("session.created", &session.to_json(None));
        self.sessions.insert(session.id.clone(), session);
        Ok(response)
    }

    /// Exchanges a refresh token. Within the replay window a used token returns the response of its
    /// first use.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        organization_id: Option<&str>,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, ApiError> {
        let can_be_replayed = |used: &TokenUse| now - used.at <= REPLAY_WINDOW;
        self.refresh_tokens
            .retain(|_, entry| entry.used.as_ref().is_none_or(can_be_replayed));
        let entry = self
            .refresh_tokens
            .get(token)
            .ok_or_else(|| invalid_grant("The refresh token is invalid or used."))?;
        let mut session = self
            .sessions
            .get(&entry.session_id)
            .cloned()
            .ok_or_else(|| invalid_grant("Session has already ended."))?;
        if let Some(used) = &entry.used {
            return Ok(used.response.clone());
        }
        if let Some(id) = organization_id {
            self.check_member(id, &session.user_id)?;
            if session.organization_id.as_deref() != Some(id) && !session.satisfies_sso() {
                self.check_sso_not_required(id, &session.user_id)?;
            }
            session.organization_id = Some(id.to_owned());
        }
        let response = self.issue_tokens(&session, base_url, now)?;
        self.sessions.insert(session.id.clone(), session);
        if let Some(entry) = self.refresh_tokens.get_mut(token) {
            entry.used = Some(TokenUse {
                at: now,
                response: response.clone(),
            });
        }
        Ok(response)
    }

    /// The email address of the user whose session has this refresh token, used or not.
    pub(crate) fn email_of_refresh_token(&self, token: &str) -> Option<String> {
        let session_id = &self.refresh_tokens.get(token)?.session_id;
        let session = self.sessions.get(session_id)?;
        Some(self.directory.user(&session.user_id)?.email.clone())
    }

    /// Issues a token pair for a session: the body of a successful authenticate response.
    fn issue_tokens(
        &mut self,
        session: &Session,
        base_url: &str,
        now: Millis,
    ) -> Result<Value, ApiError> {
        let user = self
            .directory
            .user(&session.user_id)
            .ok_or_else(ApiError::user_deleted)?;
        let mut response = json!({
            "user": user.to_json(base_url),
            "access_token": self.keys.sign(&self.claims(session, now))?,
            "authentication_method": session.method,
        });
        if let Some(organization_id) = &session.organization_id {
            response["organization_id"] = json!(organization_id);
        }
        if let Some(impersonator) = &session.impersonator {
            response["impersonator"] = json!(impersonator);
        }
        let refresh_token = ids::random_secret();
        response["refresh_token"] = json!(refresh_token);
        let entry = RefreshToken {
            session_id: session.id.clone(),
            used: None,
        };
        self.refresh_tokens.insert(refresh_token, entry);
        Ok(response)
    }

    fn claims(&self, session: &Session, now: Millis) -> Value {
        let settings = &self.token_settings;
        let issued_at = now / 1000;
        let mut claims: Map<String, Value> = settings.extra_claims.clone();
        if let Some(user) = self.directory.user(&session.user_id) {
            claims.extend(user.claims.clone());
        }
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("iss", json!(settings.issuer));
        claim("sub", json!(session.user_id));
        claim("sid", json!(session.id));
        claim("jti", json!(ids::random_id("token")));
        claim("auth_time", json!(session.authenticated_at / 1000));
        claim("iat", json!(issued_at));
        claim("exp", json!(issued_at + settings.lifetime / 1000));
        if let Some(audience) = &settings.audience {
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
                claim("role", json!(member.first_role()));
                claim("roles", json!(member.roles));
                let permissions = self.directory.permissions_of(member);
                claim("permissions", json!(permissions));
            }
        }
        let flags = &self.directory.feature_flags;
        if !flags.is_empty() {
            let organization_id = session.organization_id.as_deref();
            let flags = flags
                .iter()
                .filter(|flag| flag.applies_to(&session.user_id, organization_id));
            let slugs: Vec<&str> = flags.map(|flag| flag.slug.as_str()).collect();
            claim("feature_flags", json!(slugs));
        }
        // An extra claim that is null removes a claim, to test tokens without it.
        let removed = settings.extra_claims.iter();
        for (name, _) in removed.filter(|(_, value)| value.is_null()) {
            claims.remove(name);
        }
        Value::Object(claims)
    }
}

fn invalid_grant(description: &str) -> ApiError {
    ApiError::oauth("invalid_grant", description)
}
