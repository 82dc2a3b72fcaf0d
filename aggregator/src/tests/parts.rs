//! Parts of one table that store a column in different ways, columns without values, and parts
//! without rows.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DictionaryArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    LargeStringArray, NullArray, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
    UInt64Array,
};
use psi_core::identifier::IdentifierKind;

use crate::LoadReport;
use crate::testing::{Folder, digests, expected};

const KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n";

fn table() -> String {
    format!("[table.t]\nsource = 'd'\nfilter = ['x']\n{KEY}")
}

fn ids(first: i64, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((first..).take(rows)))
}

fn parts(first: &ArrayRef, second: &ArrayRef) -> Folder {
    let folder = Folder::new();
    for (name, id, array) in [("a", 1, first), ("b", 11, second)] {
        let columns = [("id", ids(id, array.len())), ("x", Arc::clone(array))];
        folder.parquet(&format!("d/{name}.parquet"), &columns);
    }
    folder
}

fn decimal(units: Vec<Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(units);
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

/// Arrays that hold the same three values, with a condition that selects the second, and one that
/// selects the third, which is NULL.
fn families() -> Vec<(&'static str, Vec<ArrayRef>)> {
    let words = vec![Some("a"), Some("b"), None];
    let dictionary: DictionaryArray<Int32Type> = words.clone().into_iter().collect();
    let small: DictionaryArray<Int8Type> = words.clone().into_iter().collect();
    let bytes: Vec<Option<&[u8]>> = words.iter().map(|word| word.map(str::as_bytes)).collect();
    let seconds = [Some(0), Some(1_735_732_800), None];
    let scaled = |factor: i64| -> Vec<Option<i64>> {
        seconds
            .iter()
            .map(|value| value.map(|value| value * factor))
            .collect()
    };
    let zoned = |zone: &str| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(scaled(1_000_000)).with_timezone(zone))
    };
    vec![
        (
            "b.x = 'b'",
            vec![
                Arc::new(StringArray::from(words.clone())) as ArrayRef,
                Arc::new(LargeStringArray::from(words.clone())),
                Arc::new(StringViewArray::from(words)),
                Arc::new(dictionary),
                Arc::new(small),
                Arc::new(BinaryArray::from(bytes)),
            ],
        ),
        (
            "b.x = 7",
            vec![
                Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(7), None])) as ArrayRef,
                Arc::new(Int8Array::from(vec![Some(-1), Some(7), None])),
                Arc::new(Int16Array::from(vec![Some(-1), Some(7), None])),
                Arc::new(Int32Array::from(vec![Some(-1), Some(7), None])),
                Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(7), None])),
                Arc::new(UInt32Array::from(vec![Some(1), Some(7), None])),
                Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(7), None])),
                decimal(vec![Some(100), Some(700), None], 10, 2),
                decimal(vec![Some(1), Some(7), None], 5, 0),
                decimal(vec![Some(10_i128.pow(25)), Some(70_000), None], 30, 4),
            ],
        ),
        (
            "b.x = 7.0",
            vec![
                Arc::new(Float64Array::from(vec![Some(1e300), Some(7.0), None])) as ArrayRef,
                Arc::new(Int8Array::from(vec![Some(-1), Some(7), None])),
                Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(7), None])),
                Arc::new(UInt32Array::from(vec![Some(u32::MAX), Some(7), None])),
            ],
        ),
        (
            "b.x = 0.5",
            vec![
                Arc::new(Float32Array::from(vec![Some(1.5), Some(0.5), None])) as ArrayRef,
                Arc::new(Float64Array::from(vec![Some(1e300), Some(0.5), None])),
            ],
        ),
        (
            "b.x = '2025-01-01 12:00:00'",
            vec![
                Arc::new(TimestampSecondArray::from(scaled(1))) as ArrayRef,
                Arc::new(TimestampMillisecondArray::from(scaled(1_000))),
                Arc::new(TimestampMicrosecondArray::from(scaled(1_000_000))),
                Arc::new(TimestampNanosecondArray::from(scaled(1_000_000_000))),
            ],
        ),
        (
            "b.x = '2025-01-01 12:00:00Z'",
            vec![
                zoned("UTC"),
                zoned("+00:00"),
                Arc::new(TimestampNanosecondArray::from(scaled(1_000_000_000)).with_timezone("Z")),
            ],
        ),
        (
            "b.x = '2025-01-01'",
            vec![
                Arc::new(Date32Array::from(vec![Some(0), Some(20_089), None])) as ArrayRef,
                Arc::new(Date64Array::from(vec![
                    Some(0),
                    Some(20_089 * 86_400_000),
                    None,
                ])),
            ],
        ),
        (
            "b.x = TRUE",
            vec![Arc::new(BooleanArray::from(vec![Some(false), Some(true), None])) as ArrayRef],
        ),
    ]
}

