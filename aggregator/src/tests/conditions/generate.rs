//! Random conditions that a node accepts.
//!
//! Spec 10 §3.4. Literals lie at, beside and far from the values of the table, in every spelling.

use super::Random;
use super::moments::{self, SECOND};
use super::tables::{TEXTS, Table};
use super::tree::{Leaf, Literal, Op, Operation, Tree};
use super::values::{Form, NANOS_PER_DAY, Value, decimal_text};

/// Digits of a literal, and of a decimal.
const DIGITS_MAX: usize = 38;

/// A condition over a table.
pub(super) fn condition(random: &mut Random, table: &Table) -> Tree {
    if random.one_in(8) {
        return lists(random, table);
    }
    let depth = random.pick(&[0, 0, 1, 1, 2, 3]);
    tree(random, table, depth)
}

fn tree(random: &mut Random, table: &Table, depth: u32) -> Tree {
    if depth == 0 {
        let column = random.below(table.columns.len());
        return Tree::Leaf(leaf(random, table, column));
    }
    match random.below(5) {
        0 => Tree::Not(Box::new(tree(random, table, depth - 1))),
        chosen => {
            let count = 2 + random.below(2);
            let parts = (0..count)
                .map(|_| {
                    let depth = random.below(depth as usize);
                    tree(random, table, u32::try_from(depth).unwrap())
                })
                .collect();
            if chosen < 3 {
                Tree::And(parts)
            } else {
                Tree::Or(parts)
            }
        }
    }
}

/// Several lists over one column: engines join them into one, and lose NULL.
fn lists(random: &mut Random, table: &Table) -> Tree {
    let column = random.below(table.columns.len());
    let count = 2 + random.below(2);
    let parts = (0..count)
        .map(|_| {
            let list = Tree::Leaf(Leaf {
                column,
                negated: random.one_in(2),
                operation: list(random, table, column),
            });
            if random.one_in(4) {
                Tree::Not(Box::new(list))
            } else {
                list
            }
        })
        .collect();
    let joined = if random.one_in(2) {
        Tree::And(parts)
    } else {
        Tree::Or(parts)
    };
    if random.one_in(2) {
        Tree::Not(Box::new(joined))
    } else {
        joined
    }
}

fn list(random: &mut Random, table: &Table, column: usize) -> Operation {
    let count = 1 + random.below(5);
    let mut items: Vec<Literal> = (0..count).map(|_| literal(random, table, column)).collect();
    if random.one_in(4) {
        items.push(items[0].clone());
    }
    if random.one_in(6) {
        items.push(Literal::Null);
    }
    Operation::In { items }
}

fn leaf(random: &mut Random, table: &Table, column: usize) -> Leaf {
    let form = table.columns[column].form;
    let op = random.pick(&Op::ALL);
    let (negated, operation) = match random.below(12) {
        0 => (random.one_in(2), Operation::IsNull),
        1 | 2 => (random.one_in(2), list(random, table, column)),
        3 | 4 => {
            let (low, high) = (
                literal(random, table, column),
                literal(random, table, column),
            );
            (random.one_in(2), Operation::Between { low, high })
        }
        5 | 6 => {
            let others: Vec<usize> = (0..table.columns.len())
                .filter(|other| form.comparable(table.columns[*other].form))
                .collect();
            let right = random.pick(&others);
            (false, Operation::Columns { op, right })
        }
        7..=9 if form == Form::Text => {
            let pattern = (!random.one_in(20)).then(|| pattern(random, table, column));
            (random.one_in(2), Operation::Like { pattern })
        }
        _ => {
            let literal = literal(random, table, column);
            let turned = random.one_in(4);
            let compare = Operation::Compare {
                op,
                literal,
                turned,
            };
            (false, compare)
        }
    };
    Leaf {
        column,
        negated,
        operation,
    }
}

fn literal(random: &mut Random, table: &Table, column: usize) -> Literal {
    if random.one_in(20) {
        return Literal::Null;
    }
    let column = &table.columns[column];
    match column.form {
        Form::Boolean => Literal::Boolean(random.one_in(2)),
        Form::Exact | Form::Double => Literal::Number {
            digits: number(random, &column.values),
            quoted: random.one_in(4),
        },
        Form::Text => Literal::Text(text(random, &column.values)),
        Form::Date => moment(random, &column.values, None, false),
        Form::Instant { zone } => {
            let with_offset = random.one_in(3);
            moment(random, &column.values, zone, with_offset)
        }
    }
}

