//! ISO dates and timestamps in literals, as nanoseconds.
//!
//! Spec 10 §3.4. Strict: `2025-01-31`, then optionally `T` or a blank and `12:00`, `12:00:00` or
//! `12:00:00.123456789`, then optionally `Z` or an offset such as `+01:00`. Years 0001 to 9999.
//! A literal without offset is read in the zone of the column it is compared with; a column
//! without zone is read unchanged.

use chrono::NaiveDate;

use super::zone::Zone;
use crate::calendar;

/// Digits (and point) of a number literal; decimals have at most 38 digits.
pub(crate) const NUMBER_DIGITS_MAX: usize = 39;

pub(crate) const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;
pub(crate) const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A literal's moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    date: NaiveDate,
    nanos_of_day: i128,
    has_time: bool,
    offset_seconds: Option<i32>,
}

impl Moment {
    /// Whether the literal names a day, without time.
    pub(crate) const fn is_date(&self) -> bool {
        !self.has_time
    }

    /// Whether the literal names an instant, wherever it is read.
    pub(crate) const fn has_offset(&self) -> bool {
        self.offset_seconds.is_some()
    }

    /// Nanoseconds since 1970-01-01T00:00:00, after removing the offset if there is one.
    pub(crate) fn nanos(&self) -> i128 {
        let local = i128::from(self.date.to_epoch_days()) * NANOS_PER_DAY + self.nanos_of_day;
        local - i128::from(self.offset_seconds.unwrap_or(0)) * NANOS_PER_SECOND
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, read in `zone` unless the literal has an offset.
    pub(crate) fn nanos_in_zone(&self, zone: Zone) -> i128 {
        if self.has_offset() {
            return self.nanos();
        }
        let (seconds, rest) = (
            self.nanos().div_euclid(NANOS_PER_SECOND),
            self.nanos().rem_euclid(NANOS_PER_SECOND),
        );
        // Years of four digits fit 64 bits of seconds.
        let Ok(local) = i64::try_from(seconds) else {
            return self.nanos();
        };
        let instant = zone.instant_of(local);
        // All of a gap is its end.
        let rest = if zone.shows(instant, local) { rest } else { 0 };
        i128::from(instant) * NANOS_PER_SECOND + rest
    }
}

/// Parses a literal, or says that it is not one.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let mut rest = Cursor(text.as_bytes());
    let year = i32::try_from(rest.digits(4)?).ok()?;
    rest.sign(b"-")?;
    let month = rest.digits(2)?;
    rest.sign(b"-")?;
    let day = rest.digits(2)?;
    // The calendar has a year 0, ISO texts of ours do not.
    let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| year > 0)?;
    let date = Moment {
        date,
        nanos_of_day: 0,
        has_time: false,
        offset_seconds: None,
    };
    if rest.is_empty() {
        return Some(date);
    }
    rest.sign(b"T ")?;
    let (hour, minute) = rest.hour_and_minute()?;
    let mut nanos = i128::from(hour * 3600 + minute * 60) * NANOS_PER_SECOND;
    if rest.sign(b":").is_some() {
        let second = rest.digits(2).filter(|s| *s < 60)?;
        nanos += i128::from(second) * NANOS_PER_SECOND;
        if rest.sign(b".").is_some() {
            nanos += rest.fraction()?;
        }
    }
    let offset_seconds = if rest.is_empty() {
        None
    } else {
        Some(rest.offset()?)
    };
    rest.is_empty().then_some(Moment {
        nanos_of_day: nanos,
        has_time: true,
        offset_seconds,
        ..date
    })
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn sign(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !allowed.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (head, rest) = self.0.split_at_checked(count)?;
        if !head.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(head.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
    }

    fn hour_and_minute(&mut self) -> Option<(u32, u32)> {
        let hour = self.digits(2).filter(|h| *h < 24)?;
        self.sign(b":")?;
        let minute = self.digits(2).filter(|m| *m < 60)?;
        Some((hour, minute))
    }

    /// One to nine digits after the point, as nanoseconds.
    fn fraction(&mut self) -> Option<i128> {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let digits = self.digits(count)?;
        let scale = 10_i128.pow(u32::try_from(9 - count).ok()?);
        Some(i128::from(digits) * scale)
    }

    /// `Z`, or a sign with hours and minutes, in seconds.
    fn offset(&mut self) -> Option<i32> {
        let sign = match self.sign(b"Z+-")? {
            b'Z' => return Some(0),
            b'-' => -1,
            _ => 1,
        };
        let (hour, minute) = self.hour_and_minute()?;
        let seconds = i32::try_from(hour * 3600 + minute * 60).ok()?;
        Some(sign * seconds)
    }
}

/// A day counted from 1970-01-01 as ISO text; `None` beyond the years of the calendar of texts.
pub(crate) fn iso_date(day: i32) -> Option<String> {
    calendar::date_of(day.into()).map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::zone::Zone;
    use super::{iso_date, parse};

    #[test]
    fn dates_and_times_are_counted_from_1970() {
        for (text, seconds) in [
            ("1970-01-01", 0_i128),
            ("1969-12-31", -86_400),
            ("2000-02-29", 951_782_400),
            ("2025-01-01", 1_735_689_600),
            ("2025-01-01T00:00:01", 1_735_689_601),
            ("2025-01-01 01:00+01:00", 1_735_689_600),
            ("0001-01-01", -62_135_596_800),
            ("9999-12-31 23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(
                parse(text).unwrap().nanos(),
                seconds * 1_000_000_000,
                "{text}"
            );
        }
        assert_eq!(parse("1970-01-01 00:00:00.000000001").unwrap().nanos(), 1);
        assert_eq!(parse("1970-01-01 00:00:00.5").unwrap().nanos(), 500_000_000);
    }

    #[test]
    fn days_are_written_as_iso_dates_as_far_as_the_calendar_of_texts_goes() {
        assert_eq!(iso_date(20_089).as_deref(), Some("2025-01-01"));
        assert_eq!(iso_date(i32::MAX), None);
    }

    #[test]
    fn what_is_not_iso_is_refused() {
        for text in [
            "",
            "2025",
            "2025-1-1",
            "2025-02-29",
            "2025-13-01",
            "0000-01-01",
            "01/02/2025",
            "2025-01-01T",
            "2025-01-01 24:00",
            "2025-01-01 12",
            "2025-01-01 12:00:60",
            "2025-01-01 12:00:00.",
            "2025-01-01 12:00:00.0000000001",
            "2025-01-01 12:00 ",
            "2025-01-01 12:00+1",
            "2025-01-01Z",
            " 2025-01-01",
            "20250101",
            "٢٠٢٥-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_literal_without_offset_is_read_in_the_zone_of_the_column() {
        let zone = |name| Zone::parse(name).unwrap();
        let noon = parse("2025-07-01 12:00:00.25").unwrap();
        assert_eq!(noon.nanos_in_zone(Zone::UTC), noon.nanos());
        let hours = |name| (noon.nanos() - noon.nanos_in_zone(zone(name))) / 3_600_000_000_000;
        assert_eq!(hours("+02:00"), 2);
        assert_eq!(hours("America/New_York"), -4);
        let fixed = parse("2025-07-01 12:00:00Z").unwrap();
        let there = fixed.nanos_in_zone(zone("America/New_York"));
        assert_eq!(there, fixed.nanos());
    }
}
