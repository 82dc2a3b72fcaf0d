//! The columns of a table that can be grouped by or aggregated, made ready at load.
//!
//! Spec 10 §2.8. Everything that depends on the columns' types is settled here; what depends on
//! their values is measured by [`super::measure`].

use std::sync::Arc;

use crate::config::{AggregateConfig, AggregateFunction, COLUMN_DECIMALS_MAX, TableConfig};
use crate::domain::Domain;
use crate::error::{Mistake, Position, Problem, QueryError};
use crate::rows::{Extras, RowValue};
use crate::source::{NoColumn, Projection, Source, SourceColumn};
use crate::sql::arith::Arith;
use crate::sql::ast::{ColumnRef, Name, Side};
use crate::sql::dimension::DimensionName;
use crate::sql::exact_compare;
use crate::sql::typing::ColumnClass;
use crate::value::{ValueColumn, ValueProgram};

/// A dimension of a loaded table.
pub(crate) struct LoadedDimension {
    /// The setting's name in the configuration.
    pub(crate) setting: String,
    /// What it groups by; the column as the source writes it.
    pub(crate) name: DimensionName,
    pub(crate) domain: Arc<Domain>,
}

/// An aggregated column of a loaded table.
pub(crate) struct LoadedAggregate {
    /// The setting's name in the configuration.
    pub(crate) setting: String,
    /// The column as the source writes it.
    pub(crate) column: String,
    /// What may be computed of it.
    pub(crate) functions: Vec<AggregateFunction>,
    /// How its values become integers; `None` where only `count` is allowed.
    pub(crate) number: Option<LoadedNumber>,
    /// Whether the whole table holds NULLs in it.
    pub(crate) nullable: bool,
}

/// How a column's values become integers.
pub(crate) struct LoadedNumber {
    pub(crate) value: ValueColumn,
    /// Bounds on one identity's sum within one group.
    pub(crate) clamp: Option<(i64, i64)>,
}

/// The columns of one table.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) dimensions: Vec<LoadedDimension>,
    pub(crate) aggregates: Vec<LoadedAggregate>,
}

impl Columns {
    /// The configured columns of `source`, or what is wrong with them.
    pub(crate) fn resolve(
        table: &str,
        config: &TableConfig,
        source: &Source,
    ) -> Result<Self, Vec<Problem>> {
        let mut columns = Self::default();
        let mut problems = Vec::new();
        for (setting, values) in &config.dimension {
            let place = format!("table.{table}.dimension.{setting:?}");
            // The configuration was checked, so the name reads.
            let Ok(mut name) = DimensionName::parse(setting) else {
                continue;
            };
            let found = match source.column(&name.column) {
                Ok(found) => found,
                Err(reason) => {
                    problems.push(no_column(source, place, &name.column, reason));
                    continue;
                }
            };
            name.column.clone_from(&found.name);
            match Domain::new(found.class(), name.part, values) {
                Ok(domain) => columns.dimensions.push(LoadedDimension {
                    setting: setting.clone(),
                    name,
                    domain: Arc::new(domain),
                }),
                Err(what) => problems.push(Problem::new(
                    place,
                    format!("{:?}: {what}", found.name),
                    "list values of the column's type",
                )),
            }
        }
        for (setting, aggregate) in &config.aggregate {
            let place = format!("table.{table}.aggregate.{setting}");
            match source.column(setting) {
                Ok(found) => match LoadedAggregate::resolve(setting, found, aggregate) {
                    Ok(loaded) => columns.aggregates.push(loaded),
                    Err(mistake) => problems.push(mistake.at(place)),
                },
                Err(reason) => problems.push(no_column(source, place, setting, reason)),
            }
        }
        if problems.is_empty() {
            Ok(columns)
        } else {
            Err(problems)
        }
    }

    /// What a pass over the whole table keeps of each row: all groups and all values.
    pub(crate) fn extras(&self, source: &Source, projection: &mut Projection) -> Option<Extras> {
        let mut place = |name: &str| Some(projection.value(source.number(name).ok()?));
        let mut extras = Extras::default();
        for dimension in &self.dimensions {
            let column = place(&dimension.name.column)?;
            extras.groups.push((column, Arc::clone(&dimension.domain)));
        }
        for aggregate in &self.aggregates {
            let columns = vec![place(&aggregate.column)?];
            extras.values.push(match &aggregate.number {
                None => RowValue::Presence(columns),
                Some(number) => RowValue::Number {
                    program: number.value.alone()?,
                    columns,
                },
            });
        }
        Some(extras)
    }
}

