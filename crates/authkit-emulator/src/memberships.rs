//! `/user_management/organization_memberships`: lists, shows, creates and changes memberships.

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::directory::Directory;
use crate::json_fields::JsonFields;
use crate::list_query::ListQuery;
use crate::organization::{Member, MembershipStatus, Organization};
use crate::state::SharedState;
use crate::store::Store;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    const PATH: &str = "/user_management/organization_memberships";
    let one = format!("{PATH}/{{id}}");
    config
        .route(PATH, web::get().to(list))
        .route(PATH, web::post().to(create))
        .route(&one, web::get().to(get))
        .route(&one, web::put().to(update))
        .route(&one, web::delete().to(delete))
        .route(&format!("{one}/deactivate"), web::put().to(deactivate))
        .route(&format!("{one}/reactivate"), web::put().to(reactivate));
}

/// Lists memberships, in the order of the seed. By default only the active ones.
async fn list(
    _key: ApiKey,
    shared: Data<SharedState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = ListQuery::parse(request.query_string());
    let (organization_id, user_id) = (query.get("organization_id"), query.get("user_id"));
    if organization_id.is_none() && user_id.is_none() {
        return Err(ApiError::coded(
            StatusCode::BAD_REQUEST,
            "missing_user_id_or_organization_id",
            "Request could not be processed.",
        ));
    }
    let statuses = statuses(&query)?;
    let limit = query.limit()?;
    let store = shared.store();
    let directory = &store.directory;
    let mut members: Vec<(&Organization, &Member)> = directory
        .organizations
        .iter()
        .filter(|organization| organization_id.is_none_or(|id| id == organization.id))
        .flat_map(|organization| {
            organization
                .members
                .iter()
                .map(move |one| (organization, one))
        })
        .filter(|(_, member)| user_id.is_none_or(|id| id == member.user_id))
        .filter(|(_, member)| statuses.contains(&member.status))
        .collect();
    if let Some(after) = query.get("after") {
        let mut ids = members.iter();
        let last = ids.position(|(organization, member)| member.id(&organization.id) == after);
        members.drain(..last.map_or(members.len(), |last| last + 1));
    }
    let has_more = members.len() > limit;
    members.truncate(limit);
    let after = members
        .last()
        .filter(|_| has_more)
        .map(|(organization, member)| member.id(&organization.id));
    let data: Vec<Value> = members
        .iter()
        .map(|(organization, member)| to_json(directory, organization, member, &shared.base_url))
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "object": "list",
        "data": data,
        "list_metadata": { "before": null, "after": after },
    })))
}

/// The statuses to list.
fn statuses(query: &ListQuery) -> Result<Vec<MembershipStatus>, ApiError> {
    let names = query.values("statuses");
    if names.is_empty() {
        return Ok(vec![MembershipStatus::Active]);
    }
    let statuses = names.iter().map(|name| MembershipStatus::parse(name));
    statuses
        .collect::<Option<_>>()
        .ok_or_else(|| ApiError::invalid_field("statuses", "invalid_status"))
}

/// The membership object of WorkOS's API.
fn to_json(
    directory: &Directory,
    organization: &Organization,
    member: &Member,
    base_url: &str,
) -> Value {
    let mut membership = member.to_json(&organization.id);
    membership["organization_name"] = json!(organization.name);
    let user = directory.user(&member.user_id);
    membership["user"] = json!(user.map(|user| user.to_json(base_url)));
    membership
}

/// The ids of organisation and user of a membership, and its status.
fn find(store: &Store, id: &str) -> Result<(String, String, MembershipStatus), ApiError> {
    let mut organizations = store.directory.organizations.iter();
    let found = organizations.find_map(|organization| {
        let mut members = organization.members.iter();
        let member = members.find(|member| member.id(&organization.id) == id)?;
        Some((
            organization.id.clone(),
            member.user_id.clone(),
            member.status,
        ))
    });
    found.ok_or_else(|| ApiError::not_found("OrganizationMembership", id))
}

