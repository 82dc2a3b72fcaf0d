//! Time zones: a local time as an instant, and an instant as a local time.
//!
//! Spec 10 §2.8 and §3.4. Called when a literal is compared with a column that has a zone, and for
//! the parts of dates of such a column. The rules of zones come from `chrono-tz`, so they are those
//! of the program's version, not of the machine.

use std::fmt;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;

use crate::calendar::DAY_S;

/// The zone of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// So many seconds east of UTC, always.
    Fixed(i32),
    /// A zone of the IANA database, such as `Europe/Vienna`.
    Named(Tz),
}

impl Zone {
    /// UTC.
    pub(crate) const UTC: Self = Self::Fixed(0);

    /// Reads the name of a zone as Arrow writes it: `UTC`, `+01:00`, `Europe/Vienna`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if ["UTC", "Z", "Etc/UTC", "GMT"].contains(&name) {
            return Some(Self::UTC);
        }
        let (sign, digits) = match (name.strip_prefix('+'), name.strip_prefix('-')) {
            (Some(digits), _) => (1, digits),
            (_, Some(digits)) => (-1, digits),
            (None, None) => return name.parse().ok().map(Self::Named),
        };
        let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
            (Some(parts), 5) => parts,
            (None, 2) => (digits, "0"),
            (None, 4) => digits.split_at_checked(2)?,
            _ => return None,
        };
        if ![hours, minutes]
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
        {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then_some(Self::Fixed(sign * (hours * 3600 + minutes * 60)))
    }

    /// The instant of a local time, both in seconds since 1970-01-01T00:00:00.
    ///
    /// A time that the zone skips is the first moment after the gap, one that it has twice is the
    /// earlier of the two. So a later local time is never an earlier instant, and `>=` selects
    /// every row whose clock shows the time or a later one.
    pub(crate) fn instant_of(self, local: i64) -> i64 {
        let zone = match self {
            Self::Fixed(offset) => return local - i64::from(offset),
            Self::Named(zone) => zone,
        };
        let Some(clock) = naive(local) else {
            return local;
        };
        match zone.offset_from_local_datetime(&clock) {
            MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => {
                local - i64::from(offset.fix().local_minus_utc())
            }
            MappedLocalTime::None => self.end_of_gap(local),
        }
    }

    /// The first instant at which the clock shows more than `local`, which it never shows.
    fn end_of_gap(self, local: i64) -> i64 {
        let shows_more = |instant: i64| {
            let offset = self.offset_at(instant).unwrap_or(0);
            instant.saturating_add(offset) > local
        };
        // Clocks are less than a day from UTC, and go forward within two days around the gap.
        let (mut before, mut after) = (local - 2 * DAY_S, local + 2 * DAY_S);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if shows_more(middle) {
                after = middle;
            } else {
                before = middle;
            }
        }
        after
    }

    /// Whether the clock shows `local` at `instant`.
    pub(crate) fn shows(self, instant: i64, local: i64) -> bool {
        self.offset_at(instant)
            .is_none_or(|offset| instant.saturating_add(offset) == local)
    }

    /// Seconds east of UTC at an instant, in seconds since 1970-01-01T00:00:00Z; `None` beyond the
    /// years that the calendar of the zones has, which are many more than 9999.
    pub(crate) fn offset_at(self, instant: i64) -> Option<i64> {
        match self {
            Self::Fixed(offset) => Some(offset.into()),
            Self::Named(zone) => {
                let offset = zone.offset_from_utc_datetime(&naive(instant)?);
                Some(offset.fix().local_minus_utc().into())
            }
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(0) => f.write_str("UTC"),
            Self::Fixed(offset) => {
                let sign = if *offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Self::Named(zone) => write!(f, "{zone}"),
        }
    }
}

fn naive(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|time| time.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn zones_are_read_as_arrow_writes_them() {
        for (name, offset) in [
            ("UTC", 0),
            ("Z", 0),
            ("+00:00", 0),
            ("+02:00", 7200),
            ("-0530", -19_800),
            ("+14", 50_400),
        ] {
            assert_eq!(Zone::parse(name), Some(Zone::Fixed(offset)), "{name}");
        }
        assert!(matches!(Zone::parse("Europe/Vienna"), Some(Zone::Named(_))));
        for name in [
            "",
            "+",
            "+1",
            "+1:2:3:45",
            "+24:00",
            "Europe/Nowhere",
            "+a0:00",
        ] {
            assert_eq!(Zone::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_skipped_time_is_the_end_of_the_gap_and_one_there_twice_is_the_earlier() {
        for (zone, local, instant) in [
            // 2024-11-03 01:30:00, twice: in summer time.
            ("America/New_York", 1_730_597_400, 1_730_611_800),
            // 2024-03-10 02:30:00, skipped: 03:00:00 in summer time.
            ("America/New_York", 1_710_037_800, 1_710_054_000),
            ("America/New_York", 1_710_036_000, 1_710_054_000),
            // 03:00:00 itself.
            ("America/New_York", 1_710_039_600, 1_710_054_000),
            // Midnight of 2018-11-04, skipped.
            ("America/Sao_Paulo", 1_541_289_600, 1_541_300_400),
            // Noon of 2011-12-30, a day that was skipped.
            ("Pacific/Apia", 1_325_246_400, 1_325_239_200),
            // Half an hour: 2025-10-05 02:15:00.
            ("Australia/Lord_Howe", 1_759_630_500, 1_759_591_800),
            ("+01:00", 7200, 3600),
        ] {
            let found = Zone::parse(zone).unwrap().instant_of(local);
            assert_eq!(found, instant, "{zone} {local}");
        }
        let zone = Zone::parse("America/New_York").unwrap();
        assert_eq!(zone.offset_at(1_730_611_800), Some(-4 * 3600));
        assert_eq!(zone.offset_at(1_730_615_400), Some(-5 * 3600));
        assert_eq!(zone.offset_at(i64::MAX), None);
    }

    #[test]
    fn a_later_local_time_is_never_an_earlier_instant() {
        for zone in [
            "America/New_York",
            "America/Sao_Paulo",
            "Pacific/Apia",
            "Europe/Dublin",
        ] {
            let zone = Zone::parse(zone).unwrap();
            // Every quarter of an hour of 2011 to 2025.
            let mut last = i64::MIN;
            for local in (1_293_840_000..1_767_225_600).step_by(900) {
                let instant = zone.instant_of(local);
                assert!(instant >= last, "{zone} {local}");
                last = instant;
            }
        }
    }
}
