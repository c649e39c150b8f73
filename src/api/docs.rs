//! `GET /api/schema` and `GET /api/docs`: the API's document, for programs and for people.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::ApiError;
use super::schema::{self, Answer, Credential, Example, Field, Group, Operation};
use crate::state::AppState;
use crate::web::pages::PageFrame;
use crate::web::render;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| schema::document().to_string());
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(schema::operations);

/// The OpenAPI document.
pub async fn schema() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(DOCUMENT.as_str())
}

/// The page.
pub async fn docs(app: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let docs = Docs {
        page: render::bare_frame(),
        site: app.settings.public_url.as_str(),
        session_cookie: &app.settings.session_cookie_name,
        operations: &OPERATIONS,
    };
    Ok(render::page(StatusCode::OK, &docs)?)
}

/// The API as a page.
#[derive(Template)]
#[template(path = "api_docs.html")]
struct Docs<'a> {
    page: PageFrame<'a>,
    /// `PUBLIC_URL`.
    site: &'a str,
    session_cookie: &'a str,
    operations: &'a [Operation],
}

impl<'a> Docs<'a> {
    fn of(&self, group: &Group) -> impl Iterator<Item = &'a Operation> + use<'a> {
        let group = *group;
        self.operations
            .iter()
            .filter(move |operation| operation.group == group)
    }

    /// The answers that need no telling at each route, once each.
    fn general(&self) -> Vec<&'a Answer> {
        let mut general: Vec<&Answer> = Vec::new();
        let all = self.operations.iter().flat_map(|one| &one.answers);
        for answer in all.filter(|answer| answer.general) {
            if general.iter().all(|other| other.status != answer.status) {
                general.push(answer);
            }
        }
        general.sort_by_key(|answer| answer.status);
        general
    }

    /// The request as a line for a shell, with the operation's own fields or with an alternative's.
    fn curl(&self, operation: &Operation, fields: &[Field]) -> String {
        let mut line = "curl".to_owned();
        if operation.method != "GET" {
            line.push_str(&format!(" -X {}", operation.method));
        }
        line.push_str(&format!(" {}{}", self.site, operation.path));
        match operation.credentials.first() {
            _ if operation.anonymous => {}
            Some(Credential::Bearer) => {
                line.push_str(" \\\n  -H 'Authorization: Bearer ACCESS_TOKEN'");
            }
            Some(Credential::SessionCookie | Credential::PolicyCookie) => {
                line.push_str(&format!(" \\\n  --cookie '{}=…'", self.session_cookie));
            }
            None => {}
        }
        if fields.iter().any(|field| field.required) {
            line.push_str(" \\\n  -H 'Content-Type: application/json'");
            line.push_str(&format!(" \\\n  -d '{}'", body(fields)));
        }
        line
    }
}

/// The required fields in their order, tokens by their names: they would fill the line.
fn body(fields: &[Field]) -> String {
    let shown = fields.iter().filter(|field| field.required).map(|field| {
        let value = if field.example == schema::TOKEN {
            let name = field.name.to_ascii_uppercase();
            if name == "TOKEN" {
                name
            } else {
                format!("{name}_TOKEN")
            }
        } else {
            field.example.to_owned()
        };
        format!("\"{}\":{}", field.name, Value::from(value))
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
}

fn pretty(example: &Example) -> String {
    serde_json::to_string_pretty(&example.value).unwrap_or_default()
}

/// Text and code by turns: code stands between backticks.
fn prose(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`')
        .enumerate()
        .map(|(number, part)| (number % 2 == 1, part))
}

/// How the credentials are called on the page.
fn in_words(credential: &Credential) -> &'static str {
    match credential {
        Credential::Bearer => "access token",
        Credential::PolicyCookie => "policy cookie",
        Credential::SessionCookie => "browser session",
    }
}
