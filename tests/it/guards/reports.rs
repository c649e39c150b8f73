//! `GET /reports`: the reports of the signed-in user. `POST /reports/publish`: publishes them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::error::Error;
use crate::http::require::{Require, Right, Rights};
use crate::http::session_user::SessionUser;
use crate::web::pages::PageFrame;
use crate::web::{redirect, render};

/// The permission at WorkOS, of a role in the session's organisation.
const PUBLISH: &str = "reports:publish";

/// Those who may publish reports.
pub struct Publisher;

impl Rights for Publisher {
    const ALL: &[Right] = &[Right::Permission(PUBLISH)];
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% extends "base.html" %}
{% block title %}Reports{% endblock %}
{% block content %}
    <h1>Reports</h1>
    <p>For {{ email }}{% if may_publish %}, who may publish them{% endif %}.</p>
{% endblock %}
"#
)]
struct Reports<'a> {
    page: PageFrame<'a>,
    email: &'a str,
    may_publish: bool,
}

/// Shows the reports of the signed-in user.
pub async fn reports(user: SessionUser) -> Result<HttpResponse, Error> {
    let reports = Reports {
        page: render::frame(Some(&user.state), None),
        email: &user.state.email,
        may_publish: user.permissions().iter().any(|one| one == PUBLISH),
    };
    render::page(StatusCode::OK, &reports)
}

/// Publishes the reports. Without the permission, this is not called.
pub async fn publish(publisher: Require<Publisher>) -> HttpResponse {
    log::info!("{} publishes reports", publisher.0.state.user_id);
    redirect("/reports")
}
