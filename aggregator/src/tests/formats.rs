//! Files as writers really write them.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int16Array, Int32Array, Int64Array, LargeStringArray, StringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::DataType;
use parquet::data_type::Int96;
use psi_core::identifier::IdentifierKind;

use crate::testing::{Folder, digests, expected};

const INT_KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n";
const TEXT_KEY: &str = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['text']\n";

fn table(source: &str, settings: &str, key: &str) -> String {
    format!("[table.t]\nsource = '{source}'\n{settings}\n{key}")
}

#[tokio::test]
async fn csv_with_quotes_blanks_in_the_header_and_null_words_is_read() {
    let folder = Folder::new();
    let settings = "filter = ['amount', 'city', 'since']\nnull = ['NA', '']";
    folder.write(
        "t.csv",
        concat!(
            "\u{feff}id , amount, city,\"since\"\n",
            "\"a,1\",10,\"New \"\"York\"\"\nline two\",2025-01-01\n",
            "b,NA,Rome,NA\n",
            "NA,30,NA,2025-06-30\n",
            "d,,NA,2024-12-31\n",
        ),
    );
    let catalog = folder.load(&table("t.csv", settings, TEXT_KEY)).await;
    let text = |values: &[&str]| expected(IdentifierKind::Text, values);
    assert_eq!(digests(&catalog, "").await, text(&["a,1", "b", "d"]));
    assert_eq!(digests(&catalog, "b.amount >= 10").await, text(&["a,1"]));
    assert_eq!(
        digests(&catalog, "b.amount IS NULL").await,
        text(&["b", "d"])
    );
    assert_eq!(
        digests(&catalog, "b.city LIKE 'New \"York\"%two'").await,
        text(&["a,1"])
    );
    assert_eq!(
        digests(&catalog, "b.since < '2025-01-01'").await,
        text(&["d"])
    );
    assert_eq!(
        digests(&catalog, "b.city = 'Rome' OR b.city IS NULL").await,
        text(&["b", "d"])
    );
}

#[tokio::test]
async fn leading_zeros_of_csv_keys_survive_and_the_key_can_still_be_compared_as_a_number() {
    let folder = Folder::new();
    folder.write("t.csv", "id,postcode\n007,0800\n7,1000\n12,4223\n");
    let text = folder
        .load(&table("t.csv", "filter = ['postcode']", TEXT_KEY))
        .await;
    assert_eq!(
        digests(&text, "").await,
        expected(IdentifierKind::Text, &["007", "7", "12"])
    );
    assert_eq!(
        digests(&text, "b.postcode = '0800'").await,
        expected(IdentifierKind::Text, &["007"])
    );
    folder.write("u.csv", "id\n5\n70\n12\n");
    let int = folder
        .load(&table("u.csv", "filter = ['id']", INT_KEY))
        .await;
    assert_eq!(
        digests(&int, "b.id > 9").await,
        expected(IdentifierKind::Int, &["70", "12"])
    );
    assert_eq!(
        digests(&int, "b.id = '70'").await,
        expected(IdentifierKind::Int, &["70"])
    );
}

#[tokio::test]
async fn numbers_with_blanks_around_them_are_numbers() {
    let folder = Folder::new();
    folder.write(
        "t.csv",
        "id, birth, state\n1, 19151111, nsw\n2, , vic\n3, 19390212, \n",
    );
    let catalog = folder
        .load(&table("t.csv", "filter = ['birth', 'state']", INT_KEY))
        .await;
    assert_eq!(digests(&catalog, "b.birth < 19200101").await.len(), 1);
    assert_eq!(
        digests(&catalog, "b.birth IS NULL").await,
        expected(IdentifierKind::Int, &["2"])
    );
    assert_eq!(digests(&catalog, "b.state = ' nsw'").await.len(), 1);
}

