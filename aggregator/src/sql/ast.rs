//! The tree of an accepted query.
//!
//! Spec 10 §3. Everything a tree can say is inside the subset, so later stages have nothing to
//! refuse but names and types. Aliases are resolved; a column is a side and a name.

mod output;

use zeroize::Zeroize;

pub(crate) use output::{
    Aggregate, DatePart, Function, GroupExpr, Having, OrderItem, Output, OutputValue, ValueExpr,
};

use crate::error::Position;

/// One of the two tables, by its place in the FROM clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The table after FROM.
    First,
    /// The table after JOIN.
    Second,
}

impl Side {
    /// What a pair has for this side.
    pub(crate) const fn of<T>(self, pair: &[T; 2]) -> &T {
        let [first, second] = pair;
        match self {
            Self::First => first,
            Self::Second => second,
        }
    }
}

/// A member, table or column name: lower case unless it was written in double quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) String);

impl Name {
    /// Whether the name means `other`, of which upper and lower case do not count.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.0.to_lowercase() == other.to_lowercase()
    }
}

/// `member.table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) member: Name,
    pub(crate) table: Name,
    pub(crate) at: Position,
}

/// A column of one of the two tables.
#[derive(Clone, Debug)]
pub(crate) struct ColumnRef {
    pub(crate) side: Side,
    pub(crate) name: Name,
    pub(crate) at: Position,
}

/// Two references are equal if they mean the same column, wherever they are.
impl PartialEq for ColumnRef {
    fn eq(&self, other: &Self) -> bool {
        self.side == other.side && self.name == other.name
    }
}

impl Eq for ColumnRef {}

/// How a query puts its two tables together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `FROM first JOIN second ON …`.
    Join,
    /// `FROM first WHERE EXISTS (SELECT 1 FROM second WHERE …)`: the first table is the outer one,
    /// the second the inner one, of which nothing is put out.
    Semi,
}

/// A whole query.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) form: Form,
    /// What a query of aggregates shows; empty in a list.
    pub(crate) outputs: Vec<Output>,
    /// The key columns of one table, of which a list shows the values that match; empty in a query
    /// of aggregates.
    pub(crate) list: Vec<ColumnRef>,
    pub(crate) tables: [TableName; 2],
    /// The column pairs of the join, first table's column first, in the order of the ON clause or
    /// of the subquery's conditions.
    pub(crate) on: Vec<[ColumnRef; 2]>,
    /// The conditions of the WHERE clause, joined by AND; those of a subquery are the first.
    pub(crate) conjuncts: Vec<Conjunct>,
    /// The expressions of GROUP BY, no two the same.
    pub(crate) groups: Vec<GroupExpr>,
    pub(crate) having: Option<Having<Aggregate>>,
    pub(crate) order: Vec<OrderItem>,
    pub(crate) limit: Option<u64>,
}

/// One condition, which touches one side only.
#[derive(Clone)]
pub(crate) struct Conjunct {
    pub(crate) side: Side,
    pub(crate) predicate: Predicate,
}

/// A condition on one side's columns.
#[derive(Clone)]
pub(crate) enum Predicate {
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    Compare {
        column: ColumnRef,
        op: CompareOp,
        with: Operand,
    },
    Between {
        column: ColumnRef,
        negated: bool,
        low: Literal,
        high: Literal,
    },
    InList {
        column: ColumnRef,
        negated: bool,
        list: Vec<Literal>,
    },
    Like {
        column: ColumnRef,
        negated: bool,
        pattern: Literal,
    },
    IsNull {
        column: ColumnRef,
        negated: bool,
    },
}

