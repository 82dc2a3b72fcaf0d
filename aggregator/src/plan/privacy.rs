//! The facts of a table for jobs with differential privacy, or why it has none.
//!
//! Spec 12 §3. They come from configuration alone, where the facts of exact jobs also tell what was
//! measured on the table: whether a column holds NULL, how many rows an identity has, whether a
//! group is constant.

use psi_core::Code;
use psi_core::facts::{PrivacyFacts, TableFacts};

use super::columns::Loaded;
use crate::config::{KeyConfig, OTHER, TableConfig};
use crate::error::Refusal;
use crate::sql::asked::Asked;
use crate::tables::groups::configured;

/// The facts of `exact` as they are without anything that was measured. `rows` says whether joined
/// rows are asked for.
pub(super) fn facts(
    exact: &TableFacts,
    asked: &Asked<'_>,
    rows: bool,
    of: Loaded<'_>,
    config: &TableConfig,
    key: &KeyConfig,
) -> Result<TableFacts, Refusal> {
    let refuse = |code, setting: &str, sentence: &str, remedy: &str| Refusal {
        code,
        rule: format!("table.{}.{setting}", of.name),
        sentence: sentence.to_owned(),
        remedy: remedy.to_owned(),
    };
    let (Some(epsilon_max), Some(delta_max)) = (config.epsilon_max, config.delta_max) else {
        return Err(refuse(
            Code::EpsilonNotAllowed,
            "epsilon_max",
            "the table allows no job with differential privacy",
            "set epsilon_max and delta_max, if it should",
        ));
    };
    let mut facts = exact.clone();
    let mut sizes_configured = key.identities.is_some();
    for (group, facts) in asked.groups.iter().zip(&mut facts.groups) {
        let dimension = of.dimension(group).map(|(_, dimension)| dimension);
        let sizes = dimension.and_then(|dimension| configured(config, dimension));
        let mut labels = facts.values.iter().map(String::as_str).chain([OTHER]);
        let all = sizes.is_some_and(|(_, sizes)| labels.all(|label| sizes.contains_key(label)));
        if all && facts.identities.is_empty() {
            // Sizes declare that a group is constant; the load found that under this key it is not.
            return Err(refuse(
                Code::SizeNotConfigured,
                "group_identities",
                "sizes are registered for groups that are not constant under this key",
                "correct the rows, or remove the sizes; groups of several rows of one person need none",
            ));
        }
        if all {
            continue;
        }
        // Under a unique key a group is constant whatever the rows hold; otherwise only its sizes
        // say so, which are registered for constant groups alone.
        if key.unique {
            sizes_configured = false;
        } else {
            facts.identities.clear();
        }
    }
    if !sizes_configured {
        return Err(refuse(
            Code::SizeNotConfigured,
            "identities",
            "a job with differential privacy needs sizes that do not follow from the table",
            "set identities of the key, and group_identities of every group and of other",
        ));
    }
    for (asked, value) in asked.values.iter().zip(&mut facts.values) {
        if asked.shape().sum && value.clamp.is_none() {
            return Err(refuse(
                Code::ClampRequired,
                "aggregate",
                "a job with differential privacy sums clamped columns alone, and no expressions",
                "set clamp of the column, or count its rows",
            ));
        }
        // Whether there are NULLs is seen in the rows.
        value.nullable = true;
    }
    facts.rows_bound = match config.max_rows_per_identity {
        _ if key.unique || (!rows && facts.values.is_empty()) => 1,
        Some(rows) => rows,
        None => {
            return Err(refuse(
                Code::ClampRequired,
                "max_rows_per_identity",
                "a job with differential privacy counts no more than a declared number of rows",
                "set max_rows_per_identity",
            ));
        }
    };
    facts.privacy = Some(PrivacyFacts {
        sizes_configured,
        max_rows_per_identity: config.max_rows_per_identity,
        max_groups_per_identity: config.max_groups_per_identity,
        epsilon_max,
        delta_max,
    });
    Ok(facts)
}
