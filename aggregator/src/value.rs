//! Aggregated expressions: exact integers at a decimal scale, row by row.
//!
//! Spec 10 §2.8 and §3.5. A column's values become integers at the scale that its owner declares;
//! `+`, `-` and `*` are then exact, with the scale that follows from those of the operands. When a job
//! is made, the bounds of the columns give those of each step of an expression ([`ValueProgram::range`]),
//! and one that does not fit 128 bits is refused; so no step over a row of an identity can overflow,
//! and none is checked while rows are read.

mod units;

pub(crate) use units::{Units, units};

use psi_core::limits;

use crate::error::QueryError;
use crate::sql::arith::{Arith, ArithOp};
use crate::sql::ast::ColumnRef;
use crate::sql::exact_compare;

/// A number column as an expression sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueColumn {
    /// Its name in the source.
    pub(crate) name: String,
    /// Its decimal scale.
    pub(crate) decimals: u8,
    /// Whether SQL calls its values whole numbers.
    pub(crate) whole: bool,
}

/// A compiled expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueProgram {
    /// The columns, each once.
    pub(crate) columns: Vec<ValueColumn>,
    tree: Tree,
    /// The decimal scale of the result.
    pub(crate) decimals: u8,
    /// Whether SQL calls the result a whole number.
    pub(crate) whole: bool,
}

/// An expression whose operands have been brought to a common scale.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Column(usize),
    Constant(i128),
    /// `left * left_factor + right * right_factor`; a difference has a negative factor.
    Sum {
        left: Box<Tree>,
        left_factor: i128,
        right: Box<Tree>,
        right_factor: i128,
    },
    Product(Box<Tree>, Box<Tree>),
}

struct Compiled {
    tree: Tree,
    decimals: u8,
    whole: bool,
}

impl ValueProgram {
    /// Compiles `expr`; `resolve` says how a column is seen.
    ///
    /// # Errors
    /// What `resolve` returns; [`QueryError`] if the scale of a result is too fine.
    pub(crate) fn compile<E: From<QueryError>>(
        expr: &Arith<ColumnRef>,
        resolve: &mut dyn FnMut(&ColumnRef) -> Result<ValueColumn, E>,
    ) -> Result<Self, E> {
        let mut columns = Vec::new();
        let mut at = None;
        expr.leaves(&mut |column| at = at.or(Some(column.at)));
        let compiled = compile(expr, &mut |column| -> Result<_, E> {
            let found = resolve(column)?;
            let known = columns.iter().position(|other| *other == found);
            if known.is_none() {
                columns.push(found.clone());
            }
            Ok((known.unwrap_or(columns.len() - 1), found))
        })?;
        let too_fine = || {
            QueryError::subset(
                at.unwrap_or(crate::error::Position::START),
                format!(
                    "arithmetic with more than {} decimals",
                    limits::DECIMALS_MAX
                ),
                "multiply columns and numbers with fewer decimals",
            )
        };
        let Compiled {
            tree,
            decimals,
            whole,
        } = compiled.ok_or_else(too_fine)?;
        Ok(Self {
            columns,
            tree,
            decimals,
            whole,
        })
    }

    /// The result for one row of column values.
    ///
    /// Wraps around beyond 128 bits, which only rows without an identity can do: their values are in
    /// no bound and in no sum.
    pub(crate) fn evaluate(&self, row: &[i128]) -> i128 {
        self.tree.evaluate(row)
    }

    /// The smallest and the largest possible result where each column lies between the two given
    /// values; `None` if one of them does not fit 128 bits.
    pub(crate) fn range(&self, columns: &[(i128, i128)]) -> Option<(i128, i128)> {
        self.tree.range(columns)
    }
}

/// Finds the number of a column and how it is seen.
type Find<'a, E> = dyn FnMut(&ColumnRef) -> Result<(usize, ValueColumn), E> + 'a;

