//! Random tables for [`super::joined`], as Parquet and as CSV.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
};
use proptest::prelude::*;

use crate::testing::Folder;

#[derive(Clone, Debug)]
pub(super) struct Row {
    id: Option<i64>,
    r: Option<&'static str>,
    n: Option<i64>,
    p: Option<bool>,
    /// Days after 2025-01-01.
    d: Option<i32>,
    x: Option<i64>,
    y: i64,
    /// Hundredths.
    m: Option<i64>,
    /// Quarters.
    f: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) unique: bool,
}

/// Tables with a key that repeats or not, and groups that depend on the key or not.
pub(super) fn tables() -> impl Strategy<Value = Table> {
    let some = |range: std::ops::Range<i64>| prop::option::weighted(0.8, range);
    let row = (
        some(0..14),
        prop::option::weighted(0.8, prop::sample::select(vec!["x", "y", "z"])),
        some(0..3),
        prop::option::weighted(0.8, any::<bool>()),
        prop::option::weighted(0.8, 0..90_i32),
        some(-5..8),
        -3..5_i64,
        some(-400..700),
        some(-9..14),
    )
        .prop_map(|(id, r, n, p, d, x, y, m, f)| Row {
            id,
            r,
            n,
            p,
            d,
            x,
            y,
            m,
            f,
        });
    (
        prop::collection::vec(row, 1..30),
        prop::bool::weighted(0.6),
        any::<bool>(),
    )
        .prop_map(|(mut rows, unique, constant)| {
            if unique {
                let mut seen = std::collections::BTreeSet::new();
                rows.retain(|row| row.id.is_none_or(|id| seen.insert(id)));
            }
            if constant {
                for row in &mut rows {
                    let id = row.id.unwrap_or(3);
                    row.r =
                        [Some("x"), Some("y"), Some("z"), None][usize::try_from(id % 4).unwrap()];
                    row.n = (id % 3 > 0).then_some(id % 3);
                    row.p = Some(id % 2 == 0);
                    row.d = Some(i32::try_from(id * 6).unwrap());
                }
            }
            Table { rows, unique }
        })
}

impl Table {
    pub(super) fn toml(&self, source: &str, minimum: u64) -> String {
        let all = "functions = ['count', 'sum', 'avg', 'var', 'stddev']";
        format!(
            "[table.t]
             source = '{source}'
             minimum = {minimum}
             filter = ['y', 'r', 'f', 'd', 'n']
             owner_may_receive = true
             dimension = {{ r = ['x', 'y'], n = [0, 1, 7], 'month(d)' = [1, 2], p = [true] }}
             [[table.t.key]]
             columns = ['id']
             kinds = ['int']
             unique = {unique}
             [table.t.aggregate.x]
             {all}
             [table.t.aggregate.y]
             {all}
             [table.t.aggregate.m]
             {all}
             decimals = 2
             [table.t.aggregate.f]
             {all}
             decimals = 2",
            unique = self.unique
        )
    }

    /// `t.parquet` and `t.csv`.
    pub(super) fn write(&self, folder: &Folder) {
        fn column<A: FromIterator<Option<T>>, T>(
            rows: &[Row],
            get: impl Fn(&Row) -> Option<T>,
        ) -> A {
            rows.iter().map(get).collect()
        }
        let rows = &self.rows;
        let day = |row: &Row| row.d.map(|d| 20_089 + d);
        let cents: Decimal128Array = column(rows, |r| r.m.map(i128::from));
        let cents = cents.with_precision_and_scale(8, 2).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(column::<Int64Array, _>(rows, |r| r.id))),
            ("r", Arc::new(column::<StringArray, _>(rows, |r| r.r))),
            ("n", Arc::new(column::<Int64Array, _>(rows, |r| r.n))),
            ("p", Arc::new(column::<BooleanArray, _>(rows, |r| r.p))),
            ("d", Arc::new(column::<Date32Array, _>(rows, day))),
            ("x", Arc::new(column::<Int64Array, _>(rows, |r| r.x))),
            ("y", Arc::new(column::<Int64Array, _>(rows, |r| Some(r.y)))),
            ("m", Arc::new(cents)),
            (
                "f",
                Arc::new(column::<Float64Array, _>(rows, |r| r.f.map(quarters))),
            ),
        ];
        folder.parquet("t.parquet", &columns);
        // The first row has no key; it fixes the types where a column is all NULL or whole.
        let mut csv = String::from("id,r,n,p,d,x,y,m,f\n,w,0,true,2025-01-01,0,0,0.5,0.5\n");
        for row in rows {
            let fields = [
                text(row.id),
                text(row.r),
                text(row.n),
                text(row.p),
                text(row.d.map(date)),
                text(row.x),
                row.y.to_string(),
                #[expect(clippy::cast_precision_loss, reason = "a few hundred cents")]
                text(row.m.map(|m| format!("{:.2}", m as f64 / 100.0))),
                text(row.f.map(quarters)),
            ];
            csv.push_str(&fields.join(","));
            csv.push('\n');
        }
        folder.write("t.csv", &csv);
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a dozen quarters")]
fn quarters(value: i64) -> f64 {
    value as f64 / 4.0
}

/// The date so many days after 2025-01-01, within the first quarter.
fn date(days: i32) -> String {
    match days {
        0..31 => format!("2025-01-{:02}", days + 1),
        31..59 => format!("2025-02-{:02}", days - 30),
        _ => format!("2025-03-{:02}", days - 58),
    }
}
