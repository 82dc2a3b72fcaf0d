//! The SELECT list: one count.
//!
//! Spec 10 §3.2. Sums, averages and group columns will be read here.

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, ObjectNamePart, SelectItem, Spanned,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::from::strip;
use super::refuse::describe;
use super::{Reader, ScopeRef};
use crate::error::{Position, QueryError};
use crate::sql::ast::{Aggregate, ColumnRef, Output};

const COUNTS: &str = "write COUNT(*) or COUNT(DISTINCT key)";

impl Reader<'_> {
    pub(super) fn outputs(
        &self,
        projection: &[SelectItem],
        scope: ScopeRef<'_>,
        on: &[[ColumnRef; 2]],
    ) -> Result<Vec<Output>, QueryError> {
        let start = self.keyword(&["SELECT"]);
        let mut outputs = Vec::with_capacity(projection.len());
        for item in projection {
            let at = self.at(item.span(), start);
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(self.name(alias)?)),
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    let at = self.tokens.find_token(&Token::Mul).unwrap_or(at);
                    return Err(QueryError::subset(at, "SELECT *", COUNTS));
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(QueryError::subset(at, "a list of aliases", COUNTS));
                }
            };
            if !outputs.is_empty() {
                return Err(QueryError::subset(
                    at,
                    "more than one output column",
                    COUNTS,
                ));
            }
            outputs.push(Output {
                aggregate: self.aggregate(expr, scope, on, at)?,
                alias,
            });
        }
        if outputs.is_empty() {
            return Err(QueryError::subset(start, "an empty SELECT list", COUNTS));
        }
        Ok(outputs)
    }

    fn aggregate(
        &self,
        expr: &Expr,
        scope: ScopeRef<'_>,
        on: &[[ColumnRef; 2]],
        at: Position,
    ) -> Result<Aggregate, QueryError> {
        let expr = strip(expr);
        let Expr::Function(function) = expr else {
            let what = match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                    "a plain column in the SELECT list".to_owned()
                }
                other => describe(other),
            };
            return Err(QueryError::subset(self.at(expr.span(), at), what, COUNTS));
        };
        let list = self.plain_count(function, at)?;
        let FunctionArgumentList {
            duplicate_treatment,
            args,
            clauses,
        } = list;
        if !clauses.is_empty() {
            return Err(QueryError::subset(at, "a clause inside COUNT", COUNTS));
        }
        match (duplicate_treatment, args.as_slice()) {
            (None, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]) => Ok(Aggregate::CountRows),
            (Some(DuplicateTreatment::Distinct), args) => self.distinct_key(args, scope, on, at),
            (Some(DuplicateTreatment::All), _) => Err(QueryError::subset(
                self.keyword(&["ALL"]),
                "COUNT(ALL …)",
                COUNTS,
            )),
            (None, [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))]) => {
                let what = match strip(inner) {
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_) => "COUNT of a column",
                    _ => "COUNT of an expression",
                };
                Err(QueryError::subset(at, what, COUNTS))
            }
            _ => Err(QueryError::subset(at, "this form of COUNT", COUNTS)),
        }
    }

    /// Checks that a call is COUNT with nothing but arguments.
    fn plain_count<'q>(
        &self,
        function: &'q Function,
        at: Position,
    ) -> Result<&'q FunctionArgumentList, QueryError> {
        let Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            filter,
            null_treatment,
            over,
            within_group,
        } = function;
        let at = self.at(name.span(), at);
        if over.is_some() {
            return Err(QueryError::subset(
                self.keyword(&["OVER"]),
                "a window function",
                COUNTS,
            ));
        }
        let is_count = match name.0.as_slice() {
            [ObjectNamePart::Identifier(ident)] => ident.value.eq_ignore_ascii_case("count"),
            _ => false,
        };
        if !is_count {
            let name = name.to_string().to_uppercase();
            let what = match name.as_str() {
                "SUM" | "AVG" | "MIN" | "MAX" | "VAR_SAMP" | "VAR_POP" | "STDDEV_SAMP"
                | "STDDEV_POP" | "VAR" | "STDDEV" | "MEDIAN" => format!("the aggregate {name}"),
                _ => format!("the function {name}"),
            };
            return Err(QueryError::subset(at, what, COUNTS));
        }
        if filter.is_some() {
            return Err(QueryError::subset(
                self.keyword(&["FILTER"]),
                "FILTER",
                "put the condition into WHERE",
            ));
        }
        match args {
            FunctionArguments::List(list)
                if !uses_odbc_syntax
                    && *parameters == FunctionArguments::None
                    && null_treatment.is_none()
                    && within_group.is_empty() =>
            {
                Ok(list)
            }
            _ => Err(QueryError::subset(at, "this form of COUNT", COUNTS)),
        }
    }

    /// `COUNT(DISTINCT …)` of exactly one side's key columns.
    fn distinct_key(
        &self,
        args: &[FunctionArg],
        scope: ScopeRef<'_>,
        on: &[[ColumnRef; 2]],
        at: Position,
    ) -> Result<Aggregate, QueryError> {
        let mut columns = Vec::with_capacity(args.len());
        for arg in args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else {
                return Err(QueryError::subset(
                    at,
                    "this form of COUNT(DISTINCT …)",
                    COUNTS,
                ));
            };
            columns.push(self.column(strip(expr), scope)?);
        }
        let whole_key = columns.len() == on.len()
            && on
                .iter()
                .all(|pair| columns.iter().any(|c| pair[c.side.index()].name == c.name))
            && columns.windows(2).all(|two| two[0].side == two[1].side);
        if whole_key {
            return Ok(Aggregate::CountDistinctKey(columns));
        }
        Err(QueryError::subset(
            columns.first().map_or(at, |column| column.at),
            "COUNT(DISTINCT …) of anything but the join key",
            "name all columns that ON compares, of one of the two tables",
        ))
    }
}
