//! Prints what comes out: the SELECT list or the listed key, GROUP BY, HAVING, ORDER BY and LIMIT.
//!
//! Spec 10 §3.3. Outputs of ORDER BY are numbers with direction and place of NULL; functions have
//! their canonical names; arithmetic has the parentheses that its tree needs.

use std::fmt::Write as _;

use super::{Printer, plain};
use crate::sql::arith::Arith;
use crate::sql::ast::{Aggregate, GroupExpr, Having, OutputValue};

impl<'a> Printer<'a> {
    pub(super) fn outputs(&mut self) {
        let query = self.query;
        for (i, column) in query.list.iter().enumerate() {
            self.separate(i, ", ");
            self.column(column);
        }
        for (i, output) in query.outputs.iter().enumerate() {
            self.separate(i, ", ");
            match &output.value {
                OutputValue::Group(index) => self.group(query.group(*index)),
                OutputValue::Formula(formula) => self.formula(formula),
            }
            if let Some(alias) = &output.alias {
                self.out.push_str(" AS ");
                self.out.push_str(&plain(alias));
            }
        }
    }

    pub(super) fn tail(&mut self) {
        let query = self.query;
        for (i, group) in query.groups.iter().enumerate() {
            self.out.push_str(if i == 0 { " GROUP BY " } else { ", " });
            self.group(group);
        }
        if let Some(having) = &query.having {
            self.out.push_str(" HAVING ");
            self.having(having);
        }
        for (i, item) in query.order.iter().enumerate() {
            self.out.push_str(if i == 0 { " ORDER BY " } else { ", " });
            let direction = if item.descending { "DESC" } else { "ASC" };
            let nulls = if item.nulls_first { "FIRST" } else { "LAST" };
            // Writing into a String cannot fail.
            let _ = write!(self.out, "{} {direction} NULLS {nulls}", item.output + 1);
        }
        if let Some(limit) = query.limit {
            let _ = write!(self.out, " LIMIT {limit}");
        }
    }

    fn group(&mut self, group: &GroupExpr) {
        match group.part {
            None => self.column(&group.column),
            Some(part) => {
                let _ = write!(self.out, "EXTRACT({} FROM ", part.as_str());
                self.column(&group.column);
                self.out.push(')');
            }
        }
    }

    fn formula(&mut self, formula: &'a Arith<Aggregate>) {
        let mut text = std::mem::take(&mut self.out);
        formula.print(&mut text, &mut |out, aggregate| {
            std::mem::swap(out, &mut self.out);
            self.aggregate(aggregate);
            std::mem::swap(out, &mut self.out);
        });
        self.out = text;
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        match aggregate {
            Aggregate::CountRows => self.out.push_str("COUNT(*)"),
            Aggregate::CountDistinctKey(columns) => {
                self.out.push_str("COUNT(DISTINCT ");
                for (i, column) in columns.iter().enumerate() {
                    self.separate(i, ", ");
                    self.column(column);
                }
                self.out.push(')');
            }
            Aggregate::Of(function, value) => {
                self.out.push_str(function.as_str());
                self.out.push('(');
                let mut text = std::mem::take(&mut self.out);
                value.expr.print(&mut text, &mut |out, column| {
                    std::mem::swap(out, &mut self.out);
                    self.column(column);
                    std::mem::swap(out, &mut self.out);
                });
                self.out = text;
                self.out.push(')');
            }
        }
    }

    fn having(&mut self, having: &'a Having<Aggregate>) {
        match having {
            Having::And(parts) => self.having_chain(parts, " AND "),
            Having::Or(parts) => self.having_chain(parts, " OR "),
            Having::Not(inner) => {
                self.out.push_str("NOT (");
                self.having(inner);
                self.out.push(')');
            }
            Having::Compare { left, op, right } => {
                self.formula(left);
                let _ = write!(self.out, " {} ", op.as_str());
                self.formula(right);
            }
            Having::Between {
                value,
                negated,
                low,
                high,
            } => {
                self.formula(value);
                self.out.push_str(if *negated {
                    " NOT BETWEEN "
                } else {
                    " BETWEEN "
                });
                self.formula(low);
                self.out.push_str(" AND ");
                self.formula(high);
            }
            Having::IsNull { value, negated } => {
                self.formula(value);
                self.out
                    .push_str(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
        }
    }

    /// Conditions inside AND and OR: compound ones in parentheses.
    fn having_chain(&mut self, parts: &'a [Having<Aggregate>], between: &str) {
        for (i, part) in parts.iter().enumerate() {
            self.separate(i, between);
            if matches!(part, Having::And(_) | Having::Or(_)) {
                self.out.push('(');
                self.having(part);
                self.out.push(')');
            } else {
                self.having(part);
            }
        }
    }
}
