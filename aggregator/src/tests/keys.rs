//! Keys as files store them: one identity whatever the file stores it as.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Decimal128Array,
    DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, LargeBinaryArray,
    StringArray,
};
use psi_core::identifier::IdentifierKind;
use psi_core::progress::Silent;
use psi_core::store::{MemoryStore, RecordStore as _};

use crate::testing::{Folder, MEMBERS, digests, expected};
use crate::{Catalog, ListFormat, QueryError, Told, ValueClass};

fn table(kind: &str) -> String {
    format!(
        "[table.t]\nsource = 't.parquet'\nrule = 'list'\n[[table.t.key]]\ncolumns = ['id']\nkinds = ['{kind}']\n"
    )
}

fn counts(kind: &str) -> String {
    table(kind).replace("rule = 'list'\n", "")
}

const UUIDS: [&str; 2] = [
    "550e8400-e29b-41d4-a716-446655440000",
    "00000000-0000-0000-0000-0000000000ff",
];

fn bytes() -> Vec<Vec<u8>> {
    let plain = UUIDS.map(|uuid| uuid.replace('-', ""));
    plain.map(|digits| hex::decode(digits).unwrap()).to_vec()
}

#[tokio::test]
async fn bytes_and_every_spelling_of_their_digits_are_the_same_identities() {
    let bytes = bytes();
    let plain: Vec<String> = UUIDS.iter().map(|uuid| uuid.replace('-', "")).collect();
    let text = |spell: &dyn Fn(&String) -> String| -> ArrayRef {
        Arc::new(StringArray::from(
            plain.iter().map(spell).collect::<Vec<_>>(),
        ))
    };
    let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    let digits: Vec<&[u8]> = plain.iter().map(String::as_bytes).collect();
    let fixed = FixedSizeBinaryArray::try_from_iter(bytes.iter()).unwrap();
    let keys: Int8Array = vec![0, 1].into();
    let dictionary = DictionaryArray::new(keys, Arc::new(BinaryArray::from(slices.clone())));
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(fixed),
        Arc::new(BinaryArray::from(slices.clone())),
        Arc::new(LargeBinaryArray::from(slices.clone())),
        Arc::new(BinaryViewArray::from(slices)),
        Arc::new(dictionary),
        // As old writers store text.
        Arc::new(BinaryArray::from(digits)),
        text(&String::clone),
        text(&|digits| format!(" 0x{} ", digits.to_uppercase())),
        Arc::new(StringArray::from(UUIDS.to_vec())),
    ];
    let folder = Folder::new();
    for array in arrays {
        let stored = array.data_type().clone();
        folder.parquet("t.parquet", &[("id", array)]);
        let catalog = folder.load(&counts("hex")).await;
        let all = expected(IdentifierKind::Hex, &UUIDS);
        assert_eq!(digests(&catalog, "").await, all, "{stored}");
    }
}

#[tokio::test]
async fn bytes_of_a_fixed_width_are_never_taken_for_digits() {
    let folder = Folder::new();
    let four = [b"1234".to_vec(), b"abcd".to_vec()];
    let fixed: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(four.iter()).unwrap());
    folder.parquet("t.parquet", &[("id", fixed)]);
    let catalog = folder.load(&counts("hex")).await;
    let all = expected(IdentifierKind::Hex, &["31323334", "61626364"]);
    assert_eq!(digests(&catalog, "").await, all);
}

#[tokio::test]
async fn whole_values_of_numbers_with_a_point_are_integers_and_others_are_null() {
    let decimal = Decimal128Array::from(vec![Some(12_300), Some(-700), Some(150), None]);
    let decimal = decimal.with_precision_and_scale(10, 2).unwrap();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![
            Some(123.0),
            Some(-7.0),
            Some(1.5),
            None,
        ])),
        Arc::new(decimal),
        Arc::new(StringArray::from(vec![
            Some("123.0"),
            Some("-7.00"),
            Some("1.5"),
            None,
        ])),
    ];
    let folder = Folder::new();
    for array in arrays {
        let stored = array.data_type().clone();
        folder.parquet("t.parquet", &[("id", array)]);
        let (catalog, report) = folder.try_load(&counts("int")).await.unwrap();
        assert_eq!(report.tables[0].keys[0].nulls, 2, "{stored}");
        let all = expected(IdentifierKind::Int, &["123", "-7"]);
        assert_eq!(digests(&catalog, "").await, all, "{stored}");
    }
    folder.write("t.csv", "id\n123.0\n-7.00\n1.5\n");
    let catalog = folder.load(&counts("int").replace("parquet", "csv")).await;
    assert_eq!(
        digests(&catalog, "").await,
        expected(IdentifierKind::Int, &["123", "-7"])
    );
}

#[tokio::test]
async fn a_type_that_cannot_be_a_key_of_a_kind_is_named() {
    let fixed = FixedSizeBinaryArray::try_from_iter([[0_u8; 4]].iter()).unwrap();
    let decimal = Decimal128Array::from(vec![5]);
    let decimal = decimal.with_precision_and_scale(10, 2).unwrap();
    let cases: Vec<(ArrayRef, &str, &str)> = vec![
        (Arc::new(Float64Array::from(vec![1.0])), "text", "Float64"),
        (Arc::new(Float32Array::from(vec![1.0])), "int", "Float32"),
        (Arc::new(BooleanArray::from(vec![true])), "text", "Boolean"),
        (Arc::new(fixed), "text", "FixedSizeBinary"),
        (Arc::new(decimal), "text", "2 decimals"),
    ];
    let folder = Folder::new();
    for (array, kind, says) in cases {
        folder.parquet("t.parquet", &[("id", array)]);
        let (_, report) = folder.try_load(&counts(kind)).await.unwrap();
        let problem = &report.tables[0].problems[0];
        assert!(problem.what.contains(says), "{problem}");
    }
}

