//! Files of lists, read back by a reader of their format and compared with a plain join.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, StringArray};
use arrow_array::{Decimal128Array, UInt64Array};
use arrow_cast::cast;
use arrow_csv::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::{Choice, select};
use psi_core::progress::Silent;
use psi_core::store::{MemoryStore, RecordList, RecordStore as _};

use crate::matched_rows::write;
use crate::testing::{Folder, MEMBERS};
use crate::{Catalog, ListError, ListFormat, SidePlan};

/// One row of this side's table: a composite key, either of whose columns may be NULL.
type Key = (Option<String>, Option<i64>);

/// What writers of files get wrong: separators, quotes, line ends, blanks, and words for nothing.
const ODD: [&str; 12] = [
    "a,b",
    "\"",
    "say \"no\"",
    "two\nlines",
    "two\r\nlines",
    " blank ",
    "NULL",
    "null",
    "\\N",
    "",
    "ünï, \"x\"\n",
    "=1+1",
];

/// 240 people, some of them twice, some without one of the two columns.
fn people() -> Vec<Key> {
    let name = |n: usize| match ODD.get(n % 20) {
        Some(odd) => (*odd).to_owned(),
        None => format!("person-{n}"),
    };
    let mut rows: Vec<Key> = (0..240)
        .map(|n| (Some(name(n)), i64::try_from(n).ok()))
        .collect();
    rows.extend_from_within(0..40);
    rows.extend([(None, Some(1)), (Some("NULL".into()), None), (None, None)]);
    rows
}

/// The keys that the other side holds: every third number, and those that nobody here has.
fn theirs() -> Vec<(String, i64)> {
    let own = people()
        .into_iter()
        .filter_map(|(name, number)| Some((name?, number?)));
    let own = own.filter(|(_, number)| number % 3 == 0);
    let others = (0..50).map(|n| (format!("stranger-{n}"), n));
    own.chain(others).collect()
}

/// The plain join: own rows with both columns whose pair the other side has, each once.
fn joined() -> BTreeSet<(String, i64)> {
    let theirs: BTreeSet<_> = theirs().into_iter().collect();
    let own = people()
        .into_iter()
        .filter_map(|(name, number)| Some((name?, number?)));
    own.filter(|key| theirs.contains(key)).collect()
}

const KEY: &str = "[[table.t.key]]\ncolumns = ['name', 'number']\nkinds = ['text', 'int']\n";
const SQL: &str = "SELECT b.name, b.number FROM brand.t b JOIN snowy.p s \
                   ON b.name = s.name AND b.number = s.number";

async fn catalog(folder: &Folder) -> Catalog {
    let (names, numbers): (Vec<_>, Vec<_>) = people().into_iter().unzip();
    folder.parquet(
        "t.parquet",
        &[
            ("number", Arc::new(Int64Array::from(numbers)) as ArrayRef),
            ("name", Arc::new(StringArray::from(names))),
        ],
    );
    folder
        .load(&format!(
            "[table.t]\nsource = 't.parquet'\nrule = 'list'\n{KEY}"
        ))
        .await
}

fn side(catalog: &Catalog, sql: &str) -> SidePlan {
    catalog.plan_request(sql, MEMBERS).unwrap().side
}

fn digests(kinds: &[IdentifierKind], keys: &[Vec<String>]) -> Box<dyn RecordList> {
    let mut hasher = IdentityHasher::new(kinds);
    let mut writer = MemoryStore.unsorted(32).unwrap();
    for key in keys {
        let digest = hasher.digest(key.iter().map(|value| Some(value.as_str())));
        writer.push(&digest.unwrap()).unwrap();
    }
    writer.finish_distinct().unwrap()
}

fn matched() -> Box<dyn RecordList> {
    let keys = joined()
        .into_iter()
        .map(|(name, number)| vec![name, number.to_string()]);
    digests(
        &[IdentifierKind::Text, IdentifierKind::Int],
        &keys.collect::<Vec<_>>(),
    )
}

/// What was written so far; takes no more than its room.
#[derive(Clone)]
struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Sink {
    fn with_room(room: usize) -> Self {
        Self {
            bytes: Arc::default(),
            room,
        }
    }

    fn take(self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.bytes.lock().unwrap();
        if held.len() + bytes.len() > self.room {
            return Err(io::Error::other("no space is left"));
        }
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(side: &SidePlan, at_once: usize, format: ListFormat) -> (u64, Vec<u8>) {
    let sink = Sink::with_room(usize::MAX);
    let out = Box::new(sink.clone());
    let matched = matched();
    let count = write(
        side,
        select(Choice::Auto).unwrap(),
        matched.as_ref(),
        at_once,
        format,
        out,
        &Silent,
    );
    (count.unwrap(), sink.take())
}

/// The rows of batches with a name and a number.
fn keys(batches: impl IntoIterator<Item = RecordBatch>) -> Vec<(String, i64)> {
    let mut keys = Vec::new();
    for batch in batches {
        assert_eq!(batch.schema().field(0).name(), "name");
        assert_eq!(batch.schema().field(1).name(), "number");
        let names = cast(batch.column(0), &DataType::Utf8).unwrap();
        let numbers = cast(batch.column(1), &DataType::Int64).unwrap();
        for row in 0..batch.num_rows() {
            let name = names.as_string::<i32>().value(row).to_owned();
            let number = numbers.as_primitive::<Int64Type>();
            keys.push((name, number.value(row)));
        }
    }
    keys
}

fn read_csv(bytes: &[u8]) -> Vec<(String, i64)> {
    let fields = vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("number", DataType::Int64, true),
    ];
    assert!(bytes.starts_with(b"name,number\n"));
    let reader = ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_header(true)
        .build(bytes)
        .unwrap();
    keys(reader.map(Result::unwrap))
}

fn read_parquet(bytes: &[u8]) -> Vec<(String, i64)> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    keys(reader.build().unwrap().map(Result::unwrap))
}

