//! `/user_management/organization_memberships`: who belongs where, and the end of it.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_key::ApiKey;
use crate::clock::iso;
use crate::ids;
use crate::model::{Member, Organization};
use crate::replies::Refusal;
use crate::state::{Shared, State};

#[derive(Debug, Deserialize)]
pub(crate) struct Listing {
    user_id: Option<String>,
    organization_id: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// WorkOS's, where the request does not say.
const USUAL_LIMIT: usize = 10;
/// The most that WorkOS gives at once.
const MOST: usize = 100;

/// A page of them, in the order of the seed; `after` is the id of the last one of the page before.
pub(crate) async fn list(
    _key: ApiKey,
    shared: Data<Shared>,
    listing: Query<Listing>,
) -> HttpResponse {
    let state = shared.state();
    let asked = |wanted: &Option<String>, id: &str| wanted.as_deref().is_none_or(|it| it == id);
    let organizations = state.directory.organizations.iter();
    let mut rest: Vec<Value> = organizations
        .filter(|organization| asked(&listing.organization_id, &organization.id))
        .flat_map(|organization| {
            let members = organization.members.iter();
            let members = members.filter(|member| asked(&listing.user_id, &member.user_id));
            members.map(|member| to_json(organization, member, "active", shared.now()))
        })
        .collect();
    if let Some(after) = &listing.after {
        let last = rest.iter().position(|one| one["id"] == after.as_str());
        rest.drain(..last.map_or(rest.len(), |last| last + 1));
    }
    let limit = listing.limit.unwrap_or(USUAL_LIMIT).clamp(1, MOST);
    let more = rest.len() > limit;
    rest.truncate(limit);
    let after = rest.last().filter(|_| more).map(|one| one["id"].clone());
    HttpResponse::Ok().json(json!({
        "object": "list",
        "data": rest,
        "list_metadata": { "before": null, "after": after },
    }))
}

pub(crate) async fn delete(
    _key: ApiKey,
    shared: Data<Shared>,
    path: Path<String>,
) -> Result<HttpResponse, Refusal> {
    end(&shared, &path, "organization_membership.deleted", "active")?;
    Ok(HttpResponse::Ok().finish())
}

pub(crate) async fn deactivate(
    _key: ApiKey,
    shared: Data<Shared>,
    path: Path<String>,
) -> Result<HttpResponse, Refusal> {
    let membership = end(
        &shared,
        &path,
        "organization_membership.updated",
        "inactive",
    )?;
    Ok(HttpResponse::Ok().json(membership))
}

fn end(shared: &Shared, id: &str, event: &'static str, status: &str) -> Result<Value, Refusal> {
    let now = shared.now();
    let mut state = shared.state();
    let membership = state
        .remove_member(id, |organization, member| {
            to_json(organization, member, status, now)
        })
        .ok_or_else(|| Refusal::not_found("OrganizationMembership", id))?;
    state.outbox.put(event, membership.clone());
    Ok(membership)
}

fn id_of(organization: &Organization, member: &Member) -> String {
    let pair = format!("{} {}", organization.id, member.user_id);
    ids::derived("om", &pair)
}

fn to_json(organization: &Organization, member: &Member, status: &str, now: i64) -> Value {
    json!({
        "object": "organization_membership",
        "id": id_of(organization, member),
        "user_id": member.user_id,
        "organization_id": organization.id,
        "organization_name": organization.name,
        "status": status,
        "role": { "slug": member.role },
        "created_at": iso(now),
        "updated_at": iso(now),
    })
}

impl State {
    /// Takes a member out of its organisation; `None` where nobody has this membership.
    fn remove_member(
        &mut self,
        id: &str,
        show: impl Fn(&Organization, &Member) -> Value,
    ) -> Option<Value> {
        for organization in &mut self.directory.organizations {
            let found = organization
                .members
                .iter()
                .position(|member| id_of(organization, member) == id);
            if let Some(position) = found {
                let member = organization.members.remove(position);
                return Some(show(organization, &member));
            }
        }
        None
    }
}
