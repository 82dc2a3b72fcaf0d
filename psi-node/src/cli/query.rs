//! `psi-node query`: one question over both members' tables, through the daemon.

use clap::{Args, ValueEnum};

use super::ConfigArg;
use super::output::ErrorStyle;
use crate::error::UserError;
use crate::exit::Exit;

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// Aligned columns for people
    #[default]
    Table,
    /// The result document
    Json,
    /// Rows of comma-separated values under a header
    Csv,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// The collaboration
    #[arg(long, value_name = "NAME")]
    pub collab: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: QueryFormat,
    /// The question; a table is written member.table
    #[arg(value_name = "SQL")]
    pub sql: String,
}

impl QueryArgs {
    /// Errors are documents on standard output where the result would be one.
    #[must_use]
    pub fn error_style(&self) -> ErrorStyle {
        match self.format {
            QueryFormat::Json => ErrorStyle::JsonOnStdout,
            QueryFormat::Table | QueryFormat::Csv => ErrorStyle::Text,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the question could not be put to the daemon.
pub fn run(_args: QueryArgs) -> Result<Exit, UserError> {
    Err(UserError::internal("not built yet"))
}
