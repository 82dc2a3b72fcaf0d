//! The same condition, frozen by this crate and run as plain SQL by the data engine.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use proptest::prelude::*;
use psi_core::identifier::IdentifierKind;

use crate::testing::{Folder, digests, expected};

const TABLE: &str = "
    [table.t]
    source = 't.parquet'
    filter = ['i', 'j', 'f', 's', 'd', 'm', 'b']
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    [table.u]
    source = 't.csv'
    filter = ['i', 'j', 'f', 's', 'd', 'm', 'b']
    [[table.u.key]]
    columns = ['id']
    kinds = ['int']
";

/// One row; the key repeats and is sometimes NULL.
#[derive(Clone, Debug)]
struct Row {
    id: Option<i64>,
    i: Option<i64>,
    j: Option<i64>,
    f: Option<f64>,
    s: Option<&'static str>,
    d: Option<i32>,
    m: Option<i64>,
    b: Option<bool>,
}

const WORDS: [&str; 6] = ["a", "ab", "b%", "B", "x_y", "\u{e9}t\u{e9}"];
/// The days from number 20,087 on.
const DAYS: [&str; 5] = [
    "2024-12-30",
    "2024-12-31",
    "2025-01-01",
    "2025-01-02",
    "2025-01-03",
];
const MICROS_PER_DAY: i64 = 86_400_000_000;

fn row() -> impl Strategy<Value = Row> {
    let some = |range: std::ops::Range<i64>| prop::option::weighted(0.8, range);
    (
        some(0..12),
        some(-3..4),
        some(-3..4),
        prop::option::weighted(0.8, (-6..7).prop_map(|halves| f64::from(halves) / 2.0)),
        prop::option::weighted(0.8, prop::sample::select(WORDS.to_vec())),
        prop::option::weighted(0.8, 20_087..20_092_i32),
        some(0..9),
        prop::option::weighted(0.8, any::<bool>()),
    )
        .prop_map(|(id, i, j, f, s, d, m, b)| Row {
            id,
            i,
            j,
            f,
            s,
            d,
            // Every twelve hours around the start of 2025.
            m: m.map(|m| 20_087 * MICROS_PER_DAY + m * MICROS_PER_DAY / 2),
            b,
        })
}

fn write(folder: &Folder, rows: &[Row]) {
    fn column<A: FromIterator<Option<T>>, T>(rows: &[Row], get: impl Fn(&Row) -> Option<T>) -> A {
        rows.iter().map(get).collect()
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(column::<Int64Array, _>(rows, |r| r.id))),
        ("i", Arc::new(column::<Int64Array, _>(rows, |r| r.i))),
        ("j", Arc::new(column::<Int64Array, _>(rows, |r| r.j))),
        ("f", Arc::new(column::<Float64Array, _>(rows, |r| r.f))),
        ("s", Arc::new(column::<StringArray, _>(rows, |r| r.s))),
        ("d", Arc::new(column::<Date32Array, _>(rows, |r| r.d))),
        (
            "m",
            Arc::new(column::<TimestampMicrosecondArray, _>(rows, |r| r.m)),
        ),
        ("b", Arc::new(column::<BooleanArray, _>(rows, |r| r.b))),
    ];
    folder.parquet("t.parquet", &columns);
    // The first row fixes the types, so that no column is all NULL or whole numbers only.
    let mut csv =
        String::from("id,i,j,f,s,d,m,b\n,0,0,0.5,zz,2000-01-01,2000-01-01 00:00:00,true\n");
    for r in rows {
        let text = |value: Option<String>| value.unwrap_or_default();
        let fields = [
            text(r.id.map(|v| v.to_string())),
            text(r.i.map(|v| v.to_string())),
            text(r.j.map(|v| v.to_string())),
            text(r.f.map(|v| v.to_string())),
            text(r.s.map(str::to_owned)),
            text(r.d.map(|day| DAYS[usize::try_from(day - 20_087).unwrap()].to_owned())),
            text(r.m.map(|m| {
                let halves = (m - 20_087 * MICROS_PER_DAY) / (MICROS_PER_DAY / 2);
                let day = DAYS[usize::try_from(halves / 2).unwrap()];
                format!(
                    "{day}T{}",
                    if halves % 2 == 0 { "00:00:00" } else { "12:00" }
                )
            })),
            text(r.b.map(|v| v.to_string())),
        ];
        csv.push_str(&fields.join(","));
        csv.push('\n');
    }
    folder.write("t.csv", &csv);
}

