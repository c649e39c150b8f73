//! The pages: each view reads its request, makes one or two calls into the domain, and answers
//! with a template or a redirect.

pub mod account;
pub mod attempt;
pub mod callback;
pub mod health;
pub mod home;
pub mod login;
pub mod logout;
pub mod pages;
pub mod render;
pub mod static_files;
pub mod visitor;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;

/// 302 to `url`, which is ours or WorkOS's.
pub fn redirect(url: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, url))
        .finish()
}
