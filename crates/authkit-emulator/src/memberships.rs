//! `/user_management/organization_memberships`: lists, deletes and deactivates memberships.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::clock::{Millis, to_iso};
use crate::directory::Directory;
use crate::ids;
use crate::model::{Member, Organization};
use crate::state::SharedState;

/// WorkOS's default limit of a page, and its maximum.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

#[derive(Debug, Deserialize)]
pub(crate) struct MembershipListQuery {
    user_id: Option<String>,
    organization_id: Option<String>,
    limit: Option<usize>,
    /// The id of the last membership of the previous page.
    after: Option<String>,
}

/// Lists memberships, in the order of the seed.
pub(crate) async fn list(
    _key: ApiKey,
    shared: Data<SharedState>,
    query: Query<MembershipListQuery>,
) -> HttpResponse {
    let store = shared.store();
    let matches =
        |filter: &Option<String>, id: &str| filter.as_deref().is_none_or(|wanted| wanted == id);
    let mut memberships: Vec<Value> = store
        .directory
        .organizations
        .iter()
        .filter(|organization| matches(&query.organization_id, &organization.id))
        .flat_map(|organization| {
            let members = organization.members.iter();
            let members = members.filter(|member| matches(&query.user_id, &member.user_id));
            members.map(|member| to_json(organization, member, "active", shared.now()))
        })
        .collect();
    if let Some(after) = &query.after {
        let mut ids = memberships.iter().map(|membership| &membership["id"]);
        let last = ids.position(|id| id == after.as_str());
        memberships.drain(..last.map_or(memberships.len(), |last| last + 1));
    }
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let has_more = memberships.len() > limit;
    memberships.truncate(limit);
    let last = memberships.last().filter(|_| has_more);
    let after = last.map(|membership| membership["id"].clone());
    HttpResponse::Ok().json(json!({
        "object": "list",
        "data": memberships,
        "list_metadata": { "before": null, "after": after },
    }))
}

pub(crate) async fn delete(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let event = "organization_membership.deleted";
    remove(&shared, &path, event, "active")?;
    Ok(HttpResponse::Ok().finish())
}

pub(crate) async fn deactivate(
    _key: ApiKey,
    shared: Data<SharedState>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let event = "organization_membership.updated";
    let membership = remove(&shared, &path, event, "inactive")?;
    Ok(HttpResponse::Ok().json(membership))
}

/// Removes a membership, sends the event, and returns the membership with this status.
fn remove(
    shared: &SharedState,
    id: &str,
    event: &'static str,
    status: &str,
) -> Result<Value, ApiError> {
    let (now, mut store) = (shared.now(), shared.store());
    let membership = remove_member(&mut store.directory, id, status, now)
        .ok_or_else(|| ApiError::not_found("OrganizationMembership", id))?;
    store.outbox.add(event, membership.clone());
    Ok(membership)
}

fn remove_member(directory: &mut Directory, id: &str, status: &str, now: Millis) -> Option<Value> {
    directory.organizations.iter_mut().find_map(|organization| {
        let mut members = organization.members.iter();
        let position = members.position(|member| membership_id(organization, member) == id)?;
        let member = organization.members.remove(position);
        Some(to_json(organization, &member, status, now))
    })
}

fn membership_id(organization: &Organization, member: &Member) -> String {
    ids::derived_id("om", &format!("{} {}", organization.id, member.user_id))
}

/// The membership object of WorkOS's API.
fn to_json(organization: &Organization, member: &Member, status: &str, now: Millis) -> Value {
    json!({
        "object": "organization_membership",
        "id": membership_id(organization, member),
        "user_id": member.user_id,
        "organization_id": organization.id,
        "organization_name": organization.name,
        "status": status,
        "role": { "slug": member.role.slug },
        "created_at": to_iso(now),
        "updated_at": to_iso(now),
    })
}
