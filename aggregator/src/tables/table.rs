//! Loaded tables and how they are looked up.
//!
//! Spec 10 §2.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::columns::{LoadedAggregate, LoadedDimension};
use super::measure::{ValueMeasure, public_bound};
use super::row_filter::RowFilter;
use crate::config::TableConfig;
use crate::error::{Problem, Unavailable};
use crate::phone::Country;
use crate::report::{ColumnReport, NotServed, ServedKey, ServedTable};
use crate::source::Source;
use crate::source::inputs::{Inputs, SeenInputs};
use crate::view::ResultFile;

/// A table that passed its checks.
pub(crate) struct LoadedTable {
    pub(crate) source: Arc<Source>,
    /// What it is made of, and how that was when it was loaded.
    pub(crate) inputs: Inputs,
    pub(crate) seen: SeenInputs,
    /// The file that SQL made, for as long as the table needs it.
    pub(crate) made: Option<ResultFile>,
    /// The owner's predicate.
    pub(crate) row_filter: Option<RowFilter>,
    /// Rows of the whole table.
    pub(crate) rows: u64,
    /// Whether a value that does not fit its decimals counts as NULL: where jobs with differential
    /// privacy are allowed, one row must not decide whether the table is served.
    pub(crate) misfits_are_null: bool,
    /// The country of telephone numbers that name none.
    pub(crate) phone: Option<Country>,
    /// One entry per configured key, in the same order.
    pub(crate) keys: Vec<LoadedKey>,
    pub(crate) columns: Vec<ColumnReport>,
    pub(crate) dimensions: Vec<LoadedDimension>,
    pub(crate) aggregates: Vec<LoadedAggregate>,
}

/// What the checks found about a key.
pub(crate) struct LoadedKey {
    /// The registered number of identities, configured or derived.
    pub(crate) identities: u64,
    /// The most rows of one identity, rounded up; `None` beyond 63 bits.
    pub(crate) rows_bound: Option<u64>,
    /// For each dimension, the registered sizes of its groups, `other` last; `None` if it is not
    /// constant per identity.
    pub(crate) groups: Vec<Option<Vec<u64>>>,
    /// For each aggregated column, how large it gets.
    pub(crate) values: Vec<LoadedValue>,
}

/// How large an aggregated column gets under a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadedValue {
    /// The smallest and the largest value, 0 included.
    pub(crate) range: (i64, i64),
    /// The largest amount of one identity's sum, rounded up; `None` beyond 63 bits.
    pub(crate) sum_bound: Option<u64>,
    /// The largest sum of squares of one identity, rounded up; `None` beyond 63 bits.
    pub(crate) squares_bound: Option<u64>,
}

impl LoadedValue {
    pub(crate) fn new(measured: &ValueMeasure) -> Self {
        Self {
            range: measured.range,
            sum_bound: public_bound(measured.amount),
            squares_bound: public_bound(measured.squares),
        }
    }
}

impl LoadedTable {
    /// What its inputs were when it was loaded, without the file that SQL made of them.
    pub(crate) fn seen_inputs(&self) -> SeenInputs {
        let mut seen = self.seen.clone();
        if self.made.is_some() {
            seen.0.pop();
        }
        seen
    }

    /// Checks that the files are those that were loaded.
    pub(crate) fn check_files(&self, name: &str) -> Result<(), Unavailable> {
        if self.inputs.observe().ok().as_ref() == Some(&self.seen) {
            return Ok(());
        }
        Err(Unavailable {
            table: name.to_owned(),
            what: "its files changed since they were checked".to_owned(),
            remedy: "replace files by renaming complete ones into place, then ask again".to_owned(),
        })
    }
}

/// The state of a configured table.
#[derive(Clone)]
pub(crate) enum TableState {
    Served(Arc<LoadedTable>),
    NotServed {
        problems: Vec<Problem>,
        /// The files as they were seen, so that they are not read again before they change.
        files: Option<SeenInputs>,
        /// Whether what was wrong may pass without a change of them.
        may_pass: bool,
    },
}

/// A table that may have to be loaded again.
pub(crate) struct ToRefresh {
    /// Its name in the configuration.
    pub(crate) name: String,
    pub(crate) config: TableConfig,
    /// What it is made of, with the file that SQL made if it is served.
    pub(crate) inputs: Inputs,
    /// The files as they were seen.
    pub(crate) seen: Option<SeenInputs>,
    /// Whether it is not served for a reason that may pass without a change of them.
    pub(crate) may_pass: bool,
}

/// All configured tables.
#[derive(Default)]
pub(crate) struct Tables {
    /// By lower-case name.
    entries: BTreeMap<String, ConfiguredTable>,
}

struct ConfiguredTable {
    name: String,
    config: TableConfig,
    state: TableState,
}

