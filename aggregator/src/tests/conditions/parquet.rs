//! Random tables as Parquet: a column of every storage type.
//!
//! Spec 10 §2.3. Values are chosen to be the ones that engines get wrong.

use std::sync::Arc;

use arrow_array::types::{
    ArrowTimestampType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray,
    LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
};

use super::Random;
use super::moments::{FRACTIONS, SECOND, SECONDS};
use super::tables::{Column, TEXTS, Table, WHOLE, plain, some};
use super::values::{Form, Value};
use crate::testing::Folder;

/// The first of [`DAYS`] are within the calendar of ISO texts.
const CALENDAR_DAYS: usize = 8;
const DAYS: [i32; 12] = [
    20_089,
    20_088,
    20_090,
    20_119,
    0,
    -1,
    -719_162,
    2_932_896,
    // The year 300,000.
    108_853_221,
    i32::MIN,
    i32::MAX,
    -719_163,
];

const ZONES: [(&str, Option<&str>); 4] = [
    ("", None),
    ("_utc", Some("UTC")),
    ("_plus", Some("+02:00")),
    ("_ny", Some("America/New_York")),
];

/// How far the dates and timestamps of a table go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the ends of their types.
    Types,
    /// Through the years of ISO texts, for engines that read nothing else.
    Calendar,
}

/// A column in the making.
struct Stored {
    column: Column,
    array: ArrayRef,
}

/// A table with every storage type of Parquet, written as `t.parquet`.
pub(super) fn parquet(random: &mut Random, rows: usize, reach: Reach, folder: &Folder) -> Table {
    let mut stored = vec![
        integers::<Int8Type>(random, rows, "i8"),
        integers::<Int16Type>(random, rows, "i16"),
        integers::<Int32Type>(random, rows, "i32"),
        integers::<Int64Type>(random, rows, "i64"),
        integers::<Int64Type>(random, rows, "j64"),
        integers::<UInt8Type>(random, rows, "u8"),
        integers::<UInt16Type>(random, rows, "u16"),
        integers::<UInt32Type>(random, rows, "u32"),
        integers::<UInt64Type>(random, rows, "u64"),
        decimals::<Decimal32Type>(random, rows, "d32", (7, 3)),
        decimals::<Decimal64Type>(random, rows, "d64", (16, 4)),
        decimals::<Decimal128Type>(random, rows, "d9", (9, 2)),
        decimals::<Decimal128Type>(random, rows, "d18", (18, 6)),
        decimals::<Decimal128Type>(random, rows, "d20", (20, 0)),
        decimals::<Decimal128Type>(random, rows, "d38_0", (38, 0)),
        decimals::<Decimal128Type>(random, rows, "d38_10", (38, 10)),
        decimals::<Decimal128Type>(random, rows, "d38_38", (38, 38)),
        halves(random, rows),
        singles(random, rows),
        doubles(random, rows, "f64"),
        doubles(random, rows, "g64"),
        booleans(random, rows, "p"),
        booleans(random, rows, "q"),
        days::<Date32Type>(random, rows, reach, "day", Some),
        days::<Date32Type>(random, rows, reach, "day2", Some),
        days::<Date64Type>(random, rows, reach, "day64", |days| {
            i64::from(days).checked_mul(86_400_000)
        }),
    ];
    stored.extend(texts(random, rows));
    for (suffix, zone) in ZONES {
        let (name, units) = (|unit: &str| format!("{unit}{suffix}"), (reach, zone));
        stored.extend([
            instants::<TimestampSecondType>(random, rows, &name("s"), SECOND, units),
            instants::<TimestampMillisecondType>(random, rows, &name("ms"), 1_000_000, units),
            instants::<TimestampMicrosecondType>(random, rows, &name("us"), 1_000, units),
            instants::<TimestampNanosecondType>(random, rows, &name("ns"), 1, units),
        ]);
    }
    let last = i64::try_from(rows).unwrap();
    let id: ArrayRef = Arc::new((0..last).map(Some).collect::<PrimitiveArray<Int64Type>>());
    let mut arrays = vec![("id", id)];
    arrays.extend(
        stored
            .iter()
            .map(|stored| (stored.column.name.as_str(), Arc::clone(&stored.array))),
    );
    folder.parquet("t.parquet", &arrays);
    Table {
        rows,
        columns: stored.into_iter().map(|stored| stored.column).collect(),
    }
}