#[tokio::test]
async fn parts_that_store_a_column_in_any_two_ways_of_a_family_are_one_table() {
    for (condition, arrays) in families() {
        let nothing: ArrayRef = Arc::new(NullArray::new(3));
        for (first, second) in arrays
            .iter()
            .flat_map(|a| arrays.iter().map(move |b| (a, b)))
        {
            let name = format!(
                "{} beside {}: {condition}",
                first.data_type(),
                second.data_type()
            );
            let folder = parts(first, second);
            let catalog = folder.load(&table()).await;
            let found = digests(&catalog, condition).await;
            assert_eq!(found, expected(IdentifierKind::Int, &["2", "12"]), "{name}");
            let found = digests(&catalog, "b.x IS NULL").await;
            assert_eq!(found, expected(IdentifierKind::Int, &["3", "13"]), "{name}");
        }
        // A part whose writer had no value to take the type from.
        for (folder, id) in [
            (parts(&arrays[0], &nothing), "2"),
            (parts(&nothing, &arrays[0]), "12"),
        ] {
            let catalog = folder.load(&table()).await;
            let found = digests(&catalog, condition).await;
            assert_eq!(found, expected(IdentifierKind::Int, &[id]), "{condition}");
        }
    }
}

#[tokio::test]
async fn parts_without_a_lossless_type_in_common_are_refused_with_both_types() {
    let mut families = families();
    // Both are of doubles.
    families.remove(2);
    for (i, (_, first)) in families.iter().enumerate() {
        for (_, second) in families.iter().skip(i + 1) {
            let (_, report) = parts(&first[0], &second[0])
                .try_load(&table())
                .await
                .unwrap();
            let problem = &report.tables[0].problems[0];
            assert!(problem.what.contains("and an earlier file as"), "{problem}");
        }
    }
}

#[tokio::test]
async fn a_column_without_values_and_a_table_without_rows_are_served() {
    let served = |report: LoadReport| assert!(report.is_clean(), "{report:?}");
    let toml = "[table.t]\nsource = 'd'\nfilter = ['x']\ndimension = { y = ['a'] }\n\
                [[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n\
                [table.t.aggregate.z]\nfunctions = ['sum', 'count']\n";
    for text in ["id,x,y,z\n1,,,\n2,,,\n", "id,x,y,z\n"] {
        let folder = Folder::new();
        folder.write("d/a.csv", text);
        let (catalog, report) = folder.try_load(toml).await.unwrap();
        assert_eq!(report.tables[0].rows, text.lines().count() as u64 - 1);
        served(report);
        assert_eq!(digests(&catalog, "b.x = 5").await.len(), 0);
        // A part without rows says nothing of types.
        folder.write("d/b.csv", "id,x,y,z\n3,5,a,7\n");
        let catalog = folder.load(toml).await;
        assert_eq!(digests(&catalog, "b.x = 5").await.len(), 1);
    }
    for rows in [0, 2] {
        let nothing = || -> ArrayRef { Arc::new(NullArray::new(rows)) };
        let folder = Folder::new();
        let columns = [
            ("id", ids(1, rows)),
            ("x", nothing()),
            ("y", nothing()),
            ("z", nothing()),
        ];
        folder.parquet("d/a.parquet", &columns);
        served(folder.try_load(toml).await.unwrap().1);
    }
}

#[tokio::test]
async fn whole_numbers_of_64_bits_are_not_made_doubles_however_many_parts_come_before() {
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let double: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    for order in [
        [&narrow, &wide, &double],
        [&wide, &narrow, &double],
        [&narrow, &double, &wide],
        [&double, &wide, &narrow],
    ] {
        let folder = Folder::new();
        for (number, array) in order.into_iter().enumerate() {
            let columns = [("id", ids(1, 1)), ("x", Arc::clone(array))];
            folder.parquet(&format!("d/{number}.parquet"), &columns);
        }
        let (_, report) = folder.try_load(&table()).await.unwrap();
        let problem = &report.tables[0].problems[0];
        assert!(problem.what.contains("and an earlier file as"), "{problem}");
    }
    // A key in doubles is one of whole numbers alone, in whichever part they are.
    let folder = Folder::new();
    folder.parquet("d/a.parquet", &[("id", narrow)]);
    folder.parquet("d/b.parquet", &[("id", double)]);
    let toml = format!("[table.t]\nsource = 'd'\n{KEY}");
    let (_, report) = folder.try_load(&toml).await.unwrap();
    assert_eq!(report.tables[0].keys[0].nulls, 1, "{report:?}");
    let (_, report) = folder
        .try_load(&toml.replace("'int'", "'text'"))
        .await
        .unwrap();
    assert!(report.tables[0].problems[0].what.contains("Float64"));
}
