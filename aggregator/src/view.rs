//! Tables that SQL makes of this node's sources, as files.
//!
//! Spec 10 §2.9. A table with `sql` has a Parquet file made at load, which is served, checked and
//! committed to like any other. This module decides when the file is made again; [`accept`] reads the
//! text and refuses what would not give the same rows twice; [`run`] makes the file within fixed
//! memory. Only the owner's own loads come here: no question of a peer has SQL run.

#[cfg(feature = "sql")]
mod accept;
#[cfg(feature = "sql")]
mod aggregates;
#[cfg(feature = "sql")]
mod engine;
#[cfg(feature = "sql")]
mod failure;
#[cfg(feature = "sql")]
mod made;
#[cfg(feature = "sql")]
mod made_columns;
#[cfg(feature = "sql")]
mod memory;
#[cfg(feature = "sql")]
mod private;
mod results;
#[cfg(feature = "sql")]
mod run;
#[cfg(feature = "sql")]
mod source_table;
#[cfg(feature = "sql")]
mod ties;

use std::path::Path;
use std::sync::Arc;

pub(crate) use self::results::{ResultFile, Results};
use crate::config::TableConfig;
use crate::source::SourceError;
use crate::source::inputs::SeenInputs;

/// A table that SQL makes.
#[cfg_attr(
    not(feature = "sql"),
    expect(dead_code, reason = "only SQL makes files")
)]
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) name: &'a str,
    pub(crate) sql: &'a str,
    pub(crate) config: &'a TableConfig,
    pub(crate) base_dir: &'a Path,
    /// Pieces of sources that are read at the same time.
    pub(crate) threads: usize,
}

/// The file of such a table.
pub(crate) struct Made {
    pub(crate) file: ResultFile,
    /// What its owner ought to know.
    pub(crate) notes: Vec<String>,
}

/// Makes the file of a table of what was `seen`, or finds the one that an earlier load made of the same.
///
/// # Errors
/// [`SourceError`] with what its owner can do: the text is not accepted, a source cannot be read, the
/// rows do not fit, or there is not enough memory or disk.
#[cfg_attr(
    not(feature = "sql"),
    expect(clippy::unused_async, reason = "only SQL waits for something")
)]
pub(crate) async fn make(
    view: View<'_>,
    seen: &SeenInputs,
    results: Option<&Arc<Results>>,
) -> Result<Made, SourceError> {
    let Some(results) = results else {
        return Err(SourceError::new(
            "there is no folder in which SQL could make the table",
            "give the catalog one",
        ));
    };
    #[cfg(feature = "sql")]
    return made::make(view, seen, results).await;
    #[cfg(not(feature = "sql"))]
    {
        let _ = (view, seen, results);
        Err(SourceError::new(
            "this program was built without the engine for SQL",
            "build it with `cargo build --release -p psi-node --features sql`; or write the rows to a \
             file yourself and name it as `source`",
        ))
    }
}

#[cfg(feature = "sql")]
#[cfg(test)]
mod tests;
