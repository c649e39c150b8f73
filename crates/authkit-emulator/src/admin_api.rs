//! `/_emulator/…`: what [`Control`] does, for another process.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, ServiceConfig, delete, get, post, scope};
use actix_web::{HttpResponse, guard};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::clock::iso;
use crate::control::Control;
use crate::replies::Refusal;

/// Mounts `/_emulator/…`, which the documentation of the module describes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(
        scope("/_emulator")
            .guard(guard::fn_guard(|context| {
                // A page of another site can neither read nor send here: browsers name its
                // origin, and a name rebound to this machine is not one of this machine's.
                let headers = &context.head().headers;
                let host = headers
                    .get(header::HOST)
                    .and_then(|host| host.to_str().ok());
                !headers.contains_key(header::ORIGIN) && host.is_some_and(is_local_host)
            }))
            .route("/state", get().to(state))
            .route("/clock", post().to(clock))
            .route("/tokens", post().to(tokens))
            .route("/keys/rotate", post().to(rotate))
            .route("/faults", get().to(faults))
            .route("/faults", post().to(inject))
            .route("/faults", delete().to(clear_faults))
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

fn read<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::plain(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()))
}

fn done() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn state(control: Data<Control>) -> HttpResponse {
    let shared = &control.shared;
    let state = shared.state();
    let users: Vec<Value> = state
        .directory
        .users
        .iter()
        .map(|user| user.to_json(&shared.base_url))
        .collect();
    let sessions: Vec<Value> = state
        .sessions
        .values()
        .map(|session| {
            json!({
                "id": session.id,
                "user_id": session.user_id,
                "organization_id": session.organization_id,
                "created_at": iso(session.created_at),
            })
        })
        .collect();
    HttpResponse::Ok().json(json!({
        "base_url": shared.base_url,
        "client_id": shared.client_id,
        "now": iso(shared.now()),
        "issuer": state.tokens.issuer,
        "audience": state.tokens.audience,
        "access_token_lifetime": state.tokens.lifetime / 1000,
        "users": users,
        "sessions": sessions,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

async fn clock(control: Data<Control>, body: Bytes) -> Result<HttpResponse, Refusal> {
    let advance: Advance = read(&body)?;
    control.advance(Duration::from_secs(advance.advance_seconds));
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    access_token_lifetime: Option<u64>,
    issuer: Option<String>,
    audience: Option<String>,
    extra_claims: Option<Map<String, Value>>,
}

async fn tokens(control: Data<Control>, body: Bytes) -> Result<HttpResponse, Refusal> {
    let tokens: Tokens = read(&body)?;
    if let Some(seconds) = tokens.access_token_lifetime {
        control.set_access_token_lifetime(Duration::from_secs(seconds));
    }
    if let Some(issuer) = &tokens.issuer {
        control.set_issuer(issuer);
    }
    if let Some(audience) = &tokens.audience {
        control.set_audience(
            Some(audience)
                .filter(|audience| !audience.is_empty())
                .map(|a| &**a),
        );
    }
    if let Some(claims) = tokens.extra_claims {
        control.set_extra_claims(claims);
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rotate {
    keep_old: bool,
}

impl Default for Rotate {
    fn default() -> Self {
        Self { keep_old: true }
    }
}

async fn rotate(control: Data<Control>, body: Bytes) -> Result<HttpResponse, Refusal> {
    let rotate: Rotate = if body.is_empty() {
        Rotate::default()
    } else {
        read(&body)?
    };
    control.rotate_key(rotate.keep_old)?;
    Ok(done())
}

async fn faults(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok().json(control.faults())
}

async fn inject(control: Data<Control>, body: Bytes) -> Result<HttpResponse, Refusal> {
    control.inject(read(&body)?);
    Ok(done())
}

async fn clear_faults(control: Data<Control>) -> HttpResponse {
    control.clear_faults();
    done()
}

async fn requests(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok().json(control.requests())
}

async fn clear_requests(control: Data<Control>) -> HttpResponse {
    control.clear_requests();
    done()
}
