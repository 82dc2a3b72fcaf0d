//! Loading one table: open, check, count.
//!
//! Spec 10 §2.7. Everything that acceptance depends on is checked here on the whole table, so that
//! no job is refused later for a reason that lies in the data. One pass digests the keys of all
//! rows; identities, their groups and their values are measured after sorting the records.
//!
//! # Discussion
//! Checks look at the whole table, not at the rows that `row_filter` allows: what is unique as a
//! whole is unique in part, and registered sizes then do not tell how many rows are allowed.

mod types;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use psi_core::limits;
use psi_core::store::RecordStore;

use super::columns::{self, Columns};
use super::count::{self, Counted};
use super::groups::{self, round_up};
use super::measure::public_bound;
use super::row_filter::RowFilter;
use super::table::{LoadedKey, LoadedTable, LoadedValue, TableState};
use crate::agreed_types::AgreedTypes;
use crate::config::{CsvConfig, ReadOptions, TableConfig};
use crate::error::{FreezeError, Problem};
use crate::report::{AggregateReport, ColumnReport, DimensionReport, KeyReport, TableReport};
use crate::source::dialect::Dialect;
use crate::source::inputs::{Inputs, SeenInputs};
use crate::source::{Format, NoColumn, Source, SourceColumn, SourceError};
use crate::view::{self, Made, ResultFile, Results, View};

/// Loads and checks one table. Never fails: what is wrong is in the report.
pub(crate) async fn load(
    name: &str,
    base_dir: &Path,
    config: &TableConfig,
    options: &ReadOptions,
    results: Option<&Arc<Results>>,
    store: &dyn RecordStore,
    agreed: &dyn AgreedTypes,
) -> (TableReport, TableState) {
    let mut report = TableReport {
        name: name.to_owned(),
        ..TableReport::default()
    };
    let mut loader = Loader {
        name,
        config,
        base_dir,
        options,
        results,
        report: &mut report,
        files: None,
        may_pass: false,
        agreed,
    };
    match loader.run(store).await {
        Ok(table) => (report, TableState::Served(Arc::new(table))),
        Err(problems) => {
            let (files, may_pass) = (loader.files.take(), loader.may_pass);
            report.problems.clone_from(&problems);
            let state = TableState::NotServed {
                problems,
                files,
                may_pass,
            };
            (report, state)
        }
    }
}

struct Loader<'a> {
    name: &'a str,
    config: &'a TableConfig,
    base_dir: &'a Path,
    options: &'a ReadOptions,
    /// Where SQL makes files.
    results: Option<&'a Arc<Results>>,
    report: &'a mut TableReport,
    files: Option<SeenInputs>,
    /// Whether what is wrong may pass without a change of the files.
    may_pass: bool,
    /// The types that columns are held to.
    agreed: &'a dyn AgreedTypes,
}

