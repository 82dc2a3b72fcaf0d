//! The plain engine of [`super`]: SQLite, in memory, with the aggregates that it lacks.
//!
//! SQLite has neither decimals nor variances. All numbers of the random tables and of products of
//! two of them have at most [`PLACES`] decimals, so `EXACT_SUM`, `EXACT_AVG` and the variances here
//! add up whole numbers of the last of these places: nothing depends on how doubles are rounded.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

/// Decimals of a product of two decimals of the tables.
const PLACES: i32 = 4;

/// An empty database that knows the functions.
pub(super) fn open() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for (name, function) in [
        ("exact_sum", Function::Sum),
        ("exact_avg", Function::Average),
        ("var_samp", Function::Variance { less: 1 }),
        ("var_pop", Function::Variance { less: 0 }),
        ("stddev_samp", Function::Deviation { less: 1 }),
        ("stddev_pop", Function::Deviation { less: 0 }),
    ] {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection
            .create_aggregate_function(name, 1, flags, function)
            .unwrap();
    }
    connection
}

/// `less` is what a variance takes off the number of values: 1 for that of a sample.
#[derive(Clone, Copy)]
enum Function {
    Sum,
    Average,
    Variance { less: i128 },
    Deviation { less: i128 },
}

/// What has been added up, in units of the last place.
#[derive(Default)]
struct Sums {
    count: i128,
    sum: i128,
    squares: i128,
    /// Whether a value was not stored as a whole number.
    fractions: bool,
}

impl Aggregate<Sums, Value> for Function {
    fn init(&self, _: &mut Context<'_>) -> Result<Sums> {
        Ok(Sums::default())
    }

    fn step(&self, context: &mut Context<'_>, sums: &mut Sums) -> Result<()> {
        let units = match context.get_raw(0) {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(value) => i128::from(value) * 10_i128.pow(PLACES.unsigned_abs()),
            ValueRef::Real(value) => {
                sums.fractions = true;
                units(value)
            }
            other => panic!("{other:?} is not a number"),
        };
        sums.count += 1;
        sums.sum += units;
        sums.squares += units * units;
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sums: Option<Sums>) -> Result<Value> {
        let Sums {
            count,
            sum,
            squares,
            fractions,
        } = sums.unwrap_or_default();
        let least = match self {
            Self::Variance { less } | Self::Deviation { less } => 1 + less,
            Self::Sum | Self::Average => 1,
        };
        if count < least {
            return Ok(Value::Null);
        }
        let one = 10_i128.pow(PLACES.unsigned_abs());
        let variance = |less| {
            let above = count * squares - sum * sum;
            quotient(above, count * (count - less) * one * one)
        };
        Ok(match self {
            Self::Sum if !fractions => Value::Integer(i64::try_from(sum / one).unwrap()),
            Self::Sum => Value::Real(quotient(sum, one)),
            Self::Average => Value::Real(quotient(sum, one * count)),
            Self::Variance { less } => Value::Real(variance(*less)),
            Self::Deviation { less } => Value::Real(variance(*less).sqrt()),
        })
    }
}

/// The units that a double of the tables represents.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a few millions, and no fraction after rounding"
)]
fn units(value: f64) -> i128 {
    let units = (value * 10_f64.powi(PLACES)).round();
    assert!(units.abs() < 1e15, "{value} is beyond the tables");
    units as i128
}

#[expect(clippy::cast_precision_loss, reason = "numbers of a few dozen rows")]
fn quotient(above: i128, below: i128) -> f64 {
    above as f64 / below as f64
}
