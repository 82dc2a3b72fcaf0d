//! Days and dates: the proleptic Gregorian calendar, in whole numbers.
//!
//! Spec 10 §2.8 and Spec 13 §3. Called for ISO literals and parts of dates, for the periods of a
//! budget, and by psi-node for times that people read. Years are counted from 0000-03-01, so that a
//! leap day is a year's last day; an era is 400 of them.

/// Days before 1970-01-01, from 0000-03-01.
const DAYS_TO_1970: i64 = 719_468;
const DAYS_OF_ERA: i64 = 146_097;
const YEARS_OF_ERA: i64 = 400;

/// Seconds of a day.
pub(crate) const DAY_S: i64 = 86_400;

/// Year, month and day of a day that is counted from 1970-01-01.
#[must_use]
pub const fn civil(day: i64) -> (i64, i64, i64) {
    let day = day.saturating_add(DAYS_TO_1970);
    let (era, day_of_era) = (day.div_euclid(DAYS_OF_ERA), day.rem_euclid(DAYS_OF_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * YEARS_OF_ERA + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_month)
}

/// The day, counted from 1970-01-01, of a date that exists; saturates far beyond all dates.
#[must_use]
pub const fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_sub(if month <= 2 { 1 } else { 0 });
    let (era, year_of_era) = (year.div_euclid(YEARS_OF_ERA), year.rem_euclid(YEARS_OF_ERA));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.saturating_mul(DAYS_OF_ERA)
        .saturating_add(day_of_era)
        .saturating_sub(DAYS_TO_1970)
}

/// The day of a time in seconds since 1970, as `2026-12-01`.
#[must_use]
pub fn day_text(unix: i64) -> String {
    let (year, month, day) = civil(unix.div_euclid(DAY_S));
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_back_as_they_were_counted() {
        for (day, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (19_782, (2024, 2, 29)),
            (-719_162, (1, 1, 1)),
            (-719_163, (0, 12, 31)),
            (2_932_896, (9999, 12, 31)),
        ] {
            assert_eq!(civil(day), date, "{day}");
        }
        for day in -800_000..3_000_000_i64 {
            let (year, month, of_month) = civil(day);
            assert_eq!(day_of(year, month, of_month), day);
        }
        assert_eq!(day_text(951_782_400), "2000-02-29");
        assert_eq!(day_text(-1), "1969-12-31");
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_64_bits() {
        for day in [i64::MIN, i64::MAX] {
            let (year, ..) = civil(day);
            assert_eq!(year < 0, day < 0);
            assert_eq!(day_of(day, 1, 1) < 0, day < 0);
        }
    }
}
