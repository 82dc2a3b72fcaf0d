//! What an analyst's own query compares the peer's columns with, and which of it cannot be compared.
//!
//! A peer that cannot compare a column with a literal refuses the text as `query_not_accepted`, and says
//! no more (Spec 09 §1). The asker's node has read the same text with the same grammar, so nothing else
//! of it can be meant. It does not know the types of the peer's columns; it knows how each type is
//! written, and names the literals that look like another way of writing one. Called for the person who
//! asked. Sends nothing.

use super::same_name;
use crate::error::Position;
use crate::similar::similar;
use crate::sql::ast::{
    ColumnRef, CompareOp, Literal, LiteralValue, Operand, Predicate, Query, Side,
};
use crate::sql::canonical::typed_literal;
use crate::sql::meant_date;

/// Comparisons that are named one by one.
const NAMED_MAX: usize = 4;

/// What every type is compared with.
const FORMS: &str = "Dates are compared with '2026-01-31', times with '2026-01-31 12:00:00', numbers with \
                     5.25, text with 'north', and truth values with TRUE or FALSE";

/// A comparison of one of the peer's columns.
#[derive(Clone, PartialEq, Eq)]
pub struct Compared {
    /// Where the literal, or the other column, is in the text.
    at: Position,
    column: String,
    with: With,
}

#[derive(Clone, PartialEq, Eq)]
enum With {
    /// A literal as SQL writes it, and what it probably means if it is written in another form; the text
    /// that the column is to equal, if it is one.
    Literal {
        sql: String,
        form: Option<String>,
        equals: Option<String>,
    },
    /// LIKE, which needs text.
    Pattern,
    /// Another column of the same table.
    Column(String),
}

/// The comparisons of the columns of `side`, in the order of the text. Literals that are NULL fit
/// everything and are left out.
pub(crate) fn compared(query: &Query, side: Side) -> Vec<Compared> {
    let mut found = Vec::new();
    for conjunct in query.conjuncts.iter().filter(|one| one.side == side) {
        of_predicate(&conjunct.predicate, &mut found);
    }
    found
}

fn of_predicate(predicate: &Predicate, found: &mut Vec<Compared>) {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => {
            for part in parts {
                of_predicate(part, found);
            }
        }
        Predicate::Not(inner) => of_predicate(inner, found),
        Predicate::Compare { column, op, with } => match with {
            Operand::Literal(literal) => {
                let equals = matches!(op, CompareOp::Eq | CompareOp::NotEq);
                found.extend(of_literal(column, literal, equals));
            }
            Operand::Column(other) => found.push(Compared {
                at: other.at,
                column: column.name.0.clone(),
                with: With::Column(other.name.0.clone()),
            }),
        },
        Predicate::Between {
            column, low, high, ..
        } => {
            let both = [low, high].into_iter();
            found.extend(both.filter_map(|literal| of_literal(column, literal, false)));
        }
        Predicate::InList { column, list, .. } => {
            let listed = list.iter();
            found.extend(listed.filter_map(|literal| of_literal(column, literal, true)));
        }
        Predicate::Like {
            column, pattern, ..
        } => found.push(Compared {
            at: pattern.at,
            column: column.name.0.clone(),
            with: With::Pattern,
        }),
        Predicate::IsNull { .. } => {}
    }
}

fn of_literal(column: &ColumnRef, literal: &Literal, equals: bool) -> Option<Compared> {
    let value = &literal.value;
    if matches!(value, LiteralValue::Null | LiteralValue::Hidden) {
        return None;
    }
    Some(Compared {
        at: literal.at,
        column: column.name.0.clone(),
        with: With::Literal {
            sql: typed_literal(value),
            form: form(value),
            equals: match value {
                LiteralValue::Text(text) if equals => Some(text.clone()),
                _ => None,
            },
        },
    })
}

/// How a text is probably meant that is another way of writing a date, a number or a truth value.
fn form(value: &LiteralValue) -> Option<String> {
    let LiteralValue::Text(text) = value else {
        return None;
    };
    if let Some(advice) = meant_date::advice(text) {
        return Some(advice);
    }
    let text = text.trim();
    let pointed = text.replacen(',', ".", 1);
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    if text.contains(',') && !text.contains('.') && is_number(&pointed) {
        return Some(format!(
            "a number is written with a point and without quotes: {pointed}"
        ));
    }
    let is_truth = ["true", "false", "yes", "no"];
    is_truth
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
        .then(|| "a truth value is written without quotes: TRUE or FALSE".to_owned())
}

/// One sentence or two about what of a question about the table `named`, as in `brand.customers`, is not
/// of the type of its column; nothing if the question compares nothing.
#[must_use]
pub fn at_fault(named: &str, compared: &[Compared]) -> Option<String> {
    let odd = compared.iter().filter_map(|one| match &one.with {
        With::Literal {
            sql,
            form: Some(form),
            ..
        } => Some(format!(
            "{}: {sql} is compared with the column {:?} of {named} and is probably not of its type: {form}",
            one.at, one.column
        )),
        _ => None,
    });
    let odd: Vec<String> = odd.take(NAMED_MAX).collect();
    if !odd.is_empty() {
        return Some(odd.join("; "));
    }
    let all = compared.iter().map(|one| match &one.with {
        With::Literal { sql, .. } => format!("{:?} with {sql} ({})", one.column, one.at),
        With::Pattern => format!("{:?} with a LIKE pattern ({})", one.column, one.at),
        With::Column(other) => format!("{:?} with {other:?} ({})", one.column, one.at),
    });
    let mut all: Vec<String> = all.collect();
    if all.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(NAMED_MAX);
    all.truncate(NAMED_MAX);
    let more = match more {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!(
        "Your query compares columns of {named}: {}{more}; one of them is not of the type of what it is \
         compared with. {FORMS}",
        all.join(", ")
    ))
}

