//! `psi-node check`: the configuration and the data against each other, without a peer.
//!
//! Loads every table the way the daemon does and prints what it found, for the owner's eyes: row
//! counts and distinct identities are not for the peer. Exit code 2 if a table would not be served.

mod document;
mod keys;

use std::fmt::Write as _;
use std::sync::Arc;

use aggregator::{
    AggregateReport, AgreedTypes, KeyReport, LoadReport, NoTypes, Problem, TableReport, ValueClass,
};
use clap::Args;

use self::document::document;
use super::Common;
use super::output::{self, Format, Table, counted};
use super::serve::kernel_of_environment;
use crate::api::client::Client;
use crate::api::types::NodeInfo;
use crate::config::NodeConfig;
use crate::daemon;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::{NodeId, NodeKey};
use crate::job::outcome::OTHER;
use crate::list_storage::{self, JOBS_FOLDER, Lists};
use crate::printable;
use crate::state::column_types::LooksOnly;
use crate::state::{STATE_FILE, State};
use crate::threads::block_on;

/// What `check` is asked.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The node, and how to print.
    #[command(flatten)]
    pub common: Common,
    /// Say what share of each key's values is what, and what other settings would gain
    #[arg(long)]
    pub keys: bool,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the configuration makes no sense or the key cannot be used.
pub fn run(args: &CheckArgs) -> Result<Exit, UserError> {
    let config = args.common.config.load()?;
    let id = NodeKey::load(&config.key_path())?.id();
    // A daemon may be running on the same state folder, with lists of its own.
    let place = list_storage::place_of_this_process("check");
    let lists = Lists::new(&config);
    let agreed = agreed_types(&config)?;
    let kernel = kernel_of_environment()?;
    // What SQL makes for this look is nobody else's.
    let made = config
        .state_dir()
        .join(JOBS_FOLDER)
        .join(format!("{place}-sql"));
    let loaded = daemon::load(&config, &lists, &place, made.clone(), agreed, kernel);
    let loaded = block_on(loaded);
    // If it stays, the next start of the node removes it.
    let _ = std::fs::remove_dir_all(&made);
    let (_, report) = loaded?;
    let running = block_on(Client::new(&config.socket_path()).node());
    let found = Found {
        hints: block_on(hints(&config, &report))?,
        report: &report,
        running: running.ok(),
    };
    match args.common.format {
        Format::Json => output::print_json(&document(&config, id, &found))?,
        Format::Table if args.keys => output::print(&keys::text(report.tables.iter()))?,
        Format::Table => output::print(&text(&config, id, &found))?,
    }
    Ok(if report.is_clean() {
        Exit::Released
    } else {
        Exit::BadInput
    })
}

/// What was found about the tables of a configuration.
struct Found<'a> {
    report: &'a LoadReport,
    /// For each table of the report, settings that its files ask for.
    hints: Vec<Vec<Problem>>,
    /// What the node that runs now says of itself.
    running: Option<NodeInfo>,
}

impl Found<'_> {
    fn tables(&self) -> impl Iterator<Item = (&TableReport, &[Problem])> {
        let hints = self.hints.iter().map(Vec::as_slice);
        self.report.tables.iter().zip(hints)
    }
}

/// The settings that the files of each table ask for.
async fn hints(config: &NodeConfig, report: &LoadReport) -> Result<Vec<Vec<Problem>>, UserError> {
    let mut all = Vec::new();
    for table in &report.tables {
        all.push(match config.table.get(&table.name) {
            Some(section) => aggregator::hints(&table.name, &config.base_dir, section, table).await,
            None => Vec::new(),
        });
    }
    Ok(all)
}

/// The types that the daemon holds columns to, so that both say the same. A node that never ran has
/// none, and no state either.
fn agreed_types(config: &NodeConfig) -> Result<Arc<dyn AgreedTypes>, UserError> {
    let folder = config.state_dir();
    if !folder.join(STATE_FILE).is_file() {
        return Ok(Arc::new(NoTypes));
    }
    Ok(Arc::new(LooksOnly(State::open(&folder)?)))
}

