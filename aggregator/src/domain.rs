//! The public domain of a dimension, and the group of each row.
//!
//! Spec 10 §2.8. A group's index is the place of its value in the owner's list; whatever is not
//! listed, NULL included, has the index after the last. Called per batch at load and when the
//! input of a job is frozen.

use std::collections::HashMap;

use chrono::{Datelike as _, NaiveDate};
use psi_core::facts::LabelKind;

use crate::calendar::{self, DAY_S};
use crate::column::Column;
use crate::config::DomainValue;
use crate::sql::ast::DatePart;
use crate::sql::temporal::{self, NANOS_PER_DAY, NANOS_PER_SECOND};
use crate::sql::typing::ColumnClass;
use crate::sql::zone::Zone;

/// Years whose parts are told; the others are in the group `other`.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// A dimension's values and how they are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) kind: LabelKind,
    /// The labels, in the owner's order; `other` is not among them.
    pub(crate) labels: Vec<String>,
    /// The part of a date that is looked up instead of the column, in the zone of the column.
    part: Option<(DatePart, Zone)>,
    lookup: LookUp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LookUp {
    Text(HashMap<String, u16>),
    /// Whole numbers, days, and 0 and 1 for booleans.
    Number(HashMap<i64, u16>),
}

impl Domain {
    /// The domain of a column of `class`, or what does not fit.
    pub(crate) fn new(
        class: Option<&ColumnClass>,
        part: Option<DatePart>,
        values: &[DomainValue],
    ) -> Result<Self, String> {
        let kind = match (part, class) {
            (
                Some(_),
                Some(ColumnClass::Date | ColumnClass::Instant { .. } | ColumnClass::Empty),
            )
            // A column of whole numbers in which one is missing is often stored as one of doubles.
            | (None, Some(ColumnClass::Integer | ColumnClass::Float | ColumnClass::Decimal { .. })) => {
                LabelKind::Integer
            }
            (None, Some(ColumnClass::Empty)) => kind_of(values),
            (Some(_), _) => return Err("it is not a date or timestamp".to_owned()),
            (None, Some(ColumnClass::Text)) => LabelKind::Text,
            (None, Some(ColumnClass::Boolean)) => LabelKind::Boolean,
            (None, Some(ColumnClass::Date)) => LabelKind::Date,
            (None, class) => {
                let what = class.map_or("of no type that can be".into(), ColumnClass::describe);
                return Err(format!(
                    "it is {what}; group by text, whole numbers, booleans, dates, or parts of dates"
                ));
            }
        };
        let mut text = HashMap::new();
        let mut number = HashMap::new();
        for (index, value) in (0_u16..).zip(values) {
            let misfit = || format!("{:?} is not a value of the column", value.label());
            match (kind, value) {
                (LabelKind::Text, DomainValue::Text(value)) => {
                    text.insert(value.clone(), index);
                }
                (LabelKind::Integer, DomainValue::Integer(value)) => {
                    number.insert(*value, index);
                }
                (LabelKind::Boolean, DomainValue::Boolean(value)) => {
                    number.insert(i64::from(*value), index);
                }
                (LabelKind::Date, DomainValue::Text(text)) => {
                    let moment = temporal::parse(text).filter(temporal::Moment::is_date);
                    let days = moment.map(|moment| moment.nanos() / NANOS_PER_DAY);
                    let days = days.and_then(|days| i64::try_from(days).ok());
                    number.insert(days.ok_or_else(misfit)?, index);
                }
                _ => return Err(misfit()),
            }
        }
        let lookup = if kind == LabelKind::Text {
            LookUp::Text(text)
        } else {
            LookUp::Number(number)
        };
        Ok(Self {
            kind,
            labels: values.iter().map(DomainValue::label).collect(),
            part: part.map(|part| {
                let zone = match class {
                    Some(ColumnClass::Instant { zone: Some(zone) }) => *zone,
                    _ => Zone::UTC,
                };
                (part, zone)
            }),
            lookup,
        })
    }

    /// The number of groups, `other` included.
    pub(crate) const fn len(&self) -> usize {
        self.labels.len() + 1
    }

    /// The index of `other`.
    fn other(&self) -> u16 {
        // INVARIANT: the configuration lists fewer than `limits::GROUP_VALUES_MAX` values.
        u16::try_from(self.labels.len()).unwrap_or(u16::MAX)
    }

