//! GROUP BY, ORDER BY and LIMIT.
//!
//! Spec 10 §3.2. GROUP BY takes columns, parts of dates, and outputs by number or alias; ORDER BY
//! takes outputs, by number, by alias or as written.

use super::aggregate::{Known, RawGroup};
use super::from::Scope;
use super::outputs::{self, RawOutput};
use super::token::Token;
use super::{Author, GROUPS_MAX, Reader, names};
use crate::error::{Position, QueryError};
use crate::sql::ast::{GroupExpr, Name, OrderItem, Output};

const GROUP: &str = "group by columns such as b.region, or EXTRACT(MONTH FROM b.day)";

const ORDER: &str = "name an output by its number, its alias or its text";

impl Reader {
    /// The expressions of GROUP BY, if there is one.
    pub(super) fn groups(
        &mut self,
        scope: &Scope,
        select: &[RawOutput],
    ) -> Result<Vec<GroupExpr>, QueryError> {
        let mut groups = Vec::new();
        if !self.take_word("GROUP") {
            return Ok(groups);
        }
        if !self.take_word("BY") {
            return Err(self.unexpected("BY"));
        }
        loop {
            let at = self.at();
            let group = self.group(scope, select)?;
            if !groups.contains(&group) {
                if groups.len() == GROUPS_MAX {
                    return Err(QueryError::subset(
                        at,
                        format!("more than {GROUPS_MAX} group columns"),
                        "group by fewer columns",
                    ));
                }
                groups.push(group);
            }
            if !self.take(&Token::Comma) {
                return Ok(groups);
            }
        }
    }

    fn group(&mut self, scope: &Scope, select: &[RawOutput]) -> Result<GroupExpr, QueryError> {
        let at = self.at();
        if self.is_word("ALL")
            && !select
                .iter()
                .any(|output| is_called_all(output.alias.as_ref()))
        {
            return Err(QueryError::subset(at, "GROUP BY ALL", GROUP));
        }
        if matches!(self.peek(), Some(Token::Number(..))) {
            let (_, output) = self.ordinal(select)?;
            return selected_group(output, at)?.resolve(scope);
        }
        if let Some(group) = self.date_part()? {
            return group.resolve(scope);
        }
        if self.is_function() {
            let word = self.keyword().unwrap_or_default();
            return Err(QueryError::subset(at, names::function(&word), GROUP));
        }
        if !self.is_plain_name() {
            return Err(self.unexpected("a column"));
        }
        let path = self.column_path()?;
        if let [alias] = path.0.as_slice() {
            let output = aliased(select, alias, at, |output| output.alias.as_ref())?;
            if let Some((_, output)) = output {
                return selected_group(output, at)?.resolve(scope);
            }
        }
        RawGroup { part: None, path }.resolve(scope)
    }

    /// The items of ORDER BY, if there is one.
    pub(super) fn order(
        &mut self,
        known: Known<'_>,
        groups: &[GroupExpr],
        outputs: &[Output],
    ) -> Result<Vec<OrderItem>, QueryError> {
        let mut items: Vec<OrderItem> = Vec::new();
        if !self.take_word("ORDER") {
            return Ok(items);
        }
        if !self.take_word("BY") {
            return Err(self.unexpected("BY"));
        }
        loop {
            let output = self.ordered_output(known, groups, outputs)?;
            let descending = self.take_word("DESC");
            if !descending {
                self.take_word("ASC");
            }
            // As in PostgreSQL, NULL counts as larger than every value.
            let mut nulls_first = descending;
            if self.take_word("NULLS") {
                nulls_first = self.take_word("FIRST");
                if !nulls_first && !self.take_word("LAST") {
                    return Err(self.unexpected("FIRST or LAST"));
                }
            }
            // What an earlier item has put in order leaves nothing to a later one.
            if !items.iter().any(|item| item.output == output) {
                items.push(OrderItem {
                    output,
                    descending,
                    nulls_first,
                });
            }
            if !self.take(&Token::Comma) {
                return Ok(items);
            }
        }
    }

