//! `GET /api/schema` and `GET /api/docs`: the API's documentation, for tools and for people.
//!
//! Both answer 404 with `API_DOCS=off`, and leave out the providers that are not configured. Each worker
//! writes and compresses them once: that takes as much time as several other pages, and anybody may ask for them.

use std::io::{self, Write};
use std::sync::OnceLock;

use actix_web::http::header::{self, AcceptEncoding, ContentType, Encoding, Header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::ApiError;
use super::schema::{
    self, BodyField, CredentialKind, Operation, OperationGroup, ResponseDoc, ResponseExample,
};
use crate::error::Error;
use crate::settings::Settings;
use crate::state::AppState;
use crate::web::pages::PageFrame;
use crate::web::render;

/// The documents of one worker.
#[derive(Default)]
pub struct ApiDocuments {
    schema: OnceLock<Document>,
    page: OnceLock<Document>,
}

struct Document {
    plain: Bytes,
    gzip: Bytes,
}

impl Document {
    fn new(text: String) -> io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes())?;
        Ok(Self {
            plain: text.into(),
            gzip: encoder.finish()?.into(),
        })
    }

    fn response(&self, request: &HttpRequest, content_type: ContentType) -> HttpResponse {
        let encodings = [Encoding::gzip(), Encoding::identity()];
        let chosen = AcceptEncoding::parse(request)
            .ok()
            .and_then(|accepted| accepted.negotiate(encodings.iter()));
        let mut response = HttpResponse::Ok();
        response
            .content_type(content_type)
            .insert_header((header::VARY, "accept-encoding"));
        if chosen == Some(Encoding::gzip()) {
            response
                .insert_header((header::CONTENT_ENCODING, "gzip"))
                .body(self.gzip.clone())
        } else {
            response.body(self.plain.clone())
        }
    }
}

/// `GET /api/schema`: the OpenAPI document.
pub async fn schema(
    request: HttpRequest,
    app: web::Data<AppState>,
    documents: web::Data<ApiDocuments>,
) -> Result<HttpResponse, ApiError> {
    let write = || {
        let operations = served_operations(&app.settings)?;
        let document = schema::document(&operations, app.settings.api.scheme());
        serde_json::to_string(&document)
            .map_err(|error| ApiError::internal("write the document as JSON", error))
    };
    let document = once(&documents.schema, &app.settings, write)?;
    Ok(document.response(&request, ContentType::json()))
}

/// `GET /api/docs`: the documentation as a page.
pub async fn docs(
    request: HttpRequest,
    app: web::Data<AppState>,
    documents: web::Data<ApiDocuments>,
) -> Result<HttpResponse, ApiError> {
    let write = || {
        let page = ApiDocsPage {
            page: render::bare_frame(),
            site: app.settings.public_url.as_str(),
            session_cookie: &app.settings.session_cookie_name,
            scheme: app.settings.api.scheme(),
            operations: &served_operations(&app.settings)?,
        };
        page.render()
            .map_err(|error| ApiError::internal("render the documentation", error))
    };
    let document = once(&documents.page, &app.settings, write)?;
    Ok(document.response(&request, ContentType::html()))
}

/// The document, which the first call writes.
fn once<'a>(
    document: &'a OnceLock<Document>,
    settings: &Settings,
    write: impl FnOnce() -> Result<String, ApiError>,
) -> Result<&'a Document, ApiError> {
    if let Some(document) = document.get() {
        return Ok(document);
    }
    let text = schema::with_prefix(write()?, &settings.api.prefix);
    let written = Document::new(text)
        .map_err(|error| ApiError::internal("compress the documentation", error))?;
    Ok(document.get_or_init(|| written))
}

/// The operations that this configuration serves; 404 if the documentation is off.
fn served_operations(settings: &Settings) -> Result<Vec<Operation>, Error> {
    if !settings.api.docs {
        return Err(Error::NotFound);
    }
    let is_served = |operation: &Operation| match operation.path {
        schema::GOOGLE => settings.oidc.google.is_some(),
        schema::OKTA => settings.oidc.okta.is_some(),
        schema::WORKOS_TOKEN => settings.workos.token_route,
        _ => true,
    };
    let mut operations = schema::operations(settings.login_field);
    operations.retain(is_served);
    Ok(operations)
}

/// The template of `/api/docs`.
#[derive(Template)]
#[template(path = "api_docs.html")]
struct ApiDocsPage<'a> {
    page: PageFrame<'a>,
    /// `PUBLIC_URL`.
    site: &'a str,
    session_cookie: &'a str,
    /// The first of `AUTH_HEADER_TYPES`.
    scheme: &'a str,
    operations: &'a [Operation],
}

impl<'a> ApiDocsPage<'a> {
    fn of(&self, group: &OperationGroup) -> impl Iterator<Item = &'a Operation> + use<'a> {
        let group = *group;
        self.operations
            .iter()
            .filter(move |operation| operation.group == group)
    }

    /// The responses that most routes have, each once.
    fn general(&self) -> Vec<&'a ResponseDoc> {
        let mut general: Vec<&ResponseDoc> = Vec::new();
        let all = self.operations.iter().flat_map(|one| &one.responses);
        for response in all.filter(|response| response.general) {
            if general.iter().all(|other| other.status != response.status) {
                general.push(response);
            }
        }
        general.sort_by_key(|response| response.status);
        general
    }

    /// The request as a curl command, with the operation's own fields or an alternative's.
    fn curl(&self, operation: &Operation, fields: &[BodyField]) -> String {
        let mut line = "curl".to_owned();
        if operation.method != "GET" {
            line.push_str(&format!(" -X {}", operation.method));
        }
        line.push_str(&format!(" {}{}", self.site, operation.path));
        match operation.credentials.first() {
            _ if operation.anonymous => {}
            Some(CredentialKind::Bearer) => {
                let scheme = self.scheme;
                line.push_str(&format!(" \\\n  -H 'Authorization: {scheme} ACCESS_TOKEN'"));
            }
            Some(CredentialKind::SessionCookie | CredentialKind::PolicyCookie) => {
                line.push_str(&format!(" \\\n  --cookie '{}=…'", self.session_cookie));
            }
            None => {}
        }
        if fields.iter().any(|field| field.required) {
            line.push_str(" \\\n  -H 'Content-Type: application/json'");
            line.push_str(&format!(" \\\n  -d '{}'", curl_body(fields)));
        }
        line
    }
}

/// The required fields in their order. Tokens are replaced by names such as `REFRESH_TOKEN`, because
/// they are long.
fn curl_body(fields: &[BodyField]) -> String {
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

fn pretty(example: &ResponseExample) -> String {
    serde_json::to_string_pretty(&example.value).unwrap_or_default()
}

/// Splits a text into prose and code, which is between backticks: `(is code, part)`.
fn prose(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`')
        .enumerate()
        .map(|(number, part)| (number % 2 == 1, part))
}

/// The name of a kind of credentials on the page.
fn credential_name(credential: &CredentialKind) -> &'static str {
    match credential {
        CredentialKind::Bearer => "access token",
        CredentialKind::PolicyCookie => "policy cookie",
        CredentialKind::SessionCookie => "browser session",
    }
}
