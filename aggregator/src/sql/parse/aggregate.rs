//! Aggregates and the expressions of GROUP BY, first as written, then with their columns resolved.
//!
//! Spec 10 §3.2. The SELECT list is before FROM, so its columns are paths until the tables are
//! known.

use super::from::Scope;
use super::names::{self, AGGREGATES};
use super::token::Token;
use super::{Reader, arith};
use crate::error::{Position, QueryError};
use crate::sql::arith::{Arith, ArithOp};
use crate::sql::ast::{Aggregate, ColumnRef, DatePart, Function, GroupExpr, Name, Side, ValueExpr};

/// A path and where it begins.
pub(super) type PlacedPath = (Vec<Name>, Position);

/// An aggregate or a group expression whose columns are not resolved yet.
pub(super) enum RawTerm {
    Aggregate(RawAggregate),
    Group(RawGroup),
}

/// An aggregate as written.
pub(super) struct RawAggregate {
    pub(super) at: Position,
    argument: Argument,
}

enum Argument {
    /// `COUNT(*)`.
    Star,
    /// `COUNT(DISTINCT …)`.
    Distinct(Vec<PlacedPath>),
    Of(Function, Arith<PlacedPath>),
}

/// A column, or a part of a date, as written.
pub(super) struct RawGroup {
    pub(super) part: Option<DatePart>,
    pub(super) path: PlacedPath,
}

/// The tables and the join, by which columns are resolved.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) scope: &'a Scope,
    pub(super) on: &'a [[ColumnRef; 2]],
}

impl Reader {
    /// An aggregate or a part of a date: a word with an opening parenthesis behind it.
    pub(super) fn call(&mut self) -> Result<RawTerm, QueryError> {
        let at = self.at();
        let word = self.keyword().unwrap_or_default();
        if let Some(function) = Function::named(&word) {
            self.advance();
            self.advance();
            let argument = self.argument(function, at)?;
            self.expect(&Token::RParen)?;
            self.no_window()?;
            return Ok(RawTerm::Aggregate(RawAggregate { at, argument }));
        }
        match self.date_part()? {
            Some(group) => Ok(RawTerm::Group(group)),
            None => Err(QueryError::subset(at, names::function(&word), AGGREGATES)),
        }
    }

    /// `EXTRACT(MONTH FROM column)` or `month(column)`.
    pub(super) fn date_part(&mut self) -> Result<Option<RawGroup>, QueryError> {
        let word = self.keyword().unwrap_or_default();
        let named = DatePart::named(&word);
        if !self.is_function() || (named.is_none() && word != "EXTRACT") {
            return Ok(None);
        }
        self.advance();
        self.advance();
        let part = if let Some(part) = named {
            part
        } else {
            let at = self.at();
            let part = self.keyword().and_then(|word| DatePart::named(&word));
            let part = part.ok_or_else(|| {
                QueryError::subset(
                    at,
                    "EXTRACT of this part",
                    "take YEAR, QUARTER, MONTH or DAY",
                )
            })?;
            self.advance();
            if !self.take_word("FROM") {
                return Err(self.unexpected("FROM"));
            }
            part
        };
        let path = self.column_path()?;
        self.expect(&Token::RParen)?;
        Ok(Some(RawGroup {
            part: Some(part),
            path,
        }))
    }

    /// A path that means a column.
    pub(super) fn column_path(&mut self) -> Result<PlacedPath, QueryError> {
        let at = self.at();
        if self.is_function() {
            let word = self.keyword().unwrap_or_default();
            return Err(QueryError::subset(at, names::function(&word), AGGREGATES));
        }
        if !self.is_plain_name() {
            return Err(self.no_operand());
        }
        let path = self.path()?;
        if self.peek() == Some(&Token::LParen) {
            let what = "a function with a qualified name";
            return Err(QueryError::subset(at, what, AGGREGATES));
        }
        Ok((path, at))
    }

    fn argument(&mut self, function: Function, at: Position) -> Result<Argument, QueryError> {
        let name = function.as_str();
        let refuse = |at, what: String| Err(QueryError::subset(at, what, AGGREGATES));
        match self.peek() {
            Some(Token::Mul) if function == Function::Count => {
                self.advance();
                return Ok(Argument::Star);
            }
            Some(Token::Mul) => return refuse(at, format!("{name}(*)")),
            Some(Token::RParen) => return refuse(at, format!("{name} without an argument")),
            _ => {}
        }
        if self.is_word("ALL") {
            return refuse(self.at(), format!("{name}(ALL …)"));
        }
        if self.is_word("DISTINCT") {
            if function != Function::Count {
                return refuse(self.at(), format!("{name}(DISTINCT …)"));
            }
            self.advance();
            return self.distinct().map(Argument::Distinct);
        }
        let expr = self.value()?;
        let mut columns = 0;
        expr.leaves(&mut |_| columns += 1);
        if columns == 0 {
            return refuse(at, format!("{name} of a constant"));
        }
        Ok(Argument::Of(function, expr))
    }

