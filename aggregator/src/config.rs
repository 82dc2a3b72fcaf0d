//! The table section of `node.toml`, as types.
//!
//! Spec 10 §1. Called by psi-node, which parses the file (errors then carry line and column), and
//! by [`crate::Catalog::load`]. Holds values only; whether they fit the data is checked at load.

mod aggregates;
mod filters;
mod rules;
mod sources;
mod text_files;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use psi_core::identifier::IdentifierKind;
use psi_core::kernel::portable::Portable;
use psi_core::kernel::{Choice, Kernel, select};
use psi_core::limits;
use serde::{Deserialize, Deserializer, de};

pub use aggregates::{AggregateConfig, AggregateFunction, DomainValue, ResultTo};
pub(crate) use aggregates::{COLUMN_DECIMALS_MAX, OTHER};
pub use filters::{Compare, FilterConfig, FilterConfigs, Operator};
pub(crate) use rules::DIGEST_PREFIX;
pub use rules::{Approval, CatalogueLevel, QueryForm, RuleKind, ScalarFunction, TemplateConfig};

pub use sources::{SourceConfig, SourceConfigs, attach_sources};
pub(crate) use text_files::encoding;
pub use text_files::{CsvConfig, PhoneConfig};
pub use types::ColumnType;

use crate::budget::{RunLimits, some_delta_units, some_micro_epsilon};
use crate::error::Problem;
use crate::phone::Country;
pub use crate::sql::parameter::ParameterType;

/// All tables of one node, by name.
pub type TableConfigs = BTreeMap<String, TableConfig>;

/// One `[table.NAME]` section. Whatever it does not list is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// A `.csv`, `.tsv` or `.parquet` file, or a folder of one of them, relative to `node.toml`; empty
    /// where [`Self::sql`] makes the rows.
    #[serde(default)]
    pub source: String,
    /// One SELECT over the node's sources that makes the rows.
    #[serde(default)]
    pub sql: Option<String>,
    /// The sources that it may name; see [`attach_sources`].
    #[serde(skip)]
    pub sources: SourceConfigs,
    /// Which form of query the table answers.
    #[serde(default)]
    pub rule: RuleKind,
    /// How queries of aggregates may put the table and the other member's together.
    #[serde(default = "default_forms")]
    pub forms: BTreeSet<QueryForm>,
    /// What a member that may ask is told of the table before it does.
    #[serde(default)]
    pub catalogue: CatalogueLevel,
    /// The members that may ask. If left out: every member that the collaboration lets query.
    #[serde(default)]
    pub allowed_requesters: Option<BTreeSet<String>>,
    /// The members that may get a result. If left out: every member that the collaboration lets
    /// receive.
    #[serde(default)]
    pub allowed_recipients: Option<BTreeSet<String>>,
    /// Columns that a WHERE clause may use, and how.
    #[serde(default)]
    pub filter: FilterConfigs,
    /// Functions of single values that a query may use; those of the listed dimensions where left
    /// out.
    #[serde(default)]
    pub scalar_functions: Option<BTreeSet<ScalarFunction>>,
    /// Columns that are never shown, as a group or in a list, whatever else allows it.
    #[serde(default)]
    pub disallowed_outputs: BTreeSet<String>,
    /// Always true: a query without a join is not accepted.
    #[serde(default = "yes", deserialize_with = "rules::only_true")]
    pub join_required: bool,
    /// The owner's own SQL predicate; rows for which it is not true take part in no job.
    #[serde(default)]
    pub row_filter: Option<String>,
    /// The fewest distinct identities that an output row may rest on.
    #[serde(default = "default_minimum")]
    pub minimum: u64,
    /// Whether this side asks for the Receiver role where the choice is free.
    #[serde(default)]
    pub prefer_receiver: bool,
    /// Of CSV files and of folders `key=value`: values that mean NULL.
    #[serde(default = "default_null_words")]
    pub null: Vec<String>,
    /// Of CSV files and of folders `key=value`: the types of columns, whatever single values look like.
    #[serde(default)]
    pub types: BTreeMap<String, ColumnType>,
    /// Of text files: how they are written.
    #[serde(default)]
    pub csv: CsvConfig,
    /// How telephone numbers in keys are written.
    #[serde(default)]
    pub phone: Option<PhoneConfig>,
    /// The allowed join keys.
    #[serde(default)]
    pub key: Vec<KeyConfig>,
    /// What a GROUP BY may use: a column, or a part of a date such as `month(order_date)`, each
    /// with its public domain.
    #[serde(default)]
    pub dimension: BTreeMap<String, Vec<DomainValue>>,
    /// The registered, public number of identities of groups, by dimension and label; derived from
    /// the table where left out.
    #[serde(default)]
    pub group_identities: BTreeMap<String, BTreeMap<String, u64>>,
    /// The columns that may be aggregated.
    #[serde(default)]
    pub aggregate: BTreeMap<String, AggregateConfig>,
    /// Whether the other member may receive aggregates of columns that it owns itself.
    #[serde(default)]
    pub owner_may_receive: bool,
    /// Who may get a result about the table.
    #[serde(default)]
    pub result: ResultTo,
    /// How many jobs may run in a period.
    #[serde(default = "RunLimits::unless_said")]
    pub runs: RunLimits,
    /// The population whose budget jobs about the table use.
    #[serde(default)]
    pub population: Option<String>,
    /// Whether a person has to consent to each job.
    #[serde(default)]
    pub approval: Approval,
    /// Queries with typed parameters, by name.
    #[serde(default)]
    pub template: BTreeMap<String, TemplateConfig>,
    /// The digests of the templates that a table of rule `custom` answers.
    #[serde(default)]
    pub approved_templates: Vec<String>,
    /// With differential privacy: rows of one identity that are used at most.
    #[serde(default)]
    pub max_rows_per_identity: Option<u64>,
    /// With differential privacy: groups that one identity's rows are counted in at most.
    #[serde(default = "default_groups")]
    pub max_groups_per_identity: u32,
    /// The largest epsilon that one job may ask for, in millionths; without it no job with
    /// differential privacy is allowed.
    #[serde(default, deserialize_with = "some_micro_epsilon")]
    pub epsilon_max: Option<u64>,
    /// The largest delta that one job may ask for, in units of 2^-64.
    #[serde(default, deserialize_with = "some_delta_units")]
    pub delta_max: Option<u64>,
}

