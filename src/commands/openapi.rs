//! `vestibule openapi`.

use super::{CommandError, say};
use crate::api::schema;

pub(super) fn run() -> Result<(), CommandError> {
    let document = serde_json::to_string_pretty(&schema::document()).map_err(|error| {
        CommandError::Failed(format!("the document cannot be written: {error}"))
    })?;
    say(document)?;
    Ok(())
}