    fn distinct(&mut self) -> Result<Vec<PlacedPath>, QueryError> {
        let mut columns = Vec::new();
        loop {
            let at = self.at();
            // Parentheses around the columns say the same.
            let open = self.take(&Token::LParen);
            if self.is_function() || !matches!(self.peek(), Some(Token::Word(_))) {
                return Err(QueryError::subset(
                    self.at(),
                    "COUNT(DISTINCT …) of an expression",
                    "name the columns of the join key",
                ));
            }
            columns.push((self.path()?, at));
            if open {
                self.expect(&Token::RParen)?;
            }
            if !self.take(&Token::Comma) {
                return Ok(columns);
            }
        }
    }

    /// Arithmetic over columns.
    fn value(&mut self) -> Result<Arith<PlacedPath>, QueryError> {
        let join: arith::Join<'_, Arith<PlacedPath>> = &|left, op, right, at| {
            if op == ArithOp::Divide {
                return Err(QueryError::subset(
                    at,
                    "a division inside an aggregate",
                    "sums are exact whole numbers of a decimal scale: divide the sums instead",
                ));
            }
            Ok(Arith::binary(left, op, right))
        };
        self.arithmetic(&Self::value_operand, join)
    }

    fn value_operand(&mut self) -> Result<Arith<PlacedPath>, QueryError> {
        if self.peek() == Some(&Token::LParen) {
            if self.begins_subquery() {
                return Err(QueryError::subset(self.at(), "a subquery", AGGREGATES));
            }
            self.advance();
            let inner = self.nested(Self::value)?;
            self.expect(&Token::RParen)?;
            return Ok(inner);
        }
        if let Some(digits) = self.number()? {
            return Ok(Arith::Number(digits));
        }
        self.column_path().map(Arith::Leaf)
    }

    /// Whether the opening parenthesis that comes next begins a subquery.
    pub(super) fn begins_subquery(&self) -> bool {
        matches!(
            self.keyword_at(1).as_deref(),
            Some("SELECT" | "WITH" | "VALUES")
        )
    }

    /// Refuses what may follow an aggregate in SQL.
    fn no_window(&self) -> Result<(), QueryError> {
        for (word, what) in [
            ("OVER", "a window function (OVER)"),
            ("FILTER", "FILTER"),
            ("WITHIN", "WITHIN GROUP"),
        ] {
            if self.is_word(word) {
                return Err(QueryError::subset(self.at(), what, AGGREGATES));
            }
        }
        Ok(())
    }
}

impl RawGroup {
    pub(super) fn resolve(&self, scope: &Scope) -> Result<GroupExpr, QueryError> {
        let (path, at) = &self.path;
        Ok(GroupExpr {
            part: self.part,
            column: scope.column(path, *at)?,
        })
    }
}

impl RawAggregate {
    pub(super) fn resolve(self, known: Known<'_>) -> Result<Aggregate, QueryError> {
        match self.argument {
            Argument::Star => Ok(Aggregate::CountRows),
            Argument::Distinct(paths) => distinct_key(&paths, self.at, known),
            Argument::Of(function, expr) => {
                let expr = expr.try_map(&mut |(path, at)| known.scope.column(&path, at))?;
                let side = one_side(&expr, self.at)?;
                Ok(Aggregate::Of(function, ValueExpr { side, expr }))
            }
        }
    }
}

/// `COUNT(DISTINCT …)` counts shared identities, so it names exactly one side's join key.
fn distinct_key(
    paths: &[PlacedPath],
    at: Position,
    known: Known<'_>,
) -> Result<Aggregate, QueryError> {
    let columns = paths
        .iter()
        .map(|(path, at)| known.scope.column(path, *at))
        .collect::<Result<Vec<ColumnRef>, _>>()?;
    let whole_key = columns.len() == known.on.len()
        && columns
            .iter()
            .all(|column| Some(column.side) == columns.first().map(|first| first.side))
        && known.on.iter().all(|pair| {
            columns
                .iter()
                .any(|column| column.side.of(pair).name == column.name)
        });
    if whole_key {
        return Ok(Aggregate::CountDistinctKey(columns));
    }
    Err(QueryError::subset(
        columns.first().map_or(at, |column| column.at),
        "COUNT(DISTINCT …) of anything but the join key",
        "name all columns that ON compares, of one of the two tables",
    ))
}

fn one_side(expr: &Arith<ColumnRef>, at: Position) -> Result<Side, QueryError> {
    let mut first: Option<Side> = None;
    let mut other: Option<Position> = None;
    expr.leaves(&mut |column| match first {
        None => first = Some(column.side),
        Some(side) if side != column.side => other = other.or(Some(column.at)),
        Some(_) => {}
    });
    match (first, other) {
        (Some(side), None) => Ok(side),
        _ => Err(QueryError::subset(
            other.unwrap_or(at),
            "an aggregate over columns of both sides",
            "aggregate the columns of one table; join results of both by arithmetic outside",
        )),
    }
}
