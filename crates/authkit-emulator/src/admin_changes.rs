//! The changes of `/_emulator/…` that WorkOS's own API has no endpoint for in the emulator: roles, feature
//! flags, organisations, a user's challenge and claims, and events.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api_error::ApiError;
use crate::clock::Millis;
use crate::control::Control;
use crate::events::MAX_EVENTS;
use crate::json_fields::parse;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleChange {
    slug: String,
    permissions: Vec<String>,
}

pub(crate) async fn set_role(
    control: Data<Control>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let RoleChange { slug, permissions } = parse(&body)?;
    control.shared.store().put_role(&slug, permissions);
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureFlagChange {
    slug: String,
    enabled: Option<bool>,
    targets: Option<Vec<String>>,
}

pub(crate) async fn set_feature_flag(
    control: Data<Control>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let change: FeatureFlagChange = parse(&body)?;
    let mut store = control.shared.store();
    store.put_feature_flag(&change.slug, change.enabled, change.targets);
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationChange {
    id: String,
    name: Option<String>,
    entitlements: Option<Vec<String>>,
}

pub(crate) async fn change_organization(
    control: Data<Control>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let change: OrganizationChange = parse(&body)?;
    let id = change.id;
    let mut store = control.shared.store();
    let is_found = store.change_organization(&id, |organization| {
        if let Some(name) = change.name {
            organization.name = name;
        }
        if let Some(entitlements) = change.entitlements {
            organization.entitlements = entitlements;
        }
    });
    match is_found {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(ApiError::not_found("Organization", &id)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserChange {
    id: String,
    /// An empty text removes the challenge.
    challenge: Option<String>,
    claims: Option<Map<String, Value>>,
}

pub(crate) async fn change_user(
    control: Data<Control>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let change: UserChange = parse(&body)?;
    let mut store = control.shared.store();
    let user = store.directory.user_mut(&change.id);
    let user = user.ok_or_else(|| ApiError::not_found("User", &change.id))?;
    if let Some(challenge) = change.challenge {
        user.challenge = Some(challenge).filter(|challenge| !challenge.is_empty());
    }
    if let Some(claims) = change.claims {
        user.claims = claims;
    }
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvents {
    event: String,
    data: Value,
    /// Without a count, one event is added and its webhooks are sent.
    count: Option<usize>,
    #[serde(default)]
    interval_milliseconds: Millis,
}

pub(crate) async fn add_events(
    control: Data<Control>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let new: NewEvents = parse(&body)?;
    let log = &mut control.shared.store().events;
    let (first, last) = match new.count {
        None => {
            let id = log.add(&new.event, &new.data);
            (Some(id.clone()), Some(id))
        }
        Some(count) if count > MAX_EVENTS || new.interval_milliseconds < 0 => {
            return Err(ApiError::invalid_field("count", "invalid_count"));
        }
        Some(count) => {
            let interval = new.interval_milliseconds;
            let ids = log.add_copies(&new.event, count, interval, |_| new.data.clone());
            (ids.first().cloned(), ids.last().cloned())
        }
    };
    Ok(HttpResponse::Created().json(json!({ "first_id": first, "last_id": last })))
}
