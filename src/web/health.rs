//! `GET /healthz` and `GET /readyz`: liveness and readiness probes.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::middleware::OpenConnections;
use crate::state::AppState;

/// Always 200.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// 200 if the database responds and can be written to, no migration is pending, and the server is not about to
/// stop.
pub async fn readyz(
    app: web::Data<AppState>,
    connections: web::Data<OpenConnections>,
) -> HttpResponse {
    if connections.is_draining() {
        return unavailable("the server is stopping");
    }
    let problem = match app.database.is_ready().await {
        Ok(true) => return HttpResponse::Ok().json(json!({ "status": "ok" })),
        Ok(false) => "migrations are pending",
        Err(error) => {
            log::warn!("not ready: {error}");
            "the database does not respond"
        }
    };
    unavailable(problem)
}

fn unavailable(reason: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable().json(json!({ "status": "unavailable", "reason": reason }))
}
