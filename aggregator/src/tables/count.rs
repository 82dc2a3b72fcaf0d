//! The pass over all rows of a table while it is loaded, and what it counts.
//!
//! Spec 10 §2.7. Called by [`super::load`], with the reader and the options of a job. Digests the keys
//! of all rows, measures identities after sorting the records, and looks at values for the owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use psi_core::store::{RecordStore, RecordWriter};

use super::columns::Columns;
use super::measure::{self, KeyMeasure};
use super::row_filter::RowFilter;
use crate::config::{KeyConfig, ReadOptions, TableConfig};
use crate::error::FreezeError;
use crate::key_text::ScanKey;
use crate::phone::Country;
use crate::report::{ClassCount, KeyColumnReport, ValueClass};
use crate::rows::RowLayout;
use crate::scan::{self, Pass};
use crate::source::{Projection, Source};
use crate::sql::typing::ColumnClass;
use crate::survey::{KeyValues, Survey, Surveyed};

/// What the pass over the rows found.
pub(super) struct Counted {
    pub(super) rows: u64,
    pub(super) allowed: u64,
    /// For each key: what its identities are like, and rows without one.
    pub(super) keys: Vec<(KeyMeasure, u64)>,
    /// For each key and each of its columns, what its values are like.
    pub(super) key_values: Vec<Vec<KeyValues>>,
    /// For each aggregated column, rows in which it is NULL.
    pub(super) value_nulls: Vec<u64>,
    /// For each aggregated column, rows whose value does not fit its scale.
    pub(super) misfits: Vec<u64>,
    /// For each column of the source that was read, values that its form does not hold.
    pub(super) lost: Vec<(usize, u64)>,
    /// The columns that are read as values: those of filters, groups and sums.
    pub(super) read: Vec<usize>,
    /// Of these, columns of text that is dates in another form than ISO has.
    pub(super) foreign_dates: Vec<usize>,
}

/// One pass over all columns that the configuration names.
///
/// # Errors
/// [`FreezeError`] if a file cannot be read or a list not be kept.
pub(super) async fn count(
    config: &TableConfig,
    options: &ReadOptions,
    source: &Arc<Source>,
    row_filter: Option<&RowFilter>,
    columns: &Columns,
    store: &dyn RecordStore,
) -> Result<Counted, FreezeError> {
    let mut projection = Projection::default();
    let condition = row_filter.map(|filter| filter.condition(source, &mut projection));
    let keys = config.key.iter();
    let keys = keys.map(|key| scan_key(key, config.country(), source, &mut projection));
    let keys = keys.collect::<Option<Vec<_>>>().ok_or_else(gone)?;
    let extras = columns.extras(source, &mut projection).ok_or_else(gone)?;
    for (column, _) in config.filter.iter() {
        // What a query may read is read now, so that a damaged page shows here.
        projection.value(source.number(column).map_err(|_| gone())?);
    }
    let layout = extras.layout();
    let domains = columns.dimensions.iter().map(|d| d.domain.len());
    let domains: Vec<usize> = domains.collect();
    let mut writers = keys
        .iter()
        .map(|_| store.unsorted(layout.width()))
        .collect::<Result<Vec<Box<dyn RecordWriter>>, _>>()?;
    let mut counted = Counted {
        rows: 0,
        allowed: 0,
        keys: Vec::with_capacity(keys.len()),
        key_values: Vec::new(),
        value_nulls: vec![0; layout.values],
        misfits: vec![0; layout.values],
        lost: Vec::new(),
        read: projection.values().collect(),
        foreign_dates: Vec::new(),
    };
    let is_text = |column: &usize| source.at(*column).class() == Some(&ColumnClass::Text);
    let texts: Vec<usize> = counted.read.iter().copied().filter(is_text).collect();
    let survey = Survey {
        texts: texts
            .iter()
            .map(|column| projection.value(*column))
            .collect(),
    };
    let mut surveyed = Surveyed::default();
    let mut nulls = vec![0; keys.len()];
    let mut lost = vec![0; projection.columns().count()];
    let mut take = |chunk: &scan::Chunk| {
        counted.rows += chunk.rows;
        counted.allowed += chunk.selected;
        for (writer, records) in writers.iter_mut().zip(&chunk.records) {
            writer.push(records)?;
        }
        add_up(&mut nulls, &chunk.nulls);
        add_up(&mut lost, &chunk.lost);
        add_up(&mut counted.value_nulls, &chunk.value_nulls);
        add_up(&mut counted.misfits, &chunk.misfits);
        chunk.surveyed.iter().for_each(|more| surveyed.add(more));
        Ok(())
    };
    let pass = Pass {
        source: Arc::clone(source),
        condition: condition.transpose().map_err(|_| gone())?,
        keys,
        extras,
        projection: projection.clone(),
        survey: Some(survey),
    };
    scan::scan(options, pass, &mut take).await?;
    // A column that is both key and filter is read once for each.
    let lost: BTreeMap<usize, u64> = projection.columns().zip(lost).collect();
    counted.lost = lost.into_iter().filter(|(_, lost)| *lost > 0).collect();
    for (writer, nulls) in writers.into_iter().zip(nulls) {
        let measured = measured(writer, layout, domains.clone()).await?;
        counted.keys.push((measured, nulls));
    }
    let seen = texts.into_iter().zip(&surveyed.texts);
    let dates = seen.filter(|(_, values)| values.are_foreign_dates());
    counted.foreign_dates = dates.map(|(column, _)| column).collect();
    counted.key_values = surveyed.keys;
    Ok(counted)
}

