//! Writes the log with env_logger, as text or as one JSON object per line.

use std::io::Write;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use env_logger::fmt::Formatter;
use log::kv::{self, Key, Value, VisitSource};
use log::{LevelFilter, Record};
use serde_json::{Map, json};

use crate::hex::hex;
use crate::random::random_bytes;
use crate::settings::{LogFormat, LogSettings};

tokio::task_local! {
    /// The id of the request that this task handles.
    pub static REQUEST_ID: String;
}

/// Starts logging to stderr. A second call in the same process has no effect.
pub fn start(settings: &LogSettings) {
    let mut builder = env_logger::Builder::new();
    // actix-http logs an ERROR for every malformed request, which any client can send.
    builder.filter_module("actix_http", LevelFilter::Off);
    builder.parse_filters(&settings.filter);
    match settings.format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    // Only a second call fails, and then the first logger is used.
    drop(builder.try_init());
}

/// A request id of 64 random bits in hexadecimal.
pub fn new_request_id() -> String {
    let bytes = random_bytes::<8>().unwrap_or_else(|error| {
        // A request that needs a secret random value fails by itself.
        log::warn!("failed to generate a request id: {error}");
        [0; 8]
    });
    hex(&bytes)
}

/// The id of the request that this task handles. A task that a request has spawned has none.
pub fn current_request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// The current time in UTC with milliseconds, as RFC 3339 writes it.
fn timestamp() -> String {
    DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let style = out.default_level_style(record.level());
    let time = timestamp();
    let id = current_request_id()
        .map(|id| format!(" [{id}]"))
        .unwrap_or_default();
    let level = record.level();
    writeln!(
        out,
        "{time} {style}{level:5}{style:#} {}{id} {}",
        record.target(),
        one_line(&record.args().to_string())
    )
}

fn json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut line = Map::new();
    line.insert("time".to_owned(), json!(timestamp()));
    line.insert("level".to_owned(), json!(record.level().as_str()));
    line.insert("target".to_owned(), json!(record.target()));
    if let Some(id) = current_request_id() {
        line.insert("request_id".to_owned(), json!(id));
    }
    line.insert("message".to_owned(), json!(record.args().to_string()));
    // Visiting fails only if the visitor does, and this one never does.
    drop(record.key_values().visit(&mut JsonFields(&mut line)));
    writeln!(out, "{}", serde_json::Value::Object(line))
}

/// Escapes control characters and line separators. Otherwise a client could add lines to the log,
/// or send control sequences to the terminal that shows it.
fn one_line(text: &str) -> String {
    let must_be_escaped = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(must_be_escaped) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if must_be_escaped(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

struct JsonFields<'a>(&'a mut Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for JsonFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = value
            .to_u64()
            .map_or_else(|| json!(value.to_string()), |number| json!(number));
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}
