//! FROM and JOIN: two members' tables, inner join on equalities joined by AND; or one table, whose
//! partner is in a subquery of WHERE.
//!
//! Spec 10 §3.2.

use psi_core::limits;

use super::token::Token;
use super::{Reader, names, written};
use crate::error::{Position, QueryError};
use crate::sql::ast::{ColumnRef, Name, Side, TableName};

/// The tables and the names by which a text calls them.
pub(super) enum Scope {
    /// The two tables of a join, or of a subquery: the outer one and its own.
    Joined([ScopeTable; 2]),
    /// What is outside of a subquery: the outer table, and the subquery's once it has been read,
    /// whose columns cannot be used here.
    Outer {
        outer: ScopeTable,
        inner: Option<ScopeTable>,
    },
    /// The one table of an owner's condition, whose columns are written without a table.
    Alone,
}

#[derive(Clone)]
pub(super) struct ScopeTable {
    table: TableName,
    alias: Option<Name>,
}

impl ScopeTable {
    /// Whether `qualifier` is what the text calls this table.
    fn is_called(&self, qualifier: &[Name]) -> bool {
        match qualifier {
            [one] => self.alias.as_ref().unwrap_or(&self.table.table) == one,
            [member, name] => self.table.member == *member && self.table.table == *name,
            _ => false,
        }
    }
}

impl Scope {
    pub(super) fn into_tables(self) -> Result<[TableName; 2], QueryError> {
        match self {
            Self::Joined([first, second])
            | Self::Outer {
                outer: first,
                inner: Some(second),
            } => Ok([first.table, second.table]),
            Self::Outer { outer, inner: None } => Err(one_table(outer.table.at)),
            Self::Alone => Err(one_table(Position::START)),
        }
    }

    /// Refuses a query over one table, of which no subquery was read.
    pub(super) fn check_joined(&self) -> Result<(), QueryError> {
        match self {
            Self::Outer { outer, inner: None } => Err(one_table(outer.table.at)),
            _ => Ok(()),
        }
    }

    /// The same with the table of the subquery, where this is what is outside of one.
    pub(super) fn with_inner(self, inner: ScopeTable) -> Self {
        match self {
            Self::Outer { outer, .. } => Self::Outer {
                outer,
                inner: Some(inner),
            },
            other => other,
        }
    }

    /// The column that `path` names.
    pub(super) fn column(&self, path: &[Name], at: Position) -> Result<ColumnRef, QueryError> {
        let Some((name, qualifier)) = path.split_last() else {
            return Err(QueryError::syntax(
                at,
                "a column is missing",
                names::CONDITION,
            ));
        };
        let tables: Vec<(Side, &ScopeTable)> = match self {
            Self::Joined([first, second]) => vec![(Side::First, first), (Side::Second, second)],
            Self::Outer { outer, inner } => {
                let is_inner = |inner: &ScopeTable| inner.is_called(qualifier);
                if !qualifier.is_empty() && inner.as_ref().is_some_and(is_inner) {
                    return Err(QueryError::subset(
                        at,
                        format!("a column of the subquery's table, {},", written(path)),
                        "outside of the subquery only the columns of the table after FROM can be \
                         used; write a JOIN to use those of both",
                    ));
                }
                vec![(Side::First, outer)]
            }
            Self::Alone if qualifier.is_empty() => {
                return Ok(ColumnRef {
                    side: Side::First,
                    name: name.clone(),
                    at,
                });
            }
            Self::Alone => {
                return Err(QueryError::meaning(
                    at,
                    format!("{} has a table's name, which is not needed", written(path)),
                    format!("write {}", name.0),
                ));
            }
        };
        if qualifier.is_empty() {
            return Err(QueryError::meaning(
                at,
                format!(
                    "the column {} does not say which table it belongs to",
                    name.0
                ),
                format!(
                    "write alias.{0}, or '{0}' in single quotes if it is text",
                    name.0
                ),
            ));
        }
        let mut called = tables
            .into_iter()
            .filter(|(_, table)| table.is_called(qualifier));
        match (called.next(), called.next()) {
            (Some((side, _)), None) => Ok(ColumnRef {
                side,
                name: name.clone(),
                at,
            }),
            (None, _) => Err(QueryError::meaning(
                at,
                format!("there is no table {} in this query", written(qualifier)),
                "use one of the two tables' aliases, or member.table if it has none",
            )),
            (Some(_), Some(_)) => Err(QueryError::meaning(
                at,
                format!("{} may be either table", written(qualifier)),
                "give the tables different aliases",
            )),
        }
    }
}