fn text(config: &NodeConfig, id: NodeId, found: &Found<'_>) -> String {
    let mut text = format!(
        "Node {} ({id}), listening on {}\n",
        config.name, config.listen
    );
    if found.report.tables.is_empty() {
        text.push_str(
            "No table is configured: this node can serve nothing and ask nothing. `psi-node tables add \
             NAME=FILE --write` adds a section for a file.\n",
        );
    }
    for (table, hints) in found.tables() {
        let section = config.table.get(&table.name);
        let is_filtered = section.is_some_and(|section| section.row_filter.is_some());
        table_text(&mut text, table, is_filtered, hints);
        let running = found.running.as_ref();
        if let Some(line) = running.and_then(|node| difference(node, config, table)) {
            // Writing into a String cannot fail, here and below.
            let _ = writeln!(text, "  note: {}", printable::line(&line));
        }
    }
    let served = found.report.tables.iter().filter(|table| table.is_served());
    let _ = writeln!(
        text,
        "\n{} of {} would be served.",
        served.count(),
        counted(found.report.tables.len(), "table", "tables")
    );
    if let Some(node) = &found.running {
        for table in node
            .tables
            .iter()
            .filter(|table| !config.table.contains_key(&table.name))
        {
            let _ = writeln!(
                text,
                "note: the running node still serves {}, which node.toml does not have any more: run \
                 `psi-node reload`",
                printable::line(&table.name)
            );
        }
    }
    text
}

/// What the node that runs now does otherwise with a table.
fn difference(node: &NodeInfo, config: &NodeConfig, table: &TableReport) -> Option<String> {
    let is_served = serves(node, &table.name);
    let read = node.section_of(&table.name);
    if read.is_some_and(|read| Some(read) != config.section_digest(&table.name).as_deref()) {
        let does = if is_served {
            "serves"
        } else {
            "does not serve"
        };
        return Some(format!(
            "the running node {does} the table as an earlier section describes it: run `psi-node \
             reload`, so that it reads node.toml again"
        ));
    }
    if is_served == table.is_served() {
        return None;
    }
    if is_served {
        return Some(
            "the running node has not seen these files yet: it looks again in a moment, and then \
             does not serve the table either"
                .to_owned(),
        );
    }
    let mut known = node.not_served.iter();
    let known = known.find(|known| known.name == table.name);
    Some(match known.and_then(|known| known.problems.first()) {
        Some(problem) => format!(
            "the running node does not serve it: {}: {}; it looks at the files again in a moment",
            problem.place,
            // The lines below it show where in the table's SQL it is, which this look shows too.
            problem.what.lines().next().unwrap_or_default()
        ),
        None => {
            "the running node does not know the table: run `psi-node reload`, so that it reads \
                 node.toml again"
                .to_owned()
        }
    })
}

fn serves(node: &NodeInfo, table: &str) -> bool {
    node.tables.iter().any(|served| served.name == table)
}

