//! `POST /user_management/authenticate`, one function for each grant, and the endpoint that
//! opens a challenge for a second factor.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::api_key::ApiKey;
use crate::clock::{Millis, iso};
use crate::ids;
use crate::model::User;
use crate::replies::Refusal;
use crate::seed::{Mfa, ONE_TIME_CODE};
use crate::state::{CODE_LIFETIME, Challenge, PENDING_LIFETIME, Shared, SignIn, Step};

/// Wrong one-time codes that an unfinished sign-in bears.
const MAX_ATTEMPTS: u32 = 5;

/// The fields of a JSON object.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body, which must be a JSON object and say that it is one.
    pub(crate) fn read(request: &HttpRequest, body: &Bytes) -> Result<Self, Refusal> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_json = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim().to_lowercase().starts_with("application/json"));
        let fields = if is_json {
            serde_json::from_slice(body).ok()
        } else {
            None
        };
        fields.map(Self).ok_or_else(|| Refusal::invalid(&[]))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The named fields, or a 422 that lists those which are missing or no strings.
    pub(crate) fn require<const N: usize>(&self, names: [&str; N]) -> Result<[&str; N], Refusal> {
        let missing: Vec<&str> = names
            .into_iter()
            .filter(|name| self.text(name).is_none_or(str::is_empty))
            .collect();
        if missing.is_empty() {
            Ok(names.map(|name| self.text(name).unwrap_or_default()))
        } else {
            Err(Refusal::invalid(&missing))
        }
    }
}

pub(crate) async fn authenticate(
    shared: Data<Shared>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let fields = Fields::read(&request, &body)?;
    let [client_id, client_secret, grant_type] =
        fields.require(["client_id", "client_secret", "grant_type"])?;
    if client_id != shared.client_id || client_secret != shared.api_key {
        return Err(Refusal::oauth(
            "invalid_client",
            "Invalid client ID or secret.",
        ));
    }
    let grant = match grant_type {
        "authorization_code" => authorization_code,
        "refresh_token" => refresh_token,
        "password" => password,
        "urn:workos:oauth:grant-type:organization-selection" => organization_selection,
        "urn:workos:oauth:grant-type:email-verification:code" => email_verification,
        "urn:workos:oauth:grant-type:mfa-totp" => mfa_totp,
        _ => return Err(Refusal::invalid(&["grant_type"])),
    };
    let reply = grant(&shared, &fields).inspect_err(|refusal| {
        log::info!("emulator: {grant_type} refused: {refusal}");
    })?;
    Ok(HttpResponse::Ok().json(reply))
}

fn authorization_code(shared: &Shared, fields: &Fields) -> Result<Value, Refusal> {
    let [code] = fields.require(["code"])?;
    let (now, mut state) = (shared.now(), shared.state());
    let refused = |why: &str| Refusal::oauth("invalid_grant", why);
    // Taken out before anything is checked: one attempt is all that a code is good for.
    let code = state
        .codes
        .remove(code)
        .filter(|code| code.expires_at > now)
        .ok_or_else(|| refused("The code has expired or is invalid."))?;
    let verifier = fields.text("code_verifier");
    match (&code.challenge, verifier) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) if *challenge == s256(verifier) => {}
        (Some(_), Some(_)) => return Err(refused("The code verifier does not match.")),
        (Some(_), None) => return Err(refused("The code verifier is missing.")),
        (None, Some(_)) => {
            let message = "The authorization request carried no code challenge.";
            return Err(Refusal::coded(
                StatusCode::BAD_REQUEST,
                "code_challenge_not_found",
                message,
            ));
        }
    }
    if fields
        .text("redirect_uri")
        .is_some_and(|uri| uri != code.redirect_uri)
    {
        return Err(refused(
            "The redirect URI is not the one of the authorization request.",
        ));
    }
    state.proceed(code.sign_in, &shared.base_url, now)
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn refresh_token(shared: &Shared, fields: &Fields) -> Result<Value, Refusal> {
    let [token] = fields.require(["refresh_token"])?;
    let organization_id = fields.text("organization_id");
    shared
        .state()
        .refresh(token, organization_id, &shared.base_url, shared.now())
}

fn password(shared: &Shared, fields: &Fields) -> Result<Value, Refusal> {
    let [email, password] = fields.require(["email", "password"])?;
    let mut state = shared.state();
    let user = state.directory.by_email(email);
    let user = user
        .filter(|user| user.password.as_deref() == Some(password))
        .ok_or_else(|| {
            let message = "The email or password is incorrect.";
            Refusal::coded(StatusCode::BAD_REQUEST, "invalid_credentials", message)
        })?;
    let sign_in = SignIn {
        user_id: user.id.clone(),
        method: "Password".to_owned(),
        organization_id: None,
        impersonator: None,
        browser: None,
        second_factor_done: false,
    };
    state.proceed(sign_in, &shared.base_url, shared.now())
}