impl Predicate {
    /// Calls `visit` for every column, in the order of the text.
    pub(crate) fn columns<'a>(&'a self, visit: &mut dyn FnMut(&'a ColumnRef)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.columns(visit)),
            Self::Not(inner) => inner.columns(visit),
            Self::Compare { column, with, .. } => {
                visit(column);
                if let Operand::Column(other) = with {
                    visit(other);
                }
            }
            Self::Between { column, .. }
            | Self::InList { column, .. }
            | Self::Like { column, .. }
            | Self::IsNull { column, .. } => visit(column),
        }
    }

    /// Calls `visit` for every literal, in the order of the text.
    pub(crate) fn literals<'a>(&'a self, visit: &mut dyn FnMut(&'a Literal)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.literals(visit)),
            Self::Not(inner) => inner.literals(visit),
            Self::Compare {
                with: Operand::Literal(literal),
                ..
            }
            | Self::Like {
                pattern: literal, ..
            } => visit(literal),
            Self::Between { low, high, .. } => {
                visit(low);
                visit(high);
            }
            Self::InList { list, .. } => list.iter().for_each(visit),
            Self::Compare {
                with: Operand::Column(_),
                ..
            }
            | Self::IsNull { .. } => {}
        }
    }

    /// Like [`Self::literals`], for writing.
    pub(crate) fn literals_mut(&mut self, visit: &mut dyn FnMut(&mut Literal)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.literals_mut(visit);
                }
            }
            Self::Not(inner) => inner.literals_mut(visit),
            Self::Compare {
                with: Operand::Literal(literal),
                ..
            }
            | Self::Like {
                pattern: literal, ..
            } => visit(literal),
            Self::Between { low, high, .. } => {
                visit(low);
                visit(high);
            }
            Self::InList { list, .. } => list.iter_mut().for_each(visit),
            Self::Compare {
                with: Operand::Column(_),
                ..
            }
            | Self::IsNull { .. } => {}
        }
    }
}

impl Query {
    /// The table of the subquery, of which nothing is put out, if there is one.
    pub(crate) const fn inner(&self) -> Option<Side> {
        match self.form {
            Form::Join => None,
            Form::Semi => Some(Side::Second),
        }
    }

    /// The group of this number, as an output names it.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: the reader gives outputs the numbers of groups that it has read"
    )]
    pub(crate) fn group(&self, number: usize) -> &GroupExpr {
        &self.groups[number]
    }

    /// The constants of WHERE, in the order of the text.
    pub(crate) fn literals(&self) -> Vec<&Literal> {
        let mut literals = Vec::new();
        for conjunct in &self.conjuncts {
            conjunct
                .predicate
                .literals(&mut |literal| literals.push(literal));
        }
        literals
    }
}

/// The right side of a comparison.
#[derive(Clone)]
pub(crate) enum Operand {
    Column(ColumnRef),
    Literal(Literal),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

impl CompareOp {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
        }
    }

    /// The operator that says the same with its two sides exchanged.
    pub(crate) const fn mirrored(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::NotEq => Self::NotEq,
            Self::Lt => Self::Gt,
            Self::LtEq => Self::GtEq,
            Self::Gt => Self::Lt,
            Self::GtEq => Self::LtEq,
        }
    }
}

/// A constant and where it is.
///
/// # Security
/// The requester's own-side constants are hidden from the peer. Therefore it has no `Debug`, and
/// the text is wiped when dropped.
#[derive(Clone)]
pub(crate) struct Literal {
    pub(crate) value: LiteralValue,
    pub(crate) at: Position,
}

/// A constant. Numbers keep their digits as text, so that no value is rounded on the way.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LiteralValue {
    /// `-?digits[.digits]`, without leading zeros.
    Number(String),
    Text(String),
    Boolean(bool),
    /// `DATE '…'`, checked to be ISO.
    Date(String),
    /// `TIMESTAMP '…'`, checked to be ISO.
    Timestamp(String),
    Null,
    /// A placeholder: a constant that the requester hides.
    Hidden,
    /// In a template only: a parameter, by its name.
    Parameter(String),
}

impl Drop for Literal {
    fn drop(&mut self) {
        match &mut self.value {
            LiteralValue::Number(text)
            | LiteralValue::Text(text)
            | LiteralValue::Date(text)
            | LiteralValue::Timestamp(text) => text.zeroize(),
            LiteralValue::Boolean(_)
            | LiteralValue::Null
            | LiteralValue::Hidden
            | LiteralValue::Parameter(_) => {}
        }
    }
}
