//! FROM and JOIN: two members' tables, inner join on equalities joined by AND.
//!
//! Spec 10 §3.2.

use psi_core::limits;

use super::token::Token;
use super::{Reader, names, written};
use crate::error::{Position, QueryError};
use crate::sql::ast::{ColumnRef, Name, Side, TableName};

/// The tables and the names by which a text calls them.
pub(super) enum Scope {
    /// The two tables of a query.
    Joined([ScopeTable; 2]),
    /// The one table of an owner's condition, whose columns are written without a table.
    Alone,
}

pub(super) struct ScopeTable {
    table: TableName,
    alias: Option<Name>,
}

impl Scope {
    pub(super) fn into_tables(self) -> Result<[TableName; 2], QueryError> {
        match self {
            Self::Joined(tables) => Ok(tables.map(|table| table.table)),
            Self::Alone => Err(QueryError::subset(
                Position::START,
                "a query over one table",
                JOIN,
            )),
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
        let tables = match self {
            Self::Joined(tables) => tables,
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
        let matches = |side: &Side| {
            let ScopeTable { table, alias } = &tables[side.index()];
            match qualifier {
                [one] => alias.as_ref().unwrap_or(&table.table) == one,
                [member, name] => table.member == *member && table.table == *name,
                _ => false,
            }
        };
        let mut sides = [Side::First, Side::Second].into_iter().filter(matches);
        match (sides.next(), sides.next()) {
            (Some(side), None) => Ok(ColumnRef {
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

const JOIN: &str = "write FROM member.table AS a JOIN member.table AS b ON a.key = b.key";

/// Words that may follow a table, and therefore cannot be its alias.
const FOLLOWING: [&str; 14] = [
    "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "ON", "USING", "WHERE", "SEMI",
    "ANTI", "ASOF", "OUTER",
];

impl Reader {
    pub(super) fn from(&mut self) -> Result<(Scope, Vec<[ColumnRef; 2]>), QueryError> {
        if !self.take_word("FROM") {
            return Err(match self.peek() {
                None => QueryError::subset(self.at(), "a query without tables", JOIN),
                Some(_) => self.unexpected("FROM"),
            });
        }
        let first = self.table()?;
        self.join(first.table.at)?;
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

    fn table(&mut self) -> Result<ScopeTable, QueryError> {
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

    /// `JOIN` or `INNER JOIN`; every other join is refused by its name.
    fn join(&mut self, first_table: Position) -> Result<(), QueryError> {
        let at = self.at();
        if self.take_word("JOIN") {
            return Ok(());
        }
        if self.is_word("INNER") && self.keyword_at(1).as_deref() == Some("JOIN") {
            self.advance();
            self.advance();
            return Ok(());
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
            return Err(QueryError::subset(
                first_table,
                "a query over one table",
                JOIN,
            ));
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
                add(pairs, pair)?;
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
            return Err(QueryError::subset(self.at(), what, ON));
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

fn check_tables(first: &ScopeTable, second: &ScopeTable) -> Result<(), QueryError> {
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

fn add(pairs: &mut Vec<[ColumnRef; 2]>, pair: [ColumnRef; 2]) -> Result<(), QueryError> {
    for (i, column) in pair.iter().enumerate() {
        if pairs.iter().any(|earlier| earlier[i].name == column.name) {
            return Err(QueryError::subset(
                column.at,
                "a column that appears twice in ON",
                "compare each key column once",
            ));
        }
    }
    if pairs.len() == limits::KEY_COLUMNS_MAX {
        return Err(QueryError::subset(
            pair[0].at,
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
