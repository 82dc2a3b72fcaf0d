//! Prints a tree as the one text that both nodes bind into the job.
//!
//! Spec 10 §3.3. A subquery comes first in WHERE and is written with EXISTS. Keywords in upper case, single blanks, the tables in the order of FROM, aliases
//! resolved away (columns are written `member.table.column`), names in double quotes only where
//! needed, a column left of the literal it is compared with, inner conditions in parentheses.
//! The requester's own-side literals become `$1`, `$2`, … in the order of the text.
//!
//! INVARIANT: for every tree, parsing the printed text gives a tree that prints the same.

mod output;

use std::fmt::Write as _;

use super::ast::{
    ColumnRef, Form, Literal, LiteralValue, Name, Operand, Predicate, Query, Side, TableName,
};

/// Prints `query`, with the literals of side `hide` replaced by placeholders. Returns the text
/// and the replaced literals in the order of their numbers.
pub(crate) fn print(query: &Query, hide: Side) -> (String, Vec<&Literal>) {
    print_hiding(query, Some(hide))
}

/// Prints `query` with all literals in clear, for the nodes' own use.
pub(crate) fn print_open(query: &Query) -> String {
    print_hiding(query, None).0
}

fn print_hiding(query: &Query, hide: Option<Side>) -> (String, Vec<&Literal>) {
    let mut printer = Printer {
        query,
        hide,
        out: String::new(),
        hidden: Vec::new(),
    };
    printer.query();
    (printer.out, printer.hidden)
}

struct Printer<'a> {
    query: &'a Query,
    hide: Option<Side>,
    out: String,
    hidden: Vec<&'a Literal>,
}

impl<'a> Printer<'a> {
    fn query(&mut self) {
        let query = self.query;
        self.out.push_str("SELECT ");
        self.outputs();
        self.out.push_str(" FROM ");
        let [first, second] = &query.tables;
        self.out.push_str(&table_name(first));
        match query.form {
            Form::Join => {
                self.out.push_str(" JOIN ");
                self.out.push_str(&table_name(second));
                self.out.push_str(" ON ");
                self.equalities();
                for (i, conjunct) in query.conjuncts.iter().enumerate() {
                    self.out.push_str(if i == 0 { " WHERE " } else { " AND " });
                    self.part(&conjunct.predicate);
                }
            }
            Form::Semi => {
                self.out.push_str(" WHERE EXISTS (SELECT 1 FROM ");
                self.out.push_str(&table_name(second));
                self.out.push_str(" WHERE ");
                self.equalities();
                self.conditions_on(Side::Second);
                self.out.push(')');
                self.conditions_on(Side::First);
            }
        }
        self.tail();
    }

    /// The equal keys, joined by AND.
    fn equalities(&mut self) {
        let query = self.query;
        for (i, [first, second]) in query.on.iter().enumerate() {
            self.separate(i, " AND ");
            self.column(first);
            self.out.push_str(" = ");
            self.column(second);
        }
    }

    /// The conditions on one table, each after AND.
    fn conditions_on(&mut self, side: Side) {
        let query = self.query;
        for conjunct in query.conjuncts.iter().filter(|c| c.side == side) {
            self.out.push_str(" AND ");
            self.part(&conjunct.predicate);
        }
    }

    /// A condition inside AND, OR, NOT: compound ones in parentheses.
    fn part(&mut self, predicate: &'a Predicate) {
        if matches!(predicate, Predicate::And(_) | Predicate::Or(_)) {
            self.out.push('(');
            self.predicate(predicate);
            self.out.push(')');
        } else {
            self.predicate(predicate);
        }
    }

    fn predicate(&mut self, predicate: &'a Predicate) {
        match predicate {
            Predicate::And(parts) => self.chain(parts, " AND "),
            Predicate::Or(parts) => self.chain(parts, " OR "),
            Predicate::Not(inner) => {
                self.out.push_str("NOT (");
                self.predicate(inner);
                self.out.push(')');
            }
            Predicate::Compare { column, op, with } => {
                self.column(column);
                // Writing into a String cannot fail.
                let _ = write!(self.out, " {} ", op.as_str());
                match with {
                    Operand::Column(other) => self.column(other),
                    Operand::Literal(literal) => self.literal(column.side, literal),
                }
            }
            Predicate::Between {
                column,
                negated,
                low,
                high,
            } => {
                self.column(column);
                self.out.push_str(if *negated {
                    " NOT BETWEEN "
                } else {
                    " BETWEEN "
                });
                self.literal(column.side, low);
                self.out.push_str(" AND ");
                self.literal(column.side, high);
            }
            Predicate::InList {
                column,
                negated,
                list,
            } => {
                self.column(column);
                self.out
                    .push_str(if *negated { " NOT IN (" } else { " IN (" });
                for (i, literal) in list.iter().enumerate() {
                    self.separate(i, ", ");
                    self.literal(column.side, literal);
                }
                self.out.push(')');
            }
            Predicate::Like {
                column,
                negated,
                pattern,
            } => {
                self.column(column);
                self.out
                    .push_str(if *negated { " NOT LIKE " } else { " LIKE " });
                self.literal(column.side, pattern);
            }
            Predicate::IsNull { column, negated } => {
                self.column(column);
                self.out
                    .push_str(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
        }
    }

    fn chain(&mut self, parts: &'a [Predicate], between: &str) {
        for (i, part) in parts.iter().enumerate() {
            self.separate(i, between);
            self.part(part);
        }
    }

    fn column(&mut self, column: &ColumnRef) {
        let table = column.side.of(&self.query.tables);
        self.out.push_str(&table_name(table));
        self.out.push('.');
        self.out.push_str(&plain(&column.name));
    }

    fn literal(&mut self, side: Side, literal: &'a Literal) {
        if Some(side) == self.hide {
            self.hidden.push(literal);
            let _ = write!(self.out, "${}", self.hidden.len());
        } else {
            self.out.push_str(&typed_literal(&literal.value));
        }
    }

    fn separate(&mut self, index: usize, between: &str) {
        if index > 0 {
            self.out.push_str(between);
        }
    }
}

/// The text of a literal, which also says its type.
pub(crate) fn typed_literal(value: &LiteralValue) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        LiteralValue::Number(digits) => digits.clone(),
        LiteralValue::Text(text) => quoted(text),
        LiteralValue::Boolean(true) => "TRUE".to_owned(),
        LiteralValue::Boolean(false) => "FALSE".to_owned(),
        LiteralValue::Date(text) => format!("DATE {}", quoted(text)),
        LiteralValue::Timestamp(text) => format!("TIMESTAMP {}", quoted(text)),
        LiteralValue::Null => "NULL".to_owned(),
        // Never the text of a placeholder, so that one on the wrong side cannot print unchanged.
        LiteralValue::Hidden => "$".to_owned(),
        LiteralValue::Parameter(name) => format!(":{name}"),
    }
}

fn table_name(table: &TableName) -> String {
    format!("{}.{}", plain(&table.member), plain(&table.table))
}

/// A name, in quotes unless it is lower-case letters, digits and underscores. Keywords need none:
/// a period or AS beside it says that it is a name.
fn plain(name: &Name) -> String {
    let mut chars = name.0.chars();
    let simple = chars
        .next()
        .is_some_and(|c| c == '_' || c.is_ascii_lowercase())
        && chars.all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
    if simple { name.0.clone() } else { quote(name) }
}

fn quote(name: &Name) -> String {
    format!("\"{}\"", name.0.replace('"', "\"\""))
}