    fn ordered_output(
        &mut self,
        known: Known<'_>,
        groups: &[GroupExpr],
        listed: &[Output],
    ) -> Result<usize, QueryError> {
        let at = self.at();
        if self.is_word("ALL")
            && !listed
                .iter()
                .any(|output| is_called_all(output.alias.as_ref()))
        {
            return Err(QueryError::subset(at, "ORDER BY ALL", ORDER));
        }
        let follows = self.peek_at(1);
        let is_operand = matches!(
            follows,
            Some(Token::Plus | Token::Minus | Token::Mul | Token::Div)
        );
        if matches!(self.peek(), Some(Token::Number(..))) && !is_operand {
            return self.ordinal(listed).map(|(index, _)| index);
        }
        let is_path = matches!(follows, Some(Token::Period | Token::LParen));
        if self.is_plain_name() && !is_path {
            let alias = self.name()?;
            let output = aliased(listed, &alias, at, |output| output.alias.as_ref())?;
            return output.map(|(index, _)| index).ok_or_else(|| {
                QueryError::meaning(at, format!("no output is called {}", alias.0), ORDER)
            });
        }
        let value = outputs::value(self.formula()?, at, known, groups)?;
        listed
            .iter()
            .position(|output| output.value == value)
            .ok_or_else(|| {
                QueryError::subset(at, "ORDER BY something that is not an output", ORDER)
            })
    }

    /// The output of a number, from 1, and its index.
    fn ordinal<'s, T>(&mut self, outputs: &'s [T]) -> Result<(usize, &'s T), QueryError> {
        let at = self.at();
        let number = match self.peek() {
            Some(Token::Number(digits)) => digits.parse::<usize>().ok(),
            _ => None,
        };
        self.advance();
        number
            .and_then(|number| outputs.iter().enumerate().nth(number.checked_sub(1)?))
            .ok_or_else(|| {
                QueryError::meaning(
                    at,
                    "there is no output with this number",
                    format!("the outputs have numbers from 1 to {}", outputs.len()),
                )
            })
    }

    /// The number of LIMIT, if there is one.
    pub(super) fn limit(&mut self) -> Result<Option<u64>, QueryError> {
        if !self.take_word("LIMIT") {
            return Ok(None);
        }
        let at = self.at();
        let number = match self.peek() {
            Some(Token::Number(digits)) => digits.parse::<u32>().ok(),
            _ => None,
        };
        self.advance();
        // The peer's text is what its own node made of one that was accepted.
        if number == Some(0) && self.author == Author::Own {
            return Err(QueryError::subset(
                at,
                "LIMIT 0, which shows no row of an answer that is computed and paid for all the same,",
                "leave it out, or write a number from 1 on",
            ));
        }
        number.map(|number| Some(number.into())).ok_or_else(|| {
            QueryError::subset(
                at,
                "LIMIT without a plain number",
                "write a whole number of rows",
            )
        })
    }
}

fn is_called_all(alias: Option<&Name>) -> bool {
    alias.is_some_and(|alias| alias.0 == "all")
}

/// The output with this alias, which only one may have, and its index.
fn aliased<'s, T>(
    outputs: &'s [T],
    alias: &Name,
    at: Position,
    name: impl Fn(&T) -> Option<&Name>,
) -> Result<Option<(usize, &'s T)>, QueryError> {
    let mut found = outputs
        .iter()
        .enumerate()
        .filter(|(_, output)| name(output) == Some(alias));
    let first = found.next();
    if found.next().is_some() {
        return Err(QueryError::meaning(
            at,
            format!("several outputs are called {}", alias.0),
            "give them different aliases, or use an output's number",
        ));
    }
    Ok(first)
}

fn selected_group(output: &RawOutput, at: Position) -> Result<&RawGroup, QueryError> {
    output
        .group()
        .ok_or_else(|| QueryError::subset(at, "an aggregate in GROUP BY", GROUP))
}
