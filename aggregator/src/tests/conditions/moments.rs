//! ISO texts and the instants that they mean in a zone.
//!
//! Spec 10 §3.4. Used by the tables, the generator and the reference of [`super`]. The calendar and
//! the zones are those of `chrono`.

use chrono::{DateTime, Datelike, NaiveDateTime, Offset as _, TimeZone as _, Timelike};

use super::Random;

pub(super) const SECOND: i128 = 1_000_000_000;
/// Seconds that a test wants beside each other: a new year, hours that New York skips and has
/// twice, 1970, and the ends of the calendar of ISO texts.
pub(super) const SECONDS: [i64; 16] = [
    1_735_689_600,
    1_735_689_599,
    1_735_732_800,
    1_738_324_800,
    1_730_611_800,
    1_730_615_400,
    1_730_610_000,
    1_730_613_600,
    1_741_503_599,
    1_741_503_600,
    1_741_501_800,
    0,
    -1,
    253_402_300_799,
    253_402_214_400,
    -62_135_596_800,
];
pub(super) const FRACTIONS: [u32; 8] = [
    0,
    0,
    1,
    500_000_000,
    123_456_789,
    123_457_500,
    123_456_000,
    999_999_999,
];
const OFFSETS: [(&str, i32); 6] = [
    ("Z", 0),
    ("+01:00", 3600),
    ("-04:00", -14_400),
    ("-05:00", -18_000),
    ("+05:30", 19_800),
    ("+00:00", 0),
];

/// An ISO text: what its clock shows, and the offset behind it.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) text: String,
    /// Nanoseconds after 1970-01-01T00:00:00 of the clock.
    local: i128,
    offset: Option<i32>,
}

impl Moment {
    /// The instant, where a text without offset is read in `zone`.
    pub(super) fn instant(&self, zone: Option<&str>) -> i128 {
        let offset = match (self.offset, zone) {
            (Some(offset), _) => offset,
            (None, None | Some("UTC")) => 0,
            (None, Some("+02:00")) => 7200,
            (None, Some("America/New_York")) => return new_york(self.local),
            (None, Some(zone)) => panic!("no test has the zone {zone}"),
        };
        self.local - i128::from(offset) * SECOND
    }
}

fn civil(nanos: i128) -> Option<NaiveDateTime> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    let fraction = u32::try_from(nanos.rem_euclid(SECOND)).ok()?;
    let civil = DateTime::from_timestamp(seconds, fraction)?.naive_utc();
    (1..=9999).contains(&civil.year()).then_some(civil)
}

/// An instant of the years 0000 to 9999 as a text without offset.
pub(super) fn utc(nanos: i128) -> String {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).unwrap();
    let fraction = u32::try_from(nanos.rem_euclid(SECOND)).unwrap();
    let clock = DateTime::from_timestamp(seconds, fraction).unwrap();
    clock.format("%Y-%m-%d %H:%M:%S%.f").to_string()
}

/// The instant of a local time: the end of the gap for one that is skipped, the earlier of the two
/// for one that there is twice.
fn new_york(local: i128) -> i128 {
    let zone = chrono_tz::America::New_York;
    let clock = civil(local).unwrap();
    if let Some(offset) = zone.offset_from_local_datetime(&clock).earliest() {
        return local - i128::from(offset.fix().local_minus_utc()) * SECOND;
    }
    // The clock goes on at the first full minute that it shows.
    let minute = 60 * SECOND;
    new_york(local - local.rem_euclid(minute) + minute)
}

/// What the clock of `zone` shows at an instant, as nanoseconds.
pub(super) fn local(nanos: i128, zone: Option<&str>) -> i128 {
    let offset = match (zone, civil(nanos)) {
        (Some("+02:00"), _) => 7200,
        (Some("America/New_York"), Some(clock)) => chrono_tz::America::New_York
            .offset_from_utc_datetime(&clock)
            .fix()
            .local_minus_utc(),
        _ => 0,
    };
    nanos + i128::from(offset) * SECOND
}

/// A text for what a clock shows, or `None` outside the years of ISO texts. The text has an
/// offset if `with_offset` says so; a date never has one.
pub(super) fn spell(random: &mut Random, local: i128, with_offset: bool) -> Option<Moment> {
    let clock = civil(local)?;
    let mut text = clock.format("%Y-%m-%d").to_string();
    // Years below 1000 have four digits as well.
    if clock.year() < 1000 {
        text = format!(
            "{:04}-{:02}-{:02}",
            clock.year(),
            clock.month(),
            clock.day()
        );
    }
    let fraction = clock.nanosecond();
    let midnight = clock.num_seconds_from_midnight() == 0 && fraction == 0;
    if midnight && !with_offset && random.one_in(2) {
        return Some(Moment {
            text,
            local,
            offset: None,
        });
    }
    text.push(random.pick(&['T', ' ']));
    text += &clock.format("%H:%M").to_string();
    if clock.second() > 0 || fraction > 0 || random.one_in(2) {
        text += &clock.format(":%S").to_string();
    }
    if fraction > 0 {
        let digits = format!("{fraction:09}");
        let digits = digits.trim_end_matches('0');
        text.push('.');
        text += digits;
        if digits.len() < 9 && random.one_in(3) {
            text.push('0');
        }
    }
    let offset = with_offset.then(|| random.pick(&OFFSETS));
    if let Some((word, _)) = offset {
        text += word;
    }
    Some(Moment {
        text,
        local,
        offset: offset.map(|(_, seconds)| seconds),
    })
}

#[test]
fn new_york_skips_an_hour_and_has_another_twice() {
    let noon = |text: &str, local: i64| Moment {
        text: text.to_owned(),
        local: i128::from(local) * SECOND,
        offset: None,
    };
    // 01:30 on 2024-11-03 is read as the earlier, 05:30 UTC; 02:30 on 2025-03-09 as 07:00 UTC.
    for (local, utc) in [
        (1_730_597_400, 1_730_611_800),
        (1_741_487_400, 1_741_503_600),
        (1_735_689_600, 1_735_707_600),
        (1_751_371_200, 1_751_385_600),
    ] {
        let found = noon("", local).instant(Some("America/New_York"));
        assert_eq!(found, i128::from(utc) * SECOND, "{local}");
    }
}
