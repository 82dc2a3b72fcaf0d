//! The policy reference in `docs/operating` has every setting that the types accept and no other.

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::config::{AggregateConfig, FilterConfig, KeyConfig, TableConfig, TemplateConfig};

const BEGIN: &str =
    "<!-- settings: compared with the types by aggregator/src/tests/settings_page.rs -->\n";
const END: &str = "<!-- end of settings -->";

/// The names that a section's type accepts, which its error about an unknown one lists.
fn accepted<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = toml::from_str::<T>("no_such_setting = 1").err().unwrap();
    let message = error.message().to_owned();
    let (_, expected) = message.split_once("expected").unwrap();
    let names = expected.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn the_policy_reference_has_every_setting_that_the_types_accept_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating/policy.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, text) = text.split_once(BEGIN).unwrap();
    let (text, _) = text.split_once(END).unwrap();
    let mut sections = text.split("\n### ");
    assert!(sections.next().unwrap().trim().is_empty());
    let types = [
        ("`[table.NAME]`", accepted::<TableConfig>()),
        ("`[[table.NAME.key]]`", accepted::<KeyConfig>()),
        ("`[table.NAME.filter.COLUMN]`", accepted::<FilterConfig>()),
        (
            "`[table.NAME.aggregate.COLUMN]`",
            accepted::<AggregateConfig>(),
        ),
        (
            "`[table.NAME.template.TEMPLATE]`",
            accepted::<TemplateConfig>(),
        ),
    ];
    for (heading, accepted) in types {
        let section = sections.next().unwrap();
        let (found, table) = section.split_once('\n').unwrap();
        assert_eq!(found, heading);
        let rows: Vec<&str> = table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let names = rows
            .iter()
            .map(|row| row.split('`').nth(1).unwrap().to_owned());
        let names: BTreeSet<String> = names.collect();
        assert_eq!(names.len(), rows.len(), "{heading}: a setting occurs twice");
        assert_eq!(names, accepted, "{heading}");
        // A name, a default and a meaning, none of them empty.
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').splitn(3, " | ").collect();
            assert!(
                cells.len() == 3 && cells.iter().all(|cell| !cell.trim().is_empty()),
                "{row}"
            );
        }
    }
    assert_eq!(sections.next(), None);
}