#[tokio::test]
async fn whole_numbers_of_every_storage_type_are_the_same_identities() {
    let values = [5, 70, 12];
    let text: Vec<Option<&str>> = vec![Some("005"), Some("+70"), Some(" 12 ")];
    let dictionary: DictionaryArray<Int32Type> = vec!["5", "70", "12"].into_iter().collect();
    let decimal = Decimal128Array::from(vec![5, 70, 12])
        .with_precision_and_scale(10, 0)
        .unwrap();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int16Array::from(vec![5, 70, 12])),
        Arc::new(Int32Array::from(values.to_vec())),
        Arc::new(Int64Array::from(vec![5, 70, 12])),
        Arc::new(UInt32Array::from(vec![5, 70, 12])),
        Arc::new(UInt64Array::from(vec![5, 70, 12])),
        Arc::new(decimal),
        Arc::new(StringArray::from(text.clone())),
        Arc::new(LargeStringArray::from(text.clone())),
        Arc::new(StringViewArray::from(text)),
        Arc::new(BinaryArray::from(vec![b"5".as_slice(), b"70", b"12"])),
        Arc::new(dictionary),
    ];
    let folder = Folder::new();
    for array in arrays {
        let kind = array.data_type().clone();
        folder.parquet("t.parquet", &[("id", array)]);
        let catalog = folder.load(&table("t.parquet", "", INT_KEY)).await;
        let all = expected(IdentifierKind::Int, &["5", "70", "12"]);
        assert_eq!(digests(&catalog, "").await, all, "{kind}");
    }
}

#[tokio::test]
async fn text_filters_work_on_every_text_type() {
    let values = vec![Some("north"), None, Some("nördlich")];
    let dictionary: DictionaryArray<Int32Type> = values.clone().into_iter().collect();
    let bytes: Vec<Option<&[u8]>> = values.iter().map(|v| v.map(str::as_bytes)).collect();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(values.clone())),
        Arc::new(LargeStringArray::from(values.clone())),
        Arc::new(StringViewArray::from(values)),
        Arc::new(BinaryArray::from(bytes)),
        Arc::new(dictionary),
    ];
    let folder = Folder::new();
    for array in arrays {
        let kind = array.data_type().clone();
        let id: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        folder.parquet("t.parquet", &[("id", id), ("r", array)]);
        let catalog = folder
            .load(&table("t.parquet", "filter = ['r']", INT_KEY))
            .await;
        for (condition, ids) in [
            ("b.r = 'north'", &["1"][..]),
            ("b.r LIKE 'n%'", &["1", "3"]),
            ("b.r NOT LIKE '_ö%'", &["1"]),
            ("b.r NOT IN ('x')", &["1", "3"]),
            ("b.r IS NULL", &["2"]),
        ] {
            let expected = expected(IdentifierKind::Int, ids);
            assert_eq!(
                digests(&catalog, condition).await,
                expected,
                "{kind} {condition}"
            );
        }
    }
}

/// Seconds since 1970 of three moments: the second is midnight of 2025-01-01.
const MOMENTS: [i64; 4] = [1_735_689_599, 1_735_689_600, 1_735_732_800, 253_402_214_400];

