//! Registered sizes: public numbers that no list or group of a table exceeds.
//!
//! Spec 10 §2.8. What is not configured is the number found in the whole table, rounded up, so that
//! it tells two digits and changes seldom.

use std::collections::BTreeMap;

use super::columns::{Columns, LoadedDimension};
use super::measure::KeyMeasure;
use super::table::LoadedKey;
use crate::config::{OTHER, TableConfig};
use crate::error::Problem;
use crate::sql::dimension::DimensionName;

/// The registered sizes of every dimension's groups under one key, `other` last; `None` for a
/// dimension that is not constant per identity.
pub(super) fn register(
    table: &str,
    config: &TableConfig,
    columns: &Columns,
    measured: &KeyMeasure,
) -> Result<Vec<Option<Vec<u64>>>, Problem> {
    let register = |(dimension, counted): (&LoadedDimension, _)| {
        let Some(counted): &Option<Vec<u64>> = counted else {
            return Ok(None);
        };
        let configured = configured(config, dimension);
        let labels = dimension.domain.labels.iter().map(String::as_str);
        let sizes = labels.chain([OTHER]).zip(counted).map(|(label, counted)| {
            let configured = configured.and_then(|(_, sizes)| sizes.get(label)).copied();
            match configured.unwrap_or_else(|| round_up(*counted)) {
                size if size >= *counted => Ok(size),
                size => Err(Problem::new(
                    place(table, config, dimension),
                    format!("{counted} identities are {label:?}, but {size} are registered"),
                    "register a larger number, or remove rows",
                )),
            }
        });
        sizes.collect::<Result<Vec<u64>, Problem>>().map(Some)
    };
    let dimensions = columns.dimensions.iter().zip(&measured.groups);
    dimensions.map(register).collect()
}

/// The sizes that are configured for a dimension, with their setting's name, however that spells
/// the dimension.
pub(crate) fn configured<'a>(
    config: &'a TableConfig,
    dimension: &LoadedDimension,
) -> Option<(&'a String, &'a BTreeMap<String, u64>)> {
    let is_same =
        |name: &String| DimensionName::parse(name).is_ok_and(|name| name == dimension.name);
    let mut settings = config.group_identities.iter();
    settings.find(|(name, _)| is_same(name))
}

/// The setting that has the sizes of a dimension, or would have them.
fn place(table: &str, config: &TableConfig, dimension: &LoadedDimension) -> String {
    let setting = configured(config, dimension).map_or(&dimension.setting, |(name, _)| name);
    format!("table.{table}.group_identities.{setting:?}")
}

/// Sizes are registered only for groups that can be parts of a list.
pub(super) fn unusable(
    table: &str,
    config: &TableConfig,
    columns: &Columns,
    keys: &[LoadedKey],
) -> Vec<Problem> {
    let is_constant = |number: usize| {
        let mut sizes = keys.iter().filter_map(|key| key.groups.get(number));
        sizes.any(Option::is_some)
    };
    let dimensions = columns.dimensions.iter().enumerate();
    dimensions
        .filter(|(number, dimension)| {
            configured(config, dimension).is_some() && !is_constant(*number)
        })
        .map(|(_, dimension)| {
            Problem::new(
                place(table, config, dimension),
                "the rows of one identity fall into different groups, under every key",
                "remove the sizes; the groups can still be used where this side is Sender",
            )
        })
        .collect()
}

/// Rounds up to two significant digits, and to at least 1.
pub(super) fn round_up(distinct: u64) -> u64 {
    let mut step = 1_u64;
    while distinct.div_ceil(step) >= 100 {
        step = step.saturating_mul(10);
    }
    distinct.div_ceil(step).saturating_mul(step).max(1)
}

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn derived_sizes_have_two_significant_digits_and_are_never_too_small() {
        for (distinct, size) in [
            (0, 1),
            (1, 1),
            (7, 7),
            (99, 99),
            (100, 100),
            (101, 110),
            (991, 1000),
            (999, 1000),
            (3322, 3400),
            (4043, 4100),
            (5000, 5000),
            (5001, 5100),
            (1_048_576, 1_100_000),
        ] {
            assert_eq!(round_up(distinct), size, "{distinct}");
        }
    }
}
