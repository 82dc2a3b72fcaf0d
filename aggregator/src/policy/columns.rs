//! The rules about single columns: compared, grouped by, aggregated, shown.
//!
//! Spec 10 §5. Called by [`super::evaluate`], in the order of that table.

use psi_core::Code;

use super::question::ComparedWith;
use super::{Judge, same_name};
use crate::config::{Compare, ScalarFunction};
use crate::error::Refusal;
use crate::similar;
use crate::sql::dimension::DimensionName;

impl Judge<'_> {
    pub(super) fn filters(&mut self) -> Result<(), Refusal> {
        for used in &self.question.filters {
            let column = &used.column;
            let mut listed = self.config.filter.iter();
            let Some((setting, config)) = listed.find(|(listed, _)| same_name(listed, column))
            else {
                return Err(self.refusal(
                    Code::FilterNotAllowed,
                    "filter",
                    format!(
                        "the query filters {} by {column:?}, which is not a listed filter column{}",
                        self.name,
                        similar::or_known(column, self.config.filter.iter().map(|(name, _)| name))
                    ),
                    format!("add {column:?} to table.{}.filter to allow it", self.name),
                ));
            };
            let operators = config.operators.as_ref();
            if operators.is_some_and(|allowed| !allowed.contains(&used.operator)) {
                let operator = used.operator.as_str();
                return Err(self.refusal(
                    Code::ComparisonNotAllowed,
                    &format!("filter.{setting}.operators"),
                    format!(
                        "the query compares {column:?} of {} by {operator:?}",
                        self.name
                    ),
                    format!(
                        "add {operator:?} to table.{}.filter.{setting}.operators to allow it",
                        self.name
                    ),
                ));
            }
            let allowed = match used.with {
                ComparedWith::Literals => config.compare != Compare::Columns,
                ComparedWith::Column => config.compare != Compare::Literals,
                ComparedWith::Nothing => true,
            };
            if !allowed {
                let with = match used.with {
                    ComparedWith::Column => "another column",
                    _ => "constants",
                };
                return Err(self.refusal(
                    Code::ComparisonNotAllowed,
                    &format!("filter.{setting}.compare"),
                    format!("the query compares {column:?} of {} with {with}", self.name),
                    format!(
                        "set table.{}.filter.{setting}.compare to \"any\" to allow it",
                        self.name
                    ),
                ));
            }
            let rule = if config.is_free() {
                "filter".to_owned()
            } else {
                format!("filter.{setting}")
            };
            self.decided(&rule);
        }
        Ok(())
    }

    /// Columns of a list that are never shown.
    pub(super) fn listed(&mut self) -> Result<(), Refusal> {
        for column in &self.question.listed {
            self.shown(column)?;
        }
        Ok(())
    }

    pub(super) fn groups(&mut self) -> Result<(), Refusal> {
        for group in &self.question.groups {
            let asked = DimensionName::parse(group).ok();
            if let Some(asked) = &asked {
                self.shown(&asked.column)?;
            }
            let is_listed =
                |setting: &&String| asked.is_some() && DimensionName::parse(setting).ok() == asked;
            let Some(setting) = self.config.dimension.keys().find(is_listed) else {
                return Err(self.refusal(
                    Code::GroupNotAllowed,
                    "dimension",
                    format!(
                        "the query groups {} by {group}, which is not a dimension of this table{}",
                        self.name,
                        similar::or_known(group, self.config.dimension.keys())
                    ),
                    format!(
                        "add {group:?} with its values to table.{}.dimension to allow it",
                        self.name
                    ),
                ));
            };
            let function = asked.and_then(|asked| asked.part).map(ScalarFunction::from);
            if let (Some(allowed), Some(function)) = (&self.config.scalar_functions, function) {
                if !allowed.contains(&function) {
                    let function = function.as_str();
                    return Err(self.refusal(
                        Code::FunctionNotAllowed,
                        "scalar_functions",
                        format!("the query groups {} by the {function} of a date", self.name),
                        format!(
                            "add {function:?} to table.{}.scalar_functions to allow it",
                            self.name
                        ),
                    ));
                }
                self.decided("scalar_functions");
            }
            self.decided(&format!("dimension.{setting:?}"));
        }
        Ok(())
    }

    pub(super) fn functions(&mut self) -> Result<(), Refusal> {
        for used in &self.question.functions {
            let mut sections = self.config.aggregate.iter();
            let section = sections.find(|(listed, _)| same_name(listed, &used.column));
            let allowed = section.filter(|(_, section)| section.functions.contains(&used.function));
            let Some((setting, section)) = allowed else {
                let function = used.function.as_str();
                return Err(self.refusal(
                    Code::FunctionNotAllowed,
                    &format!("aggregate.{}.functions", used.column),
                    format!(
                        "the query asks {} for {function} of {:?}",
                        self.name, used.column
                    ),
                    format!(
                        "add {function:?} to table.{}.aggregate.{}.functions to allow it",
                        self.name, used.column
                    ),
                ));
            };
            if used.in_expression && !section.expressions {
                return Err(self.refusal(
                    Code::ExpressionNotAllowed,
                    &format!("aggregate.{setting}.expressions"),
                    format!(
                        "the query computes with {:?} of {} inside an aggregate",
                        used.column, self.name
                    ),
                    format!(
                        "set table.{}.aggregate.{setting}.expressions to true to allow arithmetic",
                        self.name
                    ),
                ));
            }
            self.decided(&format!("aggregate.{setting}.functions"));
        }
        Ok(())
    }

    /// Whether values of `column` may be shown.
    fn shown(&self, column: &str) -> Result<(), Refusal> {
        let mut never = self.config.disallowed_outputs.iter();
        if !never.any(|listed| same_name(listed, column)) {
            return Ok(());
        }
        Err(self.refusal(
            Code::OutputNotAllowed,
            "disallowed_outputs",
            format!("the query would show values of {column:?} of {}", self.name),
            format!(
                "remove {column:?} from table.{}.disallowed_outputs to allow it",
                self.name
            ),
        ))
    }
}