    /// The group of every row of a batch.
    pub(crate) fn indices(&self, column: &Column) -> Vec<u16> {
        let group = |row: usize| match &self.lookup {
            LookUp::Text(indices) => match column {
                Column::Text(text) => indices.get(text.value(row)),
                _ => None,
            },
            LookUp::Number(indices) => {
                let number = match self.part {
                    None => number(column, row),
                    Some((part, zone)) => part_of(part, zone, column, row),
                };
                number.and_then(|number| indices.get(&number))
            }
        };
        let rows = 0..column.len();
        rows.map(|row| column.is_valid(row).then(|| group(row)).flatten())
            .map(|group| group.copied().unwrap_or(self.other()))
            .collect()
    }
}

/// The kind of a domain whose column does not tell.
fn kind_of(values: &[DomainValue]) -> LabelKind {
    match values.first() {
        Some(DomainValue::Integer(_)) => LabelKind::Integer,
        Some(DomainValue::Boolean(_)) => LabelKind::Boolean,
        Some(DomainValue::Text(_)) | None => LabelKind::Text,
    }
}

/// A whole number, a day, or 0 and 1 for FALSE and TRUE; `None` if it is beyond 64 bits.
fn number(column: &Column, row: usize) -> Option<i64> {
    match column {
        Column::Whole(numbers) => Some(numbers.value(row)),
        Column::Decimal(units, scale) => {
            let one = 10_i128.checked_pow((*scale).into())?;
            let units = units.value(row);
            (units % one == 0).then(|| i64::try_from(units / one).ok())?
        }
        Column::Double(doubles) => whole(doubles.value(row)),
        Column::Boolean(values) => Some(values.value(row).into()),
        Column::Date(days) => Some(days.value(row).into()),
        _ => None,
    }
}

/// A double without fraction as the whole number that it is.
fn whole(value: f64) -> Option<i64> {
    // Up to this bound every whole number is a double.
    const BOUND: f64 = 9_007_199_254_740_992.0;
    let is_whole = value.abs() <= BOUND && value.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within 2^53, as was just checked"
    )]
    is_whole.then_some(value as i64)
}

/// The part of a date, in the zone of its column; `None` if its year, before or after the zone is
/// applied, is not one of [`YEARS`].
fn part_of(part: DatePart, zone: Zone, column: &Column, row: usize) -> Option<i64> {
    let day = match column {
        Column::Date(days) => days.value(row).into(),
        Column::Instant(nanos) => {
            let seconds = nanos.value(row).div_euclid(NANOS_PER_SECOND);
            let seconds = i64::try_from(seconds).ok()?;
            date_with_parts(seconds.div_euclid(DAY_S))?;
            let local = seconds.checked_add(zone.offset_at(seconds)?)?;
            local.div_euclid(DAY_S)
        }
        _ => return None,
    };
    let date = date_with_parts(day)?;
    Some(match part {
        DatePart::Year => date.year().into(),
        DatePart::Quarter => date.quarter().into(),
        DatePart::Month => date.month().into(),
        DatePart::Day => date.day().into(),
    })
}

/// The date of a day, if its year is one of [`YEARS`].
fn date_with_parts(day: i64) -> Option<NaiveDate> {
    calendar::date_of(day).filter(|date| YEARS.contains(&date.year()))
}

#[cfg(test)]
mod tests {
    use arrow_array::{BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};

    use super::{ColumnClass, DatePart, Domain, Zone};
    use crate::column::{Column, Int128Array};
    use crate::config::DomainValue;

    fn indices(
        class: &ColumnClass,
        column: &Column,
        part: Option<DatePart>,
        values: &[DomainValue],
    ) -> Vec<u16> {
        let domain = Domain::new(Some(class), part, values).unwrap();
        domain.indices(column)
    }