#[tokio::test]
async fn composite_keys_of_odd_values_come_back_as_a_plain_join_has_them_in_any_number_of_passes() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let side = side(&catalog, SQL);
    let expected = joined();
    assert!(
        ODD.iter()
            .all(|odd| expected.iter().any(|(name, _)| name == odd))
    );
    // All at once; several passes with a rest; exactly as many as there are; one for each.
    for at_once in [1 << 20, 7, expected.len(), 1] {
        for format in [ListFormat::Csv, ListFormat::Parquet] {
            let (count, bytes) = written(&side, at_once, format);
            let rows = match format {
                ListFormat::Csv => read_csv(&bytes),
                ListFormat::Parquet => read_parquet(&bytes),
            };
            assert_eq!(rows.len(), expected.len(), "{format:?}, {at_once} at once");
            assert_eq!(count, expected.len() as u64);
            assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}

#[tokio::test]
async fn a_csv_list_of_one_column_has_a_line_for_an_empty_text_and_none_for_null() {
    let folder = Folder::new();
    let names = StringArray::from(vec![Some("a"), None, Some(""), Some("b\"\n"), Some("")]);
    folder.parquet("t.parquet", &[("id", Arc::new(names) as ArrayRef)]);
    let key = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['text']\n";
    let table = format!("[table.t]\nsource = 't.parquet'\nrule = 'list'\n{key}");
    let catalog = folder.load(&table).await;
    let side = side(
        &catalog,
        "SELECT b.id FROM brand.t b JOIN snowy.p s ON b.id = s.id",
    );
    let keys = ["", "a", "b\"\n", "NULL"].map(|id| vec![id.to_owned()]);
    let matched = digests(&[IdentifierKind::Text], &keys);
    let sink = Sink::with_room(1000);
    let out = Box::new(sink.clone());
    let count = catalog.write_list(&side, matched.as_ref(), ListFormat::Csv, out, &Silent);
    assert_eq!(count.unwrap(), 3);
    assert_eq!(sink.take(), b"id\na\n\"\"\n\"b\"\"\n\"\n");
}

#[tokio::test]
async fn keys_of_whole_numbers_beyond_64_bits_and_of_decimals_are_listed_as_they_stand() {
    let decimals = Decimal128Array::from(vec![5, 70, 12]);
    let columns: [ArrayRef; 2] = [
        Arc::new(UInt64Array::from(vec![5, u64::MAX, 12])),
        Arc::new(decimals.with_precision_and_scale(20, 0).unwrap()),
    ];
    let key = "[[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n";
    let table = format!("[table.t]\nsource = 't.parquet'\nrule = 'list'\n{key}");
    for column in columns {
        let kind = column.data_type().clone();
        let folder = Folder::new();
        folder.parquet("t.parquet", &[("id", column)]);
        let catalog = folder.load(&table).await;
        let side = side(
            &catalog,
            "SELECT b.id FROM brand.t b JOIN snowy.p s ON b.id = s.id",
        );
        let matched = digests(
            &[IdentifierKind::Int],
            &[vec!["5".into()], vec!["12".into()]],
        );
        for format in [ListFormat::Csv, ListFormat::Parquet] {
            let sink = Sink::with_room(10_000);
            let out = Box::new(sink.clone());
            let count = catalog.write_list(&side, matched.as_ref(), format, out, &Silent);
            assert_eq!(count.unwrap(), 2, "{kind} {format:?}");
            if format == ListFormat::Csv {
                assert_eq!(sink.take(), b"id\n5\n12\n", "{kind}");
            }
        }
    }
}

#[tokio::test]
async fn no_match_gives_a_header_and_a_full_disk_an_error() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let side = side(&catalog, SQL);
    let nobody = digests(&[IdentifierKind::Text], &[]);
    let sink = Sink::with_room(1000);
    let out = Box::new(sink.clone());
    let count = catalog.write_list(&side, nobody.as_ref(), ListFormat::Csv, out, &Silent);
    assert_eq!(count.unwrap(), 0);
    assert_eq!(sink.take(), b"name,number\n");
    for format in [ListFormat::Csv, ListFormat::Parquet] {
        let matched = matched();
        let out = Box::new(Sink::with_room(100));
        let error = catalog.write_list(&side, matched.as_ref(), format, out, &Silent);
        let error = error.unwrap_err();
        assert!(matches!(error, ListError::Output(_)), "{format:?}: {error}");
    }
}

#[tokio::test]
async fn a_table_whose_files_changed_since_it_was_loaded_gives_no_list() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let side = side(&catalog, SQL);
    let other = Int64Array::from(vec![1]);
    folder.parquet("t.parquet", &[("number", Arc::new(other) as ArrayRef)]);
    let sink = Sink::with_room(1000);
    let out = Box::new(sink.clone());
    let matched = matched();
    let error = catalog.write_list(&side, matched.as_ref(), ListFormat::Csv, out, &Silent);
    assert!(matches!(error, Err(ListError::Table(_))));
    assert!(sink.take().is_empty());
}
