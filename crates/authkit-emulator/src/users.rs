//! `/user_management/users`: what an application may ask and change with its API key.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_key::ApiKey;
use crate::authenticate::Fields;
use crate::model::User;
use crate::replies::Refusal;
use crate::state::Shared;

/// WorkOS's limits of a page.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

#[derive(Debug, Deserialize)]
pub(crate) struct Listing {
    email: Option<String>,
    organization_id: Option<String>,
    limit: Option<usize>,
    order: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

pub(crate) async fn list(
    _key: ApiKey,
    shared: Data<Shared>,
    listing: Query<Listing>,
) -> Result<HttpResponse, Refusal> {
    let limit = listing.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = "limit must be between 1 and 100";
        return Err(Refusal::plain(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let state = shared.state();
    let mut users: Vec<&User> = state
        .directory
        .users
        .iter()
        .filter(|user| {
            listing
                .email
                .as_ref()
                .is_none_or(|email| *email == user.email)
        })
        .filter(|user| {
            let id = listing.organization_id.as_ref();
            id.is_none_or(|id| {
                let organization = state.directory.organization(id);
                organization.is_some_and(|organization| organization.member(&user.id).is_some())
            })
        })
        .collect();
    // Kept in the order in which they came; WorkOS shows the newest first.
    if listing.order.as_deref() != Some("asc") {
        users.reverse();
    }
    let (page, before, after) = page(&users, &listing, limit);
    let data: Vec<Value> = page
        .iter()
        .map(|user| user.to_json(&shared.base_url))
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "object": "list",
        "data": data,
        "list_metadata": { "before": before, "after": after },
    })))
}

/// The part that the cursors ask for, and the cursors of what lies before and after it.
fn page<'a>(
    users: &'a [&'a User],
    listing: &Listing,
    limit: usize,
) -> (&'a [&'a User], Option<&'a str>, Option<&'a str>) {
    let position = |id: &Option<String>| {
        id.as_ref()
            .and_then(|id| users.iter().position(|user| user.id == *id))
    };
    let (start, end) = match (position(&listing.after), position(&listing.before)) {
        (Some(after), _) => (after + 1, (after + 1 + limit).min(users.len())),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, limit.min(users.len())),
    };
    let page = &users[start..end];
    let before = page
        .first()
        .filter(|_| start > 0)
        .map(|user| user.id.as_str());
    let after = page
        .last()
        .filter(|_| end < users.len())
        .map(|user| user.id.as_str());
    (page, before, after)
}

pub(crate) async fn get(
    _key: ApiKey,
    shared: Data<Shared>,
    path: Path<String>,
) -> Result<HttpResponse, Refusal> {
    let id = path.into_inner();
    let state = shared.state();
    let user = state
        .directory
        .user(&id)
        .ok_or_else(|| Refusal::not_found("User", &id))?;
    Ok(HttpResponse::Ok().json(user.to_json(&shared.base_url)))
}

pub(crate) async fn create(
    _key: ApiKey,
    shared: Data<Shared>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let fields = Fields::read(&request, &body)?;
    let [email] = fields.require(["email"])?;
    let (now, mut state) = (shared.now(), shared.state());
    let user = state.directory.add(email, now).ok_or_else(taken)?;
    change(user, &fields);
    let reply = user.to_json(&shared.base_url);
    state.outbox.put("user.created", reply.clone());
    Ok(HttpResponse::Created().json(reply))
}

pub(crate) async fn update(
    _key: ApiKey,
    shared: Data<Shared>,
    path: Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let id = path.into_inner();
    let fields = Fields::read(&request, &body)?;
    let (now, mut state) = (shared.now(), shared.state());
    let known = state
        .directory
        .user(&id)
        .ok_or_else(|| Refusal::not_found("User", &id))?;
    let mut user = known.clone();
    if let Some(email) = fields.text("email") {
        if state
            .directory
            .by_email(email)
            .is_some_and(|other| other.id != id)
        {
            return Err(taken());
        }
        // Another address has still to be verified, unless the same request says that it is.
        user.email_verified &= user.email.eq_ignore_ascii_case(email);
        user.email = email.to_owned();
    }
    change(&mut user, &fields);
    user.updated_at = now;
    let reply = user.to_json(&shared.base_url);
    if let Some(known) = state.directory.user_mut(&id) {
        *known = user;
    }
    state.outbox.put("user.updated", reply.clone());
    Ok(HttpResponse::Ok().json(reply))
}

pub(crate) async fn delete(
    _key: ApiKey,
    shared: Data<Shared>,
    path: Path<String>,
) -> Result<HttpResponse, Refusal> {
    let id = path.into_inner();
    if shared.state().delete_user(&id) {
        Ok(HttpResponse::Ok().finish())
    } else {
        Err(Refusal::not_found("User", &id))
    }
}

fn taken() -> Refusal {
    let message = "A user with this email already exists.";
    Refusal::coded(StatusCode::BAD_REQUEST, "email_not_available", message)
}

/// Takes over the fields that the body has; null empties those that may be empty.
fn change(user: &mut User, fields: &Fields) {
    let set = |field: &mut Option<String>, name: &str| {
        if let Some(value) = fields.get(name) {
            *field = value.as_str().map(str::to_owned);
        }
    };
    set(&mut user.first_name, "first_name");
    set(&mut user.last_name, "last_name");
    set(&mut user.external_id, "external_id");
    set(&mut user.locale, "locale");
    set(&mut user.password, "password");
    if let Some(verified) = fields.get("email_verified").and_then(Value::as_bool) {
        user.email_verified = verified;
    }
    if let Some(metadata) = fields.get("metadata") {
        user.metadata = metadata.as_object().cloned().unwrap_or_default();
    }
}
