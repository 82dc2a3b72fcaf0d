//! Dates in other forms than ISO has, which are text to everything else.
//!
//! Spec 10 §2.7. Called by [`super`] for every value of a text column.

/// Whether a text without blanks around it is a date, perhaps with a time behind it, such as
/// `01/31/2025`, `31.1.2025`, `2025/01/31`, `31-JAN-25`.
pub(super) fn is_foreign(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let date = text.split([' ', 'T']).next().unwrap_or(text);
    let Some(separator) = date.chars().find(|c| matches!(c, '/' | '.' | '-')) else {
        return false;
    };
    let mut groups = date.split(separator);
    let (Some(first), Some(second), Some(third), None) =
        (groups.next(), groups.next(), groups.next(), groups.next())
    else {
        return false;
    };
    let number = |text: &str, digits: &[usize]| {
        let formed = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        formed.then(|| text.parse::<u32>().ok()).flatten()
    };
    let day = |text: &str| number(text, &[1, 2]).filter(|day| (1..=31).contains(day));
    let is_month = |number: u32| (1..=12).contains(&number);
    let names_month = second.len() == 3 && second.bytes().all(|byte| byte.is_ascii_alphabetic());
    if names_month {
        return day(first).is_some() && number(third, &[2, 4]).is_some();
    }
    if let (Some(_), Some(month), Some(_)) = (number(first, &[4]), day(second), day(third)) {
        return separator != '-' && is_month(month);
    }
    match (day(first), day(second), number(third, &[2, 4])) {
        (Some(first), Some(second), Some(_)) => is_month(first) || is_month(second),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_foreign;

    #[test]
    fn dates_that_are_not_iso_are_told_from_those_that_are_and_from_other_text() {
        for text in [
            "01/31/2025",
            "1/5/25",
            "31.12.2025",
            "31-12-2025",
            "2025/01/31",
            "2025.1.31",
            "31-JAN-25",
            "5-Jan-2025",
            "01/31/2025 12:00:00",
        ] {
            assert!(is_foreign(text), "{text}");
        }
        for text in [
            "",
            "2025-01-31",
            "2025-01-31T12:00",
            "99/99/2025",
            "13/13/2025",
            "1/2",
            "1.2.3.4",
            "10.0.2.15",
            "1.2.3",
            "a/b/c",
            "0/0/2025",
            "north",
        ] {
            assert!(!is_foreign(text), "{text}");
        }
    }
}
