//! From the list of operations to OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::{Answer, Field, Group, Operation, Shape, components, operations};

/// Neither blank nor with a NUL in it.
const NOT_BLANK: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
const NO_NUL: &str = r"^[^\u0000]*$";

const ABOUT: &str = "Every route answers with and without its trailing slash, and every answer is JSON, errors included (`/api/docs` apart). Bodies are JSON or forms, of 64 KiB at most; fields that are not known are ignored, and a number is taken as its text.";

/// The whole document.
pub fn document() -> Value {
    let operations = operations();
    let mut paths: Map<String, Value> = Map::new();
    for operation in &operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = of_operation(operation);
    }
    let mut schemas = components::schemas();
    for operation in operations.iter().filter(|one| !one.fields.is_empty()) {
        schemas[body_name(operation)] = of_bodies(operation);
    }
    let tags: Vec<_> = Group::ALL
        .iter()
        .map(|group| json!({ "name": group.name(), "description": group.purpose() }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "vestibule",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Sign-in and tokens for single-page applications.",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": components::headers(),
            "securitySchemes": components::security_schemes(),
        },
    })
}

fn of_operation(operation: &Operation) -> Value {
    let mut value = json!({
        "operationId": operation.id,
        "tags": [operation.group.name()],
        "summary": operation.summary,
        "description": operation.description,
        "security": security(operation),
        "responses": operation
            .answers
            .iter()
            .map(|answer| (answer.status.to_string(), of_answer(answer)))
            .collect::<Map<_, _>>(),
    });
    if !operation.fields.is_empty() {
        let schema = json!({ "$ref": format!("#/components/schemas/{}", body_name(operation)) });
        let mut body = json!({ "schema": schema });
        match operation.alternatives {
            [] => body["example"] = example_body(operation.fields),
            _ => body["examples"] = examples(operation),
        }
        value["requestBody"] = json!({
            "required": operation.fields.iter().any(|field| field.required),
            "content": {
                "application/json": body,
                "application/x-www-form-urlencoded": body,
            },
        });
    }
    value
}

fn security(operation: &Operation) -> Value {
    let named = operation.credentials.iter();
    let mut ways: Vec<_> = named.map(|one| json!({ one.name(): [] })).collect();
    if operation.anonymous && !ways.is_empty() {
        ways.push(json!({}));
    }
    Value::Array(ways)
}

fn of_answer(answer: &Answer) -> Value {
    let (kind, schema) = match answer.body {
        Shape::Json(name) => (
            "application/json",
            json!({ "$ref": format!("#/components/schemas/{name}") }),
        ),
        Shape::Html => ("text/html", json!({ "type": "string" })),
    };
    let mut content = json!({ "schema": schema });
    if !answer.examples.is_empty() {
        content["examples"] = answer
            .examples
            .iter()
            .map(|one| {
                let example = json!({ "summary": one.summary, "value": one.value });
                (one.name.to_owned(), example)
            })
            .collect::<Map<_, _>>()
            .into();
    }
    let mut value = json!({ "description": answer.when, "content": { kind: content } });
    if !answer.headers.is_empty() {
        value["headers"] = answer
            .headers
            .iter()
            .map(|header| {
                let place = format!("#/components/headers/{}", header.component());
                (header.name().to_owned(), json!({ "$ref": place }))
            })
            .collect::<Map<_, _>>()
            .into();
    }
    value
}

/// The schema of everything that the operation takes.
fn of_bodies(operation: &Operation) -> Value {
    let mut own = of_fields(operation.fields);
    if operation.alternatives.is_empty() {
        return own;
    }
    own["title"] = operation.summary.into();
    let alternatives = operation.alternatives.iter().map(|one| {
        let mut schema = of_fields(one.fields);
        schema["title"] = one.summary.into();
        schema
    });
    // Not `oneOf`: fields that are not known are ignored, so one body may be several of these.
    json!({ "anyOf": std::iter::once(own).chain(alternatives).collect::<Vec<_>>() })
}

/// One for each body, the operation's own by the name of its first field.
fn examples(operation: &Operation) -> Value {
    let first = operation.fields.first().map(|field| field.name);
    let own = first.map(|name| (name, operation.summary, operation.fields));
    let others = operation.alternatives.iter();
    let others = others.map(|one| (one.name, one.summary, one.fields));
    let all = own
        .into_iter()
        .chain(others)
        .map(|(name, summary, fields)| {
            let example = json!({ "summary": summary, "value": example_body(fields) });
            (name.to_owned(), example)
        });
    Value::Object(all.collect())
}

fn of_fields(fields: &[Field]) -> Value {
    let properties = fields.iter().map(|field| {
        let mut schema = json!({ "type": "string", "pattern": NOT_BLANK });
        if !field.required {
            schema = json!({ "type": ["string", "number", "null"], "pattern": NO_NUL });
        }
        schema["description"] = field.description.into();
        (field.name.to_owned(), schema)
    });
    let required = fields.iter().filter(|field| field.required);
    let required: Vec<_> = required.map(|field| field.name).collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The body of the example: what must be there.
pub(super) fn example_body(fields: &[Field]) -> Value {
    let shown = fields.iter().filter(|field| field.required);
    let pairs = shown.map(|field| (field.name.to_owned(), field.example.into()));
    Value::Object(pairs.collect())
}

/// `obtainToken` has the body `ObtainTokenBody`.
fn body_name(operation: &Operation) -> String {
    let (first, rest) = operation.id.split_at(1);
    format!("{}{rest}Body", first.to_ascii_uppercase())
}