impl TableConfig {
    /// The setting that says where the rows come from.
    pub(crate) const fn rows_setting(&self) -> &'static str {
        if self.sql.is_some() { "sql" } else { "source" }
    }

    /// The country of telephone numbers that name none, of a checked configuration.
    pub(crate) fn country(&self) -> Option<Country> {
        let phone = self.phone.as_ref()?;
        Country::named(&phone.country).ok()
    }
}

/// One `[[table.NAME.key]]` section: a join key that queries may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The columns; several make a composite key.
    pub columns: Vec<String>,
    /// The identifier kind of each column.
    #[serde(deserialize_with = "kinds_from_text")]
    pub kinds: Vec<IdentifierKind>,
    /// Whether no value repeats in the whole table.
    #[serde(default)]
    pub unique: bool,
    /// The registered, public number of distinct identities; derived from the table if left out.
    #[serde(default)]
    pub identities: Option<u64>,
}

/// How tables are read.
#[derive(Clone)]
pub struct ReadOptions {
    /// Files or row groups that are read at the same time.
    pub threads: usize,
    /// What digests identities.
    pub kernel: Arc<dyn Kernel>,
    /// Where tables are made by SQL, and within what; without it none is.
    pub sql: Option<SqlOptions>,
}

/// Where and within what tables are made by SQL.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// A folder of this node alone, for the files that are made and what does not fit into memory
    /// meanwhile. Made where it does not exist; everything in it is this catalog's, which removes what
    /// no table needs any more.
    pub folder: PathBuf,
    /// What joins, sorts and groups may hold in memory before they go to disk.
    pub memory_bytes: u64,
    /// What they may have on disk.
    pub disk_bytes: u64,
}

/// All cores, and the fastest kernel of this machine.
impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: select(Choice::Auto).unwrap_or_else(|_| Arc::new(Portable)),
            sql: None,
        }
    }
}

const fn yes() -> bool {
    true
}

fn default_minimum() -> u64 {
    10
}

fn default_forms() -> BTreeSet<QueryForm> {
    BTreeSet::from([QueryForm::Join])
}

const fn default_groups() -> u32 {
    1
}

fn default_null_words() -> Vec<String> {
    vec![String::new()]
}

static KIND_NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    IdentifierKind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .collect()
});

fn kinds_from_text<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<IdentifierKind>, D::Error> {
    Vec::<String>::deserialize(d)?
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|_| de::Error::unknown_variant(text, &KIND_NAMES))
        })
        .collect()
}

