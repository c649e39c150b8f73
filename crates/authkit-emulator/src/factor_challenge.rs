//! `POST /auth/factors/{id}/challenge`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::json;

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::clock::to_iso;
use crate::ids;
use crate::model::User;
use crate::seed::Mfa;
use crate::state::SharedState;
use crate::store::{CODE_LIFETIME, FactorChallenge};

/// Challenges an authenticator. An application calls it before the grant `mfa-totp`.
pub(crate) async fn create(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let factor_id = path.into_inner();
    let (now, mut store) = (shared.now(), shared.store());
    store
        .challenges
        .retain(|_, challenge| challenge.expires_at > now);
    let has_factor = |user: &&User| user.mfa == Some(Mfa::Totp) && user.factor_id() == factor_id;
    let user = store.directory.users.iter().find(has_factor);
    let user_id = user
        .map(|user| user.id.clone())
        .ok_or_else(|| ApiError::not_found("Authentication factor", &factor_id))?;
    let id = ids::random_id("auth_challenge");
    let expires_at = now + CODE_LIFETIME;
    let challenge = FactorChallenge {
        user_id,
        expires_at,
    };
    store.challenges.insert(id.clone(), challenge);
    Ok(HttpResponse::Created().json(json!({
        "object": "authentication_challenge",
        "id": id,
        "authentication_factor_id": factor_id,
        "expires_at": to_iso(expires_at),
        "created_at": to_iso(now),
        "updated_at": to_iso(now),
    })))
}
