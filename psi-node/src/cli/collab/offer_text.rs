//! What a member's tables offer, as text and as JSON.
//!
//! Called where an invite or a reply is made or accepted, and by `collab tables`. Names and words
//! were chosen by the other side, so they are escaped here.

use std::fmt::Write as _;

use psi_core::contact::Offer;

use crate::api::types::{OfferInfo, OfferedKeyInfo, OfferedTableInfo};
use crate::cli::output::counted;
use crate::config::NodeConfig;
use crate::printable;

/// One sentence about what this node tells of its own tables.
pub(super) fn summary(offer: Option<&Offer>, config: &NodeConfig) -> String {
    let tables = offer.map_or(0, |offer| offer.tables.len());
    if tables == 0 && config.table.is_empty() {
        return "This node has no tables yet.".into();
    }
    if tables == 0 {
        return "It does not describe your tables: none that whoever accepts may ask about sets \
                `catalogue`."
            .into();
    }
    format!("It describes {}.", counted(tables, "table", "tables"))
}

/// Most characters of one item of an offer that are shown; JSON has all of it.
const SHOWN_MAX: usize = 200;

/// A text of the other side as it is shown: escaped, and too short and too dense to look like
/// anything but an item of a list.
fn shown(text: &str) -> String {
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let line = printable::line(&words.join(" "));
    if line.chars().count() <= SHOWN_MAX {
        return line;
    }
    line.chars().take(SHOWN_MAX).chain(['…']).collect()
}

/// What `peer` offers, in lines.
pub(super) fn describe(peer: &str, offer: Option<&OfferInfo>) -> String {
    let Some(offer) = offer else {
        return format!(
            "{peer} does not describe its tables. Ask its owner for their names, or to set `catalogue = \
             \"names\"` in them.\n"
        );
    };
    let mut text = format!("Tables of {peer}, as its owner describes them:\n");
    for table in &offer.tables {
        describe_table(&mut text, peer, table);
    }
    if offer.left_out > 0 {
        let more = counted(offer.left_out, "table", "tables");
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(text, "and {more} more, for which there was no room");
    }
    text
}

fn describe_table(text: &mut String, peer: &str, table: &OfferedTableInfo) {
    let form = match table.rule.as_str() {
        "aggregation" => String::new(),
        other => format!(", {} only", shown(other)),
    };
    let _ = writeln!(text, "\n{peer}.{}{form}", shown(&table.name));
    let mut line = |what: &str, items: Vec<String>| {
        if !items.is_empty() {
            let items: Vec<_> = items.iter().map(|item| shown(item)).collect();
            let _ = writeln!(text, "  {what:<10} {}", items.join(", "));
        }
    };
    // A join alone is the usual case.
    if table.forms.iter().any(|form| form != "join") {
        line("forms", table.forms.clone());
    }
    line("keys", table.keys.iter().map(key).collect());
    let filters = table.filters.iter().map(|filter| {
        let with = match filter.compare.as_str() {
            "any" => "",
            "columns" => ", with columns only",
            _ => ", with constants only",
        };
        // All comparisons are the usual case.
        if filter.operators.len() == aggregator::Operator::ALL.len() && with.is_empty() {
            return filter.column.clone();
        }
        format!("{} ({}{with})", filter.column, filter.operators.join(" "))
    });
    line("filters", filters.collect());
    let groups = table.dimensions.iter().map(|dimension| {
        let values = dimension.values.as_ref();
        values.map_or_else(
            || dimension.name.clone(),
            |values| format!("{} ({})", dimension.name, values.join(" | ")),
        )
    });
    line("groups", groups.collect());
    let aggregates = table.aggregates.iter().map(|aggregate| {
        let functions = aggregate.functions.join(" ");
        format!("{} ({functions})", aggregate.column)
    });
    line("aggregates", aggregates.collect());
    line("templates", table.templates.clone());
    if let Some(rules) = &table.rules {
        let mut items = vec![format!("minimum {}", rules.minimum)];
        if rules.approval {
            items.push("its owner approves each run".into());
        }
        if rules.both_may_receive {
            items.push("both may receive".into());
        }
        let runs = &rules.runs;
        for (limit, per) in [
            (runs.day, "a day"),
            (runs.week, "a week"),
            (runs.month, "a month"),
            (runs.lifetime, "in all"),
        ] {
            items.extend(limit.map(|limit| format!("{} {per}", counted(limit, "run", "runs"))));
        }
        let epsilon = rules.micro_epsilon_max;
        items.extend(epsilon.map(|micro| {
            let (whole, millionths) = (micro / 1_000_000, micro % 1_000_000);
            let digits = format!("{whole}.{millionths:06}");
            format!(
                "epsilon at most {}",
                digits.trim_end_matches('0').trim_end_matches('.')
            )
        }));
        line("rules", items);
    }
}

fn key(key: &OfferedKeyInfo) -> String {
    let columns = key.columns.iter().zip(&key.kinds);
    let columns: Vec<_> = columns
        .map(|(name, kind)| format!("{name} ({kind})"))
        .collect();
    let mut text = columns.join(" + ");
    if let Some(identities) = key.identities {
        let unique = if key.unique == Some(true) {
            ", unique"
        } else {
            ""
        };
        let _ = write!(text, ": {identities} identities{unique}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_side_writes_is_one_short_item_and_fills_no_line_with_blanks() {
        let padded = format!("orders{}Code 12345", " ".repeat(150));
        assert_eq!(shown(&padded), "orders Code 12345");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), SHOWN_MAX + 1);
        assert!(!shown("a\nb").contains('\n'));
    }
}