/// The answer to a look-up.
pub(crate) enum Lookup<'a> {
    Served(ServedState<'a>),
    NotServed(Unavailable),
    Unknown,
}

/// A served table with its rules.
#[derive(Clone, Copy)]
pub(crate) struct ServedState<'a> {
    pub(crate) name: &'a str,
    pub(crate) config: &'a TableConfig,
    pub(crate) table: &'a Arc<LoadedTable>,
}

impl Tables {
    pub(crate) fn insert(&mut self, name: &str, config: TableConfig, state: TableState) {
        let entry = ConfiguredTable {
            name: name.to_owned(),
            config,
            state,
        };
        self.entries.insert(name.to_lowercase(), entry);
    }

    /// Gives a configured table another state, if it is still the load `of`.
    pub(crate) fn replace(&mut self, name: &str, of: &Arc<LoadedTable>, state: TableState) {
        if let Some(entry) = self.entries.get_mut(&name.to_lowercase())
            && matches!(&entry.state, TableState::Served(table) if Arc::ptr_eq(table, of))
        {
            entry.state = state;
        }
    }

    /// The state of the table of this name.
    pub(crate) fn state(&self, name: &str) -> Option<TableState> {
        let entry = self.entries.get(&name.to_lowercase());
        entry.map(|entry| entry.state.clone())
    }

    /// The table of this name, upper and lower case aside.
    pub(crate) fn lookup(&self, name: &str) -> Lookup<'_> {
        let Some(entry) = self.entries.get(&name.to_lowercase()) else {
            return Lookup::Unknown;
        };
        match &entry.state {
            TableState::Served(table) => Lookup::Served(ServedState {
                name: &entry.name,
                config: &entry.config,
                table,
            }),
            TableState::NotServed { problems, .. } => Lookup::NotServed(entry.reason(problems)),
        }
    }

    /// What a refresh needs.
    pub(crate) fn to_refresh(&self, base_dir: &Path, name: &str) -> Result<ToRefresh, Unavailable> {
        let entry = self
            .entries
            .get(&name.to_lowercase())
            .ok_or_else(|| Unavailable::unknown(name))?;
        let (inputs, seen, may_pass) = match &entry.state {
            TableState::Served(table) => (table.inputs.clone(), Some(table.seen.clone()), false),
            TableState::NotServed {
                files, may_pass, ..
            } => (
                Inputs::of(base_dir, &entry.config),
                files.clone(),
                *may_pass,
            ),
        };
        Ok(ToRefresh {
            inputs,
            name: entry.name.clone(),
            config: entry.config.clone(),
            seen,
            may_pass,
        })
    }

    /// The names of all configured tables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.values().map(|entry| entry.name.as_str())
    }

    pub(crate) fn not_served(&self) -> Vec<NotServed> {
        let entries = self.entries.values();
        let not_served = entries.filter_map(|entry| match &entry.state {
            TableState::Served(_) => None,
            TableState::NotServed { problems, .. } => Some(NotServed {
                name: entry.name.clone(),
                problems: problems.clone(),
            }),
        });
        not_served.collect()
    }

    /// The tables that are served, with the registered sizes of their keys.
    pub(crate) fn configured(&self) -> impl Iterator<Item = (&str, &TableConfig, Vec<u64>)> {
        self.entries.values().filter_map(|entry| {
            let TableState::Served(table) = &entry.state else {
                return None;
            };
            let sizes = table.keys.iter().map(|key| key.identities).collect();
            Some((entry.name.as_str(), &entry.config, sizes))
        })
    }

    pub(crate) fn served(&self) -> Vec<ServedTable> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.state {
                TableState::Served(table) => Some(entry.served(table)),
                TableState::NotServed { .. } => None,
            })
            .collect()
    }
}

impl ConfiguredTable {
    fn served(&self, table: &LoadedTable) -> ServedTable {
        let keys = self
            .config
            .key
            .iter()
            .zip(&table.keys)
            .map(|(key, loaded)| ServedKey {
                columns: key.columns.clone(),
                kinds: key.kinds.clone(),
                unique: key.unique,
                identities: loaded.identities,
            });
        ServedTable {
            name: self.name.clone(),
            columns: table.columns.clone(),
            keys: keys.collect(),
            minimum: self.config.minimum,
            prefer_receiver: self.config.prefer_receiver,
        }
    }

    fn reason(&self, problems: &[Problem]) -> Unavailable {
        let (what, remedy) = match problems.first() {
            Some(problem) => (
                format!("{}: {}", problem.place, problem.what),
                problem.remedy.clone(),
            ),
            None => (
                "it failed its checks".to_owned(),
                "run `psi-node check`".to_owned(),
            ),
        };
        Unavailable {
            table: self.name.clone(),
            what,
            remedy,
        }
    }
}
