//! What this node's tables offer one member: what its policy lets that member ask for, as far as
//! each table's `catalogue` says.
//!
//! Spec 14 §4. Made of the configuration, and of registered sizes, which are public. Rows are not
//! looked at, and nothing is told that a refusal would not confirm: a table that the member may not
//! ask about, a column that no rule lists and a group that is never shown are left out. Called by
//! psi-node for an invite, a reply, and when a member asks.

use psi_core::contact::Offer;
use psi_core::contact::offer::{
    OfferedAggregate, OfferedDimension, OfferedFilter, OfferedKey, OfferedKeyColumn, OfferedRules,
    OfferedSize, OfferedTable,
};

use super::same_name;
use crate::config::{
    Approval, CatalogueLevel, Compare, FilterConfig, Operator, ResultTo, RuleKind, ScalarFunction,
    TableConfig, TableConfigs,
};
use crate::sql::dimension::DimensionName;

/// What the tables of a configuration offer `member`; somebody whose name is not known yet has none.
/// Sizes that are not configured are left out. Nothing if no table tells anything.
#[must_use]
pub fn of_configuration(tables: &TableConfigs, member: Option<&str>) -> Option<Offer> {
    let tables = tables
        .iter()
        .map(|(name, table)| (name.as_str(), table, Vec::new()));
    of_tables(tables, member)
}

/// The same of tables with the registered sizes of their keys.
pub(crate) fn of_tables<'a>(
    tables: impl Iterator<Item = (&'a str, &'a TableConfig, Vec<u64>)>,
    member: Option<&str>,
) -> Option<Offer> {
    let mut told: Vec<_> = tables
        .filter(|(_, table, _)| table.catalogue != CatalogueLevel::None && is_open(table, member))
        .collect();
    if told.is_empty() {
        return None;
    }
    told.sort_by_key(|(name, ..)| *name);
    let mut offer = Offer::default();
    for (name, table, sizes) in told {
        offer.add(offered(name, table, &sizes));
    }
    Some(offer)
}

/// Whether the member may ask about the table and get an answer.
fn is_open(table: &TableConfig, member: Option<&str>) -> bool {
    let lists = [&table.allowed_requesters, &table.allowed_recipients];
    let open = lists.into_iter().flatten().all(|listed| {
        member.is_some_and(|member| listed.iter().any(|listed| same_name(listed, member)))
    });
    open && !table.key.is_empty()
}

fn offered(name: &str, table: &TableConfig, sizes: &[u64]) -> OfferedTable {
    let full = table.catalogue == CatalogueLevel::Full;
    let by_columns = table.rule != RuleKind::Custom;
    let filters = table.filter.iter().filter(|_| by_columns);
    let groups = table.rule == RuleKind::Aggregation;
    OfferedTable {
        name: name.to_owned(),
        rule: table.rule.as_str().to_owned(),
        forms: if table.rule == RuleKind::List {
            Vec::new()
        } else {
            table
                .forms
                .iter()
                .map(|form| form.as_str().to_owned())
                .collect()
        },
        keys: keys(table, sizes, full),
        filters: filters.map(|(name, config)| filter(name, config)).collect(),
        dimensions: if groups {
            dimensions(table, full)
        } else {
            Vec::new()
        },
        aggregates: if groups {
            aggregates(table)
        } else {
            Vec::new()
        },
        templates: if by_columns {
            Vec::new()
        } else {
            table.template.keys().cloned().collect()
        },
        rules: full.then(|| rules(table)),
    }
}

fn keys(table: &TableConfig, sizes: &[u64], full: bool) -> Vec<OfferedKey> {
    let one = |(at, key): (usize, &crate::config::KeyConfig)| {
        let columns = key.columns.iter().zip(&key.kinds);
        let columns = columns.map(|(name, kind)| OfferedKeyColumn {
            name: name.clone(),
            kind: kind.to_string(),
        });
        let identities = sizes.get(at).copied().or(key.identities);
        let size = identities.map(|identities| OfferedSize {
            unique: key.unique,
            identities,
        });
        OfferedKey {
            columns: columns.collect(),
            size: size.filter(|_| full),
        }
    };
    table.key.iter().enumerate().map(one).collect()
}

fn filter(column: &str, config: &FilterConfig) -> OfferedFilter {
    let allowed = |operator: &&Operator| {
        let listed = config.operators.as_ref();
        listed.is_none_or(|listed| listed.contains(operator))
    };
    let operators = Operator::ALL.iter().filter(allowed);
    let compare = match config.compare {
        Compare::Any => "any",
        Compare::Literals => "literals",
        Compare::Columns => "columns",
    };
    OfferedFilter {
        column: column.to_owned(),
        operators: operators
            .map(|operator| operator.as_str().to_owned())
            .collect(),
        compare: compare.to_owned(),
    }
}