/// The membership object of a user in an organisation.
fn show(store: &Store, organization_id: &str, user_id: &str) -> Value {
    let organization = store.directory.organization(organization_id);
    let shown = organization.and_then(|organization| {
        let mut members = organization.members.iter();
        let member = members.find(|member| member.user_id == user_id)?;
        Some(to_json(
            &store.directory,
            organization,
            member,
            &store.base_url,
        ))
    });
    shown.unwrap_or_default()
}

async fn get(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let store = shared.store();
    let (organization_id, user_id, _) = find(&store, &path)?;
    Ok(HttpResponse::Ok().json(show(&store, &organization_id, &user_id)))
}

async fn create(
    _key: ApiKey,
    shared: Data<SharedState>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, &body)?;
    let [organization_id, user_id] = fields.require(["organization_id", "user_id"])?;
    let mut store = shared.store();
    if store.directory.organization(organization_id).is_none() {
        return Err(ApiError::not_found("Organization", organization_id));
    }
    if store.directory.user(user_id).is_none() {
        return Err(ApiError::not_found("User", user_id));
    }
    if store.directory.is_member(user_id, organization_id) {
        let message = "The user is already a member of the organization.";
        let code = "organization_membership_already_exists";
        return Err(ApiError::coded(StatusCode::BAD_REQUEST, code, message));
    }
    let roles = roles(&store, &fields)?.unwrap_or_else(|| vec!["member".to_owned()]);
    store.add_member(organization_id, user_id, roles);
    Ok(HttpResponse::Created().json(show(&store, organization_id, user_id)))
}

async fn update(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, &body)?;
    let mut store = shared.store();
    let (organization_id, user_id, _) = find(&store, &path)?;
    if let Some(roles) = roles(&store, &fields)? {
        store.change_membership(&organization_id, &user_id, |member| member.roles = roles);
    }
    Ok(HttpResponse::Ok().json(show(&store, &organization_id, &user_id)))
}

/// The roles that `role_slug` or `role_slugs` name, if there is one of them.
fn roles(store: &Store, fields: &JsonFields) -> Result<Option<Vec<String>>, ApiError> {
    let slugs: Vec<String> = match (fields.text("role_slug"), fields.get("role_slugs")) {
        (Some(slug), _) => vec![slug.to_owned()],
        (None, Some(Value::Array(slugs))) => slugs
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        (None, _) => return Ok(None),
    };
    let directory = &store.directory;
    let is_unknown = |slug: &&String| directory.role(slug).is_none() && !directory.roles.is_empty();
    if let Some(slug) = slugs.iter().find(is_unknown) {
        let message = format!("Role '{slug}' is not a valid role.");
        let status = StatusCode::BAD_REQUEST;
        return Err(ApiError::coded(status, "invalid_role", &message));
    }
    if slugs.is_empty() {
        return Err(ApiError::invalid_fields(&["role_slugs"]));
    }
    Ok(Some(slugs))
}

async fn delete(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let mut store = shared.store();
    let (organization_id, user_id, _) = find(&store, &path)?;
    store.delete_membership(&organization_id, &user_id);
    Ok(HttpResponse::Ok().finish())
}

async fn deactivate(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    set_status(&shared, &path, MembershipStatus::Inactive)
}

async fn reactivate(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    set_status(&shared, &path, MembershipStatus::Active)
}

/// Sets the status of a membership that is not pending. There is no event if it has the status already.
fn set_status(
    shared: &SharedState,
    id: &str,
    status: MembershipStatus,
) -> Result<HttpResponse, ApiError> {
    let mut store = shared.store();
    let (organization_id, user_id, old) = find(&store, id)?;
    if old == MembershipStatus::Pending {
        let message = "A pending membership cannot be deactivated or reactivated.";
        let code = "organization_membership_pending";
        return Err(ApiError::coded(StatusCode::BAD_REQUEST, code, message));
    }
    if old != status {
        store.change_membership(&organization_id, &user_id, |member| member.status = status);
    }
    Ok(HttpResponse::Ok().json(show(&store, &organization_id, &user_id)))
}
