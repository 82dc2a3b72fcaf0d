//! A query made from a template of the configuration and an analyst's values.
//!
//! Spec 10 §5.1. Called by `psi-node query --template`. Values are read as constants of their
//! parameters' types; none is ever part of a text that is parsed.

use std::collections::BTreeMap;

use aggregator::TemplateConfig;
use aggregator::policy::template::Template;

use crate::config::NodeConfig;
use crate::error::UserError;

/// The query of the template `name`, or `table.name`, with `values` of the form `name=value`.
///
/// # Errors
/// [`UserError`] if no template has that name, or several do, or a value does not fit.
pub(super) fn query(
    config: &NodeConfig,
    name: &str,
    values: &[String],
) -> Result<String, UserError> {
    let template = Template::read(find(config, name)?).map_err(|error| {
        UserError::bad_input(format!("template {name}: {error}"), error.remedy())
    })?;
    let mut given = BTreeMap::new();
    for value in values {
        let Some((parameter, value)) = value.split_once('=') else {
            return Err(UserError::bad_input(
                "a --param has no value",
                "write --param name=value",
            ));
        };
        if given
            .insert(parameter.to_owned(), value.to_owned())
            .is_some()
        {
            return Err(UserError::bad_input(
                format!("the parameter {parameter} has two values"),
                "give each once",
            ));
        }
    }
    template
        .bind(&given)
        .map_err(|error| UserError::bad_input(format!("template {name}: {error}"), error.remedy))
}

fn find<'a>(config: &'a NodeConfig, name: &str) -> Result<&'a TemplateConfig, UserError> {
    let mut found = Vec::new();
    let mut known = Vec::new();
    for (table, section) in &config.table {
        for (template, config) in &section.template {
            let full = format!("{table}.{template}");
            if name == template || name == full {
                found.push((full.clone(), config));
            }
            known.push(full);
        }
    }
    match found.as_slice() {
        [(_, config)] => Ok(config),
        [] => Err(UserError::bad_input(
            format!("there is no template `{name}` in the configuration"),
            if known.is_empty() {
                "none is configured; docs/operating has a page on policies".to_owned()
            } else {
                format!("its templates are {}", known.join(", "))
            },
        )),
        several => Err(UserError::bad_input(
            format!("several templates are called `{name}`"),
            format!(
                "choose one of {}",
                several
                    .iter()
                    .map(|(full, _)| full.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )),
    }
}
