//! Conditions over the columns of a source.
//!
//! Spec 10 §3.4. Called when a query is planned and frozen, and for the owner's row filter. Finds
//! the columns that names mean; [`crate::condition`] does the rest.

use super::{NoColumn, Projection, Source};
use crate::condition::{self, Condition, TypedColumn};
use crate::error::QueryError;
use crate::sql::ast::{ColumnRef, Predicate};

/// The conditions, joined by AND, over the columns that they add to `projection`.
pub(crate) fn plan(
    source: &Source,
    predicates: &[Predicate],
    projection: &mut Projection,
) -> Result<Condition, QueryError> {
    condition::plan(predicates, &mut |column| {
        resolve(source, column, projection)
    })
}

/// The column of `source` that a condition means, as one that conditions can use.
fn resolve(
    source: &Source,
    column: &ColumnRef,
    projection: &mut Projection,
) -> Result<TypedColumn, QueryError> {
    let number = source
        .number(&column.name.0)
        .map_err(|reason| no_column(source, column, reason))?;
    let found = source.at(number);
    let class = found.class().cloned().ok_or_else(|| {
        QueryError::meaning(
            column.at,
            format!(
                "filters cannot use the column {} of type {}",
                column.name.0,
                found.describe()
            ),
            "filter by another column",
        )
    })?;
    Ok(TypedColumn {
        number: projection.value(number),
        class,
        foreign_dates: found.has_foreign_dates(),
    })
}

/// The message for a name that is not a column.
pub(crate) fn no_column(source: &Source, column: &ColumnRef, reason: NoColumn) -> QueryError {
    let name = &column.name.0;
    match reason {
        NoColumn::Unknown => QueryError::meaning(
            column.at,
            format!(
                "there is no column {name} in this table{}",
                source.suggestion(name)
            ),
            format!(
                "`psi-node check` lists the columns; if it is text, write '{name}' in single quotes"
            ),
        ),
        NoColumn::Ambiguous => QueryError::meaning(
            column.at,
            format!("{name} may be several columns that differ in upper and lower case"),
            "write the name in double quotes, exactly as in the file",
        ),
    }
}