    #[test]
    fn unlisted_values_and_null_fall_into_the_last_group() {
        let text = |t: &str| DomainValue::Text(t.into());
        let number = DomainValue::Integer;
        let words = StringArray::from(vec![Some("b"), Some("a"), None, Some("A")]);
        let words = Column::Text(words);
        let domain = [text("a"), text("b")];
        assert_eq!(
            indices(&ColumnClass::Text, &words, None, &domain),
            [1, 0, 2, 2]
        );
        let numbers = Column::Whole(Int64Array::from(vec![Some(5), None, Some(-1), Some(6)]));
        let domain = [number(-1), number(5)];
        let integer = ColumnClass::Integer;
        assert_eq!(indices(&integer, &numbers, None, &domain), [1, 2, 0, 2]);
        let large = Column::Decimal(Int128Array::from(vec![i128::from(u64::MAX), 5]), 0);
        assert_eq!(indices(&integer, &large, None, &domain), [2, 1]);
        let doubles = [
            Some(5.0),
            None,
            Some(-1.0),
            Some(5.5),
            Some(f64::NAN),
            Some(1e300),
        ];
        let doubles = Column::Double(Float64Array::from(doubles.to_vec()));
        let found = indices(&ColumnClass::Float, &doubles, None, &domain);
        assert_eq!(found, [1, 2, 0, 2, 2, 2]);
        let class = ColumnClass::Decimal {
            precision: 10,
            scale: 2,
        };
        let decimals = Column::Decimal(Int128Array::from(vec![500, -100, 550]), 2);
        assert_eq!(indices(&class, &decimals, None, &domain), [1, 0, 2]);
        let flags = Column::Boolean(BooleanArray::from(vec![Some(true), Some(false), None]));
        let domain = [DomainValue::Boolean(true)];
        assert_eq!(
            indices(&ColumnClass::Boolean, &flags, None, &domain),
            [0, 1, 1]
        );
        // 20,089 days after 1970-01-01 is 2025-01-01.
        let days = Column::Date(Date32Array::from(vec![Some(20_089), Some(20_090), None]));
        let domain = [text("2025-01-02")];
        assert_eq!(indices(&ColumnClass::Date, &days, None, &domain), [1, 0, 1]);
    }

    #[test]
    fn parts_of_dates_are_taken_in_the_zone_of_the_column() {
        let day = 86_400_000_000_000_i128;
        let moments = vec![Some(20_089 * day), Some(20_089 * day - 1), None];
        let moments = Column::Instant(Int128Array::from(moments));
        let domain = [DomainValue::Integer(1), DomainValue::Integer(12)];
        let of = |zone| {
            let class = ColumnClass::Instant { zone };
            indices(&class, &moments, Some(DatePart::Month), &domain)
        };
        assert_eq!(of(None), [0, 1, 2]);
        assert_eq!(of(Zone::parse("-05:00")), [1, 1, 2]);
        assert_eq!(of(Zone::parse("America/New_York")), [1, 1, 2]);
    }

    #[test]
    fn dates_beyond_four_digits_of_a_year_are_in_the_group_other() {
        let domain = [DomainValue::Integer(9999), DomainValue::Integer(1)];
        let year = Some(DatePart::Year);
        let days = vec![2_932_896, 2_932_897, i32::MAX, -719_162, -719_163, i32::MIN];
        let days = Column::Date(Date32Array::from(days));
        assert_eq!(
            indices(&ColumnClass::Date, &days, year, &domain),
            [0, 2, 2, 1, 2, 2]
        );
        let second = 1_000_000_000_i128;
        let last = 253_402_300_799 * second;
        let nanos = vec![
            last,
            last + second,
            i128::from(i64::MAX) * second,
            -last * 1000,
        ];
        let instants = Column::Instant(Int128Array::from(nanos));
        let of = |zone| {
            let class = ColumnClass::Instant { zone };
            indices(&class, &instants, year, &domain)
        };
        assert_eq!(of(None), [0, 2, 2, 2]);
        // In the year 10000 there.
        assert_eq!(of(Zone::parse("+01:00")), [2, 2, 2, 2]);
        assert_eq!(of(Zone::parse("Asia/Tokyo")), [2, 2, 2, 2]);
    }

    #[test]
    fn values_of_another_type_are_no_domain() {
        let integer = ColumnClass::Integer;
        let text = [DomainValue::Text("1".into())];
        assert!(Domain::new(Some(&integer), None, &text).is_err());
        assert!(Domain::new(Some(&integer), Some(DatePart::Day), &text).is_err());
        assert!(Domain::new(Some(&ColumnClass::Float), None, &text).is_err());
        assert!(Domain::new(Some(&ColumnClass::Date), None, &text).is_err());
        assert!(Domain::new(None, None, &text).is_err());
    }
}