/// Digits at or beside a value, or at the end of a type.
fn number(random: &mut Random, values: &[Value]) -> String {
    const FIXED: [&str; 22] = [
        "0",
        "-0",
        "0.0",
        "1",
        "-1",
        "0.5",
        "2.5",
        "0.1",
        "0.3",
        "0.30000000000000004",
        "127.5",
        "-128.5",
        "256",
        "4294967296",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.5",
        "9223372036854775808",
        "-9223372036854775808.5",
        "18446744073709551615.5",
        "100155000000000003",
        "99999999999999999999999999999999999999",
    ];
    let near = match random.pick(values) {
        Value::Whole(value) => {
            let beside = value + random.pick(&[0, 0, 0, 1, -1]);
            let tail = random.pick(&["", "", "", ".0", ".5", ".000000001"]);
            format!("{beside}{tail}")
        }
        Value::Decimal { units, scale } => {
            let text = decimal_text(units + random.pick(&[0, 0, 0, 1, -1]), scale);
            match random.below(6) {
                0 if scale > 0 => format!("{text}1"),
                1 if scale > 0 => format!("{text}0"),
                2 => text.split('.').next().unwrap_or_default().to_owned(),
                _ => text,
            }
        }
        Value::Double(value) if value.is_finite() => value.to_string(),
        _ => String::new(),
    };
    let digits = near.bytes().filter(u8::is_ascii_digit).count();
    let mut number = if near.is_empty() || near == "-" || digits > DIGITS_MAX || random.one_in(3) {
        random.pick(&FIXED).to_owned()
    } else {
        near
    };
    if random.one_in(12) && number.len() < 30 {
        let sign = usize::from(number.starts_with('-'));
        number.insert_str(sign, "00");
    }
    number
}

fn text(random: &mut Random, values: &[Value]) -> String {
    match random.pick(values) {
        Value::Text(text) if !random.one_in(3) => match random.below(6) {
            0 => format!("{text} "),
            1 => text.to_uppercase(),
            _ => text,
        },
        _ => random.pick(&TEXTS).to_owned(),
    }
}

/// A pattern made of a value: parts of it replaced, escaped, or cut off.
fn pattern(random: &mut Random, table: &Table, column: usize) -> String {
    const FIXED: [&str; 12] = [
        "", "%", "_", "%%", "_%", "%a%", "a%b%c", "\\%", "%\\_%", "%\\\\", "__%__", "%\n%",
    ];
    if random.one_in(5) {
        return random.pick(&FIXED).to_owned();
    }
    let source = text(random, &table.columns[column].values);
    let mut pattern = String::new();
    for character in source.chars().take(60) {
        match random.below(10) {
            0 => pattern.push('%'),
            1 => pattern.push('_'),
            2 => pattern.extend(['%', '_']),
            _ => {}
        }
        match random.below(8) {
            0 => {}
            1 => pattern.extend(['\\', character]),
            _ if ['%', '_', '\\'].contains(&character) => pattern.extend(['\\', character]),
            _ => pattern.push(character),
        }
    }
    if random.one_in(3) {
        pattern.push('%');
    }
    pattern
}

fn moment(
    random: &mut Random,
    values: &[Value],
    zone: Option<&'static str>,
    with_offset: bool,
) -> Literal {
    loop {
        let near = match random.pick(values) {
            Value::Date(days) => i128::from(days) * NANOS_PER_DAY,
            Value::Instant(nanos) => moments::local(nanos, zone),
            _ => 0,
        };
        let mut local = if random.one_in(3) {
            i128::from(random.pick(&moments::SECONDS)) * SECOND
                + i128::from(random.pick(&moments::FRACTIONS))
        } else {
            near
        };
        match random.below(10) {
            0 => local += 1,
            1 => local -= 1,
            2 => local -= local.rem_euclid(SECOND),
            3 => local -= local.rem_euclid(NANOS_PER_DAY),
            // An hour that New York skips, and one that it has twice.
            4 if zone.is_some() => local = random.pick(&[1_741_487_400, 1_730_597_400]) * SECOND,
            _ => {}
        }
        if let Some(moment) = moments::spell(random, local, with_offset) {
            let is_date = moment.text.len() == 10;
            let word = match random.below(3) {
                0 if is_date => "DATE ",
                1 if !is_date => "TIMESTAMP ",
                _ => "",
            };
            return Literal::Moment { word, moment };
        }
    }
}
