//! Freezing the input of a job: the rows that a side selects, as sorted lists.
//!
//! Spec 10 §4. Steps: 1. the files are those that were checked at load; 2. room for the records of
//! the whole table, and for lists of all its identities, is reserved; 3. one pass makes a record of
//! every row with an identity, with a flag that says whether the owner's row filter and the query's
//! conditions select it; 4. the files are still the same; 5. the store sorts the records, and what
//! the load has checked is checked again over all of them; 6. one pass over them makes the lists of
//! the selected (`input`).
//!
//! Cost: one pass over the files, one sort of records of fixed width, two or three passes over them.
//! Memory is the store's, and the batches on their way.
//!
//! # Security
//! Steps 1 to 5 do the same work, take the same space and end in the same way whatever the
//! conditions select. In step 6 every record is read and summed up, and every identity written, to
//! a list of the input or to one of the others; both lie in the room of step 2.

mod check;
pub(crate) mod input;
pub(crate) mod limits;
mod parts;
mod payload;
mod records;

use std::sync::Arc;

use psi_core::progress::{Progress, Stage};
use psi_core::store::{RecordStore, RecordWriter, Reserved};

use crate::condition::{Condition, Tally};
use crate::config::ReadOptions;
use crate::error::{FreezeError, Unavailable};
use crate::key_text::ScanKey;
use crate::plan::{SidePlan, SideValueKind};
use crate::rows::{Extras, RowValue};
use crate::scan::{self, Pass};
use crate::source::{NoColumn, Projection, conditions};
use crate::tables::table::LoadedTable;

/// The records of all rows of a table, not sorted yet.
struct RecordedRows {
    writer: Box<dyn RecordWriter>,
    /// The room that they and the lists of the job have.
    room: Reserved,
    scanned: u64,
    selected: u64,
    /// Selected rows without identity.
    nulls: u64,
    /// What the conditions cost.
    tally: Tally,
}

/// What a side reads of its table: which columns, which rows it selects, by which key, and what it
/// keeps of a row.
pub(crate) struct Reading {
    pub(crate) projection: Projection,
    pub(crate) condition: Option<Condition>,
    pub(crate) key: ScanKey,
    extras: Extras,
}

impl Reading {
    /// With what is kept of a row: this side's groups and values.
    fn for_job(table: &LoadedTable, side: &SidePlan) -> Result<Self, FreezeError> {
        let mut projection = Projection::default();
        let extras = extras(table, side, &mut projection)?;
        Self::new(table, side, extras, projection)
    }

    /// The owner's row filter and the conditions of the query, and the key; `extras` are over
    /// `projection`.
    pub(crate) fn new(
        table: &LoadedTable,
        side: &SidePlan,
        extras: Extras,
        mut projection: Projection,
    ) -> Result<Self, FreezeError> {
        let source = &table.source;
        let no_fit = |_| unavailable(side, "the query no longer fits the table");
        let filter = table.row_filter.as_ref();
        let filter = filter.map(|filter| filter.condition(source, &mut projection));
        let filter = filter.transpose().map_err(no_fit)?;
        let query = conditions::plan(source, &side.predicates, &mut projection).map_err(no_fit)?;
        let columns = side.key_columns.iter().zip(&side.key_kinds);
        let columns = columns
            .map(|(name, kind)| Ok(projection.key(source.number(name)?, *kind)))
            .collect::<Result<Vec<_>, NoColumn>>()
            .map_err(|_| unavailable(side, "a key column is gone"))?;
        Ok(Self {
            projection,
            condition: Some(match filter {
                Some(filter) => filter.and(query),
                None => query,
            }),
            key: ScanKey {
                columns,
                kinds: side.key_kinds.clone(),
                phone: table.phone,
            },
            extras,
        })
    }
}

/// What is kept of each row: this side's groups and values.
fn extras(
    table: &LoadedTable,
    side: &SidePlan,
    projection: &mut Projection,
) -> Result<Extras, FreezeError> {
    let mut place = |name: &String| match table.source.number(name) {
        Ok(number) => Ok(projection.value(number)),
        Err(_) => Err(FreezeError::Internal("a column is gone")),
    };
    let mut extras = Extras::default();
    for group in &side.groups {
        let column = place(&group.column)?;
        extras.groups.push((column, Arc::clone(&group.domain)));
    }
    for value in &side.values {
        extras.values.push(match &value.kind {
            SideValueKind::Presence(columns) => {
                let columns = columns.iter().map(&mut place);
                RowValue::Presence(columns.collect::<Result<_, _>>()?)
            }
            SideValueKind::Number(program) => {
                let columns = program.columns.iter().map(|column| place(&column.name));
                RowValue::Number {
                    columns: columns.collect::<Result<_, _>>()?,
                    program: program.clone(),
                }
            }
        });
    }
    Ok(extras)
}

fn unavailable(side: &SidePlan, what: &str) -> Unavailable {
    Unavailable {
        table: side.table.clone(),
        what: what.to_owned(),
        remedy: "the files may have changed; ask again".to_owned(),
    }
}

/// Makes a record of each row of the table; `room` bytes on disk are reserved for each.
async fn record_rows(
    table: &LoadedTable,
    side: &SidePlan,
    reading: Reading,
    room: usize,
    options: &ReadOptions,
    store: &dyn RecordStore,
    progress: &dyn Progress,
) -> Result<RecordedRows, FreezeError> {
    table.check_files(&side.table)?;
    let width = reading.extras.layout().width();
    let mut rows = RecordedRows {
        room: store.reserve(table.rows.saturating_mul(room as u64))?,
        writer: store.unsorted(width)?,
        scanned: 0,
        selected: 0,
        nulls: 0,
        tally: Tally::default(),
    };
    progress.report(Stage::Freeze, 0, table.rows)?;
    let mut misfits = 0;
    let mut take = |chunk: &scan::Chunk| {
        rows.scanned += chunk.rows;
        rows.selected += chunk.selected;
        rows.nulls += chunk.selected_nulls.iter().sum::<u64>();
        misfits += chunk.identity_misfits;
        for records in &chunk.records {
            rows.writer.push(records)?;
        }
        rows.tally.add(chunk.tally);
        progress.report(Stage::Freeze, rows.scanned.min(table.rows), table.rows)?;
        Ok(())
    };
    let pass = Pass {
        source: Arc::clone(&table.source),
        projection: reading.projection,
        condition: reading.condition,
        keys: vec![reading.key],
        extras: reading.extras,
        survey: None,
    };
    scan::scan(options, pass, &mut take).await?;
    table.check_files(&side.table)?;
    // After the last row, so that the moment does not tell where a value lies. The load has found
    // that every value of every identity fits.
    if misfits > 0 && !table.misfits_are_null {
        return Err(FreezeError::violated(
            side,
            "a value does not fit its decimal scale",
        ));
    }
    Ok(rows)
}
