//! `GET /events`: WorkOS's Events API.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::DateTime;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::clock::Millis;
use crate::events::Event;
use crate::list_query::ListQuery;
use crate::state::SharedState;

/// In which order events are listed, and what the cursors mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
    /// Descending, but `after` selects newer events and `before` older ones.
    Normal,
}

/// Which events a request asks for.
struct EventFilter {
    /// An empty list means all events.
    names: Vec<String>,
    organization_id: Option<String>,
    start: Option<Millis>,
    end: Option<Millis>,
}

impl EventFilter {
    fn read(query: &ListQuery) -> Result<Self, ApiError> {
        let mut names = query.values("events");
        names.extend(query.values("events[]"));
        let (start, end) = (time(query, "range_start")?, time(query, "range_end")?);
        if query.get("after").is_some() && (start.is_some() || end.is_some()) {
            return Err(ApiError::invalid_field(
                "after",
                "mutually_exclusive_with_range",
            ));
        }
        Ok(Self {
            names,
            organization_id: query.get("organization_id").map(str::to_owned),
            start,
            end,
        })
    }

    fn matches(&self, event: &Event) -> bool {
        let organization = self.organization_id.as_deref();
        (self.names.is_empty() || self.names.iter().any(|name| **name == *event.name))
            && (organization.is_none() || organization == event.organization_id.as_deref())
            && self.start.is_none_or(|start| event.created_at >= start)
            && self.end.is_none_or(|end| event.created_at <= end)
    }
}

/// Lists events.
pub(crate) async fn list(
    _key: ApiKey,
    shared: Data<SharedState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = ListQuery::parse(request.query_string());
    let filter = EventFilter::read(&query)?;
    let limit = query.limit()?;
    let order = match query.get("order") {
        None | Some("desc") => Order::Descending,
        Some("asc") => Order::Ascending,
        Some("normal") => Order::Normal,
        Some(_) => return Err(ApiError::invalid_field("order", "invalid_order")),
    };
    let store = shared.store();
    if let Some(id) = &filter.organization_id
        && store.directory.organization(id).is_none()
    {
        let message = format!("Organization not found: '{id}'.");
        return Err(ApiError::plain(StatusCode::BAD_REQUEST, &message));
    }
    let (after, before) = (cursor(&query, "after")?, cursor(&query, "before")?);
    let (newer_than, older_than) = match order {
        Order::Ascending | Order::Normal => (after, before),
        Order::Descending => (before, after),
    };
    let events = store.events.between(newer_than, older_than);
    let events = events.filter(|event| filter.matches(event));
    // The page begins next to the cursor, which is at the old end or at the new end.
    let from_old_end = match order {
        Order::Ascending => older_than.is_none() || newer_than.is_some(),
        Order::Descending | Order::Normal => newer_than.is_some() && older_than.is_none(),
    };
    let mut page: Vec<&Event> = if from_old_end {
        events.take(limit + 1).collect()
    } else {
        events.rev().take(limit + 1).collect()
    };
    let has_more = page.len() > limit;
    page.truncate(limit);
    if from_old_end != (order == Order::Ascending) {
        page.reverse();
    }
    let edge = match order {
        Order::Normal => page.first(),
        Order::Ascending | Order::Descending => page.last(),
    };
    let data: Vec<Value> = page.iter().map(|event| event.to_json()).collect();
    // A page that `before` selects ends at the cursor, so there is always more after it.
    let more_after = match before {
        Some(_) => !page.is_empty(),
        None => has_more,
    };
    let after = edge.filter(|_| more_after).map(|event| &event.id);
    Ok(HttpResponse::Ok().json(json!({
        "object": "list",
        "data": data,
        "list_metadata": { "after": after },
    })))
}

/// A cursor: the id of an event. The event itself may have been discarded.
fn cursor<'a>(query: &'a ListQuery, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    match query.get(name) {
        Some(id) if !id.starts_with("event_") => {
            let message = format!("Event not found: '{id}'.");
            Err(ApiError::plain(StatusCode::BAD_REQUEST, &message))
        }
        id => Ok(id),
    }
}

/// A time in ISO 8601.
fn time(query: &ListQuery, name: &'static str) -> Result<Option<Millis>, ApiError> {
    query
        .get(name)
        .map(|text| {
            DateTime::parse_from_rfc3339(text)
                .map(|time| time.timestamp_millis())
                .map_err(|_| ApiError::invalid_field(name, "invalid_date"))
        })
        .transpose()
}
