//! Days and dates: the proleptic Gregorian calendar of `chrono`, with days counted from 1970-01-01.
//!
//! Spec 10 §2.8 and Spec 13 §3. Called for ISO literals and parts of dates, for the periods of a
//! budget, and by psi-node for times that people read. A day that lies some 260,000 years away has
//! no date here: rows hold such days, and what is asked of them has no answer.

use chrono::NaiveDate;

/// Seconds of a day.
pub(crate) const DAY_S: i64 = 86_400;

/// The date of a day that is counted from 1970-01-01; `None` beyond the calendar.
pub(crate) fn date_of(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(i32::try_from(day).ok()?)
}

/// The day of a time in seconds since 1970, as `2026-12-01`; the last day of the calendar for a
/// time beyond it.
#[must_use]
pub fn day_text(unix: i64) -> String {
    let date = date_of(unix.div_euclid(DAY_S));
    date.unwrap_or(NaiveDate::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970_as_far_as_the_calendar_goes() {
        for (day, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
            (-719_162, "0001-01-01"),
            (-719_163, "0000-12-31"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(date_of(day).unwrap().to_string(), date, "{day}");
        }
        for day in [i64::MIN, i32::MIN.into(), i32::MAX.into(), i64::MAX] {
            assert_eq!(date_of(day), None, "{day}");
        }
        assert_eq!(day_text(951_782_400), "2000-02-29");
        assert_eq!(day_text(-1), "1969-12-31");
        assert!(day_text(i64::MAX).starts_with('+'));
    }
}
