//! Time zones: a local time as an instant, and an instant as a local time.
//!
//! Spec 10 §2.8 and §3.4. Called when a literal is compared with a column that has a zone, and for
//! the parts of dates of such a column. The rules of zones come from `chrono-tz`, so they are those
//! of the program's version, not of the machine.

use std::fmt;

use chrono::{DateTime, Duration, MappedLocalTime, NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;

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
        let sign = match name.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return name.parse().ok().map(Self::Named),
        };
        let digits = &name[1..];
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

    /// Seconds east of UTC at a local time, in seconds since 1970-01-01T00:00:00 there.
    ///
    /// A time that the zone skips is read with the offset before the gap, one that it has twice is
    /// the later of the two, as PostgreSQL reads them.
    pub(crate) fn offset_at_local(self, local: i64) -> i64 {
        let zone = match self {
            Self::Fixed(offset) => return offset.into(),
            Self::Named(zone) => zone,
        };
        let Some(local) = naive(local) else {
            return 0;
        };
        let offset = match zone.offset_from_local_datetime(&local) {
            MappedLocalTime::Single(offset) => offset,
            MappedLocalTime::Ambiguous(_, later) => later,
            MappedLocalTime::None => {
                // No zone skips an hour twice within a day.
                let before = local.checked_sub_signed(Duration::days(1)).unwrap_or(local);
                match zone.offset_from_local_datetime(&before).latest() {
                    Some(offset) => offset,
                    None => zone.offset_from_utc_datetime(&before),
                }
            }
        };
        offset.fix().local_minus_utc().into()
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
    fn times_that_a_zone_skips_or_has_twice_are_read_as_postgresql_reads_them() {
        let zone = Zone::parse("America/New_York").unwrap();
        // From `SELECT extract(epoch FROM '…'::timestamptz)` of PostgreSQL 15.
        for (local, instant) in [
            // 2024-11-03 01:30:00, twice.
            (1_730_597_400, 1_730_615_400),
            // 2024-03-10 02:30:00, skipped.
            (1_710_037_800, 1_710_055_800),
        ] {
            assert_eq!(local - zone.offset_at_local(local), instant);
        }
        assert_eq!(zone.offset_at(1_730_611_800), Some(-4 * 3600));
        assert_eq!(zone.offset_at(1_730_615_400), Some(-5 * 3600));
        assert_eq!(zone.offset_at(i64::MAX), None);
    }
}
