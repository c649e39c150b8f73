//! The list of all operations.

use serde_json::json;

use super::builder::get;
use super::responses::{ok, page};
use super::{Operation, OperationGroup, exchanges, session, tokens};
use crate::settings::LoginField;

/// Every operation, in the order of the document. `login_field` is the setting.
pub fn operations(login_field: LoginField) -> Vec<Operation> {
    vec![
        tokens::obtain(login_field),
        tokens::refresh(),
        tokens::verify(),
        tokens::blacklist(),
        exchanges::workos(),
        exchanges::google(),
        exchanges::okta(),
        session::me(),
        session::tokens(),
        session::organization(),
        session::workos_token(),
        session::logout(),
        schema(),
        docs(),
    ]
}

fn schema() -> Operation {
    let body = json!({ "openapi": "3.1.0", "info": { "title": "vestibule" }, "paths": {} });
    get(
        OperationGroup::Document,
        "/api/schema",
        "schema",
        "The OpenAPI 3.1 document",
        "Providers and routes that are not configured are left out; `vestibule openapi` prints the complete document. Answers 404 with `API_DOCS=off`.",
        vec![ok("The document", "Document", body)],
    )
}

fn docs() -> Operation {
    get(
        OperationGroup::Document,
        "/api/docs",
        "docs",
        "The documentation as a page",
        "Generated from the same data as the OpenAPI document. Nothing is loaded from other sites. Answers 404 with `API_DOCS=off`.",
        vec![page("The page")],
    )
}