impl Loader<'_> {
    async fn run(&mut self, store: &dyn RecordStore) -> Result<LoadedTable, Vec<Problem>> {
        let inputs = Inputs::of(self.base_dir, self.config);
        let (path, made) = self.rows(&inputs).await.map_err(|problem| vec![problem])?;
        let inputs = match &made {
            None => inputs,
            Some(made) => inputs.with_result(made.path()),
        };
        let source = self.open(path).await.map_err(|problem| vec![problem])?;
        let seen = self.seen_with(&source, made.is_some());
        let source = Arc::new(source);
        let row_filter = self.check_columns(&source)?;
        let mut columns = Columns::resolve(self.name, self.config, &source)?;
        let filter = row_filter.as_ref();
        let counted = count::count(self.config, self.options, &source, filter, &columns, store)
            .await
            .map_err(|err| vec![self.pass_problem(&err)])?;
        self.check_types(&source, &counted).await?;
        let source = self.check_dates(source, &counted)?;
        self.report.rows = counted.rows;
        self.report.rows_allowed = counted.allowed;
        if counted.rows == 0 {
            self.report.notes.push(
                "there is a header and no row: every answer about the table is empty or suppressed, \
                 until a file with rows takes its place"
                    .to_owned(),
            );
        }
        let keys = self.check_keys(&counted, &columns)?;
        self.check_values(&counted, &mut columns)?;
        if inputs.observe().ok().as_ref() != Some(&seen) {
            // Not remembered as seen: the next refresh looks again.
            self.files = None;
            return Err(vec![Problem::new(
                self.rows_place(),
                "the files changed while they were read",
                "replace files by renaming complete ones into place",
            )]);
        }
        self.keep_types(&source, &counted)?;
        Ok(LoadedTable {
            source,
            inputs,
            seen,
            made,
            row_filter,
            rows: counted.rows,
            misfits_are_null: self.config.epsilon_max.is_some(),
            phone: self.config.country(),
            keys,
            columns: self.report.columns.clone(),
            dimensions: columns.dimensions,
            aggregates: columns.aggregates,
        })
    }

    /// The file or folder with the table's rows, which SQL makes first if it does.
    async fn rows(&mut self, inputs: &Inputs) -> Result<(PathBuf, Option<ResultFile>), Problem> {
        let seen = inputs.observe();
        self.files = seen.as_ref().ok().cloned();
        let Some(sql) = &self.config.sql else {
            return Ok((self.base_dir.join(&self.config.source), None));
        };
        let view = View {
            name: self.name,
            sql,
            config: self.config,
            base_dir: self.base_dir,
            threads: self.options.threads,
        };
        let made = match seen {
            Ok(seen) => view::make(view, &seen, self.results).await,
            Err(error) => Err(error),
        };
        let Made { file, mut notes } = made.map_err(|error| self.source_problem(error))?;
        self.report.notes.append(&mut notes);
        Ok((file.path(), Some(file)))
    }

    /// What was seen: the files that were opened, and before them what SQL made them of.
    fn seen_with(&self, source: &Source, is_made: bool) -> SeenInputs {
        let made_of = self.files.clone().filter(|_| is_made);
        let mut seen = made_of.unwrap_or(SeenInputs(Vec::new()));
        seen.0.push(source.files.clone());
        seen
    }

    fn source_problem(&mut self, error: SourceError) -> Problem {
        self.may_pass = error.may_pass;
        Problem::new(self.rows_place(), error.what, error.remedy)
    }

    /// The setting that says where the rows come from.
    fn rows_place(&self) -> String {
        self.place(self.config.rows_setting())
    }

    async fn open(&mut self, path: PathBuf) -> Result<Source, Problem> {
        let null_words = self.config.null.clone();
        let dialect = Dialect::of(&self.config.csv);
        let opened =
            tokio::task::spawn_blocking(move || Source::open(&path, &null_words, &dialect)).await;
        let mut source = match opened {
            Ok(Ok(source)) => source,
            Ok(Err(error)) => return Err(self.source_problem(error)),
            Err(_) => {
                self.may_pass = true;
                return Err(Problem::new(
                    self.rows_place(),
                    "reading it stopped unexpectedly",
                    "check the file",
                ));
            }
        };
        source
            .declare(&self.config.types)
            .map_err(|(column, reason)| match reason {
                Some(reason) => self.no_column(&source, "types", &column, reason),
                None => Problem::new(
                    self.place("types"),
                    format!(
                        "{column:?} is {} in the Parquet files, which say its type themselves",
                        source
                            .column(&column)
                            .map_or_else(|_| String::new(), SourceColumn::describe)
                    ),
                    "take it off the list, or declare what the files store",
                ),
            })?;
        if source.files.format == Format::Parquet && self.config.csv != CsvConfig::default() {
            return Err(Problem::new(
                self.place("csv"),
                "the files are Parquet, which says itself how it is written",
                "remove the setting",
            ));
        }
        self.hold_types(&mut source)?;
        self.report.notes.append(&mut source.notes);
        self.report.files = source
            .files
            .files
            .iter()
            .map(|file| file.path.clone())
            .collect();
        Ok(source)
    }

    /// Checks that configured columns exist and fit, and parses the row filter.
    fn check_columns(&mut self, source: &Source) -> Result<Option<RowFilter>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut filters = BTreeSet::new();
        for (column, _) in self.config.filter.iter() {
            match source.column(column) {
                Ok(found) if found.class().is_some() => {
                    filters.insert(found.name.clone());
                }
                Ok(found) => problems.push(Problem::new(
                    self.place("filter"),
                    format!("{column:?} is {}", found.describe()),
                    "take it off the list",
                )),
                Err(reason) => problems.push(self.no_column(source, "filter", column, reason)),
            }
        }
        // A misspelled column here would be shown.
        for column in &self.config.disallowed_outputs {
            if let Err(reason) = source.column(column) {
                problems.push(self.no_column(source, "disallowed_outputs", column, reason));
            }
        }
        if self.config.key.is_empty() {
            problems.push(Problem::new(
                self.place("key"),
                "no join key is listed, so no query can use the table",
                format!(
                    "add a [[table.{}.key]] section, then run `psi-node reload` if the node runs",
                    self.name
                ),
            ));
        }
        for (i, key) in self.config.key.iter().enumerate() {
            let setting = format!("key[{}]", i + 1);
            for (column, kind) in key.columns.iter().zip(&key.kinds) {
                match source.column(column) {
                    Ok(found) => problems.extend(found.key_problem(*kind).map(|what| {
                        Problem::new(
                            self.place(&setting),
                            format!("{column:?}: {what}"),
                            "choose another kind, or store the column as text or whole numbers",
                        )
                    })),
                    Err(reason) => problems.push(self.no_column(source, &setting, column, reason)),
                }
            }
        }
        self.report.columns = source
            .columns
            .iter()
            .map(|column| ColumnReport {
                name: column.name.clone(),
                kind: column.describe(),
                filter: filters.contains(&column.name),
            })
            .collect();
        let row_filter = match &self.config.row_filter {
            None => None,
            Some(text) => match RowFilter::parse(self.name, text, source) {
                Ok(filter) => Some(filter),
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            },
        };
        if problems.is_empty() {
            Ok(row_filter)
        } else {
            Err(problems)
        }
    }

    fn check_keys(
        &mut self,
        counted: &Counted,
        columns: &Columns,
    ) -> Result<Vec<LoadedKey>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut keys = Vec::with_capacity(self.config.key.len());
        for (i, (key, (measured, nulls))) in self.config.key.iter().zip(&counted.keys).enumerate() {
            let (distinct, nulls) = (measured.distinct, *nulls);
            let setting = format!("key[{}]", i + 1);
            let repeats = (counted.rows - nulls).saturating_sub(distinct);
            if key.unique && repeats > 0 {
                problems.push(Problem::new(
                    self.place(&format!("{setting}.unique")),
                    format!("{repeats} rows repeat a key value that an earlier row has"),
                    "remove the repeated rows, or write unique = false",
                ));
            }
            let identities = key.identities.unwrap_or_else(|| round_up(distinct));
            if distinct > identities || identities > limits::IDENTITIES_MAX {
                problems.push(Problem::new(
                    self.place(&format!("{setting}.identities")),
                    format!("{distinct} distinct identities, but {identities} are registered"),
                    "register a larger number, or remove rows",
                ));
            }
            if nulls == counted.rows && nulls > 0 {
                self.report.notes.push(format!(
                    "{}: no value is an identifier of its kind, so nothing can match",
                    self.place(&setting)
                ));
            }
            self.report.keys.push(KeyReport {
                columns: key.columns.clone(),
                kinds: key.kinds.clone(),
                unique: key.unique,
                distinct,
                nulls,
                identities,
                derived: key.identities.is_none(),
                values: count::key_columns(key, counted.key_values.get(i)),
                shared: measured.shared(),
            });
            let groups = groups::register(self.name, self.config, columns, measured);
            let groups = groups.unwrap_or_else(|problem| {
                problems.push(problem);
                Vec::new()
            });
            keys.push(LoadedKey {
                identities,
                rows_bound: public_bound(measured.rows_max.into()),
                groups,
                values: measured.values.iter().map(LoadedValue::new).collect(),
            });
        }
        if problems.is_empty() {
            problems = groups::unusable(self.name, self.config, columns, &keys);
        }
        if problems.is_empty() {
            Ok(keys)
        } else {
            Err(problems)
        }
    }

    /// Checks that every value fits its column's scale, and notes which columns hold NULLs.
    fn check_values(
        &mut self,
        counted: &Counted,
        columns: &mut Columns,
    ) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let counts = counted.value_nulls.iter().zip(&counted.misfits);
        for (aggregate, (nulls, misfits)) in columns.aggregates.iter_mut().zip(counts) {
            aggregate.nullable = *nulls + *misfits > 0;
            let decimals = aggregate.number.as_ref().map(|n| n.value.decimals);
            if *misfits > 0 && self.config.epsilon_max.is_some() {
                // One row must not decide whether a table with differential privacy is served.
                self.report.notes.push(format!(
                    "{misfits} values of {:?} do not fit its decimals; they count as NULL",
                    aggregate.column
                ));
            } else if *misfits > 0 {
                problems.push(Problem::new(
                    self.place(&format!("aggregate.{}", aggregate.setting)),
                    format!(
                        "{misfits} values are not finite, not exact with {} decimals, or too large",
                        decimals.unwrap_or_default()
                    ),
                    "correct the values, or declare other decimals",
                ));
            }
            self.report.aggregates.push(AggregateReport {
                column: aggregate.column.clone(),
                functions: aggregate.functions.clone(),
                decimals,
                clamped: aggregate.number.as_ref().is_some_and(|n| n.clamp.is_some()),
                nulls: *nulls,
            });
        }
        for (number, dimension) in columns.dimensions.iter().enumerate() {
            let first_key = counted.keys.first();
            self.report.dimensions.push(DimensionReport {
                name: dimension.setting.clone(),
                values: dimension.domain.labels.clone(),
                constant: first_key
                    .is_some_and(|(key, _)| matches!(key.groups.get(number), Some(Some(_)))),
            });
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// A failed pass: the files, or the place of the lists.
    fn pass_problem(&mut self, err: &FreezeError) -> Problem {
        if let FreezeError::Core(psi_core::Error::Store(_)) = err {
            // The disk has room another time.
            self.may_pass = true;
            return Problem::new(
                self.rows_place(),
                format!("its identities could not be counted: {err}"),
                "give the node's lists more room (memory_limit, disk_limit, the disk of state_dir)",
            );
        }
        Problem::new(self.rows_place(), err.to_string(), "check the files")
    }

    fn no_column(&self, source: &Source, setting: &str, column: &str, reason: NoColumn) -> Problem {
        columns::no_column(source, self.place(setting), column, reason)
    }

    fn place(&self, setting: &str) -> String {
        format!("table.{}.{setting}", self.name)
    }
}
