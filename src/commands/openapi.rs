//! `vestibule openapi`.

use super::error::CommandError;
use super::output::print_line;
use crate::api::schema;

pub(super) fn run() -> Result<(), CommandError> {
    let document = serde_json::to_string_pretty(&schema::document(&schema::operations())).map_err(
        |error| {
            CommandError::Failed(format!(
                "the OpenAPI document cannot be serialised: {error}"
            ))
        },
    )?;
    print_line(document)?;
    Ok(())
}
