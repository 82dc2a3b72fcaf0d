//! A list that was released: the own identifiers that match, read from the own table and written
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
//! Cost: one pass over the files for every `DIGESTS_AT_ONCE` digests. Memory: those, the
//! engine's pool, one batch, and one row group of Parquet.
//!
//! Never opens a file for writing: where the bytes go, and that nothing half-written stays, is the
//! caller's.

mod writer;

use std::io::Write;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray};
use datafusion::arrow::compute::filter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Expr;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::progress::{Progress, Stage};
use psi_core::store::RecordList;
use zeroize::Zeroizing;

use self::writer::ListWriter;
use crate::catalog::table::LoadedTable;
use crate::config::EngineOptions;
use crate::error::{FreezeError, Unavailable};
use crate::freeze::{Selection, selection};
use crate::keys::TextColumn;
use crate::plan::SidePlan;
use crate::rows::DIGEST_BYTES;
use crate::scan::{engine_error, next, streams_of};
use crate::source::SourceColumn;

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

/// Writes the own key columns of the selected rows whose identity is one of `matched`, of which
/// `at_once` are held at a time.
pub(crate) async fn write(
    table: &LoadedTable,
    side: &SidePlan,
    (matched, at_once): (&dyn RecordList, usize),
    (format, out): (ListFormat, Box<dyn Write + Send>),
    options: &EngineOptions,
    progress: &dyn Progress,
) -> Result<u64, ListError> {
    let check = || table.check_files(&side.table).map_err(FreezeError::from);
    check()?;
    let Selection { condition, key } = selection(table, side).map_err(FreezeError::from)?;
    let shown = columns(table, side)?;
    let reading = Reading {
        has_condition: condition.is_some(),
        key_columns: key.columns.len(),
        kinds: key.kinds,
    };
    let key_exprs = key.columns.iter().map(|column| column.raw_expr());
    let shown_exprs = shown.iter().map(|column| column.shown_expr());
    let outputs: Vec<Expr> = condition
        .into_iter()
        .chain(key_exprs)
        .chain(shown_exprs)
        .collect();
    // One reader: the rows come in the order of the files, and no other reader waits with batches.
    let options = &EngineOptions {
        threads: 1,
        ..*options
    };
    let mut writer = ListWriter::new(format, &shown, out)?;
    let mut digests = matched.reader().map_err(FreezeError::from)?;
    let mut written = 0;
    loop {
        let mut held = Zeroizing::new(Vec::new());
        digests
            .next_batch(&mut held, at_once)
            .map_err(FreezeError::from)?;
        if held.is_empty() {
            break;
        }
        let mut wanted = Wanted::new(&held);
        let streams = streams_of(options, &table.source, outputs.clone());
        for mut stream in streams.await.map_err(engine_error)? {
            while let Some(batch) = next(&mut stream).await {
                let batch = batch.map_err(engine_error)?;
                let rows = reading.rows(&batch, &mut wanted)?;
                written += rows.first().map_or(0, |column| column.len() as u64);
                writer.write(rows)?;
                progress
                    .report(Stage::Freeze, written, matched.len())
                    .map_err(FreezeError::from)?;
            }
        }
    }
    writer.finish()?;
    check()?;
    Ok(written)
}

/// The columns of the list, in the order of the query.
fn columns<'a>(
    table: &'a LoadedTable,
    side: &SidePlan,
) -> Result<Vec<&'a SourceColumn>, FreezeError> {
    let columns = side.listed.iter().map(|name| table.source.column(name));
    columns.collect::<Result<Vec<_>, _>>().map_err(|_| {
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

/// How the columns of a batch are read: the condition if there is one, the key, what is shown.
struct Reading<'a> {
    has_condition: bool,
    key_columns: usize,
    kinds: &'a [IdentifierKind],
}

impl Reading<'_> {
    /// The shown columns of the rows that are wanted.
    fn rows(
        &self,
        batch: &RecordBatch,
        wanted: &mut Wanted<'_>,
    ) -> Result<Vec<ArrayRef>, FreezeError> {
        let failed = |error: datafusion::arrow::error::ArrowError| engine_error(error.into());
        let condition = self.has_condition.then(|| batch.column(0).as_boolean());
        let selects = |row: usize| condition.is_none_or(|c| c.is_valid(row) && c.value(row));
        let first_key = usize::from(self.has_condition);
        let (keys, shown) = batch.columns()[first_key..].split_at(self.key_columns);
        let text = keys.iter().map(TextColumn::new);
        let text = text.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut hasher = IdentityHasher::new(self.kinds);
        let mask: BooleanArray = (0..batch.num_rows())
            .map(|row| {
                let digest = hasher.digest(text.iter().map(|column| column.value(row)));
                Some(selects(row) && digest.is_some_and(|digest| wanted.take(&digest)))
            })
            .collect();
        let rows = shown.iter().map(|column| filter(column, &mask));
        rows.collect::<Result<Vec<_>, _>>().map_err(failed)
    }
}