fn op() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["=", "<>", "!=", "<", "<=", ">", ">="])
}

/// A literal of a column, NULL now and then.
fn literal(column: char) -> BoxedStrategy<String> {
    let value = match column {
        'i' | 'j' => (-4..5_i32).prop_map(|v| v.to_string()).boxed(),
        'f' => (-14..15_i32)
            .prop_map(|v| format!("{:.2}", f64::from(v) / 4.0))
            .boxed(),
        's' => prop::sample::select(vec![
            "'a'",
            "'b%'",
            "''",
            "'\u{e9}t\u{e9}'",
            "'ab'",
            "'it''s'",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        'd' => prop::sample::select(vec!["'2025-01-01'", "DATE '2024-12-31'", "'2025-01-02'"])
            .prop_map(str::to_owned)
            .boxed(),
        'm' => prop::sample::select(vec![
            "'2025-01-01'",
            "TIMESTAMP '2024-12-31 12:00:00'",
            "'2025-01-01T12:00:00'",
            "DATE '2025-01-02'",
            "'2025-01-01 00:00:00.000001'",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        _ => any::<bool>().prop_map(|v| v.to_string()).boxed(),
    };
    prop_oneof![9 => value, 1 => Just("NULL".to_owned())].boxed()
}

fn leaf() -> impl Strategy<Value = String> {
    let column = prop::sample::select(vec!['i', 'j', 'f', 's', 'd', 'm', 'b']);
    let pattern = prop::sample::select(vec!["'a%'", "'%b%'", "'_'", "'x\\_y'", "'%'", "'b\\%'"]);
    column.prop_flat_map(move |c| {
        (
            op(),
            literal(c),
            literal(c),
            prop::collection::vec(literal(c), 1..5),
            pattern.clone(),
            0..9_u8,
        )
            .prop_map(move |(op, x, y, list, pattern, form)| match form {
                0 | 1 => format!("b.{c} {op} {x}"),
                2 => format!("{x} {op} b.{c}"),
                3 => format!("b.{c} BETWEEN {x} AND {y}"),
                4 => format!("b.{c} NOT BETWEEN {x} AND {y}"),
                5 => format!("b.{c} IN ({})", list.join(", ")),
                6 => format!("b.{c} NOT IN ({})", list.join(", ")),
                7 if c == 's' => format!("b.{c} LIKE {pattern}"),
                7 if c == 'i' => format!("b.i {op} b.j"),
                7 if c == 'f' => format!("b.f {op} b.i"),
                8 if c == 's' => format!("b.{c} NOT LIKE {pattern}"),
                7 => format!("b.{c} IS NULL"),
                _ => format!("b.{c} IS NOT NULL"),
            })
    })
}

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" AND "))),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|part| format!("NOT ({part})")),
        ]
    })
}

async fn plain(context: &SessionContext, condition: &str) -> Vec<String> {
    let sql = format!("SELECT b.id FROM t AS b WHERE ({condition}) AND b.id IS NOT NULL");
    let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
    batches
        .iter()
        .flat_map(|batch| {
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .map(|id| id.to_string())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn frozen_inputs_equal_plain_sql(
        rows in prop::collection::vec(row(), 1..40),
        conditions in prop::collection::vec(condition(), 5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = Folder::new();
            write(&folder, &rows);
            let catalog = folder.load(TABLE).await;
            let context = SessionContext::new();
            let path = folder.path("t.parquet");
            let path = path.to_str().unwrap();
            context.register_parquet("t", path, ParquetReadOptions::default()).await.unwrap();
            for condition in &conditions {
                let ids = plain(&context, condition).await;
                let ids = expected(IdentifierKind::Int, &ids);
                let found = digests(&catalog, condition).await;
                prop_assert_eq!(&found, &ids, "Parquet: {}", condition);
                let found = crate::testing::digests_of(&catalog, "u", condition).await;
                prop_assert_eq!(&found, &ids, "CSV: {}", condition);
            }
            Ok(())
        })?;
    }
}
