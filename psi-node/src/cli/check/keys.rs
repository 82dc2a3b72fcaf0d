//! `check --keys`: what share of a key's values are what, and what a change of the settings would gain.
//!
//! For two owners who compare their keys before a question: shares may be read out, values and exact
//! counts need not be. Made of what the load counted; called by [`super`].

use std::fmt::Write as _;

use aggregator::{ClassCount, KeyColumnReport, TableReport, ValueClass};
use psi_core::identifier::IdentifierKind as Kind;
use serde_json::{Value, json};

use crate::printable;

/// One line about the values of a key's column.
struct Share {
    /// The class in documents.
    class: &'static str,
    rows: u64,
    what: String,
    correction: Option<Correction>,
}

/// A change that makes more values match, or keeps wrong ones from matching.
struct Correction {
    what: String,
    /// Whether the rows of the class would have an identity that they do not have now, or one that
    /// more values of the other side equal.
    gains: bool,
}

impl Correction {
    fn gain(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            gains: true,
        }
    }

    fn guard(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            gains: false,
        }
    }
}

/// The lines about the keys of all tables.
pub(super) fn text<'a>(tables: impl Iterator<Item = &'a TableReport>) -> String {
    let mut text = String::new();
    for table in tables {
        let name = printable::line(&table.name);
        // Writing into a String cannot fail, here and below.
        if table.keys.is_empty() {
            let _ = writeln!(
                text,
                "Table {name}: no key was read; see `psi-node check`\n"
            );
        }
        for values in table.keys.iter().flat_map(|key| &key.values) {
            let column = printable::line(&values.column);
            let _ = writeln!(text, "Table {name}, key column {column} ({})", values.kind);
            for share in shares(values) {
                let part = percent(share.rows, table.rows);
                let _ = writeln!(text, "  {part:>6} %  {}", share.what);
                if let Some(correction) = share.correction {
                    let gain = if correction.gains {
                        format!("gains up to {part} % of the rows")
                    } else {
                        "keeps them from matching each other".to_owned()
                    };
                    let _ = writeln!(text, "            {}: {gain}", correction.what);
                }
            }
            text.push('\n');
        }
    }
    if text.is_empty() {
        text.push_str("No table is configured.\n");
    }
    text
}

/// The same of one column, for a document.
pub(super) fn document(values: &KeyColumnReport, rows: u64) -> Value {
    let shares = shares(values);
    let shares = shares.iter().map(|share| {
        let correction = share.correction.as_ref();
        json!({
            "class": share.class,
            "percent": percent(share.rows, rows),
            "correction": correction.map(|correction| &correction.what),
            "gains": correction.is_some_and(|correction| correction.gains),
        })
    });
    shares.collect()
}

/// What the values of a column are, the largest share first.
fn shares(values: &KeyColumnReport) -> Vec<Share> {
    let doubtful = values.doubtful.iter().map(|count| count.rows).sum();
    let right = values.normalised.saturating_sub(doubtful);
    let mut shares = vec![
        Share {
            class: "as_expected",
            rows: right,
            what: format!("are of kind {} and look right", values.kind),
            correction: None,
        },
        Share {
            class: "null",
            rows: values.nulls,
            what: "are NULL".to_owned(),
            correction: None,
        },
    ];
    let of_class = |count: &ClassCount, matches: &str, correction| Share {
        class: count.class.as_str(),
        rows: count.rows,
        what: format!("{matches}: {}", count.class.describe()),
        correction,
    };
    shares.extend(values.refused.iter().map(|count| {
        let correction = for_refused(values.kind, count.class);
        of_class(count, "match nothing", correction)
    }));
    shares.extend(values.doubtful.iter().map(|count| {
        let correction = for_doubtful(values.kind, count.class);
        of_class(count, "are compared as they are", correction)
    }));
    shares.retain(|share| share.rows > 0);
    shares.sort_by_key(|share| std::cmp::Reverse(share.rows));
    shares
}

