//! The columns of a table that SQL makes: what they may be called, and of which types they may be.
//!
//! Spec 10 §2.9.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::failure::Refused;
use crate::column::unpack::form_of;

/// Checks the columns of a plan's result.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    let mut names = BTreeSet::new();
    for field in plan.schema().fields() {
        let name = field.name();
        if !names.insert(name.to_lowercase()) {
            Err(Refused::new(
                format!("two columns of the result are called {name:?}"),
                "give one of them another name by AS",
            )
            .at(name))?;
        }
        if form_of(field.data_type()).is_none() && *field.data_type() != DataType::Null {
            Err(Refused::new(
                format!(
                    "{name:?} is {}, which a table cannot hold",
                    field.data_type()
                ),
                "cast it to text, a number, a date or a timestamp, or leave it out",
            )
            .at(name))?;
        }
    }
    Ok(())
}

/// The same columns as the file stores them: text as text, whatever way the engine holds it.
pub(super) fn stored(made: &Schema) -> SchemaRef {
    let fields = made.fields().iter().map(|field| {
        let stored = match field.data_type() {
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
            DataType::Dictionary(_, values) => (**values).clone(),
            other => other.clone(),
        };
        Field::new(field.name(), stored, true)
    });
    Schema::new(fields.collect::<Vec<_>>()).into()
}
