//! Builds the OpenAPI 3.1 document from the list of operations.
//!
//! The order of the keys is the one that readers expect, so these are structs: a JSON value would sort
//! its keys by name.

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Map, Value, json};

use super::{BodyField, BodyShape, Operation, OperationGroup, ResponseDoc, components};

/// Neither blank nor with a NUL in it.
const NOT_BLANK: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
const NO_NUL: &str = r"^[^\u0000]*$";

const DESCRIPTION: &str = "Every route answers with and without a trailing slash. Every response is JSON, error responses included, except for `/api/docs`. Request bodies are JSON or forms of at most 64 KiB. Unknown fields are ignored, and a number is accepted in place of a string.";

/// An OpenAPI document.
#[derive(Debug, Serialize)]
pub struct OpenApiDocument {
    openapi: &'static str,
    info: Info,
    servers: [Value; 1],
    paths: OrderedMap<OrderedMap<OperationJson>>,
    components: Components,
    tags: Vec<TagJson>,
}

#[derive(Debug, Serialize)]
struct Info {
    title: &'static str,
    version: &'static str,
    summary: &'static str,
    description: &'static str,
    license: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationJson {
    tags: [&'static str; 1],
    summary: &'static str,
    description: &'static str,
    operation_id: &'static str,
    security: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<Value>,
    responses: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Components {
    schemas: Value,
    headers: Value,
    security_schemes: Value,
}

#[derive(Debug, Serialize)]
struct TagJson {
    name: &'static str,
    description: &'static str,
}

/// A JSON object whose keys keep their order.
#[derive(Debug)]
struct OrderedMap<V>(Vec<(String, V)>);

impl<V: Serialize> Serialize for OrderedMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The document of these operations. `scheme`: the first of `AUTH_HEADER_TYPES`.
pub fn document(operations: &[Operation], scheme: &str) -> OpenApiDocument {
    let mut paths: Vec<(String, OrderedMap<OperationJson>)> = Vec::new();
    for operation in operations {
        let method = operation.method.to_ascii_lowercase();
        let entry = (method, operation_json(operation));
        match paths.iter_mut().find(|(path, _)| path == operation.path) {
            Some((_, methods)) => methods.0.push(entry),
            None => paths.push((operation.path.to_owned(), OrderedMap(vec![entry]))),
        }
    }
    let mut schemas = components::schemas();
    for operation in operations.iter().filter(|one| !one.fields.is_empty()) {
        schemas[body_name(operation)] = body_schema(operation);
    }
    OpenApiDocument {
        openapi: "3.1.0",
        info: Info {
            title: "vestibule",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Sign-in and tokens for single-page applications.",
            description: DESCRIPTION,
            license: json!({ "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }),
        },
        servers: [json!({ "url": "/" })],
        paths: OrderedMap(paths),
        components: Components {
            schemas,
            headers: components::headers(scheme),
            security_schemes: components::security_schemes(scheme),
        },
        tags: OperationGroup::ALL
            .iter()
            .map(|group| TagJson {
                name: group.name(),
                description: group.purpose(),
            })
            .collect(),
    }
}

fn operation_json(operation: &Operation) -> OperationJson {
    OperationJson {
        tags: [operation.group.name()],
        summary: operation.summary,
        description: operation.description,
        operation_id: operation.id,
        security: security(operation),
        request_body: (!operation.fields.is_empty()).then(|| request_body(operation)),
        responses: operation
            .responses
            .iter()
            .map(|response| (response.status.to_string(), response_json(response)))
            .collect(),
    }
}

fn request_body(operation: &Operation) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{}", body_name(operation)) });
    let mut body = json!({ "schema": schema });
    match operation.alternatives {
        [] => body["example"] = example_body(operation.fields),
        _ => body["examples"] = body_examples(operation),
    }
    json!({
        "required": operation.fields.iter().any(|field| field.required),
        "content": {
            "application/json": body,
            "application/x-www-form-urlencoded": body,
            "multipart/form-data": body,
        },
    })
}

fn security(operation: &Operation) -> Value {
    let named = operation.credentials.iter();
    let mut ways: Vec<_> = named.map(|one| json!({ one.name(): [] })).collect();
    if operation.anonymous && !ways.is_empty() {
        ways.push(json!({}));
    }
    Value::Array(ways)
}

fn response_json(response: &ResponseDoc) -> Value {
    let (kind, schema) = match response.body {
        BodyShape::Json(name) => (
            "application/json",
            json!({ "$ref": format!("#/components/schemas/{name}") }),
        ),
        BodyShape::Html => ("text/html", json!({ "type": "string" })),
    };
    let mut content = json!({ "schema": schema });
    if !response.examples.is_empty() {
        content["examples"] = response
            .examples
            .iter()
            .map(|one| {
                let example = json!({ "summary": one.summary, "value": one.value });
                (one.name.to_owned(), example)
            })
            .collect::<Map<_, _>>()
            .into();
    }
    let mut value = json!({ "description": response.when, "content": { kind: content } });
    if !response.headers.is_empty() {
        value["headers"] = response
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

/// The schema of all bodies that the operation accepts.
fn body_schema(operation: &Operation) -> Value {
    let mut own = fields_schema(operation.fields);
    if operation.alternatives.is_empty() {
        return own;
    }
    own["title"] = operation.summary.into();
    let alternatives = operation.alternatives.iter().map(|one| {
        let mut schema = fields_schema(one.fields);
        schema["title"] = one.summary.into();
        schema
    });
    // Not `oneOf`: unknown fields are ignored, so one body can match several of these.
    json!({ "anyOf": std::iter::once(own).chain(alternatives).collect::<Vec<_>>() })
}

/// One example for each body; the operation's own is named after its first field.
fn body_examples(operation: &Operation) -> Value {
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

fn fields_schema(fields: &[BodyField]) -> Value {
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

/// An example body with the required fields.
pub(super) fn example_body(fields: &[BodyField]) -> Value {
    let shown = fields.iter().filter(|field| field.required);
    let pairs = shown.map(|field| (field.name.to_owned(), field.example.into()));
    Value::Object(pairs.collect())
}

/// The component of an operation's body: `obtainToken` has the body `ObtainTokenBody`.
fn body_name(operation: &Operation) -> String {
    let (first, rest) = operation.id.split_at(1);
    format!("{}{rest}Body", first.to_ascii_uppercase())
}
