//! A setting of a table that was written above the first section.
//!
//! Called where a configuration does not read. TOML gives such a line to the node itself, which has no
//! setting of that name.

use std::path::Path;

use aggregator::TableConfigs;
use psi_audit::text_file::place_of;

use crate::error::UserError;

/// What is wrong if `error` is about a setting that only tables have.
pub(super) fn of_a_table(path: &Path, text: &str, error: &toml::de::Error) -> Option<UserError> {
    let span = error.span()?;
    let named = unknown(error).or_else(|| source_as_text(text, span.start))?;
    let is_above_sections = !text
        .get(..span.start)?
        .lines()
        .any(|line| line.trim_start().starts_with('['));
    // What a table says of a setting of this name: that it is unknown, or anything else.
    let in_a_table = format!("[t]\n{named} = 0\n");
    let of_a_table = toml::from_str::<TableConfigs>(&in_a_table).err()?;
    let is_of_a_table = unknown(&of_a_table).is_none();
    (is_above_sections && is_of_a_table).then(|| {
        UserError::bad_input(
            format!(
                "{}: `{named}` is a setting of a table, and no table begins above it",
                place_of(path, text, span.start)
            ),
            "write it below the line of its table, such as [table.customers]",
        )
    })
}

/// `source`, which is the name of sections too, if it is given a text at this place.
fn source_as_text(text: &str, at: usize) -> Option<&'static str> {
    let line = text.get(..at)?.lines().next_back()?;
    let is_source = line.split_once('=').map(|(name, _)| name.trim()) == Some("source");
    (is_source && text.get(at..)?.starts_with(['"', '\''])).then_some("source")
}

/// The name of the setting that nobody knows, if that is what an error is about.
fn unknown(error: &toml::de::Error) -> Option<&str> {
    let rest = error.message().trim().strip_prefix("unknown field `")?;
    rest.split_once('`').map(|(name, _)| name)
}