#[tokio::test]
async fn dates_and_timestamps_of_every_unit_and_zone_compare_with_iso_literals() {
    let scaled = |factor: i64| MOMENTS.map(|seconds| seconds * factor).to_vec();
    let days = MOMENTS.map(|seconds| i32::try_from(seconds.div_euclid(86_400)).unwrap());
    // The last moment is in the year 9999, beyond nanoseconds.
    let nanos: Vec<Option<i64>> = MOMENTS
        .iter()
        .map(|seconds| seconds.checked_mul(1_000_000_000))
        .collect();
    let date: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    let mut arrays = vec![date];
    for zone in [None, Some("UTC"), Some("+00:00")] {
        arrays.extend([
            Arc::new(TimestampSecondArray::from(scaled(1)).with_timezone_opt(zone)) as ArrayRef,
            Arc::new(TimestampMillisecondArray::from(scaled(1000)).with_timezone_opt(zone)),
            Arc::new(TimestampMicrosecondArray::from(scaled(1_000_000)).with_timezone_opt(zone)),
            Arc::new(TimestampNanosecondArray::from(nanos.clone()).with_timezone_opt(zone)),
        ]);
    }
    let folder = Folder::new();
    for array in arrays {
        let kind = array.data_type().clone();
        let is_date = kind == DataType::Date32;
        let far = !array.is_null(3);
        let id: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4]));
        folder.parquet("t.parquet", &[("id", id), ("d", array)]);
        let catalog = folder
            .load(&table("t.parquet", "filter = ['d']", INT_KEY))
            .await;
        let cases: &[(&str, &[u8])] = &[
            ("b.d >= '2025-01-01'", &[2, 3, 4]),
            (
                "b.d > DATE '2024-12-31'",
                if is_date { &[2, 3, 4] } else { &[1, 2, 3, 4] },
            ),
            ("b.d < TIMESTAMP '2025-01-01 00:00:00'", &[1]),
            ("b.d = '2025-01-01'", if is_date { &[2, 3] } else { &[2] }),
            (
                "b.d = TIMESTAMP '2025-01-01 12:00:00'",
                if is_date { &[] } else { &[3] },
            ),
            ("b.d BETWEEN '2025-01-01' AND '2025-12-31'", &[2, 3]),
            ("b.d > '9000-01-01'", &[4]),
            ("b.d <= '9999-12-31 23:59:59.999999999'", &[1, 2, 3, 4]),
            ("b.d IN ('2025-01-01', '2025-01-01 12:00:00')", &[2, 3]),
        ];
        for (condition, ids) in cases {
            let ids: Vec<String> = ids
                .iter()
                .filter(|id| far || **id != 4)
                .map(ToString::to_string)
                .collect();
            let expected = expected(IdentifierKind::Int, &ids);
            assert_eq!(
                digests(&catalog, condition).await,
                expected,
                "{kind} {condition}"
            );
        }
    }
}

