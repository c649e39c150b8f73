//! `GET /healthz` and `GET /readyz`: liveness and readiness probes.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::state::AppState;

/// Always 200.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// 200 if the database responds and no migration is pending.
pub async fn readyz(app: web::Data<AppState>) -> HttpResponse {
    let problem = match app.database.is_ready().await {
        Ok(true) => return HttpResponse::Ok().json(json!({ "status": "ok" })),
        Ok(false) => "migrations are pending",
        Err(error) => {
            log::warn!("not ready: {error}");
            "the database does not respond"
        }
    };
    HttpResponse::ServiceUnavailable().json(json!({ "status": "unavailable", "reason": problem }))
}
