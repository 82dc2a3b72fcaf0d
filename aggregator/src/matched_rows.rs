//! A list that was released: this side's identifiers that match, read from its table and written
//! as CSV or Parquet.
//!
//! Spec 10 §5.2. Called by [`crate::Catalog::write_list`] when a job has ended. What comes in are
//! digests; the rows' own key columns are read again, under the same conditions, from the same
//! files. Steps:
//!
//! 1. the files are those that were checked at load;
//! 2. as many digests as `DIGESTS_AT_ONCE` are held, and the table is read: the key of each
//!    selected row whose digest is held is written, the first row of each identity alone;
//! 3. so on with the next digests; 4. the files are still the same.
//!
//! Cost: one pass over the files for every `DIGESTS_AT_ONCE` digests. Memory: those, one batch, and
//! one row group of Parquet.
//!
//! Never opens a file for writing: where the bytes go, and that nothing half-written stays, is the
//! caller's.

mod writer;

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_select::filter::filter;
use psi_core::digest::Digest;
use psi_core::kernel::Kernel;
use psi_core::progress::{Progress, Stage};
use psi_core::store::RecordList;
use zeroize::Zeroizing;

use self::writer::ListWriter;
use crate::column::projected;
use crate::condition::{Condition, Tally};
use crate::error::{FreezeError, Unavailable};
use crate::freeze::Reading;
use crate::key_text::ScanKey;
use crate::plan::SidePlan;
use crate::rows::{DIGEST_BYTES, Extras};
use crate::source::read;
use crate::source::{Batch, NoColumn, Projection, SourceColumn};
use crate::tables::table::LoadedTable;

/// Digests that are held while the table is read once: 33 MiB with the marks beside them.
pub(crate) const DIGESTS_AT_ONCE: usize = 1 << 20;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// Comma-separated values under a header.
    Csv,
    /// Parquet.
    Parquet,
}

impl ListFormat {
    /// The stable name, which is also the ending of a file's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Why a list was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The table could not be read again.
    #[error(transparent)]
    Table(#[from] FreezeError),
    /// The list could not be put where it is to go.
    #[error("the list could not be written: {0}")]
    Output(String),
}

/// Writes this table's key columns of the selected rows whose identity is one of `matched`, of
/// which
/// `at_once` are held at a time.
pub(crate) fn write(
    side: &SidePlan,
    kernel: Arc<dyn Kernel>,
    matched: &dyn RecordList,
    at_once: usize,
    format: ListFormat,
    out: Box<dyn Write + Send>,
    progress: &dyn Progress,
) -> Result<u64, ListError> {
    let table = &*side.loaded;
    let check = || table.check_files(&side.table).map_err(FreezeError::from);
    check()?;
    let mut projection = Projection::default();
    let shown = columns(table, side, &mut projection)?;
    let Reading {
        projection,
        condition,
        key,
        ..
    } = Reading::new(table, side, Extras::default(), projection)?;
    let wanted = Wanting {
        kernel,
        condition,
        key,
        shown: shown.iter().map(|(_, place)| *place).collect(),
    };
    let shown: Vec<&SourceColumn> = shown.into_iter().map(|(column, _)| column).collect();
    let mut writer = ListWriter::new(format, &shown, out)?;
    let mut digests = matched.reader().map_err(FreezeError::from)?;
    let pieces = read::pieces(&table.source).map_err(FreezeError::from)?;
    let mut written = 0;
    loop {
        let mut held = Zeroizing::new(Vec::new());
        digests
            .next_batch(&mut held, at_once)
            .map_err(FreezeError::from)?;
        if held.is_empty() {
            break;
        }
        let mut digests = Wanted::new(&held);
        // One piece after the other: the rows come in the order of the files.
        for piece in &pieces {
            let mut failed = None;
            let mut take = |batch: Batch| {
                let rows = wanted.rows(&batch, &mut digests);
                let done = rows.and_then(|rows| {
                    written += rows.first().map_or(0, |column| column.len() as u64);
                    writer.write(rows)?;
                    let report = progress.report(Stage::Freeze, written, matched.len());
                    Ok(report.map_err(FreezeError::from)?)
                });
                failed = done.err();
                failed.is_none()
            };
            let source: &Arc<_> = &table.source;
            read::read(source, piece, &projection, &mut take).map_err(FreezeError::from)?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }
    writer.finish()?;
    check()?;
    Ok(written)
}

/// The columns of the list, in the order of the query, and their places in the projection.
fn columns<'a>(
    table: &'a LoadedTable,
    side: &SidePlan,
    projection: &mut Projection,
) -> Result<Vec<(&'a SourceColumn, usize)>, FreezeError> {
    let columns = side.listed.iter().map(|name| {
        let number = table.source.number(name)?;
        let mut kinds = side.key_columns.iter().zip(&side.key_kinds);
        let kind = kinds.find(|(key, _)| table.source.number(key) == Ok(number));
        // A list names columns of the key alone.
        let (_, kind) = kind.ok_or(NoColumn::Unknown)?;
        Ok((table.source.at(number), projection.key(number, *kind)))
    });
    let columns: Result<_, NoColumn> = columns.collect();
    columns.map_err(|_| {
        FreezeError::from(Unavailable {
            table: side.table.clone(),
            what: "a key column is gone".to_owned(),
            remedy: "the files may have changed; ask again".to_owned(),
        })
    })
}

/// Digests that are looked for, and which of them were found.
struct Wanted<'a> {
    digests: &'a [[u8; DIGEST_BYTES]],
    found: Vec<bool>,
}

impl<'a> Wanted<'a> {
    fn new(held: &'a [u8]) -> Self {
        let digests = held.as_chunks().0;
        Self {
            digests,
            found: vec![false; digests.len()],
        }
    }

    /// Whether the digest is wanted and was not met before.
    fn take(&mut self, digest: &[u8; DIGEST_BYTES]) -> bool {
        let place = self.digests.binary_search(digest).ok();
        let found = place.and_then(|place| self.found.get_mut(place));
        found.is_some_and(|found| !std::mem::replace(found, true))
    }
}

/// Which rows of a batch are wanted, and what is shown of them.
struct Wanting {
    kernel: Arc<dyn Kernel>,
    condition: Option<Condition>,
    key: ScanKey,
    /// The places of the shown columns.
    shown: Vec<usize>,
}

impl Wanting {
    /// The shown columns of the rows that are wanted.
    fn rows(&self, batch: &Batch, wanted: &mut Wanted<'_>) -> Result<Vec<ArrayRef>, ListError> {
        let selects = match &self.condition {
            Some(condition) => condition.select(&batch.columns, batch.rows, &mut Tally::default()),
            None => BooleanBuffer::new_set(batch.rows),
        };
        let mut mask = BooleanBufferBuilder::new(batch.rows);
        let append = |row, digest: Option<Digest>| {
            let is_wanted = selects.value(row) && digest.is_some_and(|digest| wanted.take(&digest));
            mask.append(is_wanted);
        };
        self.key
            .for_each_digest(&*self.kernel, &batch.columns, batch.rows, append);
        let mask = BooleanArray::from(mask.finish());
        let rows = self
            .shown
            .iter()
            .map(|place| filter(&projected(&batch.columns, *place).shown()?, &mask));
        let rows = rows.collect::<Result<Vec<_>, _>>();
        rows.map_err(|_| FreezeError::Internal("rows that do not filter").into())
    }
}
