//! Turns the grammar's tree into ours, and refuses by name what is outside the subset.
//!
//! Spec 10 §3.2. Structures are taken apart without `..` where a forgotten clause would change
//! the meaning of a query, so that a new field of the grammar does not compile until it is
//! judged here. Positions come from the tree or, where it has none, from the tokens.

mod condition;
mod from;
mod outputs;
mod refuse;

use datafusion::sql::sqlparser::ast::{
    GroupByExpr, Ident, Query as SqlQuery, Select, SelectFlavor, SetExpr, Spanned, Statement,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use psi_core::limits;

use self::from::Scope;
use super::ast::{Name, Query};
use super::parse::{self, Tokens};
use crate::error::{Position, QueryError};

/// Who wrote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The analyst of this node: placeholders are refused.
    Own,
    /// The peer's node: placeholders stand for hidden literals.
    Peer,
}

/// Parses `text` into the tree of an accepted query.
///
/// # Errors
/// [`QueryError`] with line and column, and what to write instead.
pub(crate) fn read(text: &str, author: Author) -> Result<Query, QueryError> {
    parse::with_statement(text, |statement, tokens| {
        Reader { tokens, author }.statement(&statement)
    })
}

pub(super) struct Reader<'a> {
    tokens: &'a Tokens,
    author: Author,
}

