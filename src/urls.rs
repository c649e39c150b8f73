//! The route table. Every route exists with and without a trailing slash, and handles HEAD (where it
//! handles GET) and OPTIONS.

use actix_web::FromRequest;
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Handler, HttpRequest, HttpResponse, Resource, Responder};

use crate::api::{
    docs, exchange, logout as api_logout, organization as api_organization, session, token, users,
    workos_token,
};
use crate::error::Error;
use crate::forward_auth;
use crate::settings::ApiPrefix;
use crate::web::{
    account, account_addresses, account_sessions, authenticator, callback, health, home, jwks,
    login, login_code, logout, organization, password_change, password_login, provider_connection,
    static_files, step, webhook,
};

/// Registers all routes; those of the API are below `prefix`.
pub fn routes(config: &mut ServiceConfig, prefix: &ApiPrefix) {
    let api = |path: &str| format!("{}{path}", prefix.as_str());
    config
        .app_data(web::Data::new(docs::ApiDocuments::default()))
        .service(get("/", home::home))
        .service(get("/account", account::account))
        .service(post("/account/password", password_change::post))
        .service(get_and_post(
            "/account/authenticator",
            authenticator::get,
            authenticator::post,
        ))
        .service(post("/account/sessions/revoke", account_sessions::revoke))
        .service(post("/account/addresses/remove", account_addresses::remove))
        .service(get(
            provider_connection::CALLBACK_PATH,
            provider_connection::callback,
        ))
        .service(get(
            "/account/providers/{provider}/connect",
            provider_connection::connect,
        ))
        .service(post(
            "/account/providers/{provider}/disconnect",
            provider_connection::disconnect,
        ))
        .service(get_and_post(
            "/login",
            password_login::get,
            password_login::post,
        ))
        .service(get_and_post(
            "/login/code",
            login_code::get,
            login_code::post,
        ))
        .service(get("/signin", login::signin))
        .service(get("/auth/login", login::login))
        .service(get("/auth/callback", callback::callback))
        .service(get_and_post("/auth/step", step::get, step::post))
        .service(post("/auth/organization", organization::post))
        .service(get_and_post("/auth/logout", logout::get, logout::post))
        .service(post(&api("/auth/workos/callback"), exchange::workos))
        .service(get(&api("/auth/workos/token"), workos_token::get))
        .service(post(&api("/auth/google"), exchange::google))
        .service(post(&api("/auth/okta"), exchange::okta))
        .service(post(&api("/auth/session"), session::session))
        .service(post(&api("/auth/organization"), api_organization::post))
        .service(post(&api("/auth/logout"), api_logout::logout))
        .service(post(&api("/token"), token::obtain))
        .service(post(&api("/token/refresh"), token::refresh))
        .service(post(&api("/token/verify"), token::verify))
        .service(post(&api("/token/blacklist"), token::blacklist))
        .service(
            get(&api("/users/me"), users::me).route(
                web::route()
                    .guard(is_write())
                    .to(users::me_method_not_allowed),
            ),
        )
        .service(
            web::resource(["/auth/verify", "/auth/verify/{original:.*}"])
                .route(web::route().to(forward_auth::verify)),
        )
        .service(get("/.well-known/jwks.json", jwks::jwks))
        .service(get(&api("/schema"), docs::schema))
        .service(get(&api("/docs"), docs::docs))
        .service(post("/webhooks/workos", webhook::post))
        .service(get("/static/{path:.+}", static_files::get))
        .service(get("/healthz", health::healthz))
        .service(get("/readyz", health::readyz))
        .default_service(web::to(not_found));
}

fn get<F, Args>(path: &str, view: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "GET, HEAD, OPTIONS").route(web::route().guard(is_read()).to(view))
}

fn post<F, Args>(path: &str, view: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "POST, OPTIONS").route(web::post().to(view))
}

fn get_and_post<F, A, G, B>(path: &str, get: F, post: G) -> Resource
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
    G: Handler<B>,
    B: FromRequest + 'static,
    G::Output: Responder + 'static,
{
    resource(path, "GET, HEAD, POST, OPTIONS")
        .route(web::route().guard(is_read()).to(get))
        .route(web::post().to(post))
}

/// A resource with and without a trailing slash. It answers OPTIONS and other methods with `allow`.
fn resource(path: &str, allow: &'static str) -> Resource {
    let both = match path.trim_end_matches('/') {
        "" => vec!["/".to_owned()],
        path => vec![path.to_owned(), format!("{path}/")],
    };
    web::resource(both).default_service(web::to(move |request: HttpRequest| async move {
        if request.method() == Method::OPTIONS {
            return Ok(HttpResponse::NoContent()
                .insert_header((ALLOW, allow))
                .finish());
        }
        Err(Error::MethodNotAllowed {
            method: request.method().to_string(),
            allow,
        })
    }))
}

fn is_read() -> impl Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

/// Any method except GET, HEAD and OPTIONS.
fn is_write() -> impl Guard {
    guard::Not(
        guard::Any(guard::Get())
            .or(guard::Head())
            .or(guard::Options()),
    )
}

async fn not_found() -> Result<HttpResponse, Error> {
    Err(Error::NotFound)
}