impl ValueColumn {
    /// The program whose result is the column.
    fn alone(&self) -> Option<ValueProgram> {
        let column = ColumnRef {
            side: Side::First,
            name: Name(self.name.clone()),
            at: Position::START,
        };
        let seen = |_: &ColumnRef| Ok::<_, QueryError>(self.clone());
        ValueProgram::compile(&Arith::Leaf(column), &mut { seen }).ok()
    }
}

impl LoadedAggregate {
    fn resolve(
        setting: &str,
        column: &SourceColumn,
        config: &AggregateConfig,
    ) -> Result<Self, Mistake> {
        let only_count = config
            .functions
            .iter()
            .all(|function| *function == AggregateFunction::Count);
        let number = if only_count {
            if config.clamp.is_some() || config.decimals.is_some() {
                let what = "decimals and clamp say nothing where only count is allowed";
                return Err(Mistake::new(what, "remove them"));
            }
            None
        } else {
            let (decimals, whole) = scale(column, config.decimals)?;
            let clamp = match &config.clamp {
                None => None,
                Some(bounds) => Some(clamp(bounds, decimals)?),
            };
            Some(LoadedNumber {
                value: ValueColumn {
                    name: column.name.clone(),
                    decimals,
                    whole,
                },
                clamp,
            })
        };
        Ok(Self {
            setting: setting.to_owned(),
            column: column.name.clone(),
            functions: config.functions.clone(),
            number,
            nullable: false,
        })
    }
}

/// The decimal scale of a column's values, and whether SQL calls them whole numbers.
fn scale(column: &SourceColumn, declared: Option<u8>) -> Result<(u8, bool), Mistake> {
    match (column.class(), declared) {
        (Some(ColumnClass::Integer), None | Some(0)) => Ok((0, true)),
        (Some(ColumnClass::Empty), declared) => Ok((declared.unwrap_or(0), declared.is_none())),
        // Amounts of a text file may all be whole today; the declared scale is for all days.
        (Some(ColumnClass::Integer), Some(decimals)) if column.is_untyped_text() => {
            Ok((decimals, false))
        }
        (Some(ColumnClass::Integer), Some(decimals)) => Err(Mistake::new(
            format!(
                "{:?} holds whole numbers, but decimals is {decimals}",
                column.name
            ),
            "remove decimals",
        )),
        (Some(ColumnClass::Decimal { scale, .. }), declared) => {
            match declared
                .or(Some(*scale))
                .filter(|scale| *scale <= COLUMN_DECIMALS_MAX)
            {
                Some(decimals) => Ok((decimals, false)),
                None => Err(Mistake::new(
                    format!("{:?} has {scale} decimals", column.name),
                    "declare fewer decimals; every value must be exact at them",
                )),
            }
        }
        (Some(ColumnClass::Float), Some(decimals)) => Ok((decimals, false)),
        (Some(ColumnClass::Float), None) => Err(Mistake::new(
            format!(
                "{:?} holds doubles, which have no decimal scale",
                column.name
            ),
            "declare decimals, to which every value is rounded",
        )),
        _ => Err(Mistake::new(
            format!(
                "{:?} is {}, of which only count can be computed",
                column.name,
                column.describe()
            ),
            "list count alone, or a column of numbers; of a text file, every value that is not \
             NULL must be a number",
        )),
    }
}

fn clamp(bounds: &[String; 2], decimals: u8) -> Result<(i64, i64), Mistake> {
    let units = |text: &String| {
        let point = exact_compare::from_number(text, decimals.into())?;
        point.exact.then(|| i64::try_from(point.floor).ok())?
    };
    let [low, high] = bounds;
    // An amount is a signed number too, so the smallest number of 64 bits is out.
    let units = |text| units(text).filter(|bound| *bound != i64::MIN);
    match (units(low), units(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(Mistake::new(
            format!("clamp is [{low}, {high}]"),
            "write the smaller bound first, both with no more digits than decimals, and both within \
             63 bits in units of the last decimal",
        )),
    }
}

/// A setting that names no column.
pub(super) fn no_column(source: &Source, place: String, column: &str, reason: NoColumn) -> Problem {
    let what = match reason {
        NoColumn::Unknown => {
            format!("there is no column {column:?}{}", source.suggestion(column))
        }
        NoColumn::Ambiguous => {
            format!("{column:?} may be several columns that differ in upper and lower case")
        }
    };
    Problem::new(place, what, "write the name as the file has it")
}
