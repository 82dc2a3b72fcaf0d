//! Periods of the calendar, and a time that never goes back (Spec 13 §3).
//!
//! Days, weeks from Monday on and months, in UTC. Times are seconds since 1970.

use chrono::{Datelike as _, Days, Months, NaiveDate};
use serde::Deserialize;

use crate::calendar::{DAY_S, date_of};

/// How long a limit holds before it is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// Once and for all.
    #[default]
    Never,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Never];

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Never => "never",
        }
    }

    /// What a limit on runs in this period is called.
    #[must_use]
    pub const fn run_field(self) -> &'static str {
        match self {
            Self::Never => "lifetime",
            other => other.as_str(),
        }
    }

    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Day => "today",
            Self::Week => "this week",
            Self::Month => "this month",
            Self::Never => "in all",
        }
    }

    /// When the period began that `unix` lies in; nothing for [`Self::Never`].
    #[must_use]
    pub fn begin(self, unix: i64) -> Option<i64> {
        self.first_day(unix).map(midnight)
    }

    /// When the next period begins; nothing for [`Self::Never`].
    #[must_use]
    pub fn next(self, unix: i64) -> Option<i64> {
        let first = self.first_day(unix)?;
        let next = match self {
            Self::Day => first.succ_opt(),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
            Self::Never => None,
        };
        next.map(midnight)
    }

    /// The first day of the period that `unix` lies in. A time beyond the calendar, which
    /// [`advance`] never gives, lies in a period without end.
    fn first_day(self, unix: i64) -> Option<NaiveDate> {
        let day = date_of(unix.div_euclid(DAY_S))?;
        match self {
            Self::Day => Some(day),
            Self::Week => {
                let since_monday = day.weekday().num_days_from_monday();
                day.checked_sub_days(Days::new(since_monday.into()))
            }
            Self::Month => day.with_day(1),
            Self::Never => None,
        }
    }
}

/// The time that counts: the machine's, or the latest that was ever seen if that is later. So a
/// clock that is set back enters no period a second time.
#[must_use]
pub fn advance(latest: Option<i64>, unix: i64) -> i64 {
    // Within a thousand years of 1970, within the calendar.
    const UNIX_MAX: i64 = 1_000 * 366 * DAY_S;
    let unix = unix.clamp(0, UNIX_MAX);
    latest.map_or(unix, |latest| latest.max(unix))
}

/// The time at which a day begins.
fn midnight(day: NaiveDate) -> i64 {
    i64::from(day.to_epoch_days()) * DAY_S
}

#[cfg(test)]
mod tests {
    use super::{DAY_S, Period, advance};
    use crate::calendar::day_text;

    /// 2026-11-25, a Wednesday, 01:52:18.
    const WEDNESDAY: i64 = 1_795_571_538;

    #[test]
    fn periods_follow_the_calendar() {
        let begins = |period: Period| period.begin(WEDNESDAY).map(day_text);
        let next = |period: Period| period.next(WEDNESDAY).map(day_text);
        assert_eq!(begins(Period::Day).as_deref(), Some("2026-11-25"));
        assert_eq!(next(Period::Day).as_deref(), Some("2026-11-26"));
        assert_eq!(begins(Period::Week).as_deref(), Some("2026-11-23"));
        assert_eq!(next(Period::Week).as_deref(), Some("2026-11-30"));
        assert_eq!(begins(Period::Month).as_deref(), Some("2026-11-01"));
        assert_eq!(next(Period::Month).as_deref(), Some("2026-12-01"));
        assert_eq!((begins(Period::Never), next(Period::Never)), (None, None));
    }

    #[test]
    fn a_period_ends_where_the_next_begins_over_four_hundred_years() {
        for period in [Period::Day, Period::Week, Period::Month] {
            let mut unix = -100 * 365 * DAY_S;
            let end = unix + 400 * 366 * DAY_S;
            while unix < end {
                let begin = period.begin(unix).unwrap();
                let next = period.next(unix).unwrap();
                assert!(begin <= unix && unix < next, "{period:?} {unix}");
                assert_eq!(period.begin(next), Some(next), "{period:?} {unix}");
                assert_eq!(period.begin(next - 1), Some(begin), "{period:?} {unix}");
                unix += 86_399 * 6;
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_count() {
        assert_eq!(advance(None, 5), 5);
        assert_eq!(advance(Some(9), 5), 9);
        assert_eq!(advance(Some(9), 12), 12);
        assert_eq!(advance(None, i64::MIN), 0);
        let far = advance(None, i64::MAX);
        assert!(Period::Month.next(far).unwrap() > far);
    }
}
