//! Conditions and values that were once answered wrongly, with the counts of plain SQL.
//!
//! Spec 10 §2.2, §2.3, §2.6 and §3.4. Small tables of the kinds that users reported; the counts
//! were taken from DuckDB and PostgreSQL, or are counted by hand.

mod instants;
mod refused;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int64Array, NullArray,
    StringArray,
};

use crate::Catalog;
use crate::result::ResultValue;
use crate::testing::{Folder, digests};
use crate::tests::pipeline::agree;

const KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\nunique = true\n";

fn table(source: &str, settings: &str) -> String {
    format!("[table.t]\nsource = '{source}'\n{settings}\n{KEY}")
}

fn ids(rows: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(0..rows))
}

/// Compares how many rows each condition selects.
async fn counts(catalog: &Catalog, cases: &[(&str, usize)]) {
    let mut wrong = Vec::new();
    for (condition, count) in cases {
        let found = digests(catalog, condition).await.len();
        if found != *count {
            wrong.push(format!("{condition}: {found} instead of {count}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Fifty rows: `x`, `s` and `sd` are NULL in 17 of them, zeros have both signs, ten NaN the minus.
fn nulls(folder: &Folder) {
    let third = |n: i64| (n % 3 > 0).then_some(n % 3);
    let word = |n: i64| third(n).map(|n| if n == 1 { "b" } else { "c" });
    let zeros = [-0.0, 0.0, 1.5, -1.5];
    let zero = |n: i64| zeros[usize::try_from(n % 4).unwrap()];
    #[expect(clippy::cast_precision_loss, reason = "numbers below fifty")]
    let nan = |n: i64| match n {
        1 => f64::NAN,
        n if n % 5 == 0 => -f64::NAN,
        n => n as f64,
    };
    let coded: DictionaryArray<Int32Type> = (0..50).map(word).collect();
    folder.parquet(
        "t.parquet",
        &[
            ("id", ids(50)),
            ("x", Arc::new((0..50).map(third).collect::<Int64Array>())),
            ("s", Arc::new((0..50).map(word).collect::<StringArray>())),
            ("sd", Arc::new(coded)),
            (
                "f",
                Arc::new(Float64Array::from_iter_values((0..50).map(zero))),
            ),
            (
                "f32",
                Arc::new(Float32Array::from_iter_values(
                    (0..4)
                        .cycle()
                        .take(50)
                        .map(|n| [-0.0_f32, 0.0, 1.5, -1.5][n]),
                )),
            ),
            (
                "nan",
                Arc::new(Float64Array::from_iter_values((0..50).map(nan))),
            ),
        ],
    );
    let mut csv = String::from("id,x,s,sd,f,f32\n");
    for n in 0..50 {
        let x = third(n).map(|n| n.to_string()).unwrap_or_default();
        let s = word(n).unwrap_or_default();
        let f = format!("{:?}", zero(n));
        let _ = writeln!(csv, "{n},{x},{s},{s},{f},{f}");
    }
    folder.write("t.csv", &csv);
}

#[tokio::test]
async fn lists_over_one_column_keep_null() {
    let folder = Folder::new();
    nulls(&folder);
    for source in ["t.parquet", "t.csv"] {
        let settings = "filter = ['x', 's', 'sd']";
        let catalog = folder.load(&table(source, settings)).await;
        counts(
            &catalog,
            &[
                ("b.x NOT IN (1) OR b.x NOT IN (2)", 33),
                ("NOT (b.s IN ('a') AND b.s IN ('b'))", 33),
                ("NOT (b.sd IN ('a') AND b.sd IN ('b'))", 33),
                ("NOT (b.x IN (1, 2) AND b.x NOT IN (1, 2))", 33),
                ("b.x IN (1, NULL)", 17),
                ("b.x NOT IN (1, NULL)", 0),
                ("b.x = NULL OR NOT (b.x = NULL)", 0),
                ("b.x IN (1) AND b.x IN (2)", 0),
                ("b.x NOT BETWEEN 1 AND NULL", 0),
                ("b.x NOT BETWEEN 2 AND NULL", 17),
                ("b.s NOT LIKE 'b%'", 16),
                ("b.s LIKE NULL OR b.s IS NULL", 17),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_row_filter_keeps_null_as_a_condition_does() {
    let folder = Folder::new();
    nulls(&folder);
    for source in ["t.parquet", "t.csv"] {
        let settings = "row_filter = 'x NOT IN (1) OR x NOT IN (2)'";
        let toml = table(source, settings);
        let (catalog, report) = folder.try_load(&toml).await.unwrap();
        assert_eq!(report.tables[0].rows_allowed, 33, "{report:#?}");
        counts(&catalog, &[("", 33)]).await;
    }
}

#[tokio::test]
async fn zeros_of_both_signs_are_equal_and_every_nan_is_the_largest() {
    let folder = Folder::new();
    nulls(&folder);
    let zeros = [
        ("b.f = 0", 26),
        ("b.f IN (0, 1.5, 7, 8)", 38),
        ("b.f NOT IN (0, 1.5, 7, 8)", 12),
        ("b.f < 0", 12),
        ("b.f >= -0", 38),
        ("b.f BETWEEN 0 AND 0", 26),
        ("b.f32 = 0", 26),
        ("b.f32 IN (0, 1.5, 7, 8)", 38),
        ("b.f = b.f32", 50),
    ];
    for source in ["t.parquet", "t.csv"] {
        let settings = "filter = ['f', 'f32']";
        let catalog = folder.load(&table(source, settings)).await;
        counts(&catalog, &zeros).await;
    }
    let catalog = folder.load(&table("t.parquet", "filter = ['nan']")).await;
    let nan = [
        ("b.nan > 5", 47),
        ("b.nan < 5", 3),
        ("b.nan = b.nan", 50),
        ("b.nan > 99999999999999999999", 11),
        ("b.nan BETWEEN 2 AND 4", 3),
        ("b.nan IN (2, 3)", 2),
        ("NOT (b.nan <= 49)", 11),
    ];
    counts(&catalog, &nan).await;
}

#[tokio::test]
async fn long_order_numbers_stay_apart_beside_a_cell_with_an_exponent() {
    let folder = Folder::new();
    let mut csv = String::from("id,order_id\n");
    for n in 0..50 {
        let _ = writeln!(csv, "{n},{}", 100_155_000_000_000_000_i64 + n);
    }
    csv += "50,1.00155E+17\n";
    folder.write("t.csv", &csv);
    let catalog = folder.load(&table("t.csv", "filter = ['order_id']")).await;
    counts(
        &catalog,
        &[
            ("b.order_id = 100155000000000003", 1),
            ("b.order_id = '100155000000000003'", 1),
            ("b.order_id >= 100155000000000040", 10),
            ("b.order_id > 100155000000000039.5", 10),
            ("b.order_id = 100155000000000000", 2),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_decimal_is_compared_with_a_double_as_the_nearest_double() {
    let folder = Folder::new();
    let prices = Decimal128Array::from_iter_values([30, 30, 10, 499].into_iter().cycle().take(48));
    let paid = [0.1 + 0.2, 0.3, 0.1, 5.0].into_iter().cycle().take(48);
    let single = [0.1_f32; 48];
    folder.parquet(
        "t.parquet",
        &[
            ("id", ids(48)),
            (
                "price",
                Arc::new(prices.with_precision_and_scale(9, 2).unwrap()),
            ),
            ("paid", Arc::new(Float64Array::from_iter_values(paid))),
            ("single", Arc::new(Float32Array::from_iter_values(single))),
        ],
    );
    let settings = "filter = ['price', 'paid', 'single']";
    let catalog = folder.load(&table("t.parquet", settings)).await;
    counts(
        &catalog,
        &[
            ("b.price = b.paid", 24),
            ("b.price < b.paid", 24),
            ("b.paid = 0.3", 12),
            ("b.paid = 0.30000000000000004", 12),
            ("b.paid IN (0.1, 0.3)", 24),
            // A single is widened exactly, and no single is 0.1.
            ("b.single = 0.1", 0),
            ("b.single = 0.100000001490116119384765625", 48),
            ("b.paid > b.single", 36),
        ],
    )
    .await;
}

/// `brand.t` with columns that hold nothing, from a file of either format.
async fn without_values(folder: &Folder, source: &str) -> Catalog {
    let settings = "filter = ['amount', 'day']\nminimum = 1\n[table.t.aggregate.amount]\n\
                    functions = ['count', 'sum']\n";
    let toml = format!("[table.t]\nsource = '{source}'\n{settings}{KEY}");
    folder.load(&toml).await
}

#[tokio::test]
async fn columns_without_values_are_served_and_give_null() {
    let folder = Folder::new();
    let rows: Vec<String> = (0..50).map(|n| format!("{n},,")).collect();
    folder.write("t.csv", &format!("id,amount,day\n{}\n", rows.join("\n")));
    let nothing = || -> ArrayRef { Arc::new(NullArray::new(50)) };
    let columns = [("id", ids(50)), ("amount", nothing()), ("day", nothing())];
    folder.parquet("t.parquet", &columns);
    let other = Folder::new();
    other.write("t.csv", "id\n1\n2\n3\n70\n");
    let asked = other
        .load(&format!(
            "[table.t]\nsource = 't.csv'\nminimum = 1\nowner_may_receive = true\n{KEY}"
        ))
        .await;
    for source in ["t.csv", "t.parquet"] {
        let catalog = without_values(&folder, source).await;
        counts(
            &catalog,
            &[
                ("", 50),
                ("b.amount IS NULL", 50),
                ("b.amount IS NOT NULL", 0),
                ("b.amount > 5", 0),
                ("NOT (b.amount > 5)", 0),
                ("b.amount > 5 OR b.day IS NULL", 50),
                ("b.day >= '2025-01-01'", 0),
                ("b.day NOT IN ('2025-01-01')", 0),
            ],
        )
        .await;
        let sql = "SELECT SUM(c.amount), COUNT(c.amount), COUNT(*) \
                   FROM brand.t AS c JOIN snowy.t AS o ON c.id = o.id";
        let job = agree(&catalog, &asked, sql).await.unwrap();
        let row = &job.rows().rows[0].values;
        let whole = |value: i64| ResultValue::Integer(value.into());
        assert_eq!(row, &[ResultValue::Null, whole(0), whole(3)], "{source}");
    }
}
