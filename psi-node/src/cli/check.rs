//! `psi-node check`: the configuration and the data against each other, without a peer.
//!
//! Loads every table the way the daemon does and prints what it found, for the owner's eyes: row
//! counts and distinct identities are not for the peer. Exit code 2 if a table would not be served.

use std::fmt::Write as _;
use std::sync::Arc;

use aggregator::{
    AggregateReport, AgreedTypes, ClassCount, KeyColumnReport, KeyReport, LoadReport, NoTypes,
    TableReport,
};
use serde_json::{Value, json};

use super::output::{self, Format, Table, counted};
use super::serve::kernel_of_environment;
use super::{Common, block_on};
use crate::api::client::Client;
use crate::api::types::NodeInfo;
use crate::config::NodeConfig;
use crate::daemon;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::{NodeId, NodeKey};
use crate::job::outcome::OTHER;
use crate::list_storage::{self, Lists};
use crate::printable;
use crate::state::column_types::LooksOnly;
use crate::state::{STATE_FILE, State};

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the configuration makes no sense or the key cannot be used.
pub fn run(args: &Common) -> Result<Exit, UserError> {
    let config = args.config.load()?;
    let id = NodeKey::load(&config.key_path())?.id();
    // A daemon may be running on the same state folder, with lists of its own.
    let place = list_storage::place_of_this_process("check");
    let lists = Lists::new(&config);
    let agreed = agreed_types(&config)?;
    let kernel = kernel_of_environment()?;
    let (_, report) = block_on(daemon::load(&config, &lists, &place, agreed, kernel))?;
    let running = block_on(Client::new(&config.socket_path()).node());
    let running = running.ok();
    match args.format {
        Format::Json => output::print_json(&document(&config, id, &report, running.as_ref()))?,
        Format::Table => output::print(&text(&config, id, &report, running.as_ref()))?,
    }
    Ok(if report.is_clean() {
        Exit::Released
    } else {
        Exit::BadInput
    })
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

fn text(
    config: &NodeConfig,
    id: NodeId,
    report: &LoadReport,
    running: Option<&NodeInfo>,
) -> String {
    let mut text = format!(
        "Node {} ({id}), listening on {}\n",
        config.name, config.listen
    );
    if report.tables.is_empty() {
        text.push_str("No table is configured: this node can serve nothing and ask nothing.\n");
    }
    for table in &report.tables {
        table_text(&mut text, table);
        if let Some(line) = running.and_then(|node| difference(node, table)) {
            // Writing into a String cannot fail, here and below.
            let _ = writeln!(text, "  note: {}", printable::line(&line));
        }
    }
    let served = report
        .tables
        .iter()
        .filter(|table| table.is_served())
        .count();
    let _ = writeln!(
        text,
        "\n{served} of {} would be served.",
        counted(report.tables.len(), "table", "tables")
    );
    text
}

/// What the node that runs now does otherwise with a table.
fn difference(node: &NodeInfo, table: &TableReport) -> Option<String> {
    let is_served = serves(node, &table.name);
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
            problem.place, problem.what
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

fn table_text(text: &mut String, table: &TableReport) {
    let served = if table.is_served() {
        "served"
    } else {
        "NOT SERVED"
    };
    let _ = writeln!(text, "\nTable {}: {served}", printable::line(&table.name));
    let _ = writeln!(
        text,
        "  {}, {}, {} of them allowed by row_filter",
        counted(table.files.len(), "file", "files"),
        counted(table.rows, "row", "rows"),
        table.rows_allowed
    );
    for problem in &table.problems {
        let _ = writeln!(
            text,
            "  problem: {}: {}\n  help: {}",
            printable::line(&problem.place),
            printable::line(&problem.what),
            printable::line(&problem.remedy)
        );
    }
    for note in &table.notes {
        let _ = writeln!(text, "  note: {}", printable::line(note));
    }
    let mut keys = Table::new(&["KEY", "KINDS", "UNIQUE", "DISTINCT", "NULL", "IDENTITIES"]);
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
    let mut dimensions = Table::new(&["DIMENSION", "GROUPS", "CONSTANT"]);
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
        for doubtful in &values.doubtful {
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

fn document(
    config: &NodeConfig,
    id: NodeId,
    report: &LoadReport,
    running: Option<&NodeInfo>,
) -> Value {
    let table_document = |table: &TableReport| {
        let mut document = table_document(table);
        let serves = running.map(|node| serves(node, &table.name));
        if let Some(document) = document.as_object_mut() {
            document.insert("running_node_serves".into(), json!(serves));
        }
        document
    };
    json!({
        "name": config.name,
        "id": id.to_string(),
        "listen": config.listen,
        "tables": report.tables.iter().map(table_document).collect::<Vec<_>>(),
    })
}

fn table_document(table: &TableReport) -> Value {
    let columns = table
        .columns
        .iter()
        .map(|column| json!({"name": column.name, "type": column.kind, "filter": column.filter}));
    let keys = table.keys.iter().map(|key| {
        json!({
            "columns": key.columns,
            "kinds": kinds(key),
            "unique": key.unique,
            "distinct": key.distinct,
            "nulls": key.nulls,
            "identities": key.identities,
            "derived": key.derived,
            "values": key.values.iter().map(values_document).collect::<Vec<_>>(),
            "shared": key.shared.map(|shared| json!({
                "values": shared.values,
                "rows_each": shared.rows_each,
                "rows": shared.rows,
                "of_rows": shared.of_rows,
                "rows_max": shared.rows_max,
            })),
        })
    });
    let problems = table.problems.iter().map(
        |problem| json!({"place": problem.place, "what": problem.what, "remedy": problem.remedy}),
    );
    let dimensions = table.dimensions.iter().map(|dimension| {
        json!({
            "name": dimension.name,
            "values": dimension.values,
            "constant": dimension.constant,
        })
    });
    let aggregates = table.aggregates.iter().map(|aggregate| {
        json!({
            "column": aggregate.column,
            "functions": functions(aggregate),
            "decimals": aggregate.decimals,
            "clamped": aggregate.clamped,
            "nulls": aggregate.nulls,
        })
    });
    json!({
        "name": table.name,
        "served": table.is_served(),
        "files": table.files,
        "rows": table.rows,
        "rows_allowed": table.rows_allowed,
        "columns": columns.collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
        "dimensions": dimensions.collect::<Vec<_>>(),
        "aggregates": aggregates.collect::<Vec<_>>(),
        "notes": table.notes,
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn values_document(values: &KeyColumnReport) -> Value {
    let classes = |counts: &[ClassCount]| {
        let counts = counts.iter();
        let counts = counts.map(|count| json!({"class": count.class.as_str(), "rows": count.rows}));
        counts.collect::<Vec<_>>()
    };
    json!({
        "column": values.column,
        "kind": values.kind.to_string(),
        "normalised": values.normalised,
        "nulls": values.nulls,
        "refused": classes(&values.refused),
        "doubtful": classes(&values.doubtful),
    })
}

fn functions(aggregate: &AggregateReport) -> Vec<&'static str> {
    let names = aggregate.functions.iter().map(|function| function.as_str());
    names.collect()
}

fn kinds(key: &KeyReport) -> Vec<String> {
    key.kinds.iter().map(ToString::to_string).collect()
}