fn integers<T: ArrowPrimitiveType>(random: &mut Random, rows: usize, name: &str) -> Stored
where
    T::Native: TryFrom<i128> + Into<i128> + std::fmt::Debug,
{
    let bits = 8 * u32::try_from(size_of::<T::Native>()).unwrap();
    let signed = T::Native::try_from(-1).is_ok();
    let (least, most) = if signed {
        (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    } else {
        (0, (1_i128 << bits) - 1)
    };
    let values = some(random, rows, |random| {
        loop {
            let value = match random.below(8) {
                0 => least,
                1 => most,
                2 => random.pick(&[least + 1, most - 1]),
                3..=5 => random.pick(&WHOLE),
                _ => i128::try_from(random.below(6)).unwrap() - 2,
            };
            if let Ok(value) = T::Native::try_from(value) {
                break value;
            }
        }
    });
    Stored {
        column: Column::new(
            name,
            Form::Exact,
            plain(&values, |v| Value::Whole(v.into())),
        ),
        array: Arc::new(values.into_iter().collect::<PrimitiveArray<T>>()),
    }
}

fn decimals<T: DecimalType>(
    random: &mut Random,
    rows: usize,
    name: &str,
    (precision, scale): (u8, i8),
) -> Stored
where
    T::Native: TryFrom<i128> + Into<i128> + std::fmt::Debug,
{
    let most = 10_i128.pow(precision.into()) - 1;
    let places = usize::try_from(scale).unwrap();
    let one = 10_i128.pow(u32::try_from(scale).unwrap());
    let values = some(random, rows, |random| {
        loop {
            let value = match random.below(8) {
                0 => most,
                1 => -most,
                // Some of the whole numbers and halves that other columns have.
                2 | 3 => random.pick(&WHOLE).checked_mul(one).unwrap_or(one),
                4 => (one / 2).saturating_mul(5),
                5 => random.pick(&WHOLE),
                _ => i128::try_from(random.below(5)).unwrap() - 2,
            };
            if (-most..=most).contains(&value) {
                break T::Native::try_from(value)
                    .unwrap_or_else(|_| panic!("{name} holds {value}"));
            }
        }
    });
    let decimal = |units: T::Native| Value::Decimal {
        units: units.into(),
        scale: places,
    };
    let column = Column::new(name, Form::Exact, plain(&values, decimal));
    let array: PrimitiveArray<T> = values.into_iter().collect();
    Stored {
        column,
        array: Arc::new(array.with_precision_and_scale(precision, scale).unwrap()),
    }
}

/// Doubles that engines order or round in different ways.
fn double(random: &mut Random) -> f64 {
    let whole = random.pick(&[0_i8, 1, 2, 5, 7]);
    let fixed = [
        0.0,
        -0.0,
        0.1,
        0.1 + 0.2,
        0.3,
        0.5,
        -1.5,
        2.5,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        9_223_372_036_854_775_808.0,
        100_155_000_000_000_003.0,
        f64::from(whole),
        f64::from(whole),
    ];
    random.pick(&fixed)
}

fn doubles(random: &mut Random, rows: usize, name: &str) -> Stored {
    let values = some(random, rows, double);
    Stored {
        column: Column::new(name, Form::Double, plain(&values, Value::Double)),
        array: Arc::new(values.into_iter().collect::<PrimitiveArray<Float64Type>>()),
    }
}

fn singles(random: &mut Random, rows: usize) -> Stored {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the nearest single is wanted"
    )]
    let values = some(random, rows, |random| match random.below(6) {
        0 => 16_777_216.0,
        1 => f32::MAX,
        2 => f32::from_bits(1),
        _ => double(random) as f32,
    });
    let widened = plain(&values, |value| Value::Double(value.into()));
    Stored {
        column: Column::new("f32", Form::Double, widened),
        array: Arc::new(values.into_iter().collect::<PrimitiveArray<Float32Type>>()),
    }
}

