//! The ISO date that somebody means who writes one in another form, for a message about it.
//!
//! Spec 10 §3.4 reads ISO dates alone. Called where a literal beside a date is refused. Nothing is
//! decided by it: `01/05/2026` may be two days, and a person chooses.

use chrono::NaiveDate;

use super::temporal;

/// Names of months by their first letters, in the languages whose exports are common here.
const MONTHS: [(&str, u32); 16] = [
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("mär", 3),
    ("apr", 4),
    ("may", 5),
    ("mai", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("oct", 10),
    ("okt", 10),
    ("nov", 11),
    ("dec", 12),
    ("dez", 12),
];

/// Years of two digits below this one are of this century.
const CENTURY_FROM: i32 = 70;

/// Letters by which a month is known.
const MONTH_LETTERS: usize = 3;

/// How a date in another form is to be written, as a sentence for the person who wrote it; nothing if
/// `text` is not such a date.
pub(crate) fn advice(text: &str) -> Option<String> {
    let meant = meant_dates(text);
    let meant: Vec<String> = meant.iter().map(|date| format!("'{date}'")).collect();
    (!meant.is_empty()).then(|| {
        let meant = meant.join(" or ");
        format!("a date is written as year, month and day: {meant}")
    })
}

/// The dates that `text` may mean, the likeliest first, as `2026-05-01`; none if it is read as it is,
/// or is not a date.
fn meant_dates(text: &str) -> Vec<String> {
    let text = text.trim();
    if temporal::parse(text).is_some() {
        return Vec::new();
    }
    let is_separator = |c: char| !c.is_alphanumeric();
    let mut parts = text.split(is_separator).filter(|part| !part.is_empty());
    let (Some(first), second, third) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let mut found = match (second, third) {
        (Some(second), Some(third)) => of_three(first, second, third, text.contains('/')),
        (None, None) => of_digits(first),
        _ => Vec::new(),
    };
    found.dedup();
    found
        .into_iter()
        .map(|date| date.format("%Y-%m-%d").to_string())
        .collect()
}

/// Three parts in one of the orders in which dates are written.
fn of_three(first: &str, second: &str, third: &str, month_may_be_first: bool) -> Vec<NaiveDate> {
    // A time may follow the last part without a blank: `2026/05/01T12`.
    let third = third.split(['T', 't']).next().unwrap_or(third);
    let date = |year: Option<i32>, month: Option<u32>, day: Option<u32>| {
        NaiveDate::from_ymd_opt(year?, month?, day?)
    };
    let orders = if number(first, 4).is_some_and(|year| year > 31) {
        vec![date(year(first), month(second), number(third, 2))]
    } else if number(first, 2).is_none() {
        vec![date(year(third), month(first), number(second, 2))]
    } else if month_may_be_first {
        vec![
            date(year(third), month(second), number(first, 2)),
            date(year(third), month(first), number(second, 2)),
        ]
    } else {
        vec![date(year(third), month(second), number(first, 2))]
    };
    orders.into_iter().flatten().collect()
}

/// `20260501`.
fn of_digits(text: &str) -> Vec<NaiveDate> {
    let is_digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = is_digits.then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok());
    date.flatten().into_iter().collect()
}

/// A number of at most so many digits.
fn number(text: &str, digits_max: usize) -> Option<u32> {
    let is_digits = text.len() <= digits_max && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

/// A year of four digits, or of two.
fn year(text: &str) -> Option<i32> {
    let year = i32::try_from(number(text, 4)?).ok()?;
    match text.len() {
        4 => Some(year),
        2 if year < CENTURY_FROM => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// A month as a number or by its name.
fn month(text: &str) -> Option<u32> {
    let folded = text.to_lowercase();
    let letters: String = folded.chars().take(MONTH_LETTERS).collect();
    let named = MONTHS.iter().find(|(name, _)| *name == letters);
    named.map(|(_, month)| *month).or_else(|| number(text, 2))
}

#[cfg(test)]
mod tests {
    use super::meant_dates;

    #[test]
    fn a_date_in_another_form_is_understood_and_one_that_may_be_two_days_is_both() {
        for (text, meant) in [
            ("01.05.2026", &["2026-05-01"][..]),
            ("1.5.26", &["2026-05-01"]),
            ("31-12-1999", &["1999-12-31"]),
            ("01/05/2026", &["2026-05-01", "2026-01-05"]),
            ("05/05/2026", &["2026-05-05"]),
            ("31/01/2026", &["2026-01-31"]),
            ("01/31/2026", &["2026-01-31"]),
            ("2026/05/01", &["2026-05-01"]),
            ("2026-5-1", &["2026-05-01"]),
            ("20260501", &["2026-05-01"]),
            ("1 May 2026", &["2026-05-01"]),
            ("May 1, 2026", &["2026-05-01"]),
            ("1. März 2026", &["2026-03-01"]),
            ("01-JAN-99", &["1999-01-01"]),
            ("01.05.2026 12:00:00", &["2026-05-01"]),
        ] {
            assert_eq!(meant_dates(text), meant, "{text}");
        }
    }

    #[test]
    fn what_is_read_as_it_is_and_what_is_not_a_date_means_none() {
        for text in [
            "",
            "2026-05-01",
            "2026-05-01 12:00",
            "2026-02-30",
            "31.02.2026",
            "north",
            "12,5",
            "1.2.3",
            "10.0.0.1",
            "99999999",
            "٠١.٠٥.٢٠٢٦",
        ] {
            assert!(meant_dates(text).is_empty(), "{text}");
        }
    }
}
