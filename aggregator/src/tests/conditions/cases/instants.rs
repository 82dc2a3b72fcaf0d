//! Dates and timestamps of [`super`]: decimals, far years, zones, and folders of several units.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray,
};

use super::{counts, ids, table};
use crate::testing::Folder;

const SECONDS_PER_DAY: i64 = 86_400;
/// The day number of 2025-01-01.
const NEW_YEAR: i64 = 20_089;

#[tokio::test]
async fn timestamps_of_csv_keep_nine_decimals() {
    let folder = Folder::new();
    let mut csv = String::from("id,ts\n");
    for n in 0..50 {
        let _ = writeln!(csv, "{n},2025-01-31 12:00:00.{}", 1_234_560 + n);
    }
    folder.write("t.csv", &csv);
    let catalog = folder.load(&table("t.csv", "filter = ['ts']")).await;
    counts(
        &catalog,
        &[
            ("b.ts = '2025-01-31 12:00:00.1234575'", 1),
            ("b.ts >= '2025-01-31 12:00:00.1234575'", 35),
            ("b.ts < '2025-01-31 12:00:00.1234575'", 15),
            ("b.ts < '2025-01-31 12:00:00.123457501'", 16),
        ],
    )
    .await;
}

#[tokio::test]
async fn far_timestamps_are_compared_across_units_and_with_dates() {
    let folder = Folder::new();
    let day = |n: i64| (NEW_YEAR + n) * SECONDS_PER_DAY;
    let (never, early) = (253_402_214_400_i64, -62_135_596_800_i64);
    let until = |n: i64| if n % 2 == 1 { never } else { day(19) };
    let since = |n: i64| if n % 3 == 0 { early } else { day(19) };
    let each = |of: &dyn Fn(i64) -> i64| (0..50).map(of).collect::<Vec<i64>>();
    let nanos = TimestampNanosecondArray::from(each(&|n| day(n) * 1_000_000_000));
    let millis = TimestampMillisecondArray::from(each(&|n| until(n) * 1000));
    let dates = each(&until)
        .into_iter()
        .map(|s| i32::try_from(s / SECONDS_PER_DAY).unwrap());
    folder.parquet(
        "t.parquet",
        &[
            ("id", ids(50)),
            ("upd", Arc::new(nanos.clone())),
            ("uz", Arc::new(nanos.with_timezone("UTC"))),
            ("until_ms", Arc::new(millis.clone())),
            ("vz", Arc::new(millis.with_timezone("America/New_York"))),
            (
                "since_us",
                Arc::new(TimestampMicrosecondArray::from(each(&|n| {
                    since(n) * 1_000_000
                }))),
            ),
            ("until_d", Arc::new(Date32Array::from_iter_values(dates))),
        ],
    );
    let settings = "filter = ['upd', 'uz', 'until_ms', 'vz', 'since_us', 'until_d']";
    let catalog = folder.load(&table("t.parquet", settings)).await;
    counts(
        &catalog,
        &[
            // Rows 0 to 18 before 2025-01-20, and from 19 on the odd ones, which end never.
            ("b.upd < b.until_ms", 35),
            ("b.upd < b.until_d", 35),
            ("b.uz < b.vz", 35),
            ("b.upd >= b.until_ms", 15),
            // Row 19 is not a multiple of three.
            ("b.upd = b.since_us", 1),
            ("b.upd < b.since_us", 12),
            ("b.until_ms = b.until_d", 50),
            ("b.since_us < b.until_d", 34),
            ("b.until_ms = '9999-12-31'", 25),
            ("b.since_us = '0001-01-01'", 17),
            ("b.upd > b.until_ms AND b.upd < '2025-01-31'", 5),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_hour_that_a_zone_has_twice_is_the_earlier_and_one_that_it_skips_the_end_of_the_gap() {
    let folder = Folder::new();
    // Quarters of an hour from 05:00 UTC on 2024-11-03 and from 06:00 UTC on 2025-03-09.
    let quarter = |n: i64| {
        let start = if n < 12 {
            1_730_610_000
        } else {
            1_741_500_000 - 10_800
        };
        (start + n * 900) * 1_000_000
    };
    let times = TimestampMicrosecondArray::from((0..24).map(quarter).collect::<Vec<i64>>());
    folder.parquet(
        "t.parquet",
        &[
            ("id", ids(24)),
            ("ts", Arc::new(times.with_timezone("America/New_York"))),
        ],
    );
    let catalog = folder.load(&table("t.parquet", "filter = ['ts']")).await;
    counts(
        &catalog,
        &[
            // 05:00 UTC is the first 01:00 and 06:00 UTC the second.
            ("b.ts < '2024-11-03 01:00'", 0),
            ("b.ts < '2024-11-03 01:30:00'", 2),
            ("b.ts >= '2024-11-03 01:30:00'", 22),
            ("b.ts < '2024-11-03 01:30:00-04:00'", 2),
            ("b.ts < '2024-11-03 02:00'", 8),
            ("b.ts = '2024-11-03 01:30:00'", 1),
            // 07:00 UTC is 03:00, and every time of the hour before it.
            ("b.ts >= '2025-03-09 02:30'", 8),
            ("b.ts < '2025-03-09 02:30:00.5'", 16),
            ("b.ts >= '2025-03-09 03:30'", 6),
            ("b.ts >= '2025-03-09 01:59:59.999999999'", 8),
            ("b.ts >= '2025-03-09 03:00'", 8),
            ("b.ts = '2025-03-09 02:45:00'", 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn files_of_a_folder_may_store_other_units_precisions_and_scales() {
    let folder = Folder::new();
    let id = |from: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(from..from + 25)) };
    let decimal = |from: i64, half: i128, precision: u8, scale: i8| -> ArrayRef {
        let units = (from..from + 25).map(|n| i128::from(n) * half * 2 + half);
        let array = Decimal128Array::from_iter_values(units);
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let days = |from: i64, unit: i64| (from..from + 25).map(move |n| (NEW_YEAR + n) * unit);
    let nanos = days(0, SECONDS_PER_DAY * 1_000_000_000);
    let micros = days(25, SECONDS_PER_DAY * 1_000_000);
    folder.parquet(
        "d/a.parquet",
        &[
            ("id", id(0)),
            ("amount", decimal(0, 50, 7, 2)),
            ("fine", decimal(0, 50, 9, 2)),
            (
                "ts",
                Arc::new(TimestampNanosecondArray::from_iter_values(nanos)),
            ),
        ],
    );
    folder.parquet(
        "d/b.parquet",
        &[
            ("id", id(25)),
            ("amount", decimal(25, 50, 12, 2)),
            ("fine", decimal(25, 50_000, 20, 5)),
            (
                "ts",
                Arc::new(TimestampMicrosecondArray::from_iter_values(micros)),
            ),
        ],
    );
    let settings = "filter = ['amount', 'fine', 'ts']";
    let catalog = folder.load(&table("d", settings)).await;
    counts(
        &catalog,
        &[
            ("", 50),
            ("b.amount >= 20.5", 30),
            ("b.amount IN (0.5, 49.50)", 2),
            ("b.amount = b.fine", 50),
            ("b.fine < 30", 30),
            ("b.ts >= '2025-01-21'", 30),
            ("b.ts IN ('2025-01-01', '2025-02-19')", 2),
        ],
    )
    .await;
}
