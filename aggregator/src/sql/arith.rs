//! Arithmetic: `+ - * /` over numbers and leaves of one kind.
//!
//! Spec 10 §3.2. The same tree serves the columns inside an aggregate and the aggregates inside an
//! output. Trees come from the parser alone, which bounds their operators
//! ([`super::parse::OPERATORS_MAX`]), so walking them recursively is safe.

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArithOp {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl ArithOp {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    /// Whether the operator binds tighter than `+` and `-`.
    const fn is_product(self) -> bool {
        matches!(self, Self::Multiply | Self::Divide)
    }
}

/// An expression over leaves `L`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arith<L> {
    Leaf(L),
    /// A number in its canonical spelling, `-?digits[.digits]`.
    Number(String),
    Binary {
        op: ArithOp,
        left: Box<Self>,
        right: Box<Self>,
    },
}

impl<L> Arith<L> {
    pub(crate) fn binary(left: Self, op: ArithOp, right: Self) -> Self {
        Self::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        }
    }

    /// Calls `visit` for every leaf, in the order of the text.
    pub(crate) fn leaves<'a>(&'a self, visit: &mut dyn FnMut(&'a L)) {
        match self {
            Self::Leaf(leaf) => visit(leaf),
            Self::Number(_) => {}
            Self::Binary { left, right, .. } => {
                left.leaves(visit);
                right.leaves(visit);
            }
        }
    }

    /// The same expression with every leaf replaced by what `map` makes of it, in the order of the
    /// text.
    pub(crate) fn try_map<M, E>(
        self,
        map: &mut dyn FnMut(L) -> Result<M, E>,
    ) -> Result<Arith<M>, E> {
        Ok(match self {
            Self::Leaf(leaf) => Arith::Leaf(map(leaf)?),
            Self::Number(digits) => Arith::Number(digits),
            Self::Binary { op, left, right } => {
                let left = left.try_map(map)?;
                Arith::binary(left, op, right.try_map(map)?)
            }
        })
    }

    /// [`Self::try_map`] with what cannot fail.
    pub(crate) fn map<M>(self, map: &mut dyn FnMut(L) -> M) -> Arith<M> {
        let mapped = self.try_map(&mut |leaf| Ok::<M, std::convert::Infallible>(map(leaf)));
        match mapped {
            Ok(mapped) => mapped,
            Err(never) => match never {},
        }
    }

    /// Prints the expression with as few parentheses as it needs.
    pub(crate) fn print(&self, out: &mut String, leaf: &mut dyn FnMut(&mut String, &L)) {
        match self {
            Self::Leaf(value) => leaf(out, value),
            Self::Number(digits) => out.push_str(digits),
            Self::Binary { op, left, right } => {
                left.print_part(out, op.is_product() && left.is_sum(), leaf);
                out.push(' ');
                out.push_str(op.as_str());
                out.push(' ');
                let right_first = match **right {
                    Self::Binary { op: inner, .. } => op.is_product() || !inner.is_product(),
                    _ => false,
                };
                right.print_part(out, right_first, leaf);
            }
        }
    }

    fn print_part(
        &self,
        out: &mut String,
        in_parentheses: bool,
        leaf: &mut dyn FnMut(&mut String, &L),
    ) {
        if in_parentheses {
            out.push('(');
        }
        self.print(out, leaf);
        if in_parentheses {
            out.push(')');
        }
    }

    const fn is_sum(&self) -> bool {
        matches!(self, Self::Binary { op, .. } if !op.is_product())
    }
}

#[cfg(test)]
mod tests {
    use super::{Arith, ArithOp};

    #[test]
    fn parentheses_stand_where_the_tree_needs_them_and_nowhere_else() {
        use ArithOp::{Add, Divide, Multiply, Subtract};
        let leaf = |c: char| Arith::Leaf(c);
        let of = Arith::binary;
        for (tree, text) in [
            (
                of(of(leaf('a'), Add, leaf('b')), Subtract, leaf('c')),
                "a + b - c",
            ),
            (
                of(leaf('a'), Subtract, of(leaf('b'), Add, leaf('c'))),
                "a - (b + c)",
            ),
            (
                of(of(leaf('a'), Add, leaf('b')), Multiply, leaf('c')),
                "(a + b) * c",
            ),
            (
                of(leaf('a'), Add, of(leaf('b'), Multiply, leaf('c'))),
                "a + b * c",
            ),
            (
                of(leaf('a'), Divide, of(leaf('b'), Multiply, leaf('c'))),
                "a / (b * c)",
            ),
            (
                of(of(leaf('a'), Divide, leaf('b')), Multiply, leaf('c')),
                "a / b * c",
            ),
            (
                of(leaf('a'), Subtract, Arith::Number("-5".into())),
                "a - -5",
            ),
        ] {
            let mut out = String::new();
            tree.print(&mut out, &mut |out, c| out.push(*c));
            assert_eq!(out, text);
        }
    }
}