#[tokio::test]
async fn a_literal_finer_than_the_column_is_not_cut() {
    let folder = Folder::new();
    let id: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![
        1_735_689_600,
        1_735_689_601,
    ]));
    folder.parquet("t.parquet", &[("id", id), ("d", seconds)]);
    let catalog = folder
        .load(&table("t.parquet", "filter = ['d']", INT_KEY))
        .await;
    let half = "'2025-01-01 00:00:00.5'";
    for (condition, ids) in [
        (format!("b.d > {half}"), &["2"][..]),
        (format!("b.d < {half}"), &["1"]),
        (format!("b.d = {half}"), &[]),
        (format!("b.d <> {half}"), &["1", "2"]),
        ("b.d >= '2025-01-01T01:00:01+01:00'".to_owned(), &["2"]),
    ] {
        let expected = expected(IdentifierKind::Int, ids);
        assert_eq!(digests(&catalog, &condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn a_column_with_a_named_zone_reads_literals_in_that_zone() {
    let folder = Folder::new();
    let id: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    // 23:30 and 00:30 in New York around the start of 2025.
    let times = TimestampMillisecondArray::from(vec![1_735_705_800_000, 1_735_709_400_000])
        .with_timezone("America/New_York");
    folder.parquet("t.parquet", &[("id", id), ("d", Arc::new(times))]);
    let catalog = folder
        .load(&table("t.parquet", "filter = ['d']", INT_KEY))
        .await;
    assert_eq!(
        digests(&catalog, "b.d >= '2025-01-01'").await,
        expected(IdentifierKind::Int, &["2"])
    );
}

#[tokio::test]
async fn int96_timestamps_and_unannotated_text_of_old_writers_are_read() {
    let julian = |days: u32, nanos: u64| {
        let mut value = Int96::new();
        let (low, high) = (u32::try_from(nanos & 0xffff_ffff).unwrap(), nanos >> 32);
        value.set_data(low, u32::try_from(high).unwrap(), 2_440_588 + days);
        value
    };
    let folder = Folder::new();
    let day = 20_089; // 2025-01-01
    let rows = [
        ("1", julian(day - 1, 86_399_999_999_000)),
        ("2", julian(day, 0)),
        ("3", julian(day, 43_200_000_000_000)),
        ("4", julian(2_932_896, 0)), // 9999-12-31, "never"
    ];
    folder.int96("t.parquet", &rows);
    let catalog = folder
        .load(&table("t.parquet", "filter = ['t', 'id']", INT_KEY))
        .await;
    for (condition, ids) in [
        ("b.t >= '2025-01-01'", &["2", "3", "4"][..]),
        ("b.t < DATE '2025-01-01'", &["1"]),
        ("b.t = TIMESTAMP '2025-01-01 12:00:00'", &["3"]),
        ("b.t > '2025-01-02'", &["4"]),
        ("b.t = '9999-12-31'", &["4"]),
        ("b.id = '3'", &["3"]),
    ] {
        let expected = expected(IdentifierKind::Int, ids);
        assert_eq!(digests(&catalog, condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn numbers_compare_exactly_at_the_edges_of_their_types() {
    let folder = Folder::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        (
            "u",
            Arc::new(UInt64Array::from(vec![0, u64::MAX - 1, u64::MAX])),
        ),
        (
            "i",
            Arc::new(Int64Array::from(vec![i64::MIN, (1 << 53) + 1, i64::MAX])),
        ),
        ("s", Arc::new(Int16Array::from(vec![-5, 0, 5]))),
        ("f", Arc::new(Float64Array::from(vec![-0.5, 0.25, 1e300]))),
        (
            "b",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "m",
            Arc::new(
                Decimal128Array::from(vec![-150, 250, 251])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
    ];
    folder.parquet("t.parquet", &columns);
    let settings = "filter = ['u', 'i', 's', 'f', 'b', 'm']";
    let catalog = folder.load(&table("t.parquet", settings, INT_KEY)).await;
    for (condition, ids) in [
        ("b.u > 18446744073709551614", &["3"][..]),
        ("b.u >= -1", &["1", "2", "3"]),
        ("b.u < 0.5", &["1"]),
        ("b.i = 9007199254740993", &["2"]),
        ("b.i > 9007199254740992.5", &["2", "3"]),
        ("b.i > 99999999999999999999999", &[]),
        ("b.s < 70000", &["1", "2", "3"]),
        ("b.s NOT IN (0, 0.5, 70000)", &["1", "3"]),
        ("b.s BETWEEN -4.5 AND 5", &["2", "3"]),
        ("b.f > 0", &["2", "3"]),
        ("b.m > 2.505", &["3"]),
        ("b.m = 2.5", &["2"]),
        ("b.m <= -1.5", &["1"]),
        ("b.b = TRUE", &["1"]),
        ("NOT b.b = TRUE", &["2"]),
        ("b.s <= b.i", &["2", "3"]),
        ("b.u > b.i", &["1", "2", "3"]),
    ] {
        let expected = expected(IdentifierKind::Int, ids);
        assert_eq!(digests(&catalog, condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn a_folder_is_one_table_and_files_that_are_not_data_are_left_out() {
    let folder = Folder::new();
    folder.write("d/a.csv", "id,x\n1,1\n");
    folder.write("d/b.CSV", "id,x\n2,2.5\n");
    folder.write("d/_SUCCESS", "");
    folder.write("d/.hidden.csv", "other\n1\n");
    folder.write("d/readme.txt", "hello");
    let catalog = folder.load(&table("d", "filter = ['x']", INT_KEY)).await;
    assert_eq!(
        digests(&catalog, "b.x > 0.5").await,
        expected(IdentifierKind::Int, &["1", "2"])
    );

    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![2, 1 << 40]));
    folder.parquet("odd [1]* name/p 1%.parquet", &[("id", narrow)]);
    folder.parquet("odd [1]* name/p 2?.parquet", &[("id", wide)]);
    let catalog = folder.load(&table("odd [1]* name", "", INT_KEY)).await;
    let ids = expected(IdentifierKind::Int, &["1", "2", "1099511627776"]);
    assert_eq!(digests(&catalog, "").await, ids);
}

/// Two files with a column `id` of these arrays, as one table.
async fn two_files(first: ArrayRef, second: ArrayRef, settings: &str) -> (bool, String) {
    let folder = Folder::new();
    folder.parquet("d/1.parquet", &[("id", first)]);
    folder.parquet("d/2.parquet", &[("id", second)]);
    let toml = table("d", settings, INT_KEY);
    let (_, report) = folder.try_load(&toml).await.unwrap();
    let what = report.tables[0].problems.first();
    (
        report.is_clean(),
        what.map(|p| p.what.clone()).unwrap_or_default(),
    )
}

fn decimals(values: &[i128], precision: u8, scale: i8) -> ArrayRef {
    let decimals = Decimal128Array::from(values.to_vec());
    Arc::new(decimals.with_precision_and_scale(precision, scale).unwrap())
}

#[tokio::test]
async fn files_share_a_form_only_if_it_holds_the_values_of_both() {
    let whole = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 2])) };
    // A key of whole numbers may have decimals that are zero, in whichever file they are.
    for (first, second) in [
        (whole(), decimals(&[300], 10, 2)),
        (decimals(&[300], 10, 2), whole()),
    ] {
        let (served, what) = two_files(first, second, "").await;
        assert!(served, "{what}");
    }
    assert_eq!(
        two_files(whole(), decimals(&[3], 10, 0), "").await,
        (true, String::new())
    );
    // 38 digits before the point and ten behind it are more than a decimal has.
    let (served, what) = two_files(decimals(&[1], 38, 0), decimals(&[1], 38, 10), "").await;
    assert!(!served && what.contains("stores \"id\" as"), "{what}");
}

#[tokio::test]
async fn a_declared_type_holds_whatever_single_values_look_like() {
    let folder = Folder::new();
    folder.write(
        "t.csv",
        "id,zip,n,x,b,d,t,z\n\
         1,02139,5,1.5,true,2025-01-01,2025-01-01 10:00,2025-01-01T10:00Z\n\
         2,n/a,n/a,n/a,n/a,n/a,n/a,n/a\n\
         3, , , , , ,2025-01-01T10:00Z,2025-01-01 10:00\n",
    );
    let settings = |more: &str| {
        let types = "zip = 'text', n = 'integer', x = 'number', b = 'boolean', d = 'date', \
                     t = 'timestamp', z = 'timestamptz'";
        let columns = "filter = ['zip', 'n', 'x', 'b', 'd', 't', 'z']";
        table(
            "t.csv",
            &format!("{columns}\ntypes = {{ {types} }}\n{more}"),
            INT_KEY,
        )
    };
    // Exact: each odd value is named by its column, and the table is not served.
    let (_, report) = folder.try_load(&settings("")).await.unwrap();
    let problems = &report.tables[0].problems;
    let places: Vec<&str> = problems
        .iter()
        .map(|problem| problem.place.as_str())
        .collect();
    let columns = ["n", "x", "b", "d", "t", "z"];
    assert_eq!(
        places,
        columns.map(|column| format!("table.t.types.{column}"))
    );
    assert!(problems[4].what.starts_with("2 values"), "{}", problems[4]);
    assert!(problems.iter().all(|problem| !problem.what.contains("n/a")));
    // With differential privacy they are NULL, and so they are with a word for it.
    let (catalog, report) = folder.try_load(&settings("epsilon_max = 1")).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        report.tables[0].notes.len(),
        6,
        "{:?}",
        report.tables[0].notes
    );
    for (condition, ids) in [
        ("b.zip = '02139'", &["1"][..]),
        (
            "b.n = 5 AND b.x = 1.5 AND b.b = TRUE AND b.d = '2025-01-01'",
            &["1"],
        ),
        (
            "b.t = '2025-01-01 10:00' AND b.z = '2025-01-01 10:00Z'",
            &["1"],
        ),
        ("b.n IS NULL AND b.t IS NULL AND b.z IS NULL", &["2", "3"]),
    ] {
        let expected = expected(IdentifierKind::Int, ids);
        assert_eq!(digests(&catalog, condition).await, expected, "{condition}");
    }
    let (_, report) = folder
        .try_load(&settings("null = ['', 'n/a']"))
        .await
        .unwrap();
    let problems = &report.tables[0].problems;
    assert_eq!(
        problems.len(),
        2,
        "the two instants of the other sort: {problems:?}"
    );
    let toml = table("t.csv", "types = { gone = 'text' }", INT_KEY);
    let (_, report) = folder.try_load(&toml).await.unwrap();
    assert!(report.tables[0].problems[0].what.contains("no column"));
}
