//! What each route takes and answers.

use serde_json::json;

use super::answers::{ok, page};
use super::builder::get;
use super::{Group, Operation, exchanges, session, tokens};

/// Every route, in the order of the page.
pub fn operations() -> Vec<Operation> {
    vec![
        tokens::obtain(),
        tokens::refresh(),
        tokens::verify(),
        tokens::blacklist(),
        exchanges::workos(),
        exchanges::google(),
        exchanges::okta(),
        session::me(),
        session::tokens(),
        session::logout(),
        schema(),
        docs(),
    ]
}

fn schema() -> Operation {
    let body = json!({ "openapi": "3.1.0", "info": { "title": "vestibule" }, "paths": {} });
    get(
        Group::Document,
        "/api/schema",
        "schema",
        "This document, as OpenAPI 3.1",
        "The same as `vestibule openapi` prints.",
        vec![ok("OpenAPI", "Document", body)],
    )
}

fn docs() -> Operation {
    get(
        Group::Document,
        "/api/docs",
        "docs",
        "This document, as a page",
        "Made from the same data; nothing in it is loaded from elsewhere.",
        vec![page("The page")],
    )
}
