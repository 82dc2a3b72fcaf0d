//! Freezing the input of a job: the selected rows' distinct identities, sorted.
//!
//! Spec 10 §4. Steps: 1. the files are those that were checked at load; 2. one pass evaluates the
//! owner's row filter and the query's conditions and digests the key; 3. digests are sorted and
//! made distinct by the store; 4. the files are still the same. Cost: one pass over the files,
//! one sort of 32-byte records; memory is the store's and the engine's pool. `freeze::input` does the same
//! for jobs with groups and payload.

pub(crate) mod input;
pub(crate) mod limits;
mod parts;
mod payload;

use datafusion::logical_expr::Expr;
use psi_core::progress::{Progress, Stage};
use psi_core::store::{RecordList, RecordStore, RecordWriter};

use crate::catalog::table::LoadedTable;
use crate::config::EngineOptions;
use crate::error::{FreezeError, Unavailable};
use crate::plan::{self, SidePlan};
use crate::rows::Extras;
use crate::scan::{self, Keep, Pass, ScanKey};

/// The frozen input of one side of a job.
///
/// # Security
/// The counts are true sizes: for the owner's log only.
pub struct Frozen {
    /// Digests of the selected identities, ascending and distinct.
    pub identities: Box<dyn RecordList>,
    /// Rows of the table.
    pub rows_scanned: u64,
    /// Rows that the row filter and the conditions select.
    pub rows_selected: u64,
    /// Selected rows without identity, because the key is NULL or does not normalise.
    pub nulls: u64,
}

/// Freezes the input of a count: the selected identities alone.
pub(crate) async fn freeze(
    table: &LoadedTable,
    side: &SidePlan,
    options: &EngineOptions,
    store: &dyn RecordStore,
    progress: &dyn Progress,
) -> Result<Frozen, FreezeError> {
    let selected = select_rows(table, side, options, Extras::default(), store, progress).await?;
    Ok(Frozen {
        identities: finish_distinct(selected.writer).await?,
        rows_scanned: selected.scanned,
        rows_selected: selected.selected,
        nulls: selected.nulls,
    })
}

/// The records of the rows that a side selects, not sorted yet.
struct SelectedRows {
    writer: Box<dyn RecordWriter>,
    scanned: u64,
    selected: u64,
    nulls: u64,
}

/// Which rows of a table a side selects, and by which key.
pub(crate) struct Selection<'a> {
    pub(crate) condition: Option<Expr>,
    pub(crate) key: ScanKey<'a>,
}

/// The owner's row filter and the conditions of the query, and the key.
pub(crate) fn selection<'a>(
    table: &'a LoadedTable,
    side: &'a SidePlan,
) -> Result<Selection<'a>, Unavailable> {
    let conditions = plan::condition(&table.source, &side.predicates)
        .map_err(|err| unavailable(side, format!("the query no longer fits the table: {err}")))?;
    let condition = match (table.row_filter.clone(), conditions) {
        (Some(owner), Some(query)) => Some(owner.and(query)),
        (owner, query) => owner.or(query),
    };
    let columns = side
        .key_columns
        .iter()
        .map(|name| table.source.column(name))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unavailable(side, "a key column is gone".to_owned()))?;
    let key = ScanKey {
        columns,
        kinds: &side.key_kinds,
    };
    Ok(Selection { condition, key })
}

fn unavailable(side: &SidePlan, what: String) -> Unavailable {
    Unavailable {
        table: side.table.clone(),
        what,
        remedy: "the files may have changed; ask again".to_owned(),
    }
}

async fn select_rows(
    table: &LoadedTable,
    side: &SidePlan,
    options: &EngineOptions,
    extras: Extras,
    store: &dyn RecordStore,
    progress: &dyn Progress,
) -> Result<SelectedRows, FreezeError> {
    table.check_files(&side.table)?;
    let Selection { condition, key } = selection(table, side)?;

    let mut selected = SelectedRows {
        writer: store.unsorted(extras.layout().width())?,
        scanned: 0,
        selected: 0,
        nulls: 0,
    };
    progress.report(Stage::Freeze, 0, table.rows)?;
    let mut take = |chunk: &scan::Chunk| {
        // Every value of every identity fits, or the job would not have been agreed: an expression
        // is bounded by the columns of rows that have an identity.
        if chunk.identity_misfits > 0 {
            return Err(
                unavailable(side, "a value does not fit its decimal scale".to_owned()).into(),
            );
        }
        selected.scanned += chunk.rows;
        selected.selected += chunk.selected;
        selected.nulls += chunk.nulls.iter().sum::<u64>();
        for records in &chunk.records {
            selected.writer.push(records)?;
        }
        let scanned = selected.scanned.min(table.rows);
        progress.report(Stage::Freeze, scanned, table.rows)?;
        Ok(())
    };
    let pass = Pass {
        source: &table.source,
        condition,
        keys: &[key],
        extras,
        keep: Keep::Selected,
    };
    scan::scan(options, pass, &mut take).await?;
    table.check_files(&side.table)?;
    Ok(selected)
}

/// Sorts off the async threads.
pub(crate) async fn finish_distinct(
    writer: Box<dyn RecordWriter>,
) -> Result<Box<dyn RecordList>, FreezeError> {
    tokio::task::spawn_blocking(move || writer.finish_distinct())
        .await
        .map_err(|_| FreezeError::Engine("sorting stopped unexpectedly".to_owned()))?
        .map_err(FreezeError::from)
}