fn table_text(text: &mut String, table: &TableReport, is_filtered: bool, hints: &[Problem]) {
    let served = if table.is_served() {
        "served"
    } else {
        "NOT SERVED"
    };
    let _ = writeln!(text, "\nTable {}: {served}", printable::line(&table.name));
    // What stopped before the files were read has neither.
    if !table.files.is_empty() {
        let _ = write!(text, "  {}", counted(table.files.len(), "file", "files"));
        if table.is_served() || table.rows > 0 {
            let _ = write!(text, ", {}", counted(table.rows, "row", "rows"));
            if is_filtered {
                let _ = write!(
                    text,
                    ", {} of them allowed by row_filter",
                    table.rows_allowed
                );
            }
        }
        text.push('\n');
    }
    for problem in &table.problems {
        problem_text(text, "problem", problem);
    }
    for hint in hints {
        problem_text(text, "hint", hint);
    }
    for note in &table.notes {
        let _ = writeln!(text, "  note: {}", printable::line(note));
    }
    let mut keys = Table::new(&["KEY", "KINDS", "UNIQUE", "DISTINCT", "NO KEY", "IDENTITIES"]);
    for key in &table.keys {
        let derived = if key.derived { " (derived)" } else { "" };
        keys.row([
            key.columns.join(", "),
            kinds(key).join(", "),
            if key.unique { "yes" } else { "no" }.to_owned(),
            key.distinct.to_string(),
            key.nulls.to_string(),
            format!("{}{derived}", key.identities),
        ]);
    }
    table_lines(text, &keys);
    for key in &table.keys {
        values_text(text, key);
    }
    let mut columns = Table::new(&["COLUMN", "TYPE", "FILTER"]);
    for column in &table.columns {
        let filter = if column.filter { "yes" } else { "-" };
        columns.row([column.name.as_str(), &column.kind, filter]);
    }
    let mut dimensions = Table::new(&["DIMENSION", "GROUPS", "ONE GROUP PER KEY"]);
    for dimension in &table.dimensions {
        let mut groups = dimension.values.clone();
        groups.push(OTHER.to_owned());
        let constant = if dimension.constant { "yes" } else { "no" };
        dimensions.row([dimension.name.as_str(), &groups.join(", "), constant]);
    }
    let mut aggregates = Table::new(&["AGGREGATE", "FUNCTIONS", "DECIMALS", "CLAMP", "NULL"]);
    for aggregate in &table.aggregates {
        let decimals = aggregate.decimals.map(|decimals| decimals.to_string());
        aggregates.row([
            aggregate.column.as_str(),
            &functions(aggregate).join(", "),
            decimals.as_deref().unwrap_or("-"),
            if aggregate.clamped { "yes" } else { "-" },
            &aggregate.nulls.to_string(),
        ]);
    }
    for table in [columns, dimensions, aggregates] {
        table_lines(text, &table);
    }
}

fn problem_text(text: &mut String, what: &str, problem: &Problem) {
    let _ = writeln!(
        text,
        "  {what}: {}: {}\n  help: {}",
        printable::line(&problem.place),
        printable::lines(&problem.what),
        printable::line(&problem.remedy)
    );
}

fn table_lines(text: &mut String, table: &Table) {
    if table.is_empty() {
        return;
    }
    for line in table.render().lines() {
        let _ = writeln!(text, "  {line}");
    }
}

/// How many values of a key can match, and what the others are.
fn values_text(text: &mut String, key: &KeyReport) {
    for values in &key.values {
        let _ = writeln!(
            text,
            "  key column {} ({}): {} values normalise, {} are NULL",
            printable::line(&values.column),
            values.kind,
            values.normalised,
            values.nulls
        );
        for refused in &values.refused {
            let (rows, what) = (refused.rows, refused.class.describe());
            let _ = writeln!(
                text,
                "    {rows} do not normalise and match nothing: {what}"
            );
        }
        let doubtful = values.doubtful.iter();
        // So many addresses have other spellings that only who asks for shares wants to know.
        for doubtful in doubtful.filter(|count| count.class != ValueClass::SeveralSpellings) {
            let (rows, what) = (doubtful.rows, doubtful.class.describe());
            let _ = writeln!(text, "    note: {rows} normalise, but are {what}");
        }
    }
    if let Some(shared) = &key.shared {
        let (share, whole) = (shared.rows.saturating_mul(1000), shared.of_rows.max(1));
        let tenths = share / whole;
        let _ = writeln!(
            text,
            "  note: {} of the key ({}) {} in {} rows or more, which is {}.{} % of all rows; the most \
             frequent is in {}\n  help: if it means that there is no value, list it under `null`",
            counted(shared.values, "value", "values"),
            printable::line(&key.columns.join(", ")),
            if shared.values == 1 { "is" } else { "are each" },
            shared.rows_each,
            tenths / 10,
            tenths % 10,
            shared.rows_max
        );
    }
}

fn functions(aggregate: &AggregateReport) -> Vec<&'static str> {
    let names = aggregate.functions.iter().map(|function| function.as_str());
    names.collect()
}

fn kinds(key: &KeyReport) -> Vec<String> {
    key.kinds.iter().map(ToString::to_string).collect()
}
