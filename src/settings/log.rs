//! The settings of the log.

use super::error::SettingsError;
use super::reader::Reader;
use super::source::Source;
use super::values::parse_log_filter;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object per line.
    Json,
}

/// The settings of the log.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// `RUST_LOG`'s directives.
    pub filter: String,
    /// `LOG_FORMAT`.
    pub format: LogFormat,
}

impl LogSettings {
    /// Reads `RUST_LOG` and `LOG_FORMAT` alone: `emulator` needs no other setting.
    pub fn from_source(source: &Source) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(source);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            filter: reader.value(
                "RUST_LOG",
                "info",
                "off, error, warn, info, debug or trace, or to one of them for a module, such as vestibule=debug",
                parse_log_filter,
            ),
            format: reader.value("LOG_FORMAT", "text", "text or json", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
        }
    }
}
