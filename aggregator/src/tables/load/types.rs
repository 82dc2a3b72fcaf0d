//! Whether values are of the types that columns have, and text that is meant as another type.
//!
//! Spec 10 §2.2 and §2.7. Called by [`super`] after the pass over all rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Loader;
use crate::config::ColumnType;
use crate::error::Problem;
use crate::source::Source;
use crate::tables::count::Counted;
use crate::tables::row_filter::RowFilter;

impl Loader<'_> {
    /// Checks that values are of the declared types. Where jobs with differential privacy are
    /// allowed, a value that is not counts as NULL, so that one row does not decide whether the table
    /// is served; and a column whose type follows from its values is noted.
    pub(super) fn check_types(
        &mut self,
        source: &Source,
        counted: &Counted,
    ) -> Result<(), Vec<Problem>> {
        let is_private = self.config.epsilon_max.is_some();
        let mut problems = Vec::new();
        for (column, lost) in &counted.lost {
            let found = &source.columns[*column];
            let what = format!("{lost} values of {:?} are not of its type", found.name);
            match found.declared() {
                Some(declared) if !is_private => problems.push(Problem::new(
                    self.place(&format!("types.{}", found.name)),
                    format!("{what}, {}", declared.as_str()),
                    match declared {
                        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => {
                            "write dates as 2025-01-31, list what is not a date under `null`, or declare \
                             another type"
                        }
                        _ => "correct the values, list them under `null`, or declare another type",
                    },
                )),
                _ => self
                    .report
                    .notes
                    .push(format!("{what}; they count as NULL")),
            }
        }
        let read = counted.read.iter().map(|column| &source.columns[*column]);
        let inferred =
            read.filter(|column| column.is_untyped_text() && column.declared().is_none());
        let inferred: BTreeSet<&str> = inferred.map(|column| column.name.as_str()).collect();
        if is_private && !inferred.is_empty() {
            let names: Vec<&str> = inferred.into_iter().collect();
            self.report.notes.push(format!(
                "the types of {} follow from all their values, so one row can change what the peer is \
                 told; declare them in `types`",
                names.join(", ")
            ));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Notes columns of text that holds dates in another form than ISO has, so that comparing them
    /// with a date is refused instead of comparing letters.
    pub(super) fn check_dates(
        &mut self,
        source: Arc<Source>,
        counted: &Counted,
    ) -> Result<Arc<Source>, Vec<Problem>> {
        let declared = |column: &usize| source.columns[*column].declared().is_some();
        let dates = counted.foreign_dates.iter().copied();
        let dates: Vec<usize> = dates.filter(|column| !declared(column)).collect();
        for column in &dates {
            let found = &source.columns[*column];
            let or = if found.is_untyped_text() {
                ", or declare it as text in `types`"
            } else {
                ""
            };
            self.report.notes.push(format!(
                "{:?} holds dates in another form than 2025-01-31, so it is text: write them so{or}",
                found.name
            ));
        }
        // Where jobs with differential privacy are allowed, one row must not decide what is refused.
        if dates.is_empty() || self.config.epsilon_max.is_some() {
            return Ok(source);
        }
        let mut source = Arc::unwrap_or_clone(source);
        source.mark_foreign_dates(&dates);
        if let Some(text) = &self.config.row_filter {
            RowFilter::parse(self.name, text, &source).map_err(|problem| vec![problem])?;
        }
        Ok(Arc::new(source))
    }
}
