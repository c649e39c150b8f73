//! The server thread and the route table.

use std::net::TcpListener;
use std::sync::mpsc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use crate::api_error::ApiError;
use crate::api_key::ApiKey;
use crate::control::Control;
use crate::events::Event;
use crate::state::SharedState;
use crate::webhook_delivery::deliver_events;
use crate::{
    admin_api, authenticate, authorize, events_api, factor_challenge, fault_injection, logout,
    memberships, pages, users,
};

/// Runs the server on a thread of its own. It does not need the caller's runtime, and a caller that
/// blocks does not block it. Returns the handle, and a receiver that becomes true when the server has
/// stopped.
pub(crate) fn spawn(
    listener: TcpListener,
    control: Control,
    events: UnboundedReceiver<Event>,
) -> std::io::Result<(ServerHandle, watch::Receiver<bool>)> {
    let (started, wait) = mpsc::channel();
    let (finish, finished) = watch::channel(false);
    std::thread::Builder::new()
        .name("emulator".to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                actix_web::rt::spawn(deliver_events(control.shared.clone(), events));
                let server = match serve(listener, control) {
                    Ok(server) => server,
                    Err(error) => {
                        // Sending fails only if the caller no longer waits for the result.
                        let _no_receiver = started.send(Err(error));
                        return;
                    }
                };
                let _no_receiver = started.send(Ok(server.handle()));
                if let Err(error) = server.await {
                    log::error!("emulator: the server stopped: {error}");
                }
            });
            finish.send_replace(true);
        })?;
    let handle = wait.recv().map_err(std::io::Error::other)??;
    Ok((handle, finished))
}

fn serve(listener: TcpListener, control: Control) -> std::io::Result<Server> {
    let control = Data::new(control);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(control.shared.clone())
            .app_data(control.clone())
            .wrap(from_fn(fault_injection::record_and_inject))
            .configure(routes)
    });
    Ok(server
        .workers(1)
        .disable_signals()
        .shutdown_timeout(5)
        .listen(listener)?
        .run())
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(pages::index))
        .route("/style.css", web::get().to(pages::style))
        .route("/icon.svg", web::get().to(pages::icon))
        .route("/pictures/{name}.svg", web::get().to(pages::picture))
        .route("/health", web::get().to(health))
        .route("/sso/jwks/{client_id}", web::get().to(key_set))
        .route(
            "/user_management/{client_id}/.well-known/openid-configuration",
            web::get().to(discovery),
        )
        .route("/user_management/authorize", web::get().to(authorize::show))
        .route(
            "/user_management/authorize",
            web::post().to(authorize::submit),
        )
        .route(
            "/user_management/authenticate",
            web::post().to(authenticate::authenticate),
        )
        .route(
            "/user_management/sessions/logout",
            web::get().to(logout::logout),
        )
        .route(
            "/user_management/sessions/revoke",
            web::post().to(logout::revoke),
        )
        .route("/user_management/users", web::get().to(users::list))
        .route("/user_management/users", web::post().to(users::create))
        .route("/user_management/users/{id}", web::get().to(users::get))
        .route("/user_management/users/{id}", web::put().to(users::update))
        .route(
            "/user_management/users/{id}",
            web::delete().to(users::delete),
        )
        .configure(memberships::routes)
        .route("/organizations/{id}", web::get().to(organization))
        .route("/events", web::get().to(events_api::list))
        .route(
            "/auth/factors/{id}/challenge",
            web::post().to(factor_challenge::create),
        )
        .configure(admin_api::routes)
        .default_service(web::to(not_found));
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

async fn key_set(
    shared: Data<SharedState>,
    client_id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    if *client_id != shared.client_id {
        return Err(ApiError::not_found("Client", &client_id));
    }
    Ok(HttpResponse::Ok().json(shared.store().keys.to_jwks()))
}

/// The discovery document of the client, with the issuer of its access tokens.
async fn discovery(
    shared: Data<SharedState>,
    client_id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    if *client_id != shared.client_id {
        return Err(ApiError::not_found("Client", &client_id));
    }
    let base_url = &shared.base_url;
    Ok(HttpResponse::Ok().json(json!({
        "issuer": shared.store().token_settings.issuer,
        "authorization_endpoint": format!("{base_url}/user_management/authorize"),
        "token_endpoint": format!("{base_url}/user_management/authenticate"),
        "jwks_uri": format!("{base_url}/sso/jwks/{client_id}"),
    })))
}

async fn organization(
    _key: ApiKey,
    shared: Data<SharedState>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let store = shared.store();
    let organization = store.directory.organization(&id);
    let organization = organization.ok_or_else(|| ApiError::not_found("Organization", &id))?;
    Ok(HttpResponse::Ok().json(organization.to_json()))
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "message": "Not Found", "error": "Not Found" }))
}
