//! The pages that browsers see, their style sheet and the pictures of the demo's people.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use aws_lc_rs::digest;

use crate::authorization::{Authorization, Through};
use crate::directory::Directory;
use crate::model::User;
use crate::seed::ONE_TIME_CODE;
use crate::state::Shared;

const STYLE: &str = include_str!("../templates/style.css");
const ICON: &str = include_str!("../templates/icon.svg");

/// A row of the sign-in page and of the list on the emulator's own front page.
struct Person {
    id: String,
    name: String,
    email: String,
    password: String,
    description: String,
    picture: String,
}

impl Person {
    fn new(directory: &Directory, user: &User) -> Self {
        let picture = user
            .profile_picture_url
            .as_ref()
            .filter(|url| url.starts_with('/'));
        Self {
            id: user.id.clone(),
            name: user.name(),
            email: user.email.clone(),
            password: user.password.clone().unwrap_or_default(),
            description: directory.describe(user),
            picture: picture
                .cloned()
                .unwrap_or_else(|| format!("/pictures/{}.svg", user.id)),
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    sign_up: bool,
    through: Option<String>,
    application: String,
    action: String,
    people: Vec<Person>,
    login_hint: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "enroll.html")]
struct EnrollPage<'a> {
    email: &'a str,
    application: String,
    action: String,
    one_time_code: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    message: &'a str,
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage<'a> {
    shared: &'a Shared,
    people: Vec<Person>,
}

/// The sign-in page, again with what was wrong where `problem` says so.
pub(crate) fn sign_in(
    shared: &Shared,
    request: &HttpRequest,
    authorization: &Authorization,
    problem: Option<&str>,
) -> HttpResponse {
    let state = shared.state();
    let url = &authorization.redirect.url;
    let page = SignInPage {
        sign_up: authorization.sign_up,
        through: authorization.through.as_ref().map(|through| match through {
            Through::Provider(name) => name.trim_end_matches("OAuth").to_owned(),
            Through::Connection(name) => name.clone(),
        }),
        application: url.origin().ascii_serialization(),
        action: format!("{}?{}", request.path(), request.query_string()),
        people: everybody(&state.directory),
        login_hint: authorization.login_hint.clone().unwrap_or_default(),
        problem: problem.map(str::to_owned),
    };
    let status = problem.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    html(status, &page, &target_of(authorization))
}

/// The page that sets up a second factor, again with what was wrong where `problem` says so.
pub(crate) fn enroll(
    request: &HttpRequest,
    authorization: &Authorization,
    email: &str,
    problem: Option<&str>,
) -> HttpResponse {
    let page = EnrollPage {
        email,
        application: authorization.redirect.url.origin().ascii_serialization(),
        action: format!("{}?{}", request.path(), request.query_string()),
        one_time_code: ONE_TIME_CODE,
        problem,
    };
    let status = problem.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    html(status, &page, &target_of(authorization))
}

/// Chromium holds the redirect that answers a form to the page's form-action too.
fn target_of(authorization: &Authorization) -> String {
    let url = &authorization.redirect.url;
    let origin = url.origin();
    if origin.is_tuple() {
        origin.ascii_serialization()
    } else {
        format!("{}:", url.scheme())
    }
}

/// A page that says what is wrong and leads nowhere.
pub(crate) fn error(status: StatusCode, message: &str) -> HttpResponse {
    html(
        status,
        &MessagePage {
            title: "Something went wrong",
            message,
        },
        "",
    )
}

/// Where a logout ends that was told no way back.
pub(crate) fn signed_out() -> HttpResponse {
    let message = "You have signed out. You can close this page.";
    html(
        StatusCode::OK,
        &MessagePage {
            title: "Signed out",
            message,
        },
        "",
    )
}

/// `GET /`: what this server is and who can sign in.
pub(crate) async fn index(shared: Data<Shared>) -> HttpResponse {
    let people = everybody(&shared.state().directory);
    html(
        StatusCode::OK,
        &IndexPage {
            shared: &shared,
            people,
        },
        "",
    )
}

fn everybody(directory: &Directory) -> Vec<Person> {
    directory
        .users
        .iter()
        .map(|user| Person::new(directory, user))
        .collect()
}

fn html(status: StatusCode, page: &impl Template, form_action: &str) -> HttpResponse {
    let body = match page.render() {
        Ok(body) => body,
        Err(error) => {
            log::error!("emulator: a page could not be rendered: {error}");
            return HttpResponse::InternalServerError().finish();
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {form_action}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

/// `GET /style.css`.
pub(crate) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(STYLE)
}

/// `GET /icon.svg`.
pub(crate) async fn icon() -> HttpResponse {
    HttpResponse::Ok().content_type("image/svg+xml").body(ICON)
}

/// `GET /pictures/{name}.svg`: a made-up portrait, always the same for one name.
pub(crate) async fn picture(path: Path<String>) -> HttpResponse {
    let name = path.into_inner();
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let [a, b, c, ..] = *digest.as_ref() else {
        return HttpResponse::NotFound().finish();
    };
    let hue = u32::from(a) * 360 / 256;
    let (other, tilt) = ((hue + 40 + u32::from(b) / 4) % 360, i32::from(c) % 20 - 10);
    let svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">
<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="hsl({hue},60%,62%)"/><stop offset="1" stop-color="hsl({other},55%,42%)"/>
</linearGradient></defs>
<rect width="96" height="96" fill="url(#g)"/>
<g transform="rotate({tilt} 48 96)" fill="#fff"><circle cx="48" cy="40" r="17" fill-opacity=".92"/>
<path d="M14 100a34 34 0 0 1 68 0z" fill-opacity=".8"/></g></svg>"##
    );
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .body(svg)
}
