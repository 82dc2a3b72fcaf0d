//! What `check --format json` prints.
//!
//! Called by [`super`]. Field names are stable; fields may be added.

use aggregator::{ClassCount, KeyColumnReport, Problem, TableReport};
use serde_json::{Value, json};

use super::{Found, functions, keys, kinds, serves};
use crate::config::NodeConfig;
use crate::identity::NodeId;

/// The document of all tables.
pub(super) fn document(config: &NodeConfig, id: NodeId, found: &Found<'_>) -> Value {
    let running = found.running.as_ref();
    let tables = found.tables().map(|(table, hints)| {
        let mut document = table_document(table);
        let serves = running.map(|node| serves(node, &table.name));
        if let Some(document) = document.as_object_mut() {
            document.insert("hints".into(), problems(hints));
            document.insert("running_node_serves".into(), json!(serves));
        }
        document
    });
    json!({
        "name": config.name,
        "id": id.to_string(),
        "listen": config.listen,
        "tables": tables.collect::<Vec<_>>(),
    })
}

fn problems(problems: &[Problem]) -> Value {
    let problems = problems.iter().map(
        |problem| json!({"place": problem.place, "what": problem.what, "remedy": problem.remedy}),
    );
    problems.collect()
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
            "values": key
                .values
                .iter()
                .map(|values| values_document(values, table.rows))
                .collect::<Vec<_>>(),
            "shared": key.shared.map(|shared| json!({
                "values": shared.values,
                "rows_each": shared.rows_each,
                "rows": shared.rows,
                "of_rows": shared.of_rows,
                "rows_max": shared.rows_max,
            })),
        })
    });
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
        "problems": problems(&table.problems),
    })
}

fn values_document(values: &KeyColumnReport, rows: u64) -> Value {
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
        "shares": keys::document(values, rows),
    })
}
