//! Random policies, as TOML.

use std::fmt::Write as _;

use super::generate::{Dice, OPERATORS};

fn list(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("'{item}'")).collect();
    format!("[{}]", items.join(", "))
}

/// The lines of `[table.t]`; templates and their approval are the caller's.
pub(super) fn policy(dice: &mut Dice, rule: &str) -> String {
    let mut head = format!("source = 't.csv'\nrule = '{rule}'\n");
    let mut sections = String::new();
    for (setting, percent) in [("allowed_requesters", 30), ("allowed_recipients", 30)] {
        if dice.chance(percent) {
            let members = dice.subset(&["Brand", "snowy", "other"], 80);
            let _ = writeln!(head, "{setting} = {}", list(&members));
        }
    }
    if dice.chance(60) {
        head.push_str("result = 'both'\n");
    }
    if dice.chance(30) {
        let columns = dice.subset(&["Region", "day", "ID", "email"], 30);
        let _ = writeln!(head, "disallowed_outputs = {}", list(&columns));
    }
    if dice.chance(40) {
        let functions = dice.subset(&["year", "month", "day"], 60);
        let _ = writeln!(head, "scalar_functions = {}", list(&functions));
    }
    if rule != "custom" {
        let columns = dice.subset(&["Age", "region", "DAY", "amount", "id"], 75);
        if dice.chance(50) {
            let _ = writeln!(head, "filter = {}", list(&columns));
        } else {
            for column in columns {
                let _ = writeln!(sections, "[table.t.filter.{column}]");
                if dice.chance(40) {
                    let mut operators = dice.subset(&OPERATORS, 70);
                    operators.push("=");
                    let _ = writeln!(sections, "operators = {}", list(&operators));
                }
                if dice.chance(40) {
                    let compare = dice.pick(&["any", "literals", "columns"]);
                    let _ = writeln!(sections, "compare = '{compare}'");
                }
            }
        }
    }
    if rule != "list" {
        sections.push_str("[table.t.dimension]\n");
        for (name, values) in [
            ("Region", "['n']"),
            ("AGE", "[1, 2]"),
            ("month(Day)", "[1]"),
            ("extract(year from day)", "[2025]"),
        ] {
            if dice.chance(70) {
                let _ = writeln!(sections, "\"{name}\" = {values}");
            }
        }
        for column in ["Amount", "price"] {
            if dice.chance(85) {
                let mut functions = dice.subset(&["count", "sum", "avg", "var"], 80);
                functions.push("stddev");
                let _ = writeln!(sections, "[table.t.aggregate.{column}]");
                let _ = writeln!(sections, "functions = {}", list(&functions));
                if dice.chance(40) {
                    let _ = writeln!(sections, "expressions = {}", dice.chance(50));
                }
            }
        }
    }
    for columns in [&["Id"][..], &["email"], &["id", "email"]] {
        if dice.chance(75) {
            let kinds = vec!["text"; columns.len()];
            let _ = writeln!(
                sections,
                "[[table.t.key]]\ncolumns = {}\nkinds = {}",
                list(columns),
                list(&kinds)
            );
        }
    }
    format!("[table.t]\n{head}%APPROVED%\n{sections}")
}