/// What would make values match that match nothing now.
fn for_refused(kind: Kind, class: ValueClass) -> Option<Correction> {
    Some(match class {
        ValueClass::Sha256 | ValueClass::Base64 => {
            let mut kinds = Kind::ALL.iter();
            let hashed = kinds.find(|other| other.hashed() == Some(kind));
            match hashed {
                Some(hashed) => Correction::gain(format!(
                    "kind {hashed:?} on both sides, which takes hashes and hashes plain values",
                    hashed = hashed.as_str()
                )),
                None if class == ValueClass::Sha256 => Correction::gain(
                    "a key of its own, of kind \"hex\", if the other side has hashes too",
                ),
                None => Correction::gain("the same hashes in hexadecimal digits"),
            }
        }
        ValueClass::NotE164 => {
            Correction::gain("phone = { country = \"DE\" }, with the country of your numbers")
        }
        ValueClass::EmailAddress if kind == Kind::Hex => Correction::gain(
            "kind \"sha256_email\" on both sides, which takes hashes and hashes plain addresses",
        ),
        ValueClass::EmailAddress => Correction::gain("a column of their own, of kind \"email\""),
        ValueClass::NotWhole => Correction::gain("kind \"text\", or whole numbers in the file"),
        _ => return None,
    })
}

/// What would make values match that are compared as they are, or keep those from it that are none.
fn for_doubtful(kind: Kind, class: ValueClass) -> Option<Correction> {
    Some(match class {
        ValueClass::UpperCase => Correction::gain("kind \"lower\", or \"email\", on both sides"),
        ValueClass::BlanksAround => Correction::gain("kind \"trim\", or \"lower\", on both sides"),
        ValueClass::SeveralSpellings => {
            let by_google = match kind {
                Kind::Sha256Email => Kind::Sha256EmailGoogle,
                _ => Kind::EmailGoogle,
            };
            Correction::gain(format!("kind {:?} on both sides", by_google.as_str()))
        }
        ValueClass::Placeholder | ValueClass::HashOfNothing | ValueClass::Empty => {
            Correction::guard("list them under `null`")
        }
        _ => return None,
    })
}

/// A part of a whole in percent, with one decimal, and never 0 for something.
fn percent(part: u64, whole: u64) -> String {
    let permille = u128::from(part) * 1000 / u128::from(whole.max(1));
    if permille == 0 && part > 0 {
        return "<0.1".to_owned();
    }
    format!("{}.{}", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use aggregator::KeyReport;

    use super::*;

    fn column(
        kind: Kind,
        refused: &[(ValueClass, u64)],
        doubtful: &[(ValueClass, u64)],
    ) -> KeyColumnReport {
        let counts = |counts: &[(ValueClass, u64)]| {
            let counts = counts.iter();
            counts
                .map(|(class, rows)| ClassCount {
                    class: *class,
                    rows: *rows,
                })
                .collect()
        };
        KeyColumnReport {
            column: "mail".into(),
            kind,
            normalised: 6000,
            nulls: 1,
            refused: counts(refused),
            doubtful: counts(doubtful),
        }
    }

    #[test]
    fn shares_are_in_percent_with_what_a_correction_gains() {
        let refused = [(ValueClass::Sha256, 3000), (ValueClass::Placeholder, 999)];
        let values = column(
            Kind::Email,
            &refused,
            &[(ValueClass::SeveralSpellings, 500)],
        );
        let table = TableReport {
            name: "people".into(),
            rows: 10_000,
            keys: vec![KeyReport {
                columns: vec!["mail".into()],
                kinds: vec![Kind::Email],
                unique: false,
                distinct: 1,
                nulls: 1,
                identities: 1,
                derived: true,
                values: vec![values.clone()],
                shared: None,
            }],
            ..TableReport::default()
        };
        let shown = text([&table].into_iter());
        let expected = "\
Table people, key column mail (email)
    55.0 %  are of kind email and look right
    30.0 %  match nothing: like SHA-256 in hexadecimal digits
            kind \"sha256_email\" on both sides, which takes hashes and hashes plain values: gains up to 30.0 % of the rows
     9.9 %  match nothing: a placeholder, such as N/A, unknown, null or 0000
     5.0 %  are compared as they are: an address of Gmail with dots or a +tag, one mailbox in several spellings
            kind \"email_google\" on both sides: gains up to 5.0 % of the rows
    <0.1 %  are NULL

";
        assert_eq!(shown, expected);
        // No count, which tells more than a share.
        for count in ["5500", "3000", "999", "500"] {
            assert!(!shown.contains(count), "{count}");
        }
        let first = &document(&values, 10_000)[1];
        assert_eq!(first["percent"], "30.0");
        assert_eq!(first["gains"], true);
    }

    #[test]
    fn every_kind_that_has_a_hashed_one_is_told_of_it() {
        for kind in Kind::ALL.iter().copied() {
            let correction = for_refused(kind, ValueClass::Sha256);
            let names = correction.is_some_and(|correction| correction.what.contains("sha256_"));
            let has = Kind::ALL.iter().any(|other| other.hashed() == Some(kind));
            assert_eq!(names, has, "{kind}");
        }
    }
}
