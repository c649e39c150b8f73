//! Writes the log with env_logger, as text or as one JSON object per line.

mod log_queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use anstream::{AutoStream, ColorChoice};
use chrono::{DateTime, SecondsFormat, Utc};
use env_logger::fmt::Formatter;
use env_logger::{Target, WriteStyle};
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, LevelFilter, Record};
use parking_lot::Mutex;
use serde_json::{Map, json};

use log_queue::LogQueue;

use crate::hex::hex;
use crate::random::random_bytes;
use crate::settings::{LogFormat, LogSettings};

/// The longest message and the longest field of a log line, in bytes. Clients control parts of both, and a
/// request's path can have 60 KB.
const LONGEST_TEXT: usize = 4_096;
/// The least time between two log lines of a [`RepeatedWarning`].
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
/// How long the end of the process waits for the last lines to be written.
const LONGEST_FLUSH: Duration = Duration::from_secs(1);

/// The lines that have not been written.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

tokio::task_local! {
    /// The id of the request that this task handles.
    pub static REQUEST_ID: String;
}

/// Starts logging to stderr, in a thread of its own. A second call in the same process has no effect.
pub fn start(settings: &LogSettings) {
    let mut builder = env_logger::Builder::new();
    // actix-http logs an ERROR for every malformed request, which any client can send.
    builder.filter_module("actix_http", LevelFilter::Off);
    builder.parse_filters(&settings.filter);
    match settings.format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    let queue = QUEUE.get_or_init(LogQueue::default);
    if queue.start(std::io::stderr()).is_ok() {
        builder.target(Target::Pipe(Box::new(queue.clone())));
        // env_logger does not know that the queue leads to stderr.
        builder.write_style(match AutoStream::choice(&std::io::stderr()) {
            ColorChoice::Never => WriteStyle::Never,
            _ => WriteStyle::Always,
        });
    }
    // Only a second call fails, and then the first logger is used.
    drop(builder.try_init());
    std::panic::set_hook(Box::new(log_panic));
}

/// Waits until the lines so far have been written, at most for a second.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(LONGEST_FLUSH);
    }
}

/// The default hook would write to stderr directly, and wait for its reader.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => log::error!("{panic}\n{backtrace}"),
        _ => log::error!("{panic}"),
    }
}

/// A warning that clients can cause as often as they like. It is logged once a minute at most, with the
/// number of times that it was not logged.
pub struct RepeatedWarning {
    target: &'static str,
    state: Mutex<RepeatedWarningState>,
}

struct RepeatedWarningState {
    logged_at: Option<Instant>,
    repeated: u64,
}

impl RepeatedWarning {
    /// A warning of this module, which is the target of its lines.
    pub const fn new(target: &'static str) -> Self {
        Self {
            target,
            state: Mutex::new(RepeatedWarningState {
                logged_at: None,
                repeated: 0,
            }),
        }
    }

    /// Logs the message, unless the last one is less than a minute old. `message` is given the words to
    /// insert: how often the event has occurred since the last message, or nothing.
    pub fn log(&self, message: impl FnOnce(&str) -> String) {
        self.log_at(Level::Warn, message);
    }

    /// The same as an error, for what an operator must correct.
    pub fn log_error(&self, message: impl FnOnce(&str) -> String) {
        self.log_at(Level::Error, message);
    }

    fn log_at(&self, level: Level, message: impl FnOnce(&str) -> String) {
        if let Some(repeated) = self.count(Instant::now()) {
            let words = match repeated {
                0 => String::new(),
                1 => " (once more since the last message)".to_owned(),
                many => format!(" ({many} times more since the last message)"),
            };
            log::log!(target: self.target, level, "{}", message(&words));
        }
    }

    /// The number of events that were not logged, or `None` if this event is not logged either.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        let is_recent = |logged_at| now.duration_since(logged_at) < WARNING_INTERVAL;
        if state.logged_at.is_some_and(is_recent) {
            state.repeated += 1;
            return None;
        }
        state.logged_at = Some(now);
        Some(std::mem::take(&mut state.repeated))
    }
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
        one_line(&shortened(&record.args().to_string(), LONGEST_TEXT))
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
    let message = record.args().to_string();
    line.insert(
        "message".to_owned(),
        json!(shortened(&message, LONGEST_TEXT)),
    );
    // Visiting fails only if the visitor does, and this one never does.
    drop(record.key_values().visit(&mut JsonFields(&mut line)));
    writeln!(out, "{}", serde_json::Value::Object(line))
}

/// The text, or its first part and its length if it has more than `most` bytes.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let start = &text[..text.floor_char_boundary(most)];
    Cow::Owned(format!("{start}… ({} bytes)", text.len()))
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
        let value = value.to_u64().map_or_else(
            || json!(shortened(&value.to_string(), LONGEST_TEXT)),
            |number| json!(number),
        );
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_warning_is_logged_once_a_minute_with_its_number() {
        let warning = RepeatedWarning::new("vestibule");
        let start = Instant::now();
        let count = |seconds| warning.count(start + Duration::from_secs(seconds));
        assert_eq!(count(0), Some(0));
        assert_eq!(count(1), None);
        assert_eq!(count(59), None);
        assert_eq!(count(60), Some(2));
        assert_eq!(count(61), None);
        assert_eq!(count(200), Some(1));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_its_length_is_named() {
        assert_eq!(shortened("/account", 8), "/account");
        assert_eq!(shortened("/account/", 8), "/account… (9 bytes)");
        assert_eq!(shortened("ääää", 3), "ä… (8 bytes)");
        assert_eq!(shortened("ä", 1), "… (2 bytes)");
    }
}
