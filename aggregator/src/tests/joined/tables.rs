//! Random tables for [`super`], as Parquet, as CSV, and in SQLite.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
};
use proptest::prelude::*;
use rusqlite::{Connection, params};

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
    rows: Vec<Row>,
    pub(super) unique: bool,
    /// What bounds one identity's sum of `x`.
    pub(super) clamp: Option<(i64, i64)>,
    /// Whether the doubles are taken at one decimal, which rounds the odd quarters.
    pub(super) coarse: bool,
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
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.6),
        prop::option::weighted(0.4, (-6..1_i64, 1..7_i64)),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(mut rows, unique, constant, clamp, coarse)| {
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
            Table {
                rows,
                unique,
                clamp,
                coarse,
            }
        })
}

impl Table {
    pub(super) fn toml(&self, source: &str, minimum: u64) -> String {
        let all = "functions = ['count', 'sum', 'avg', 'var', 'stddev']";
        let clamp = self
            .clamp
            .map(|(low, high)| format!("clamp = [{low}, {high}]"));
        format!(
            "[table.t]
             source = '{source}'
             minimum = {minimum}
             filter = ['y', 'r', 'f', 'd', 'n']
             owner_may_receive = true
             forms = ['join', 'semi']
             dimension = {{ r = ['x', 'y'], n = [0, 1, 7], 'month(d)' = [1, 2], p = [true] }}
             [[table.t.key]]
             columns = ['id']
             kinds = ['int']
             unique = {unique}
             [table.t.aggregate.x]
             {all}
             {clamp}
             [table.t.aggregate.y]
             {all}
             [table.t.aggregate.m]
             {all}
             decimals = 2
             [table.t.aggregate.f]
             {all}
             decimals = {decimals}",
            unique = self.unique,
            clamp = clamp.unwrap_or_default(),
            decimals = if self.coarse { 1 } else { 2 },
        )
    }

    /// Whether some identity has several rows.
    pub(super) fn repeats(&self) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        let keys = self.rows.iter().filter_map(|row| row.id);
        keys.into_iter().any(|id| !seen.insert(id))
    }

    /// The table `name` of SQLite, in which doubles are rounded as declared.
    pub(super) fn fill(&self, connection: &Connection, name: &str) {
        let create = format!(
            "CREATE TABLE {name} (id INTEGER, r TEXT, n INTEGER, p INTEGER, d TEXT,
             x INTEGER, y INTEGER, m REAL, f REAL)"
        );
        connection.execute(&create, []).unwrap();
        let insert = format!("INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let mut insert = connection.prepare(&insert).unwrap();
        let rounded = if self.coarse { tenths } else { quarters };
        for row in &self.rows {
            let (day, cents, f) = (row.d.map(date), row.m.map(hundredths), row.f.map(rounded));
            insert
                .execute(params![
                    row.id, row.r, row.n, row.p, day, row.x, row.y, cents, f
                ])
                .unwrap();
        }
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
                text(row.m.map(|m| format!("{:.2}", hundredths(m)))),
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

#[expect(clippy::cast_precision_loss, reason = "a few hundred cents")]
fn hundredths(value: i64) -> f64 {
    value as f64 / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a dozen quarters")]
fn quarters(value: i64) -> f64 {
    value as f64 / 4.0
}

/// Quarters rounded to one decimal, halves away from zero.
#[expect(clippy::cast_precision_loss, reason = "a few dozen tenths")]
fn tenths(value: i64) -> f64 {
    ((value * 25 + value.signum() * 5) / 10) as f64 / 10.0
}

/// The date so many days after 2025-01-01, within the first quarter.
fn date(days: i32) -> String {
    match days {
        0..31 => format!("2025-01-{:02}", days + 1),
        31..59 => format!("2025-02-{:02}", days - 30),
        _ => format!("2025-03-{:02}", days - 58),
    }
}
