//! Whether values are of the types that columns have, the types that are kept from load to load, and
//! text that is meant as another type.
//!
//! Spec 10 §2.2 and §2.7. Called by [`super`] around the pass over all rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Loader;
use crate::config::{ColumnType, RuleKind};
use crate::error::Problem;
use crate::source::{Held, Source, TextType, read};
use crate::tables::count::Counted;
use crate::tables::row_filter::RowFilter;

impl Loader<'_> {
    /// Holds columns to the types that they had when the table was first served.
    pub(super) fn hold_types(&mut self, source: &mut Source) -> Result<(), Problem> {
        let kept = self.agreed.of(self.name).map_err(|why| {
            self.may_pass = true;
            Problem::new(
                self.place("types"),
                format!("the types that were agreed cannot be read: {why}"),
                "see that the state folder can be read; it is tried again",
            )
        })?;
        let kept = kept.iter();
        let kept = kept.filter_map(|(name, word)| Some((name.clone(), TextType::from_word(word)?)));
        source.hold_to(&kept.collect(), &|column| self.has_scale(column));
        for column in &source.columns {
            if let (Some(Held::Kept(TextType::Text)), Some(now)) =
                (column.held(), column.inferred())
                && now != TextType::Text
            {
                self.report.notes.push(format!(
                    "{:?} is text, as when the table was first served, although all its values are {} \
                     now; if they are meant so, declare the type in `types`",
                    column.name,
                    now.plural()
                ));
            }
        }
        Ok(())
    }

    /// Keeps the types of the columns that the configuration lists, for the loads to come.
    pub(super) fn keep_types(
        &mut self,
        source: &Source,
        counted: &Counted,
    ) -> Result<(), Vec<Problem>> {
        let kept = self.agreed.of(self.name).unwrap_or_default();
        let columns = self.listed(source, counted);
        let columns = columns.into_iter().map(|number| source.at(number));
        let types = columns.filter_map(|column| {
            if !column.is_untyped_text() {
                let stored = column.class().and_then(TextType::of_class);
                // Files without a value in it have no type to store.
                let word = stored.map(TextType::word);
                let word = word.or_else(|| kept.get(&column.name).cloned())?;
                return Some((column.name.clone(), word));
            }
            let held = column.held().map(Held::to);
            let found = held.or(column.inferred())?;
            let kept = if self.has_scale(&column.name) && found.is_number() {
                TextType::Amount
            } else {
                found
            };
            Some((column.name.clone(), kept.word()))
        });
        self.agreed
            .keep(self.name, &types.collect())
            .map_err(|why| {
                self.may_pass = true;
                vec![Problem::new(
                    self.place("types"),
                    format!("the types of its columns cannot be kept: {why}"),
                    "see that the state folder can be written; it is tried again",
                )]
            })
    }

    /// The columns whose types matter to what is asked: those that the configuration lists.
    fn listed(&self, source: &Source, counted: &Counted) -> BTreeSet<usize> {
        // Which columns templates filter by is not in the configuration of the table.
        let all = 0..source.columns.len();
        match self.config.rule {
            RuleKind::Custom => all.collect(),
            RuleKind::Aggregation | RuleKind::List => counted.read.iter().copied().collect(),
        }
    }

    /// Columns of files that store types, and now store another one than when the table was first served.
    fn stored_otherwise(&self, source: &Source, counted: &Counted) -> Vec<Problem> {
        let kept = self.agreed.of(self.name).unwrap_or_default();
        let declared = |name: &str| {
            let mut declared = self.config.types.keys();
            declared.any(|other| other.to_lowercase() == name.to_lowercase())
        };
        let columns = self.listed(source, counted);
        let columns = columns.into_iter().map(|number| source.at(number));
        let columns = columns.filter(|column| !column.is_untyped_text() && !declared(&column.name));
        let problems = columns.filter_map(|column| {
            let before = TextType::from_word(kept.get(&column.name)?)?;
            let now = column.class().and_then(TextType::of_class)?;
            (!before.means_the_same(now)).then(|| {
                Problem::new(
                    self.place(&format!("types.{}", column.name)),
                    format!(
                        "{:?} had values that are {} when the table was first served, and the files now \
                         store {}",
                        column.name,
                        before.plural(),
                        now.plural()
                    ),
                    format!(
                        "write the files as before; if the column is to be of this type from now on, \
                         declare it: types = {{ {:?} = {:?} }}",
                        column.name,
                        ColumnType::from(now).as_str()
                    ),
                )
            })
        });
        problems.collect()
    }

    /// Whether the owner declares a decimal scale of the column: it may be whole today.
    fn has_scale(&self, column: &str) -> bool {
        let mut aggregates = self.config.aggregate.iter();
        aggregates.any(|(name, aggregate)| {
            aggregate.decimals.is_some() && name.to_lowercase() == column.to_lowercase()
        })
    }

    /// Checks that values are of the types that columns are held to. Where jobs with differential
    /// privacy are allowed, a value that is not counts as NULL, so that one row does not decide whether
    /// the table is served; and a column whose type follows from its values is noted.
    pub(super) async fn check_types(
        &mut self,
        source: &Arc<Source>,
        counted: &Counted,
    ) -> Result<(), Vec<Problem>> {
        let is_private = self.config.epsilon_max.is_some();
        let mut problems = self.stored_otherwise(source, counted);
        for (column, lost) in &counted.lost {
            let found = source.at(*column);
            let held = found.held().filter(|_| !is_private);
            let Some(held) = held else {
                let what = format!("{lost} values of {:?} are not of its type", found.name);
                self.report
                    .notes
                    .push(format!("{what}; they count as NULL"));
                continue;
            };
            let first = first_lost(source, *column).await;
            problems.push(self.wrong_type(&found.name, held, *lost, &first));
        }
        let read = counted.read.iter().map(|column| source.at(*column));
        let inferred = read.filter(|column| column.is_untyped_text() && column.held().is_none());
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

    /// Values of a column that are not of the type that it is held to.
    fn wrong_type(&self, column: &str, held: Held, lost: u64, first: &str) -> Problem {
        let place = self.place(&format!("types.{column}"));
        match held {
            Held::Declared(declared) => Problem::new(
                place,
                format!(
                    "{lost} values of {column:?} are not of its type, {}{first}",
                    declared.as_str()
                ),
                match declared {
                    ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => {
                        "write dates as 2025-01-31 or declare their form, such as csv = { date = \
                         \"%d.%m.%Y\" }; list what is not a date under `null`, or declare another type"
                    }
                    ColumnType::Number => {
                        "correct the values, list words under `null`, declare a decimal comma by csv = { \
                         decimal = \",\" }, or declare another type"
                    }
                    _ => "correct the values, list them under `null`, or declare another type",
                },
            ),
            Held::Kept(kept) => Problem::new(
                place,
                format!(
                    "{column:?} had values that are {} when the table was first served, and now {lost} \
                     are not{first}",
                    kept.plural()
                ),
                "correct the file, or list under `null` what means that there is no value; if the column \
                 is to be of another type from now on, declare it in `types`",
            ),
        }
    }

    /// Notes columns of text that holds dates in another form than ISO has, so that comparing them
    /// with a date is refused instead of comparing letters.
    pub(super) fn check_dates(
        &mut self,
        source: Arc<Source>,
        counted: &Counted,
    ) -> Result<Arc<Source>, Vec<Problem>> {
        let is_declared =
            |column: &usize| matches!(source.at(*column).held(), Some(Held::Declared(_)));
        let dates = counted.foreign_dates.iter().copied();
        let dates: Vec<usize> = dates.filter(|column| !is_declared(column)).collect();
        for column in &dates {
            let found = source.at(*column);
            let or = if found.is_untyped_text() {
                ", declare their form, such as csv = { date = \"%d.%m.%Y\" }, or declare the column as \
                 text in `types`"
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

/// Where the first value is that is not of the column's type, as the rest of a sentence. The value
/// itself stays in the file.
async fn first_lost(source: &Arc<Source>, column: usize) -> String {
    let source = Arc::clone(source);
    let found = tokio::task::spawn_blocking(move || read::first_lost(&source, column)).await;
    match found {
        Ok(Ok(Some((path, Some(row))))) => format!(
            "; the first is in row {row} of {}, counted with the header",
            path.display()
        ),
        Ok(Ok(Some((path, None)))) => format!("; the first is of {}", path.display()),
        // A file that cannot be read any more shows at the next load.
        _ => String::new(),
    }
}