/// Checks the values that can be judged without looking at any data.
///
/// # Errors
/// [`Problem`] names the setting and what to write instead.
pub(crate) fn validate(tables: &TableConfigs) -> Result<(), Problem> {
    let mut folded = BTreeSet::new();
    for (name, table) in tables {
        check_name(name, &format!("table.{name}"), "table")?;
        if !folded.insert(name.to_lowercase()) {
            return Err(Problem::new(
                format!("table.{name}"),
                "two tables have this name up to upper and lower case",
                "SQL does not tell them apart: rename one of them",
            ));
        }
        check_table(name, table)?;
    }
    Ok(())
}

fn check_table(name: &str, table: &TableConfig) -> Result<(), Problem> {
    let place = |setting: &str| format!("table.{name}.{setting}");
    sources::check(name, table)?;
    if table.minimum == 0 || table.minimum > limits::IDENTITIES_MAX {
        return Err(Problem::new(
            place("minimum"),
            format!("the minimum is {}", table.minimum),
            format!("write a number from 1 to {}", limits::IDENTITIES_MAX),
        ));
    }
    filters::check(name, &table.filter)?;
    text_files::check(name, table)?;
    if table
        .max_rows_per_identity
        .is_some_and(|rows| rows == 0 || i64::try_from(rows).is_err())
    {
        return Err(Problem::new(
            place("max_rows_per_identity"),
            "no identity could have that many rows",
            "write a number from 1 to 2^63 - 1",
        ));
    }
    let groups = u64::from(table.max_groups_per_identity);
    if groups == 0 || groups > limits::COMPONENTS_MAX {
        return Err(Problem::new(
            place("max_groups_per_identity"),
            format!("the most groups of one identity are {groups}"),
            format!("write a number from 1 to {}", limits::COMPONENTS_MAX),
        ));
    }
    let mut seen: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for (i, key) in table.key.iter().enumerate() {
        let place = format!("table.{name}.key[{}]", i + 1);
        check_key(&place, key)?;
        if !seen.insert(key.columns.iter().map(|c| c.to_lowercase()).collect()) {
            return Err(Problem::new(
                place,
                "another key has the same columns",
                "keep one of the two",
            ));
        }
    }
    aggregates::check(name, table)?;
    rules::check(name, table)
}

/// Refuses the address of an object store or server as a path.
fn address_problem(place: &str, path: &str) -> Result<(), Problem> {
    match path.split_once("://") {
        None => Ok(()),
        Some((scheme, _)) => Err(Problem::new(
            place,
            format!(
                "the source is an address ({scheme}://…), and a node reads files of its own machine"
            ),
            "copy the files to a folder of this machine, for example with a nightly job, and name it",
        )),
    }
}

fn check_key(place: &str, key: &KeyConfig) -> Result<(), Problem> {
    let columns = key.columns.len();
    if columns == 0 || columns > limits::KEY_COLUMNS_MAX {
        return Err(Problem::new(
            format!("{place}.columns"),
            format!("the key has {columns} columns"),
            format!("name 1 to {} columns", limits::KEY_COLUMNS_MAX),
        ));
    }
    let mut folded = BTreeSet::new();
    for column in &key.columns {
        check_name(column, &format!("{place}.columns"), "column")?;
        if !folded.insert(column.to_lowercase()) {
            return Err(Problem::new(
                format!("{place}.columns"),
                format!("the column {column:?} appears twice"),
                "name each column once",
            ));
        }
    }
    if key.kinds.len() != columns {
        return Err(Problem::new(
            format!("{place}.kinds"),
            format!("{} kinds for {columns} columns", key.kinds.len()),
            "write one kind for each column, in the same order",
        ));
    }
    match key.identities {
        Some(n) if n == 0 || n > limits::IDENTITIES_MAX => Err(Problem::new(
            format!("{place}.identities"),
            format!("the registered size is {n}"),
            format!("write a number from 1 to {}", limits::IDENTITIES_MAX),
        )),
        _ => Ok(()),
    }
}

fn check_name(name: &str, place: &str, what: &str) -> Result<(), Problem> {
    if name.is_empty() || name.len() > limits::NAME_BYTES_MAX || name.chars().any(char::is_control)
    {
        return Err(Problem::new(
            place,
            format!("{name:?} is not a valid name for a {what}"),
            format!(
                "use 1 to {} bytes without control characters",
                limits::NAME_BYTES_MAX
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