fn halves(random: &mut Random, rows: usize) -> Stored {
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    let bits = [
        0x0000, 0x8000, 0x3c00, 0x4000, 0x4500, 0x2e66, 0x3800, 0x7c00, 0xfc00, 0x7e00, 0xfe00,
        0x7bff, 0xfbff, 0x0001,
    ];
    let values = some(random, rows, |random| Half::from_bits(random.pick(&bits)));
    let widened = plain(&values, |value| Value::Double(value.to_f64()));
    Stored {
        column: Column::new("f16", Form::Double, widened),
        array: Arc::new(values.into_iter().collect::<PrimitiveArray<Float16Type>>()),
    }
}

fn booleans(random: &mut Random, rows: usize, name: &str) -> Stored {
    let values = some(random, rows, |random| random.one_in(2));
    Stored {
        column: Column::new(name, Form::Boolean, plain(&values, Value::Boolean)),
        array: Arc::new(values.into_iter().collect::<BooleanArray>()),
    }
}

fn days<T: ArrowPrimitiveType>(
    random: &mut Random,
    rows: usize,
    reach: Reach,
    name: &str,
    store: impl Fn(i32) -> Option<T::Native>,
) -> Stored {
    let days = match reach {
        Reach::Types => &DAYS[..],
        Reach::Calendar => &DAYS[..CALENDAR_DAYS],
    };
    let values = some(random, rows, |random| random.pick(days));
    let array: PrimitiveArray<T> = values.iter().map(|days| days.and_then(&store)).collect();
    Stored {
        column: Column::new(name, Form::Date, plain(&values, Value::Date)),
        array: Arc::new(array),
    }
}

fn instants<T: ArrowTimestampType>(
    random: &mut Random,
    rows: usize,
    name: &str,
    unit: i128,
    (reach, zone): (Reach, Option<&'static str>),
) -> Stored {
    let values = some(random, rows, |random| {
        loop {
            let nanos =
                i128::from(random.pick(&SECONDS)) * SECOND + i128::from(random.pick(&FRACTIONS));
            let units = match random.below(16) {
                0 if reach == Reach::Types => i64::MAX,
                1 if reach == Reach::Types => i64::MIN,
                _ => match i64::try_from(nanos.div_euclid(unit)) {
                    Ok(units) => units,
                    // Nanoseconds end in 2262.
                    Err(_) => continue,
                },
            };
            break units;
        }
    });
    let plain = plain(&values, |units| Value::Instant(i128::from(units) * unit));
    let array: PrimitiveArray<T> = values.into_iter().collect();
    Stored {
        column: Column::new(name, Form::Instant { zone }, plain),
        array: Arc::new(array.with_timezone_opt(zone)),
    }
}

/// Makes an array of texts.
type Layout = fn(&[Option<String>]) -> ArrayRef;

/// A column of each layout of text.
fn texts(random: &mut Random, rows: usize) -> Vec<Stored> {
    let long = ["x".repeat(300), format!("{}y", "x".repeat(299))];
    let layouts: [(&str, Layout); 5] = [
        ("utf8", |v| {
            Arc::new(v.iter().map(Option::as_deref).collect::<StringArray>())
        }),
        ("large", |v| {
            Arc::new(v.iter().map(Option::as_deref).collect::<LargeStringArray>())
        }),
        ("view", |v| {
            Arc::new(v.iter().map(Option::as_deref).collect::<StringViewArray>())
        }),
        ("bytes", |v| {
            Arc::new(v.iter().map(Option::as_deref).collect::<BinaryArray>())
        }),
        ("coded", |v| {
            let coded: DictionaryArray<Int32Type> = v.iter().map(Option::as_deref).collect();
            Arc::new(coded)
        }),
    ];
    let mut text = |(name, layout): (&str, Layout)| {
        let values = some(random, rows, |random| {
            if random.one_in(20) {
                random.pick(&long)
            } else {
                random.pick(&TEXTS).to_owned()
            }
        });
        let array = layout(&values);
        assert_eq!(array.len(), rows);
        Stored {
            column: Column::new(name, Form::Text, plain(&values, Value::Text)),
            array,
        }
    };
    layouts.into_iter().map(&mut text).collect()
}