/// Compiles a subtree; `None` if its scale is too fine.
fn compile<E>(expr: &Arith<ColumnRef>, resolve: &mut Find<'_, E>) -> Result<Option<Compiled>, E> {
    Ok(match expr {
        Arith::Leaf(column) => {
            let (index, column) = resolve(column)?;
            Some(Compiled {
                tree: Tree::Column(index),
                decimals: column.decimals,
                whole: column.whole,
            })
        }
        Arith::Number(digits) => constant(digits),
        Arith::Binary { op, left, right } => {
            let left = compile(left, resolve)?;
            let right = compile(right, resolve)?;
            left.zip(right)
                .and_then(|(left, right)| joined(*op, left, right))
        }
    })
}

fn constant(digits: &str) -> Option<Compiled> {
    let fraction = digits.split_once('.').map_or(0, |(_, f)| f.len());
    let decimals = u8::try_from(fraction)
        .ok()
        .filter(|decimals| *decimals <= limits::DECIMALS_MAX)?;
    let point = exact_compare::from_number(digits, decimals.into()).filter(|point| point.exact)?;
    Some(Compiled {
        tree: Tree::Constant(point.floor),
        decimals,
        whole: decimals == 0 && !digits.contains('.'),
    })
}

fn joined(op: ArithOp, left: Compiled, right: Compiled) -> Option<Compiled> {
    let whole = left.whole && right.whole;
    let (tree, decimals) = match op {
        ArithOp::Multiply => (
            Tree::Product(Box::new(left.tree), Box::new(right.tree)),
            left.decimals.checked_add(right.decimals)?,
        ),
        ArithOp::Add | ArithOp::Subtract => {
            let decimals = left.decimals.max(right.decimals);
            let factor = |from: u8| 10_i128.checked_pow(u32::from(decimals - from));
            let sign = if op == ArithOp::Subtract { -1 } else { 1 };
            let tree = Tree::Sum {
                left_factor: factor(left.decimals)?,
                left: Box::new(left.tree),
                right_factor: sign * factor(right.decimals)?,
                right: Box::new(right.tree),
            };
            (tree, decimals)
        }
        // The reader accepts no division inside an aggregate.
        ArithOp::Divide => return None,
    };
    (decimals <= limits::DECIMALS_MAX).then_some(Compiled {
        tree,
        decimals,
        whole,
    })
}

impl Tree {
    fn evaluate(&self, row: &[i128]) -> i128 {
        match self {
            Self::Column(index) => row.get(*index).copied().unwrap_or(0),
            Self::Constant(value) => *value,
            Self::Sum {
                left,
                left_factor,
                right,
                right_factor,
            } => {
                let left = left.evaluate(row).wrapping_mul(*left_factor);
                left.wrapping_add(right.evaluate(row).wrapping_mul(*right_factor))
            }
            Self::Product(left, right) => left.evaluate(row).wrapping_mul(right.evaluate(row)),
        }
    }

    fn range(&self, columns: &[(i128, i128)]) -> Option<(i128, i128)> {
        match self {
            Self::Column(index) => columns.get(*index).copied(),
            Self::Constant(value) => Some((*value, *value)),
            Self::Sum {
                left,
                left_factor,
                right,
                right_factor,
            } => {
                let (left_low, left_high) = scaled(left.range(columns)?, *left_factor)?;
                let (right_low, right_high) = scaled(right.range(columns)?, *right_factor)?;
                Some((
                    left_low.checked_add(right_low)?,
                    left_high.checked_add(right_high)?,
                ))
            }
            Self::Product(left, right) => {
                let (a, b) = left.range(columns)?;
                let (c, d) = right.range(columns)?;
                let corners = [
                    a.checked_mul(c)?,
                    a.checked_mul(d)?,
                    b.checked_mul(c)?,
                    b.checked_mul(d)?,
                ];
                Some((*corners.iter().min()?, *corners.iter().max()?))
            }
        }
    }
}

fn scaled((low, high): (i128, i128), factor: i128) -> Option<(i128, i128)> {
    let (a, b) = (low.checked_mul(factor)?, high.checked_mul(factor)?);
    Some((a.min(b), a.max(b)))
}

#[cfg(test)]
mod tests;
