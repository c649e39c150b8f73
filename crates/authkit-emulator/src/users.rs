//! `/user_management/users`: lists, shows, creates, changes and deletes users.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::json_fields::JsonFields;
use crate::model::User;
use crate::state::SharedState;

/// WorkOS's default limit of a page, and its maximum.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

#[derive(Debug, Deserialize)]
pub(crate) struct UserListQuery {
    email: Option<String>,
    organization_id: Option<String>,
    limit: Option<usize>,
    order: Option<String>,
    /// Lists the users before the one with this id.
    before: Option<String>,
    /// Lists the users after the one with this id.
    after: Option<String>,
}

pub(crate) async fn list(
    _key: ApiKey,
    shared: Data<SharedState>,
    query: Query<UserListQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = "limit must be between 1 and 100";
        return Err(ApiError::plain(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let store = shared.store();
    let directory = &store.directory;
    let has_email = |user: &&User| {
        query
            .email
            .as_ref()
            .is_none_or(|email| *email == user.email)
    };
    let is_member = |user: &&User| {
        let id = query.organization_id.as_ref();
        id.is_none_or(|id| directory.is_member(&user.id, id))
    };
    let users = directory.users.iter();
    let mut users: Vec<&User> = users.filter(has_email).filter(is_member).collect();
    // Users are stored in the order of creation. WorkOS lists the newest first.
    if query.order.as_deref() != Some("asc") {
        users.reverse();
    }
    let (page, before, after) = page(&users, &query, limit);
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

/// The requested page, and the cursors of the pages before and after it.
fn page<'a>(
    users: &'a [&'a User],
    query: &UserListQuery,
    limit: usize,
) -> (&'a [&'a User], Option<&'a str>, Option<&'a str>) {
    let position = |id: &Option<String>| {
        id.as_ref()
            .and_then(|id| users.iter().position(|user| user.id == *id))
    };
    let (start, end) = match (position(&query.after), position(&query.before)) {
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
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    let store = shared.store();
    let user = store
        .directory
        .user(&id)
        .ok_or_else(|| ApiError::not_found("User", &id))?;
    Ok(HttpResponse::Ok().json(user.to_json(&shared.base_url)))
}

pub(crate) async fn create(
    _key: ApiKey,
    shared: Data<SharedState>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, &body)?;
    let [email] = fields.require(["email"])?;
    let (now, mut store) = (shared.now(), shared.store());
    let user = store
        .directory
        .add_user(email, now)
        .ok_or_else(email_not_available)?;
    apply_changes(user, &fields);
    let response = user.to_json(&shared.base_url);
    store.events.add("user.created", &response);
    Ok(HttpResponse::Created().json(response))
}

pub(crate) async fn update(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    let fields = JsonFields::read(&request, &body)?;
    let (now, mut store) = (shared.now(), shared.store());
    let directory = &mut store.directory;
    let mut user = directory
        .user(&id)
        .cloned()
        .ok_or_else(|| ApiError::not_found("User", &id))?;
    if let Some(email) = fields.text("email") {
        if directory
            .user_by_email(email)
            .is_some_and(|other| other.id != id)
        {
            return Err(email_not_available());
        }
        // A new email address is not verified, unless the same request says that it is.
        user.email_verified &= user.email.eq_ignore_ascii_case(email);
        user.email = email.to_owned();
    }
    apply_changes(&mut user, &fields);
    user.updated_at = now;
    let response = user.to_json(&shared.base_url);
    if let Some(stored) = directory.user_mut(&id) {
        *stored = user;
    }
    store.events.add("user.updated", &response);
    Ok(HttpResponse::Ok().json(response))
}

pub(crate) async fn delete(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    if shared.store().delete_user(&id) {
        Ok(HttpResponse::Ok().finish())
    } else {
        Err(ApiError::not_found("User", &id))
    }
}

fn email_not_available() -> ApiError {
    let message = "A user with this email already exists.";
    ApiError::coded(StatusCode::BAD_REQUEST, "email_not_available", message)
}

/// Sets the fields that the body contains. Null clears a field.
fn apply_changes(user: &mut User, fields: &JsonFields) {
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
