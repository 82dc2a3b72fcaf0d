//! What a load sees in keys and in text, in counts for the owner: values that cannot match, values
//! that look as if they would not, and dates that are text.
//!
//! Spec 10 §2.7. Called by the scan for every batch of a load, never in a job. Keeps counts and no
//! value.

pub(crate) mod classes;
mod dates;

use psi_core::identifier::IdentifierKind;

use crate::column::{Column, projected};
use crate::key_text::ScanKey;
use crate::report::ValueClass;

/// What is looked at beside the keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// Places of columns that conditions see as text.
    pub(crate) texts: Vec<usize>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surveyed {
    /// For each key and each of its columns.
    pub(crate) keys: Vec<Vec<KeyValues>>,
    /// For each place of [`Survey::texts`].
    pub(crate) texts: Vec<TextValues>,
}

/// The values of one column of a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyValues {
    pub(crate) normalised: u64,
    pub(crate) nulls: u64,
    /// For each of [`ValueClass::ALL`], values that do not normalise.
    pub(crate) refused: [u64; ValueClass::ALL.len()],
    /// For each of [`ValueClass::ALL`], values that do.
    pub(crate) doubtful: [u64; ValueClass::ALL.len()],
}

/// The values of a text column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextValues {
    /// Values that are more than blanks.
    filled: u64,
    /// Those that are dates in another form than ISO has.
    foreign_dates: u64,
}

impl TextValues {
    /// Whether nine of ten values are dates in another form, so that the column is meant as one.
    pub(crate) const fn are_foreign_dates(self) -> bool {
        self.filled > 0 && self.foreign_dates.saturating_mul(10) >= self.filled.saturating_mul(9)
    }
}

impl Survey {
    /// Looks at a batch.
    pub(crate) fn of(&self, columns: &[Column], keys: &[ScanKey]) -> Surveyed {
        let of_key = |key: &ScanKey| {
            let places = key.columns.iter().zip(&key.kinds);
            let values =
                places.map(|(place, kind)| key_values(key, projected(columns, *place), *kind));
            values.collect()
        };
        Surveyed {
            keys: keys.iter().map(of_key).collect(),
            texts: self
                .texts
                .iter()
                .map(|place| texts(projected(columns, *place)))
                .collect(),
        }
    }
}

impl Surveyed {
    /// Adds what another batch held.
    pub(crate) fn add(&mut self, more: &Self) {
        if self.keys.is_empty() && self.texts.is_empty() {
            self.clone_from(more);
            return;
        }
        let keys = self.keys.iter_mut().flatten();
        for (total, more) in keys.zip(more.keys.iter().flatten()) {
            total.normalised += more.normalised;
            total.nulls += more.nulls;
            add_up(&mut total.refused, &more.refused);
            add_up(&mut total.doubtful, &more.doubtful);
        }
        for (total, more) in self.texts.iter_mut().zip(&more.texts) {
            total.filled += more.filled;
            total.foreign_dates += more.foreign_dates;
        }
    }
}

fn add_up(totals: &mut [u64], more: &[u64]) {
    for (total, more) in totals.iter_mut().zip(more) {
        *total += more;
    }
}

/// Counts one value of a class.
fn count(counts: &mut [u64; ValueClass::ALL.len()], class: ValueClass) {
    if let Some(count) = counts.get_mut(class as usize) {
        *count += 1;
    }
}

fn key_values(key: &ScanKey, column: &Column, kind: IdentifierKind) -> KeyValues {
    let mut values = KeyValues::default();
    let mut normal = Vec::new();
    for row in 0..column.len() {
        if !column.is_valid(row) {
            values.nulls += 1;
            continue;
        }
        let Some(text) = key.value(column, kind, row) else {
            count(&mut values.refused, ValueClass::NotWhole);
            continue;
        };
        if kind.normalise(&text, &mut normal) {
            values.normalised += 1;
            // Numbers and dates have one spelling, so nothing about it looks wrong.
            if matches!(column, Column::Text(_))
                && let Some(class) = classes::doubtful(kind, &text)
            {
                count(&mut values.doubtful, class);
            }
        } else {
            count(&mut values.refused, classes::refused(kind, &text));
        }
    }
    values
}

fn texts(column: &Column) -> TextValues {
    let mut values = TextValues::default();
    if let Column::Text(text) = column {
        for value in text.iter().flatten() {
            let value = value.trim();
            values.filled += u64::from(!value.is_empty());
            values.foreign_dates += u64::from(dates::is_foreign(value));
        }
    }
    values
}
