//! The emulator's HTML pages except the sign-in page, the style sheet and the pictures.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use aws_lc_rs::digest;

use crate::authorization::Authorization;
use crate::directory::Directory;
use crate::model::User;
use crate::seed::ONE_TIME_CODE;
use crate::state::SharedState;
use crate::store::HostedStep;

const STYLE: &str = include_str!("../templates/style.css");
const ICON: &str = include_str!("../templates/icon.svg");

/// A row of a list of users.
pub(crate) struct UserRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) description: String,
    pub(crate) picture: String,
}

impl UserRow {
    pub(crate) fn new(directory: &Directory, user: &User) -> Self {
        // The content security policy allows only pictures of the emulator itself.
        let own_picture = user
            .profile_picture_url
            .as_ref()
            .filter(|url| url.starts_with('/'));
        Self {
            id: user.id.clone(),
            name: user.name(),
            email: user.email.clone(),
            password: user.password.clone().unwrap_or_default(),
            description: directory.describe_sign_in(user),
            picture: own_picture
                .cloned()
                .unwrap_or_else(|| format!("/pictures/{}.svg", user.id)),
        }
    }
}

#[derive(Template)]
#[template(path = "hosted_step.html")]
struct HostedStepPage<'a> {
    title: &'a str,
    explanation: &'a str,
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
    shared: &'a SharedState,
    users: Vec<UserRow>,
}

/// The page of a step that only AuthKit's own pages complete. `problem` says what was wrong with the
/// previous attempt.
pub(crate) fn hosted_step(
    request: &HttpRequest,
    authorization: &Authorization,
    step: HostedStep,
    email: &str,
    problem: Option<&str>,
) -> HttpResponse {
    let (title, explanation) = match step {
        HostedStep::Enrollment => (
            "Set up a second factor",
            "AuthKit shows a QR code for an authenticator app here.",
        ),
        HostedStep::Challenge => (
            "Confirm that it is you",
            "AuthKit asks for a code, or for consent, here.",
        ),
    };
    let page = HostedStepPage {
        title,
        explanation,
        email,
        application: authorization.redirect.url.origin().ascii_serialization(),
        action: format!("{}?{}", request.path(), request.query_string()),
        one_time_code: ONE_TIME_CODE,
        problem,
    };
    html(form_status(problem), &page, &form_target(authorization))
}

/// The status of a page with a form.
pub(crate) fn form_status(problem: Option<&str>) -> StatusCode {
    problem.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY)
}

/// The application's scheme, for the directive `form-action`. Chromium applies that directive to the redirects
/// that follow a form, too, and the application may redirect to another of its hosts.
pub(crate) fn form_target(authorization: &Authorization) -> String {
    match authorization.redirect.url.scheme() {
        "http" | "https" => "http: https:".to_owned(),
        scheme => format!("{scheme}:"),
    }
}

/// A page that shows an error.
pub(crate) fn error(status: StatusCode, message: &str) -> HttpResponse {
    let title = "Something went wrong";
    html(status, &MessagePage { title, message }, "")
}

/// The page after a log-out that has no URL to return to.
pub(crate) fn signed_out() -> HttpResponse {
    let (title, message) = (
        "Signed out",
        "You have signed out. You can close this page.",
    );
    html(StatusCode::OK, &MessagePage { title, message }, "")
}

/// `GET /`: what this server is, and who can sign in.
pub(crate) async fn index(shared: Data<SharedState>) -> HttpResponse {
    let users = {
        let directory = &shared.store().directory;
        let users = directory.users.iter();
        users.map(|user| UserRow::new(directory, user)).collect()
    };
    let page = IndexPage {
        shared: &shared,
        users,
    };
    html(StatusCode::OK, &page, "")
}

/// A redirect that is not cached.
pub(crate) fn redirect(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// Renders a page. Its forms may be sent to the emulator and to `form_target`.
pub(crate) fn html(status: StatusCode, page: &impl Template, form_target: &str) -> HttpResponse {
    let body = match page.render() {
        Ok(body) => body,
        Err(error) => {
            log::error!("emulator: failed to render a page: {error}");
            return HttpResponse::InternalServerError().finish();
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {form_target}; \
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

/// `GET /pictures/{name}.svg`: a generated portrait, always the same for one name.
pub(crate) async fn picture(path: Path<String>) -> HttpResponse {
    let name = path.into_inner();
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let [a, b, c, ..] = *digest.as_ref() else {
        return HttpResponse::NotFound().finish();
    };
    let hue = u32::from(a) * 360 / 256;
    let (second_hue, tilt) = ((hue + 40 + u32::from(b) / 4) % 360, i32::from(c) % 20 - 10);
    let svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">
<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="hsl({hue},60%,62%)"/><stop offset="1" stop-color="hsl({second_hue},55%,42%)"/>
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