fn dimensions(table: &TableConfig, full: bool) -> Vec<OfferedDimension> {
    let may_be_asked = |name: &str| {
        DimensionName::parse(name).is_ok_and(|dimension| {
            let hidden = table.disallowed_outputs.iter();
            let functions = table.scalar_functions.as_ref();
            let part = dimension.part.map(ScalarFunction::from);
            let allowed = |part| functions.is_none_or(|allowed| allowed.contains(&part));
            !{ hidden }.any(|hidden| same_name(hidden, &dimension.column))
                && part.is_none_or(allowed)
        })
    };
    let listed = table
        .dimension
        .iter()
        .filter(|(name, _)| may_be_asked(name));
    listed
        .map(|(name, values)| OfferedDimension {
            name: name.clone(),
            values: full.then(|| values.iter().map(crate::DomainValue::label).collect()),
        })
        .collect()
}

fn aggregates(table: &TableConfig) -> Vec<OfferedAggregate> {
    let listed = table.aggregate.iter();
    listed
        .map(|(column, config)| {
            let functions = config.functions.iter();
            OfferedAggregate {
                column: column.clone(),
                functions: functions.map(|f| f.as_str().to_owned()).collect(),
                expressions: config.expressions,
            }
        })
        .collect()
}

fn rules(table: &TableConfig) -> OfferedRules {
    let runs = &table.runs;
    let runs = [runs.day, runs.week, runs.month, runs.lifetime];
    OfferedRules {
        minimum: table.minimum,
        approval: table.approval == Approval::Manual,
        both_may_receive: table.result == ResultTo::Both,
        owner_may_receive: table.owner_may_receive,
        runs: runs.map(|limit| limit.map(std::num::NonZero::get)),
        micro_epsilon_max: table.epsilon_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [orders]
        source = "orders.csv"
        minimum = 25
        filter = ["day"]
        scalar_functions = ["year"]
        disallowed_outputs = ["shop"]
        dimension = { region = ["north"], shop = ["a"], "month(day)" = [1], "year(day)" = [2025] }
        runs = { day = 7 }
        LEVEL
        [[orders.key]]
        columns = ["email"]
        kinds = ["email"]
        identities = 5000
        [orders.aggregate.amount]
        functions = ["sum"]
        [closed]
        source = "closed.csv"
        catalogue = "full"
        allowed_requesters = ["snowy"]
        [[closed.key]]
        columns = ["email"]
        kinds = ["email"]
        [silent]
        source = "silent.csv"
        [[silent.key]]
        columns = ["email"]
        kinds = ["email"]
    "#;

    fn told(level: &str, member: Option<&str>) -> Option<Offer> {
        let tables: TableConfigs = toml::from_str(&TEXT.replace("LEVEL", level)).unwrap();
        of_configuration(&tables, member)
    }

    #[test]
    fn a_table_says_nothing_of_itself_unless_its_owner_wants_it_to() {
        assert_eq!(told("", None), None);
        assert_eq!(told("catalogue = \"none\"", Some("brand")), None);
    }

    #[test]
    fn names_are_what_a_question_needs_and_a_full_catalogue_adds_what_bounds_it() {
        let offer = told("catalogue = \"names\"", None).unwrap();
        let [orders] = &offer.tables[..] else {
            panic!("a table that nobody or only snowy may know: {offer:?}")
        };
        assert_eq!(orders.name, "orders");
        assert_eq!((orders.rules, orders.keys[0].size), (None, None));
        assert_eq!(orders.filters[0].operators.len(), Operator::ALL.len());
        // Neither a column that is never shown nor a function that is not allowed.
        let dimensions: Vec<_> = orders.dimensions.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(dimensions, ["region", "year(day)"]);
        assert!(orders.dimensions.iter().all(|d| d.values.is_none()));
        assert_eq!(orders.aggregates[0].functions, ["sum"]);

        let offer = told("catalogue = \"full\"", None).unwrap();
        let orders = &offer.tables[0];
        assert_eq!(orders.rules.unwrap().runs, [Some(7), None, None, None]);
        assert_eq!(orders.keys[0].size.unwrap().identities, 5000);
        assert_eq!(orders.dimensions[0].values, Some(vec!["north".to_owned()]));
    }

    #[test]
    fn a_table_with_a_list_of_members_is_offered_to_these_alone() {
        let names = |member| -> Vec<String> {
            let offer = told("catalogue = \"names\"", member).unwrap();
            offer.tables.into_iter().map(|table| table.name).collect()
        };
        assert_eq!(names(Some("snowy")), ["closed", "orders"]);
        assert_eq!(names(Some("brand")), ["orders"]);
    }
}
