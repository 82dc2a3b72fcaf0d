//! The owner's own predicate: a condition from `node.toml` over the table's columns.
//!
//! Spec 10 §2.6. The same grammar and the same evaluator as for the conditions of a query, so a row
//! filter shows no more of a row than they do. Called at load.

use crate::condition::Condition;
use crate::error::Problem;
use crate::error::QueryError;
use crate::source::{Projection, Source, conditions};
use crate::sql::parse;

/// A row filter, read and judged against the columns of its table.
#[derive(Clone)]
pub(crate) struct RowFilter(Vec<crate::sql::ast::Predicate>);

impl RowFilter {
    /// Reads the predicate of table `name` over the columns of `source`.
    ///
    /// # Errors
    /// [`Problem`] that names the setting and, where it has one, the place in the text.
    pub(crate) fn parse(name: &str, text: &str, source: &Source) -> Result<Self, Problem> {
        let problem = |error: QueryError| {
            let mut remedy = error.remedy();
            if matches!(error, QueryError::NotInSubset(_)) {
                remedy.push_str(
                    "; if a condition cannot say it, add a column with the result when you make \
                     the file",
                );
            }
            let place = format!("table.{name}.row_filter");
            Problem::new(place, format!("{text:?}: {error}"), remedy)
        };
        let filter = Self(parse::read_condition(text).map_err(problem)?);
        filter
            .condition(source, &mut Projection::default())
            .map_err(problem)?;
        Ok(filter)
    }

    /// The predicate over the columns that it adds to `projection`.
    ///
    /// # Errors
    /// [`QueryError`] if it does not fit the columns, which [`Self::parse`] has judged.
    pub(crate) fn condition(
        &self,
        source: &Source,
        projection: &mut Projection,
    ) -> Result<Condition, QueryError> {
        conditions::plan(source, &self.0, projection)
    }
}