impl Reader<'_> {
    fn statement(&self, statement: &Statement) -> Result<Query, QueryError> {
        let Statement::Query(query) = statement else {
            let text = statement.to_string();
            let word = text
                .split_whitespace()
                .next()
                .unwrap_or("this")
                .to_uppercase();
            let at = self.tokens.find(&[&word]).unwrap_or(Position::START);
            return Err(QueryError::subset(at, word, "write a SELECT statement"));
        };
        self.query(query)
    }

    fn query(&self, query: &SqlQuery) -> Result<Query, QueryError> {
        let SqlQuery {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        self.absent(
            with.is_none(),
            &["WITH"],
            "WITH",
            "name the two tables in FROM and JOIN",
        )?;
        let select = self.body(body)?;
        let query = self.select(select)?;
        let later = "the answer is a single row; leave it out";
        self.absent(order_by.is_none(), &["ORDER"], "ORDER BY", later)?;
        self.absent(limit_clause.is_none(), &["LIMIT", "OFFSET"], "LIMIT", later)?;
        self.absent(fetch.is_none(), &["FETCH"], "FETCH", later)?;
        self.absent(
            locks.is_empty() && for_clause.is_none(),
            &["FOR"],
            "FOR",
            "leave it out",
        )?;
        self.absent(
            settings.is_none(),
            &["SETTINGS"],
            "SETTINGS",
            "leave it out",
        )?;
        self.absent(
            format_clause.is_none(),
            &["FORMAT"],
            "FORMAT",
            "use `query --format`",
        )?;
        self.absent(
            pipe_operators.is_empty(),
            &[],
            "a pipe operator",
            "leave it out",
        )?;
        Ok(query)
    }

    fn body<'q>(&self, body: &'q SetExpr) -> Result<&'q Select, QueryError> {
        let remedy = "write one SELECT over the two tables";
        match body {
            SetExpr::Select(select) => Ok(select),
            SetExpr::SetOperation { op, .. } => {
                let name = op.to_string();
                Err(QueryError::subset(self.keyword(&[&name]), name, remedy))
            }
            SetExpr::Query(inner) => Err(QueryError::subset(
                self.at(inner.span(), Position::START),
                "a query in parentheses",
                remedy,
            )),
            SetExpr::Values(_) => Err(QueryError::subset(
                self.keyword(&["VALUES"]),
                "VALUES",
                remedy,
            )),
            SetExpr::Table(_) => Err(QueryError::subset(
                self.keyword(&["TABLE"]),
                "TABLE",
                remedy,
            )),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(QueryError::subset(
                    Position::START,
                    "a statement that changes data",
                    remedy,
                ))
            }
        }
    }

    fn select(&self, select: &Select) -> Result<Query, QueryError> {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let out = "leave it out";
        self.absent(
            distinct.is_none(),
            &["DISTINCT", "ALL"],
            "SELECT DISTINCT",
            "write COUNT(DISTINCT key) to count each key once",
        )?;
        self.absent(
            *flavor == SelectFlavor::Standard,
            &["FROM"],
            "FROM before SELECT",
            out,
        )?;
        self.absent(top.is_none(), &["TOP"], "TOP", out)?;
        self.absent(
            into.is_none(),
            &["INTO"],
            "INTO",
            "use `query --format` and redirect it",
        )?;
        self.absent(optimizer_hints.is_empty(), &[], "an optimizer hint", out)?;
        self.absent(select_modifiers.is_none(), &[], "a SELECT modifier", out)?;
        self.absent(exclude.is_none(), &["EXCLUDE", "EXCEPT"], "EXCLUDE", out)?;
        self.absent(value_table_mode.is_none(), &["AS"], "SELECT AS", out)?;
        self.absent(lateral_views.is_empty(), &["LATERAL"], "LATERAL VIEW", out)?;
        self.absent(prewhere.is_none(), &["PREWHERE"], "PREWHERE", "write WHERE")?;
        self.absent(
            connect_by.is_empty(),
            &["CONNECT", "START"],
            "CONNECT BY",
            out,
        )?;
        let grouped = match group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        };
        self.absent(
            !grouped,
            &["GROUP"],
            "GROUP BY",
            "groups are not available yet; ask for each group with a WHERE clause",
        )?;
        self.absent(cluster_by.is_empty(), &["CLUSTER"], "CLUSTER BY", out)?;
        self.absent(
            distribute_by.is_empty(),
            &["DISTRIBUTE"],
            "DISTRIBUTE BY",
            out,
        )?;
        self.absent(sort_by.is_empty(), &["SORT"], "SORT BY", out)?;
        self.absent(
            having.is_none(),
            &["HAVING"],
            "HAVING",
            "HAVING is not available yet",
        )?;
        self.absent(named_window.is_empty(), &["WINDOW"], "WINDOW", out)?;
        self.absent(qualify.is_none(), &["QUALIFY"], "QUALIFY", out)?;

        let (scope, on) = self.from(from)?;
        let outputs = self.outputs(projection, &scope, &on)?;
        let conjuncts = match selection {
            Some(condition) => self.conjuncts(condition, &scope)?,
            None => Vec::new(),
        };
        Ok(Query {
            outputs,
            tables: scope.into_tables(),
            on,
            conjuncts,
        })
    }

    /// Refuses the clause `what` unless it is absent.
    fn absent(
        &self,
        absent: bool,
        keywords: &[&str],
        what: &str,
        remedy: &str,
    ) -> Result<(), QueryError> {
        if absent {
            return Ok(());
        }
        Err(QueryError::subset(self.keyword(keywords), what, remedy))
    }

    fn keyword(&self, keywords: &[&str]) -> Position {
        self.tokens.find(keywords).unwrap_or(Position::START)
    }

    /// The start of a span, or `otherwise` if the grammar gives none.
    #[allow(clippy::unused_self)] // reads as the other position helpers do
    fn at(&self, span: Span, otherwise: Position) -> Position {
        match span.start.line {
            0 => otherwise,
            line => Position {
                line,
                column: span.start.column,
            },
        }
    }

    fn name(&self, ident: &Ident) -> Result<Name, QueryError> {
        let name = match ident.quote_style {
            None => ident.value.to_lowercase(),
            Some(_) => ident.value.clone(),
        };
        let fits = !name.is_empty()
            && name.len() <= limits::NAME_BYTES_MAX
            && !name.chars().any(char::is_control);
        if fits {
            return Ok(Name(name));
        }
        Err(QueryError::subset(
            self.at(ident.span, Position::START),
            "a name that is empty, too long or holds control characters",
            format!("use names of 1 to {} bytes", limits::NAME_BYTES_MAX),
        ))
    }

    fn ident_at(&self, ident: &Ident) -> Position {
        self.at(ident.span, Position::START)
    }
}

/// What names resolve against while a query is read.
pub(super) type ScopeRef<'a> = &'a Scope;
