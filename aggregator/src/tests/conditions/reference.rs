//! What a condition says of every row, row by row with three truth values.
//!
//! Spec 10 §3.4. The oracle of [`super`]: it shares no line with the crate's own evaluator, and
//! takes the tree that the generator printed, never its text.

use std::cmp::Ordering;

use super::tables::Table;
use super::tree::{Leaf, Literal, Operation, Tree};
use super::values::{Digits, Form, Key};

/// TRUE, FALSE or NULL for each row.
pub(super) fn truth(tree: &Tree, table: &Table) -> Vec<Option<bool>> {
    match tree {
        Tree::Leaf(leaf) => of_leaf(leaf, table),
        Tree::Not(inner) => {
            let inner = truth(inner, table);
            inner.into_iter().map(|value| value.map(|v| !v)).collect()
        }
        Tree::And(parts) => joined(parts, table, false),
        Tree::Or(parts) => joined(parts, table, true),
    }
}

/// `decides` if a part is that, else NULL if a part is, else the opposite.
fn joined(parts: &[Tree], table: &Table, decides: bool) -> Vec<Option<bool>> {
    let parts: Vec<_> = parts.iter().map(|part| truth(part, table)).collect();
    (0..table.rows)
        .map(|row| any_decides(parts.iter().map(|part| part[row]), decides))
        .collect()
}

fn any_decides(parts: impl Iterator<Item = Option<bool>>, decides: bool) -> Option<bool> {
    let mut result = Some(!decides);
    for part in parts {
        match part {
            Some(value) if value == decides => return Some(decides),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn of_leaf(leaf: &Leaf, table: &Table) -> Vec<Option<bool>> {
    let column = &table.columns[leaf.column];
    let key = |literal: &Literal| literal_key(literal, column.form);
    let each = |test: &dyn Fn(&Key) -> Option<bool>| column.keys.iter().map(test).collect();
    let found: Vec<Option<bool>> = match &leaf.operation {
        Operation::Compare { op, literal, .. } => {
            let literal = key(literal);
            each(&|value| value.order(&literal).map(|order| op.holds(order)))
        }
        Operation::Columns { op, right } => {
            let right = &table.columns[*right];
            column
                .keys
                .iter()
                .zip(&right.keys)
                .map(|(a, b)| a.order(b).map(|order| op.holds(order)))
                .collect()
        }
        Operation::Between { low, high } => {
            let (low, high) = (key(low), key(high));
            each(&|value| {
                let ends = [
                    value.order(&low).map(Ordering::is_ge),
                    value.order(&high).map(Ordering::is_le),
                ];
                any_decides(ends.into_iter(), false)
            })
        }
        Operation::In { items } => {
            let items: Vec<Key> = items.iter().map(key).collect();
            each(&|value| {
                let equal = items.iter().map(|item| value.order(item));
                any_decides(equal.map(|o| o.map(Ordering::is_eq)), true)
            })
        }
        Operation::Like { pattern } => each(&|value| match (value, pattern) {
            (Key::Text(text), Some(pattern)) => Some(like(text, pattern)),
            _ => None,
        }),
        Operation::IsNull => each(&|value| Some(matches!(value, Key::Null))),
    };
    if leaf.negated {
        found.into_iter().map(|value| value.map(|v| !v)).collect()
    } else {
        found
    }
}

/// A literal as it is compared with a column of a form.
fn literal_key(literal: &Literal, form: Form) -> Key {
    match (literal, form) {
        (Literal::Null, _) => Key::Null,
        (Literal::Boolean(value), _) => Key::Boolean(*value),
        (Literal::Text(text), _) => Key::Text(text.clone()),
        (Literal::Number { digits, .. }, _) => Key::Exact(Digits::read(digits)),
        (Literal::Moment { moment, .. }, Form::Instant { zone }) => {
            Key::Nanos(moment.instant(zone))
        }
        (Literal::Moment { moment, .. }, _) => Key::Nanos(moment.instant(None)),
    }
}

/// LIKE over the characters of a text, by the table of all pairs of prefixes.
fn like(text: &str, pattern: &str) -> bool {
    enum Part {
        Run,
        One,
        Same(char),
    }
    let mut parts = Vec::new();
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        parts.push(match next {
            '%' => Part::Run,
            '_' => Part::One,
            '\\' => Part::Same(rest.next().expect("a backslash takes a character")),
            other => Part::Same(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    // Whether the parts so far match each prefix of the text.
    let mut matches = vec![false; text.len() + 1];
    matches[0] = true;
    for part in &parts {
        let mut next = vec![false; text.len() + 1];
        if let Part::Run = part {
            next[0] = matches[0];
        }
        for (at, character) in text.iter().enumerate() {
            next[at + 1] = match part {
                Part::Run => matches[at + 1] || next[at],
                Part::One => matches[at],
                Part::Same(wanted) => matches[at] && wanted == character,
            };
        }
        matches = next;
    }
    matches[text.len()]
}

#[test]
fn like_takes_runs_single_characters_and_escapes() {
    for (text, pattern, expected) in [
        ("", "", true),
        ("", "%", true),
        ("", "_", false),
        ("abc", "a%c", true),
        ("abc", "a_c", true),
        ("abc", "a__c", false),
        ("a%c", "a\\%c", true),
        ("abc", "a\\%c", false),
        ("a\\c", "a\\\\c", true),
        ("\u{1f980}", "_", true),
        ("e\u{301}", "_", false),
        ("a\nb", "a%b", true),
        ("ABC", "abc", false),
    ] {
        assert_eq!(like(text, pattern), expected, "{text:?} LIKE {pattern:?}");
    }
}
