//! When a file is made: not if one was made of the same text, the same files and by the same engine.
//!
//! Spec 10 §2.9.

use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::failure::{self, no_place};
use super::source_table::SourceTable;
use super::{Made, ResultFile, Results, View, accept, engine, run};
use crate::config::SourceConfig;
use crate::source::dialect::Dialect;
use crate::source::inputs::{Inputs, SeenInputs};
use crate::source::{Source, SourceError};

/// Changes whenever this crate makes other rows of the same text and files.
const VERSION: &[u8] = b"glovebox/view/1";

pub(super) async fn make(
    view: View<'_>,
    seen: &SeenInputs,
    results: &Arc<Results>,
) -> Result<Made, SourceError> {
    let file = results.file(name_of(view, seen));
    let mut notes = Vec::new();
    if file.path().is_file() {
        return Ok(Made { file, notes });
    }
    let _one_at_a_time = results.running.lock().await;
    // Another table may have the same text.
    if !file.path().is_file() {
        tracing::info!(table = view.name, "SQL makes the table's rows");
        let rows = make_now(view, seen, results, &file, &mut notes).await;
        let rows = rows.inspect_err(|_| {
            // A copy of rows that nobody asked for; what stays is swept later.
            let _ = fs::remove_file(file.unfinished());
        })?;
        tracing::info!(table = view.name, rows, "SQL has made the table's rows");
    }
    Ok(Made { file, notes })
}

async fn make_now(
    view: View<'_>,
    seen: &SeenInputs,
    results: &Results,
    file: &ResultFile,
    notes: &mut Vec<String>,
) -> Result<u64, SourceError> {
    let spill = results.spill_folder().map_err(|error| no_place(&error))?;
    let mut tables = Vec::new();
    for (name, source) in view.config.named_sources() {
        let opened = open(name, view.base_dir, source).await?;
        notes.extend(
            opened
                .notes
                .iter()
                .map(|note| format!("source {name}: {note}")),
        );
        let is_private = view.config.epsilon_max.is_some();
        tables.push(SourceTable::new(name, opened, view.threads, is_private)?);
    }
    let lost = tables.iter().map(SourceTable::lost).collect::<Vec<_>>();
    let session = engine::session(&results.options, &spill, view.threads)
        .map_err(|error| failure::while_running(&error))?;
    let plan = accept::accept(view, &session, tables).await?;
    let rows = run::run(&session, plan, &file.unfinished(), &lost).await?;
    notes.extend(lost.iter().flat_map(|lost| lost.notes()));
    let inputs = Inputs::of(view.base_dir, view.config);
    if inputs.observe().ok().as_ref() != Some(seen) {
        let mut changed = SourceError::new(
            "the files of its sources changed while they were read",
            "replace files by renaming complete ones into place",
        );
        changed.may_pass = true;
        return Err(changed);
    }
    file.finish().map_err(|error| no_place(&error))?;
    Ok(rows)
}

/// Opens a source as SQL sees it.
async fn open(name: &str, base_dir: &Path, config: &SourceConfig) -> Result<Source, SourceError> {
    let named = |error: SourceError| SourceError {
        what: format!("source {name}: {}", error.what),
        ..error
    };
    let (path, null) = (base_dir.join(&config.path), config.null.clone());
    let dialect = Dialect::of(&config.csv);
    let opened = tokio::task::spawn_blocking(move || Source::open(&path, &null, &dialect)).await;
    let opened = opened.map_err(|_| {
        let mut stopped = SourceError::new("reading it stopped unexpectedly", "check the files");
        stopped.may_pass = true;
        stopped
    });
    let mut source = opened.and_then(|opened| opened).map_err(named)?;
    source.declare(&config.types).map_err(|(column, reason)| {
        let what = match reason {
            Some(_) => format!(
                "types: there is no column {column:?}{}",
                source.suggestion(&column)
            ),
            None => {
                format!("types: {column:?} has another type in the Parquet files, which say it")
            }
        };
        named(SourceError::new(
            what,
            "name a column of the files and the type that it has there",
        ))
    })?;
    source.show_exactly();
    Ok(source)
}

/// The name of the file of what was seen.
fn name_of(view: View<'_>, seen: &SeenInputs) -> String {
    let mut digest = Sha256::new();
    let mut text = |text: &dyn Debug| {
        let text = format!("{text:?}");
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    };
    text(&VERSION);
    text(&datafusion::DATAFUSION_VERSION);
    text(&view.config.rows_text());
    // Decides whether a value that is not of its type is NULL.
    text(&view.config.epsilon_max.is_some());
    seen.0.iter().for_each(|files| files.feed(&mut digest));
    hex::encode(digest.finalize())
}
