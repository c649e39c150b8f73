//! `vestibule openapi`.

use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::api::schema;
use crate::settings::{ApiPrefix, LoginField, auth_header_types};

pub(super) fn run() -> Result<(), CommandError> {
    let source = load_source()?;
    let login_field = LoginField::from_source(&source)?;
    let operations = schema::operations(login_field);
    let types = auth_header_types(&source)?;
    let scheme = types.first().map_or("Bearer", String::as_str);
    let document = schema::document(&operations, scheme);
    let document = serde_json::to_string_pretty(&document).map_err(|error| {
        CommandError::Failed(format!(
            "the OpenAPI document cannot be serialised: {error}"
        ))
    })?;
    let prefix = ApiPrefix::from_source(&source)?;
    print_line(schema::with_prefix(document, &prefix))?;
    Ok(())
}
