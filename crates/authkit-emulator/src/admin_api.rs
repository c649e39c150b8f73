//! `/_emulator/…`: the functions of [`Control`] for other processes.

use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Bytes, Data, ServiceConfig, delete, get, post, scope};
use actix_web::{HttpResponse, guard};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::admin_changes;
use crate::api_error::ApiError;
use crate::clock::to_iso;
use crate::control::Control;
use crate::json_fields::parse;
use crate::organization::{Organization, Role};

/// Adds the routes below `/_emulator`. The documentation of the crate lists them.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(
        scope("/_emulator")
            .guard(guard::fn_guard(|context| {
                // Refuses requests of web pages. Browsers send the header `Origin` with them, and
                // after DNS rebinding `Host` is not a name of this machine.
                let headers = &context.head().headers;
                let host = headers
                    .get(header::HOST)
                    .and_then(|host| host.to_str().ok());
                !headers.contains_key(header::ORIGIN) && host.is_some_and(is_local_host)
            }))
            .route("/state", get().to(state))
            .route("/clock", post().to(advance_clock))
            .route("/tokens", post().to(change_tokens))
            .route("/keys/rotate", post().to(rotate_key))
            .route("/faults", get().to(faults))
            .route("/faults", post().to(inject_fault))
            .route("/faults", delete().to(clear_faults))
            .route("/roles", post().to(admin_changes::set_role))
            .route("/feature_flags", post().to(admin_changes::set_feature_flag))
            .route(
                "/organizations",
                post().to(admin_changes::change_organization),
            )
            .route("/users", post().to(admin_changes::change_user))
            .route("/events", post().to(admin_changes::add_events))
            .route("/requests", get().to(requests))
            .route("/requests", delete().to(clear_requests)),
    );
}

fn is_local_host(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn state(control: Data<Control>) -> HttpResponse {
    let shared = &control.shared;
    let store = shared.store();
    let users: Vec<Value> = store
        .directory
        .users
        .iter()
        .map(|user| user.to_json(&shared.base_url))
        .collect();
    let directory = &store.directory;
    let organizations: Vec<Value> = directory.organizations.iter().map(organization).collect();
    let roles: Vec<Value> = directory.roles.iter().map(Role::to_json).collect();
    let feature_flags: Vec<Value> = directory
        .feature_flags
        .iter()
        .map(|flag| json!({ "slug": flag.slug, "enabled": flag.enabled, "targets": flag.targets }))
        .collect();
    let sessions: Vec<Value> = store
        .sessions
        .values()
        .map(|session| {
            json!({
                "id": session.id,
                "user_id": session.user_id,
                "organization_id": session.organization_id,
                "created_at": to_iso(session.created_at),
            })
        })
        .collect();
    HttpResponse::Ok().json(json!({
        "base_url": shared.base_url,
        "client_id": shared.client_id,
        "now": to_iso(shared.now()),
        "issuer": store.token_settings.issuer,
        "audience": store.token_settings.audience,
        "access_token_lifetime": store.token_settings.lifetime / 1000,
        "users": users,
        "organizations": organizations,
        "roles": roles,
        "feature_flags": feature_flags,
        "sessions": sessions,
    }))
}

fn organization(organization: &Organization) -> Value {
    let members = organization.members.iter();
    let members: Vec<Value> = members.map(|one| one.to_json(&organization.id)).collect();
    json!({
        "id": organization.id,
        "name": organization.name,
        "entitlements": organization.entitlements,
        "memberships": members,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceClock {
    advance_seconds: u64,
}

async fn advance_clock(control: Data<Control>, body: Bytes) -> Result<HttpResponse, ApiError> {
    let advance: AdvanceClock = parse(&body)?;
    control.advance(Duration::from_secs(advance.advance_seconds));
    Ok(no_content())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChanges {
    access_token_lifetime: Option<u64>,
    issuer: Option<String>,
    audience: Option<String>,
    extra_claims: Option<Map<String, Value>>,
}

async fn change_tokens(control: Data<Control>, body: Bytes) -> Result<HttpResponse, ApiError> {
    let changes: TokenChanges = parse(&body)?;
    if let Some(seconds) = changes.access_token_lifetime {
        control.set_access_token_lifetime(Duration::from_secs(seconds));
    }
    if let Some(issuer) = &changes.issuer {
        control.set_issuer(issuer);
    }
    if let Some(audience) = &changes.audience {
        let audience = Some(audience.as_str()).filter(|audience| !audience.is_empty());
        control.set_audience(audience);
    }
    if let Some(claims) = changes.extra_claims {
        control.set_extra_claims(claims);
    }
    Ok(no_content())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeyRotation {
    keep_old: bool,
}

impl Default for KeyRotation {
    fn default() -> Self {
        Self { keep_old: true }
    }
}

async fn rotate_key(control: Data<Control>, body: Bytes) -> Result<HttpResponse, ApiError> {
    let rotation: KeyRotation = if body.is_empty() {
        KeyRotation::default()
    } else {
        parse(&body)?
    };
    control.rotate_key(rotation.keep_old)?;
    Ok(no_content())
}

async fn faults(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok().json(control.faults())
}

async fn inject_fault(control: Data<Control>, body: Bytes) -> Result<HttpResponse, ApiError> {
    control.inject(parse(&body)?);
    Ok(no_content())
}

async fn clear_faults(control: Data<Control>) -> HttpResponse {
    control.clear_faults();
    no_content()
}

async fn requests(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok().json(control.requests())
}

async fn clear_requests(control: Data<Control>) -> HttpResponse {
    control.clear_requests();
    no_content()
}
