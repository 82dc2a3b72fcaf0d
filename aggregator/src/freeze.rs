//! Freezing the input of a job: the selected rows' distinct identities, sorted.
//!
//! Spec 10 §4. Steps: 1. the files are those that were checked at load; 2. one pass evaluates the
//! owner's row filter and the query's conditions and digests the key; 3. digests are sorted and
//! made distinct by the store; 4. the files are still the same. Cost: one pass over the files,
//! one sort of 32-byte records; memory is the store's and the engine's pool.

use psi_core::progress::{Progress, Stage};
use psi_core::store::{RecordList, RecordStore};

use crate::catalog::table::LoadedTable;
use crate::config::EngineOptions;
use crate::error::{FreezeError, Unavailable};
use crate::plan::{self, SidePlan};
use crate::scan::{self, Keep, ScanKey};

/// Bytes of one digest.
pub(crate) const DIGEST_BYTES: usize = 32;

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

pub(crate) async fn freeze(
    table: &LoadedTable,
    side: &SidePlan,
    options: &EngineOptions,
    store: &dyn RecordStore,
    progress: &dyn Progress,
) -> Result<Frozen, FreezeError> {
    table.check_files(&side.table)?;
    let unavailable = |what: String| Unavailable {
        table: side.table.clone(),
        what,
        remedy: "the files may have changed; ask again".to_owned(),
    };
    let conditions = plan::condition(&table.source, &side.predicates)
        .map_err(|err| unavailable(format!("the query no longer fits the table: {err}")))?;
    let condition = match (table.row_filter.clone(), conditions) {
        (Some(owner), Some(query)) => Some(owner.and(query)),
        (owner, query) => owner.or(query),
    };
    let columns = side
        .key_columns
        .iter()
        .map(|name| table.source.column(name))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unavailable("a key column is gone".to_owned()))?;
    let key = ScanKey {
        columns,
        kinds: &side.key_kinds,
    };

    let mut writer = store.unsorted(DIGEST_BYTES)?;
    let (mut scanned, mut selected, mut nulls) = (0_u64, 0_u64, 0_u64);
    progress.report(Stage::Freeze, 0, table.rows)?;
    let mut take = |chunk: &scan::Chunk| {
        scanned += chunk.rows;
        selected += chunk.selected;
        nulls += chunk.nulls.iter().sum::<u64>();
        for digests in &chunk.digests {
            writer.push(digests)?;
        }
        progress.report(Stage::Freeze, scanned.min(table.rows), table.rows)?;
        Ok(())
    };
    scan::scan(
        options,
        &table.source,
        condition,
        &[key],
        Keep::Selected,
        &mut take,
    )
    .await?;
    table.check_files(&side.table)?;
    let identities = finish_distinct(writer).await?;
    Ok(Frozen {
        identities,
        rows_scanned: scanned,
        rows_selected: selected,
        nulls,
    })
}

/// Sorts off the async threads.
pub(crate) async fn finish_distinct(
    writer: Box<dyn psi_core::store::RecordWriter>,
) -> Result<Box<dyn RecordList>, FreezeError> {
    tokio::task::spawn_blocking(move || writer.finish_distinct())
        .await
        .map_err(|_| FreezeError::Engine("sorting stopped unexpectedly".to_owned()))?
        .map_err(FreezeError::from)
}