/// Texts of a question about the table `named` that are nearly one of the groups which its dimensions
/// list, and are none of them: probably slips. `dimensions` are names and labels, as the owner has told
/// them; rows are not looked at, so a value that many rows have may be named here.
#[must_use]
pub fn nearly_listed<'a>(
    named: &str,
    compared: &[Compared],
    dimensions: &(impl Iterator<Item = (&'a str, Vec<String>)> + Clone),
) -> Vec<String> {
    let slip = |one: &Compared| {
        let With::Literal {
            equals: Some(text), ..
        } = &one.with
        else {
            return None;
        };
        let mut of_column = dimensions.clone();
        let (name, labels) = of_column.find(|(name, _)| same_name(name, &one.column))?;
        if labels.contains(text) {
            return None;
        }
        let near = similar(text, labels.iter().map(String::as_str))?;
        Some(format!(
            "{}: the groups of {name} of {named} do not list {text:?}; did you mean {near:?}?",
            one.at
        ))
    };
    compared.iter().filter_map(slip).take(NAMED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse::{self, Author};

    fn said(condition: &str) -> Option<String> {
        let sql = format!(
            "SELECT COUNT(*) FROM anna.t JOIN brand.c ON anna.t.id = brand.c.id\nWHERE {condition}"
        );
        let query = parse::read(&sql, Author::Own).unwrap();
        at_fault("brand.c", &compared(&query, Side::Second))
    }

    #[test]
    fn a_literal_in_another_form_is_named_with_its_place_and_the_form_that_is_expected() {
        for (condition, expected) in [
            (
                "brand.c.last_purchase >= '01.05.2026' AND brand.c.x = 5",
                "line 2, column 32: '01.05.2026' is compared with the column \"last_purchase\" of brand.c and is probably not \
                 of its type: a date is written as year, month and day: '2026-05-01'",
            ),
            (
                "brand.c.day IN ('2026-01-31', '01/05/2026')",
                "line 2, column 37: '01/05/2026' is compared with the column \"day\" of brand.c and is probably not of its \
                 type: a date is written as year, month and day: '2026-05-01' or '2026-01-05'",
            ),
            (
                "brand.c.amount > '12,5'",
                "line 2, column 24: '12,5' is compared with the column \"amount\" of brand.c and is probably not of its type: \
                 a number is written with a point and without quotes: 12.5",
            ),
            (
                "NOT brand.c.consent = 'yes'",
                "line 2, column 29: 'yes' is compared with the column \"consent\" of brand.c and is probably not of its type: a \
                 truth value is written without quotes: TRUE or FALSE",
            ),
        ] {
            assert_eq!(said(condition).as_deref(), Some(expected));
        }
    }

    #[test]
    fn where_every_literal_is_in_a_known_form_all_are_named_with_the_form_of_each_type() {
        let told = said("brand.c.region = 5 AND brand.c.name LIKE 'a%' AND brand.c.a < brand.c.b");
        let told = told.unwrap();
        for part in [
            "compares columns of brand.c: \"region\" with 5 (line 2, column 24), \"name\" with a LIKE pattern",
            "\"a\" with \"b\"",
            "text with 'north'",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let many = said("brand.c.x IN (1, 2, 3, 4, 5, 6)").unwrap();
        assert!(many.contains(", and 2 more;"), "{many}");
    }

    #[test]
    fn a_text_that_is_nearly_a_listed_group_is_told_and_any_other_is_not() {
        let told = |condition: &str| {
            let sql = format!(
                "SELECT COUNT(*) FROM anna.t JOIN brand.c ON anna.t.id = brand.c.id\nWHERE {condition}"
            );
            let query = parse::read(&sql, Author::Own).unwrap();
            let labels = vec!["north".to_owned(), "south".to_owned()];
            let dimensions = [("Region", labels)].into_iter();
            nearly_listed("brand.c", &compared(&query, Side::Second), &dimensions)
        };
        assert_eq!(
            told("brand.c.region = 'nort'"),
            [
                "line 2, column 24: the groups of Region of brand.c do not list \"nort\"; did you mean \
              \"north\"?"
            ]
        );
        assert_eq!(told("brand.c.region IN ('North', 'soth')").len(), 2);
        for other in [
            "brand.c.region = 'north'",
            "brand.c.region = 'overseas'",
            "brand.c.region >= 'nort'",
            "brand.c.name = 'nort'",
            "brand.c.region = 5",
        ] {
            assert!(told(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn what_is_hidden_from_the_peer_or_compares_nothing_is_not_named() {
        assert_eq!(said("anna.t.day = '01.05.2026'"), None);
        assert_eq!(said("brand.c.x IS NULL AND brand.c.y = NULL"), None);
    }
}