/// What the values of each column of a key are like, for the owner; a table without rows has none.
pub(super) fn key_columns(
    key: &KeyConfig,
    values: Option<&Vec<KeyValues>>,
) -> Vec<KeyColumnReport> {
    let classes = |counts: &[u64]| -> Vec<ClassCount> {
        let counts = ValueClass::ALL.iter().zip(counts);
        let counts = counts.filter(|(_, rows)| **rows > 0);
        let counts = counts.map(|(class, rows)| ClassCount {
            class: *class,
            rows: *rows,
        });
        counts.collect()
    };
    let columns = key.columns.iter().zip(&key.kinds).enumerate();
    columns
        .map(|(place, (column, kind))| {
            let values = values.and_then(|values| values.get(place)).cloned();
            let values = values.unwrap_or_default();
            KeyColumnReport {
                column: column.clone(),
                kind: *kind,
                normalised: values.normalised,
                nulls: values.nulls,
                refused: classes(&values.refused),
                doubtful: classes(&values.doubtful),
            }
        })
        .collect()
}

fn gone() -> FreezeError {
    FreezeError::Internal("a configured column is gone")
}

fn scan_key(
    key: &KeyConfig,
    phone: Option<Country>,
    source: &Source,
    projection: &mut Projection,
) -> Option<ScanKey> {
    let columns = key
        .columns
        .iter()
        .zip(&key.kinds)
        .map(|(name, kind)| Some(projection.key(source.number(name).ok()?, *kind)))
        .collect::<Option<Vec<_>>>()?;
    Some(ScanKey {
        columns,
        kinds: key.kinds.clone(),
        phone,
    })
}

fn add_up(totals: &mut [u64], more: &[u64]) {
    for (total, more) in totals.iter_mut().zip(more) {
        *total += more;
    }
}

/// Sorts and measures off the async threads.
async fn measured(
    writer: Box<dyn RecordWriter>,
    layout: RowLayout,
    domains: Vec<usize>,
) -> Result<KeyMeasure, FreezeError> {
    let work = move || {
        let list = writer.finish()?;
        measure::measure(list.as_ref(), layout, &domains)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| FreezeError::stopped())?
}
