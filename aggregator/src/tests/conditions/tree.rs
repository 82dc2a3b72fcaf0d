//! Conditions as trees of this test's own, and the text of them.
//!
//! Spec 10 §3.4. Made by [`super::generate`], judged by [`super::reference`].

use std::cmp::Ordering;
use std::fmt;

use super::moments::Moment;
use super::tables::Table;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

impl Op {
    pub(super) const ALL: [Self; 6] = [
        Self::Eq,
        Self::NotEq,
        Self::Lt,
        Self::LtEq,
        Self::Gt,
        Self::GtEq,
    ];

    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::NotEq => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::LtEq => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::GtEq => order.is_ge(),
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
        }
    }

    /// The operator between the same operands, the other way round.
    const fn turned(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::LtEq => Self::GtEq,
            Self::Gt => Self::Lt,
            Self::GtEq => Self::LtEq,
            same => same,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Literal {
    Null,
    Boolean(bool),
    Number {
        digits: String,
        quoted: bool,
    },
    Text(String),
    Moment {
        /// `DATE `, `TIMESTAMP ` or nothing.
        word: &'static str,
        moment: Moment,
    },
}

impl Literal {
    /// The text for an engine that may have other words for it.
    fn print(&self, dialect: &Dialect) -> String {
        let own = match self {
            Self::Number { digits, .. } => (dialect.number)(digits),
            Self::Moment { moment, .. } => (dialect.moment)(moment),
            Self::Null | Self::Boolean(_) | Self::Text(_) => None,
        };
        own.unwrap_or_else(|| self.to_string())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Number {
                digits,
                quoted: false,
            } => f.write_str(digits),
            Self::Number { digits, .. } => write!(f, "'{digits}'"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Moment { word, moment } => write!(f, "{word}'{}'", moment.text),
        }
    }
}

/// How a condition is written for an engine.
pub(super) struct Dialect {
    /// Before the name of a column.
    pub(super) prefix: &'static str,
    /// Behind a pattern.
    pub(super) escape: &'static str,
    /// A number, if it has to be written in another way.
    pub(super) number: fn(&str) -> Option<String>,
    /// The same for dates and timestamps.
    pub(super) moment: fn(&Moment) -> Option<String>,
}

/// The subset of `docs/sql/subset.md`.
pub(super) const SUBSET: Dialect = Dialect {
    prefix: "b.",
    escape: "",
    number: |_| None,
    moment: |_| None,
};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Compare {
        op: Op,
        literal: Literal,
        /// Whether the literal is written on the left.
        turned: bool,
    },
    Columns {
        op: Op,
        right: usize,
    },
    Between {
        low: Literal,
        high: Literal,
    },
    In {
        items: Vec<Literal>,
    },
    Like {
        /// `None` is NULL.
        pattern: Option<String>,
    },
    IsNull,
}

/// One comparison of the column with a number in its table.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) column: usize,
    pub(super) negated: bool,
    pub(super) operation: Operation,
}

#[derive(Clone, Debug)]
pub(super) enum Tree {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(Leaf),
}

impl Tree {
    pub(super) fn print(&self, table: &Table, dialect: &Dialect) -> String {
        let chain = |parts: &[Self], word: &str| {
            let parts = parts.iter().map(|part| match part {
                Self::And(_) | Self::Or(_) => format!("({})", part.print(table, dialect)),
                _ => part.print(table, dialect),
            });
            parts.collect::<Vec<_>>().join(word)
        };
        match self {
            Self::And(parts) => chain(parts, " AND "),
            Self::Or(parts) => chain(parts, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.print(table, dialect)),
            Self::Leaf(leaf) => leaf.print(table, dialect),
        }
    }
}

impl Leaf {
    fn print(&self, table: &Table, dialect: &Dialect) -> String {
        let name = |column: usize| format!("{}{}", dialect.prefix, table.columns[column].name);
        let column = name(self.column);
        let not = if self.negated { " NOT" } else { "" };
        let literal = |literal: &Literal| literal.print(dialect);
        match &self.operation {
            Operation::Compare {
                op,
                literal: with,
                turned: true,
            } => format!("{} {} {column}", literal(with), op.turned().text()),
            Operation::Compare {
                op, literal: with, ..
            } => format!("{column} {} {}", op.text(), literal(with)),
            Operation::Columns { op, right } => format!("{column} {} {}", op.text(), name(*right)),
            Operation::Between { low, high } => format!(
                "{column}{not} BETWEEN {} AND {}",
                literal(low),
                literal(high)
            ),
            Operation::In { items } => {
                let items: Vec<String> = items.iter().map(literal).collect();
                format!("{column}{not} IN ({})", items.join(", "))
            }
            Operation::Like { pattern } => {
                let pattern = pattern.clone().map_or(Literal::Null, Literal::Text);
                format!("{column}{not} LIKE {pattern}{}", dialect.escape)
            }
            Operation::IsNull => format!("{column} IS{not} NULL"),
        }
    }
}