fn one_table(at: Position) -> QueryError {
    QueryError::subset(at, "a query over one table", JOIN)
}

const JOIN: &str = "write FROM member.table AS a JOIN member.table AS b ON a.key = b.key";

/// Words that may follow a table, and therefore cannot be its alias.
const FOLLOWING: [&str; 14] = [
    "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "ON", "USING", "WHERE", "SEMI",
    "ANTI", "ASOF", "OUTER",
];

impl Reader {
    /// FROM with both tables and the equal columns of ON, or with one table and none.
    pub(super) fn from(&mut self) -> Result<(Scope, Vec<[ColumnRef; 2]>), QueryError> {
        if !self.take_word("FROM") {
            return Err(match self.peek() {
                None => QueryError::subset(self.at(), "a query without tables", JOIN),
                Some(_) => self.unexpected("FROM"),
            });
        }
        let first = self.table()?;
        if !self.join()? {
            let scope = Scope::Outer {
                outer: first,
                inner: None,
            };
            return Ok((scope, Vec::new()));
        }
        let second = self.table()?;
        if self.is_word("USING") {
            return Err(QueryError::subset(self.at(), "JOIN … USING", JOIN));
        }
        if !self.take_word("ON") {
            return Err(QueryError::subset(second.table.at, "JOIN without ON", JOIN));
        }
        check_tables(&first, &second)?;
        let scope = Scope::Joined([first, second]);
        let mut pairs = Vec::new();
        self.equalities(&scope, &mut pairs)?;
        if self.peek() == Some(&Token::Comma) {
            return Err(QueryError::subset(
                self.at(),
                "a comma between tables",
                JOIN,
            ));
        }
        Ok((scope, pairs))
    }

    pub(super) fn table(&mut self) -> Result<ScopeTable, QueryError> {
        let at = self.at();
        let lateral = self.is_word("LATERAL");
        if lateral || self.peek() == Some(&Token::LParen) {
            let inner = self.keyword_at(1);
            let what = match inner.as_deref() {
                Some("SELECT" | "WITH" | "VALUES") => "a subquery in FROM",
                _ if lateral => "LATERAL",
                _ => "a join in parentheses",
            };
            return Err(QueryError::subset(at, what, JOIN));
        }
        let path = self.path()?;
        if self.peek() == Some(&Token::LParen) {
            return Err(QueryError::subset(at, "a table function", JOIN));
        }
        let [member, table] = path.as_slice() else {
            return Err(QueryError::meaning(
                at,
                format!("{} does not name a member's table", written(&path)),
                "write member.table",
            ));
        };
        let table = TableName {
            member: member.clone(),
            table: table.clone(),
            at,
        };
        let alias = self.alias(&FOLLOWING)?;
        if self.peek() == Some(&Token::LParen) {
            return Err(QueryError::subset(
                self.at(),
                "an alias for columns",
                "use the columns' own names",
            ));
        }
        Ok(ScopeTable { table, alias })
    }

    /// `JOIN` or `INNER JOIN`, if a join follows; every other join is refused by its name.
    fn join(&mut self) -> Result<bool, QueryError> {
        let at = self.at();
        if self.take_word("JOIN") {
            return Ok(true);
        }
        if self.is_word("INNER") && self.keyword_at(1).as_deref() == Some("JOIN") {
            self.advance();
            self.advance();
            return Ok(true);
        }
        if self.peek() == Some(&Token::Comma) {
            return Err(QueryError::subset(at, "a comma between tables", JOIN));
        }
        let kinds = [
            "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "SEMI", "ANTI", "ASOF", "OUTER",
        ];
        if self
            .keyword()
            .is_none_or(|keyword| !kinds.contains(&keyword.as_str()))
        {
            return Ok(false);
        }
        let mut name = String::new();
        // `LEFT OUTER JOIN` is the longest with three words; NATURAL may precede them.
        for _ in 0..4 {
            let Some(keyword) = self.keyword() else { break };
            name.push_str(if name.is_empty() { "" } else { " " });
            name.push_str(&keyword);
            self.advance();
            if ["JOIN", "APPLY"].contains(&keyword.as_str()) {
                break;
            }
        }
        Err(QueryError::subset(
            at,
            name,
            "only the inner join of the two tables can be computed: write JOIN … ON",
        ))
    }