fn listed(catalog: &Catalog, matched: &[[u8; 32]]) -> String {
    let mut writer = MemoryStore.unsorted(32).unwrap();
    for digest in matched {
        writer.push(digest).unwrap();
    }
    let matched = writer.finish().unwrap();
    let sql = "SELECT b.id FROM snowy.p AS s JOIN brand.t AS b ON s.id = b.id";
    let plan = catalog.plan_request(sql, MEMBERS).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = Box::new(file.reopen().unwrap());
    catalog
        .write_list(&plan.side, matched.as_ref(), ListFormat::Csv, out, &Silent)
        .unwrap();
    std::fs::read_to_string(file.path()).unwrap()
}

#[tokio::test]
async fn a_list_shows_bytes_as_digits_and_numbers_as_they_are() {
    let folder = Folder::new();
    let fixed: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(bytes().iter()).unwrap());
    folder.parquet("t.parquet", &[("id", fixed)]);
    let catalog = folder.load(&table("hex")).await;
    let found = listed(&catalog, &expected(IdentifierKind::Hex, &[UUIDS[0]]));
    assert_eq!(found, "id\n550e8400e29b41d4a716446655440000\n");
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![5.0, 70.0]));
    folder.parquet("t.parquet", &[("id", doubles)]);
    let catalog = folder.load(&table("int")).await;
    let found = listed(&catalog, &expected(IdentifierKind::Int, &["70"]));
    assert_eq!(found, "id\n70.0\n");
}

#[tokio::test]
async fn words_in_a_dictionary_are_keys_like_others() {
    let folder = Folder::new();
    let words: DictionaryArray<Int32Type> =
        vec![Some("0xAB"), None, Some("cd")].into_iter().collect();
    folder.parquet("t.parquet", &[("id", Arc::new(words) as ArrayRef)]);
    let catalog = folder.load(&counts("hex")).await;
    assert_eq!(
        digests(&catalog, "").await,
        expected(IdentifierKind::Hex, &["ab", "cd"])
    );
}

#[tokio::test]
async fn the_report_counts_what_normalises_and_what_the_rest_is() {
    let folder = Folder::new();
    folder.write(
        "t.csv",
        "mail,phone,note\n\
         a@b.c,+436641234567,01/31/2025\n\
         A@B.C,0664 1234567,02/28/2025\n\
         n/a,,12/01/2025\n\
         unknown,5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8,1/2/2025\n",
    );
    let toml = "[table.t]\nsource = 't.csv'\nfilter = ['note']\n\
                [[table.t.key]]\ncolumns = ['mail', 'phone']\nkinds = ['email', 'phone']\n\
                [[table.t.key]]\ncolumns = ['mail']\nkinds = ['text']\n";
    let (catalog, report) = folder.try_load(toml).await.unwrap();
    let found = &report.tables[0];
    let counts = |counts: &[crate::ClassCount]| -> Vec<(ValueClass, u64)> {
        counts
            .iter()
            .map(|count| (count.class, count.rows))
            .collect()
    };
    let [mail, phone] = found.keys[0].values.as_slice() else {
        panic!("two columns: {found:#?}")
    };
    assert_eq!((mail.normalised, mail.nulls), (2, 0));
    assert_eq!(counts(&mail.refused), [(ValueClass::Placeholder, 2)]);
    assert_eq!(counts(&mail.doubtful), []);
    assert_eq!((phone.normalised, phone.nulls), (1, 1));
    let refused = [(ValueClass::Sha256, 1), (ValueClass::NotE164, 1)];
    assert_eq!(counts(&phone.refused), refused);
    let text = &found.keys[1].values[0];
    let doubtful = [(ValueClass::Placeholder, 2), (ValueClass::UpperCase, 1)];
    assert_eq!(counts(&text.doubtful), doubtful);
    let note = found
        .notes
        .iter()
        .find(|note| note.contains("\"note\""))
        .unwrap();
    assert!(note.contains("dates in another form"), "{note}");
    assert!(!format!("{report:?}").contains("0664"), "{report:?}");

    let ask = |condition: &str| {
        let sql =
            "SELECT COUNT(DISTINCT b.mail) FROM snowy.p AS s JOIN brand.t AS b ON s.m = b.mail";
        catalog.plan_request(&format!("{sql} WHERE {condition}"), MEMBERS)
    };
    for condition in [
        "b.note >= '2025-01-31'",
        "b.note = DATE '2025-01-31'",
        "b.note IN ('x', '2025-01-31 12:00')",
        "b.note BETWEEN '2025-01-01' AND '2025-12-31'",
    ] {
        match ask(condition) {
            Err(QueryError::Meaning(Told { what, .. })) => {
                assert!(what.contains("dates are written in another form"), "{what}");
            }
            _ => panic!("{condition} was planned"),
        }
    }
    assert!(ask("b.note = '01/31/2025'").is_ok());
    for (more, served) in [
        ("row_filter = \"note > '2025-01-01'\"", false),
        (
            "row_filter = \"note > '2025-01-01'\"\ntypes = { note = 'text' }",
            true,
        ),
        ("row_filter = \"note LIKE '%2025'\"", true),
    ] {
        let toml = toml.replace(
            "filter = ['note']\n",
            &format!("filter = ['note']\n{more}\n"),
        );
        let (_, report) = folder.try_load(&toml).await.unwrap();
        assert_eq!(report.is_clean(), served, "{more}: {report:?}");
    }
}