fn organization_selection(shared: &Shared, fields: &Fields) -> Result<Value, Refusal> {
    let [token, organization_id] =
        fields.require(["pending_authentication_token", "organization_id"])?;
    let (now, mut state) = (shared.now(), shared.state());
    let user_id = match state.pending.get(token) {
        Some(pending) if pending.step == Step::Organization && alive(pending.since, now) => {
            pending.sign_in.user_id.clone()
        }
        _ => return Err(invalid_pending()),
    };
    state.check_member(organization_id, &user_id)?;
    let mut sign_in = state
        .pending
        .remove(token)
        .ok_or_else(invalid_pending)?
        .sign_in;
    sign_in.organization_id = Some(organization_id.to_owned());
    state.proceed(sign_in, &shared.base_url, now)
}

fn email_verification(shared: &Shared, fields: &Fields) -> Result<Value, Refusal> {
    let [token, code] = fields.require(["pending_authentication_token", "code"])?;
    let sign_in = redeem(shared, token, code, Step::EmailVerification)?;
    let (now, mut state) = (shared.now(), shared.state());
    if let Some(user) = state.directory.user_mut(&sign_in.user_id) {
        user.email_verified = true;
        user.updated_at = now;
    }
    state.proceed(sign_in, &shared.base_url, now)
}

fn mfa_totp(shared: &Shared, fields: &Fields) -> Result<Value, Refusal> {
    let [token, code, challenge_id] = fields.require([
        "pending_authentication_token",
        "code",
        "authentication_challenge_id",
    ])?;
    {
        let state = shared.state();
        let user_id = state
            .pending
            .get(token)
            .map(|pending| &pending.sign_in.user_id);
        let challenge = state.challenges.get(challenge_id);
        let challenge = challenge.filter(|challenge| challenge.expires_at > shared.now());
        if user_id.is_some() && challenge.map(|challenge| &challenge.user_id) != user_id {
            return Err(Refusal::not_found("Authentication challenge", challenge_id));
        }
    }
    let mut sign_in = redeem(shared, token, code, Step::SecondFactor)?;
    let (now, mut state) = (shared.now(), shared.state());
    state.challenges.remove(challenge_id);
    sign_in.second_factor_done = true;
    state.proceed(sign_in, &shared.base_url, now)
}

/// Takes the sign-in that waits for a one-time code, if the code is right and in time.
fn redeem(shared: &Shared, token: &str, code: &str, step: Step) -> Result<SignIn, Refusal> {
    let (now, mut state) = (shared.now(), shared.state());
    let pending = state
        .pending
        .get_mut(token)
        .filter(|pending| pending.step == step && alive(pending.since, now))
        .ok_or_else(invalid_pending)?;
    let refused =
        |code: &str, message: &str| Err(Refusal::coded(StatusCode::BAD_REQUEST, code, message));
    if pending.attempts >= MAX_ATTEMPTS {
        return refused(
            "one_time_code_too_many_attempts",
            "Too many attempts, start again.",
        );
    }
    if step == Step::EmailVerification && now - pending.since > CODE_LIFETIME {
        return refused("one_time_code_expired", "The one-time code has expired.");
    }
    if code != ONE_TIME_CODE {
        pending.attempts += 1;
        return refused("invalid_one_time_code", "The one-time code is incorrect.");
    }
    state
        .pending
        .remove(token)
        .map(|pending| pending.sign_in)
        .ok_or_else(invalid_pending)
}

fn alive(since: Millis, now: Millis) -> bool {
    now - since <= PENDING_LIFETIME
}

fn invalid_pending() -> Refusal {
    let message = "The pending authentication token is invalid or has expired.";
    Refusal::coded(
        StatusCode::BAD_REQUEST,
        "invalid_pending_authentication_token",
        message,
    )
}

/// `POST /auth/factors/{id}/challenge`: what an application calls before `mfa-totp`.
pub(crate) async fn challenge_factor(
    _key: ApiKey,
    shared: Data<Shared>,
    path: Path<String>,
) -> Result<HttpResponse, Refusal> {
    let factor_id = path.into_inner();
    let (now, mut state) = (shared.now(), shared.state());
    state
        .challenges
        .retain(|_, challenge| challenge.expires_at > now);
    let enrolled = |user: &&User| user.mfa == Some(Mfa::Totp) && user.factor_id() == factor_id;
    let user = state.directory.users.iter().find(enrolled);
    let user_id = user
        .map(|user| user.id.clone())
        .ok_or_else(|| Refusal::not_found("Authentication factor", &factor_id))?;
    let id = ids::fresh("auth_challenge");
    let expires_at = now + CODE_LIFETIME;
    state.challenges.insert(
        id.clone(),
        Challenge {
            user_id,
            expires_at,
        },
    );
    Ok(HttpResponse::Created().json(json!({
        "object": "authentication_challenge",
        "id": id,
        "authentication_factor_id": factor_id,
        "expires_at": iso(expires_at),
        "created_at": iso(now),
        "updated_at": iso(now),
    })))
}
