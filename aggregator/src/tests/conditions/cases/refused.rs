//! What is an error when a condition is planned: nothing else may be one when rows are read.
//!
//! Spec 10 §3.4.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use super::{counts, ids, table};
use crate::testing::{Folder, MEMBERS, query};
use crate::{Catalog, QueryError};

/// One row with a column of each form.
async fn forms(folder: &Folder) -> Catalog {
    let instants = TimestampMicrosecondArray::from(vec![0]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", ids(1)),
        ("i", Arc::new(Int64Array::from(vec![1]))),
        ("f", Arc::new(Float64Array::from(vec![1.5]))),
        ("s", Arc::new(StringArray::from(vec!["a"]))),
        ("p", Arc::new(BooleanArray::from(vec![true]))),
        ("d", Arc::new(Date32Array::from(vec![1]))),
        ("t", Arc::new(instants.clone())),
        ("z", Arc::new(instants.with_timezone("UTC"))),
    ];
    folder.parquet("t.parquet", &columns);
    let settings = "filter = ['i', 'f', 's', 'p', 'd', 't', 'z']";
    folder.load(&table("t.parquet", settings)).await
}

#[tokio::test]
async fn literals_and_columns_of_other_forms_are_errors_with_their_place() {
    let folder = Folder::new();
    let catalog = forms(&folder).await;
    for condition in [
        "b.i = 'x'",
        "b.i = TRUE",
        "b.i = DATE '2025-01-01'",
        "b.i IN (1, '2025-01-01')",
        "b.i LIKE '1%'",
        "b.f = 'nan'",
        "b.f BETWEEN 1 AND 'inf'",
        "b.s = 5",
        "b.s = DATE '2025-01-01'",
        "b.p = 1",
        "b.p = 'true'",
        "b.d = 5",
        "b.d = '2025-02-30'",
        "b.d = '2025-01-01T12:00Z'",
        "b.t = 'yesterday'",
        "b.t = '2025-01-01 12:00:00.1234567891'",
        "b.z = '10000-01-01'",
        "b.i = b.s",
        "b.p = b.i",
        "b.d = b.z",
        "b.t = b.z",
        "b.s = b.d",
    ] {
        match catalog.plan_request(&query(condition), MEMBERS) {
            Err(QueryError::Meaning(_)) => {}
            Err(other) => panic!("{condition}: {other}"),
            Ok(_) => panic!("{condition} was planned"),
        }
    }
}

#[tokio::test]
async fn patterns_have_at_most_256_characters_and_no_backslash_that_takes_nothing() {
    let folder = Folder::new();
    let catalog = forms(&folder).await;
    let long = |count: usize| "a".repeat(count);
    let runs = format!("{}{}", "%".repeat(50), long(255));
    let plan = |pattern: &str| {
        let condition = format!("b.s LIKE '{pattern}'");
        catalog.plan_request(&query(&condition), MEMBERS)
    };
    for pattern in ["a\\\\", "\\a", "", &long(256), &runs] {
        assert!(plan(pattern).is_ok(), "{pattern}");
    }
    for pattern in ["a\\", "\\", "\\\\\\", &long(257)] {
        let refused = matches!(plan(pattern), Err(QueryError::Meaning(_)));
        assert!(refused, "{pattern}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_null_as_text() {
    let folder = Folder::new();
    let bytes = BinaryArray::from(vec![Some(b"a".as_slice()), Some(b"\xff\xfe"), None]);
    let columns: [(&str, ArrayRef); 2] = [("id", ids(3)), ("s", Arc::new(bytes))];
    folder.parquet("t.parquet", &columns);
    let toml = table("t.parquet", "filter = ['s']");
    let (catalog, _) = folder.try_load(&toml).await.unwrap();
    counts(
        &catalog,
        &[
            ("b.s IS NULL", 2),
            ("b.s = 'a'", 1),
            ("b.s <> 'a'", 0),
            ("b.s NOT LIKE 'b'", 1),
        ],
    )
    .await;
}