    /// Equalities joined by AND, through parentheses.
    fn equalities(
        &mut self,
        scope: &Scope,
        pairs: &mut Vec<[ColumnRef; 2]>,
    ) -> Result<(), QueryError> {
        loop {
            if self.peek() == Some(&Token::LParen) {
                self.advance();
                self.nested(|reader| reader.equalities(scope, pairs))?;
                self.expect(&Token::RParen)?;
            } else {
                let pair = self.equality(scope)?;
                add_pair(pairs, pair)?;
            }
            if self.is_word("OR") {
                return Err(QueryError::subset(self.at(), "OR in ON", ON));
            }
            if !self.take_word("AND") {
                return Ok(());
            }
        }
    }

    /// `a.x = b.y`, in the order of the tables.
    fn equality(&mut self, scope: &Scope) -> Result<[ColumnRef; 2], QueryError> {
        let at = self.at();
        let left = self.on_column(scope)?;
        if !self.take(&Token::Eq) {
            let what = match (self.keyword(), self.peek()) {
                (Some(keyword), _) => format!("a join on {keyword}"),
                (None, Some(token)) => format!("a join on {token}"),
                (None, None) => "ON without a comparison".to_owned(),
            };
            let slip = self.rest_of_a_name();
            return Err(slip.unwrap_or_else(|| QueryError::subset(self.at(), what, ON)));
        }
        let right = self.on_column(scope)?;
        match (left.side, right.side) {
            (Side::First, Side::Second) => Ok([left, right]),
            (Side::Second, Side::First) => Ok([right, left]),
            _ => Err(QueryError::subset(
                at,
                "a join condition within one table",
                ON,
            )),
        }
    }

    fn on_column(&mut self, scope: &Scope) -> Result<ColumnRef, QueryError> {
        let at = self.at();
        let open = self.take(&Token::LParen);
        let what = match self.peek() {
            Some(Token::Word(word)) if self.is_function() => {
                format!("{} in ON", names::function(&word.value))
            }
            Some(Token::Word(_)) => {
                let keyword = self.keyword().unwrap_or_default();
                if !["NOT", "TRUE", "FALSE", "NULL", "EXISTS", "SELECT"].contains(&&*keyword) {
                    let path = self.path()?;
                    if open {
                        self.expect(&Token::RParen)?;
                    }
                    return scope.column(&path, at);
                }
                format!("{keyword} in ON")
            }
            Some(_) => "a constant in ON".to_owned(),
            None => return Err(self.unexpected("a column")),
        };
        Err(QueryError::subset(self.at(), what, ON))
    }
}

const ON: &str =
    "compare a key column of each table with = and AND; conditions on one side go into WHERE";

pub(super) fn check_tables(first: &ScopeTable, second: &ScopeTable) -> Result<(), QueryError> {
    if first.table.member == second.table.member {
        return Err(QueryError::subset(
            second.table.at,
            "a join of two tables of one member",
            "join a table of each of the two members",
        ));
    }
    if first.alias.is_some() && first.alias == second.alias {
        return Err(QueryError::meaning(
            second.table.at,
            "both tables have the same alias",
            "give them different ones",
        ));
    }
    Ok(())
}

/// Adds a pair of equal columns.
pub(super) fn add_pair(
    pairs: &mut Vec<[ColumnRef; 2]>,
    pair: [ColumnRef; 2],
) -> Result<(), QueryError> {
    for side in [Side::First, Side::Second] {
        let column = side.of(&pair);
        let mut earlier = pairs.iter().map(|pair| side.of(pair));
        if earlier.any(|earlier| earlier.name == column.name) {
            return Err(QueryError::subset(
                column.at,
                "a column that appears twice in ON",
                "compare each key column once",
            ));
        }
    }
    if pairs.len() == limits::KEY_COLUMNS_MAX {
        return Err(QueryError::subset(
            Side::First.of(&pair).at,
            format!(
                "a join key of more than {} columns",
                limits::KEY_COLUMNS_MAX
            ),
            "join on fewer columns",
        ));
    }
    pairs.push(pair);
    Ok(())
}
