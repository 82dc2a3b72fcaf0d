//! No ending and no amount of work depends on what rows hold.
//!
//! Spec 10 §3.4 and §4. Two tables with the same rows and the same lengths of cells, but other
//! values, are frozen under the same conditions, which select quite different rows. What was done
//! is counted: comparisons, steps of LIKE, records that were written and bytes that went to disk.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use psi_core::dp::{Delta, Epsilon};
use psi_core::spec::{AskedMode, Loss, Party};
use psi_core::store::{
    ExternalStore, MemoryBudget, MemoryStore, RecordList, RecordStore, RecordWriter, SortedRun,
    SortedRunStorage, SortedRunWriter, StoreError, Tuning,
};

use super::conditions::Random;
use super::pipeline::{agree_in, agree_over};
use crate::Catalog;
use crate::condition::Tally;
use crate::testing::{Folder, freeze, query};

/// Rows of a table; two identities in three have several.
const ROWS: usize = 700;

const TABLE: &str = "
    [table.t]
    source = 't.csv'
    filter = ['s', 'i', 'f', 'd']
    row_filter = \"i <> 3 OR s LIKE 'a%'\"
    minimum = 1
    owner_may_receive = true
    dimension = { g = ['x', 'y'] }
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    identities = 900
    [table.t.aggregate.v]
    functions = ['sum', 'avg', 'var']
";

/// The peer's table: a key that is unique.
const PEER: &str = "
    [table.p]
    source = 'p.csv'
    minimum = 1
    [[table.p.key]]
    columns = ['id']
    kinds = ['int']
    unique = true
";

/// Counts what is written: records to all lists, and bytes to disk for those that are sorted. (Of
/// the others, the selected and those that are thrown away, each keeps less than a buffer in memory;
/// together they have as many records whatever is selected.)
#[derive(Default)]
struct Counts {
    records: AtomicU64,
    spilled: AtomicU64,
}

struct Counting {
    sorted: ExternalStore,
    in_order: ExternalStore,
    counts: Arc<Counts>,
}

impl Counting {
    /// A store that moves nearly everything to disk.
    fn new() -> Self {
        let counts = Arc::new(Counts::default());
        let tuning = Tuning {
            guaranteed_bytes: 4_000,
            small_list_bytes: 100,
            list_bytes_max: 8_000,
            merge_runs_max: 4,
            list_runs_max: 12,
            read_buffer_min: 256,
            read_buffer_max: 1_000,
        };
        let store = |counts: &Arc<Counts>| {
            let runs = Arc::new(Runs(Arc::clone(counts)));
            ExternalStore::with_tuning(runs, MemoryBudget::new(0), tuning)
        };
        Self {
            sorted: store(&counts),
            in_order: store(&Arc::default()),
            counts,
        }
    }
}

impl RecordStore for Counting {
    fn unsorted(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        let inner = self.sorted.unsorted(width)?;
        let counts = Arc::clone(&self.counts);
        Ok(Box::new(CountingWriter {
            inner,
            width,
            counts,
        }))
    }

    fn in_order(&self, width: usize) -> Result<Box<dyn RecordWriter>, StoreError> {
        let inner = self.in_order.in_order(width)?;
        let counts = Arc::clone(&self.counts);
        Ok(Box::new(CountingWriter {
            inner,
            width,
            counts,
        }))
    }
}

struct CountingWriter {
    inner: Box<dyn RecordWriter>,
    width: usize,
    counts: Arc<Counts>,
}

impl RecordWriter for CountingWriter {
    fn push(&mut self, records: &[u8]) -> Result<(), StoreError> {
        let count = (records.len() / self.width) as u64;
        self.counts.records.fetch_add(count, Ordering::Relaxed);
        self.inner.push(records)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.inner.finish()
    }

    fn finish_distinct(self: Box<Self>) -> Result<Box<dyn RecordList>, StoreError> {
        self.inner.finish_distinct()
    }
}

/// Runs in memory, in the place of a disk.
struct Runs(Arc<Counts>);

struct MemoryRun(Mutex<Vec<u8>>, Arc<Counts>);

impl SortedRunStorage for Runs {
    fn create(&self) -> Result<Box<dyn SortedRunWriter>, StoreError> {
        let counts = Arc::clone(&self.0);
        Ok(Box::new(MemoryRun(Mutex::default(), counts)))
    }
}

impl SortedRunWriter for MemoryRun {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.1
            .spilled
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn SortedRun>, StoreError> {
        Ok(self)
    }
}

impl SortedRun for MemoryRun {
    fn bytes(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }
}

/// A table whose rows and lengths of cells are always the same, and whose values are not.
fn write(folder: &Folder, random: &mut Random) {
    let mut shape = Random::new(77);
    let mut csv = String::from("id,g,v,s,i,f,d\n");
    for _ in 0..ROWS {
        // Key and NULLs belong to the shape; the group is constant per identity.
        let id = shape.below(400);
        let key = if shape.one_in(9) {
            String::new()
        } else {
            id.to_string()
        };
        let group = ["x", "y", "z"][id % 3];
        let length = shape.below(40);
        let letters: String = (0..length)
            .map(|_| random.pick(&['a', 'b', 'c', '\u{1}']))
            .collect();
        let date = format!("2025-0{}-1{}", 1 + random.below(9), random.below(10));
        let (i, f, v) = (random.below(10), random.below(10), random.below(10));
        let _ = writeln!(csv, "{key},{group},{v},q{letters},{i},{f}.5,{date}");
    }
    folder.write("t.csv", &csv);
}

/// A condition that selects some rows; which is a matter of chance.
fn condition(random: &mut Random, depth: usize) -> String {
    if depth > 0 && !random.one_in(3) {
        let (a, b) = (condition(random, depth - 1), condition(random, depth - 1));
        return match random.below(3) {
            0 => format!("({a} AND {b})"),
            1 => format!("({a} OR {b})"),
            _ => format!("NOT ({a})"),
        };
    }
    let n = random.below(12);
    let op = random.pick(&["=", "<>", "<", "<=", ">", ">="]);
    match random.below(8) {
        0 => format!("b.i {op} {n}"),
        1 => format!("b.f {op} {n}.5"),
        2 => format!("b.i {op} b.f"),
        3 => format!("b.i IN ({n}, 4, NULL, 7)"),
        4 => format!("b.d BETWEEN '2025-01-01' AND '2025-0{}-15'", 1 + n % 9),
        5 => format!(
            "b.s LIKE '%{}_%{}'",
            "ab".repeat(n),
            random.pick(&["c", "%", "_"])
        ),
        6 => format!("b.s {op} 'q{}'", random.pick(&["a", "b", "c", ""])),
        _ => "b.i IS NULL".to_owned(),
    }
}

/// What was done: the conditions' tally, records written, bytes on disk for what is sorted, and bytes
/// of all lists that are kept.
type Done = (Tally, u64, u64, usize);

/// What was done, and how many rows and identities were selected.
async fn done(mode: AskedMode, catalog: &Catalog, peer: &Catalog, sql: &str) -> (Done, (u64, u64)) {
    let store = Arc::new(Counting::new());
    let counts = Arc::clone(&store.counts);
    let stores: [Arc<dyn RecordStore>; 2] = [Arc::new(MemoryStore), store];
    let job = agree_in(mode, (peer, catalog), sql, stores).await;
    let job = job.unwrap_or_else(|code| panic!("{sql}: {code}")).unwrap();
    let input = job.input(Party::Responder);
    let parts = input
        .parts
        .iter()
        .flatten()
        .map(|part| part.len())
        .sum::<u64>();
    let found = parts + input.payload.as_ref().map_or(0, |list| list.len());
    let lists = input
        .parts
        .iter()
        .flatten()
        .chain(&input.payload)
        .chain(&input.others);
    let kept = lists
        .map(|list| usize::try_from(list.len()).unwrap() * list.width())
        .sum();
    let records = counts.records.load(Ordering::Relaxed);
    let spilled = counts.spilled.load(Ordering::Relaxed);
    (
        (input.tally, records, spilled, kept),
        (input.rows_selected, found),
    )
}

#[tokio::test]
async fn the_work_of_a_freezing_is_the_same_whatever_the_rows_hold() {
    // As Sender with payload, as Sender of groups, and as Receiver in parts.
    let shown = [
        ("SUM(b.v), AVG(b.v), VAR_SAMP(b.v)", ""),
        ("b.g, SUM(b.v)", " GROUP BY b.g"),
        ("COUNT(DISTINCT b.id)", ""),
    ];
    work_is_the_same(AskedMode::Exact, TABLE, PEER, &shown).await;
}

#[tokio::test]
async fn the_work_of_a_freezing_with_limits_per_identity_is_the_same_too() {
    let private = |toml: &str, more: &str| {
        let least = "minimum = 1\n";
        toml.replacen(
            least,
            &format!("{least}epsilon_max = 1\ndelta_max = 1e-6\n{more}"),
            1,
        )
    };
    let table = private(
        TABLE,
        "max_rows_per_identity = 2\nmax_groups_per_identity = 1\n",
    )
    .replace(
        "functions = ['sum', 'avg', 'var']",
        "functions = ['sum', 'avg']\nclamp = [0, 6]",
    )
    .replace(
        "dimension = ",
        "group_identities = { g = { x = 900, y = 900, other = 900 } }\n    dimension = ",
    );
    let peer = private(PEER, "").replace("unique = true", "unique = true\n    identities = 900");
    let mode = AskedMode::Dp(Loss {
        epsilon: Epsilon::from_micros(500_000).unwrap(),
        delta: Delta::one_in(1_000_000_000),
    });
    let shown = [
        ("SUM(b.v), AVG(b.v)", ""),
        ("b.g, SUM(b.v)", " GROUP BY b.g"),
        ("COUNT(DISTINCT b.id)", ""),
    ];
    work_is_the_same(mode, &table, &peer, &shown).await;
}

/// Freezes both tables under the same conditions, and compares what was done.
async fn work_is_the_same(mode: AskedMode, table: &str, peer: &str, shown: &[(&str, &str)]) {
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    write(&folders[0], &mut Random::new(1));
    write(&folders[1], &mut Random::new(2));
    let ids: Vec<String> = (0..400).map(|id| id.to_string()).collect();
    folders[2].write("p.csv", &format!("id\n{}\n", ids.join("\n")));
    let one = folders[0].load(table).await;
    let other = folders[1].load(table).await;
    let peer = folders[2].load(peer).await;
    let random = &mut Random::new(9);
    let mut selected = std::collections::BTreeSet::new();
    for round in 0..40 {
        let (shown, tail) = shown[round % shown.len()];
        let condition = condition(random, 3);
        let sql = format!(
            "SELECT {shown} FROM brand.p AS s JOIN snowy.t AS b ON s.id = b.id WHERE {condition}{tail}"
        );
        let (first, of_first) = done(mode, &one, &peer, &sql).await;
        let (second, of_second) = done(mode, &other, &peer, &sql).await;
        assert_eq!(first, second, "{sql}");
        assert!(first.1 > 0 && first.2 > 0, "nothing was counted");
        selected.extend([of_first, of_second]);
    }
    // The conditions do select quite different rows.
    assert!(selected.len() > 20, "{selected:?}");
}

/// One row group for each hundred rows of `x`, ascending, so that statistics tell them apart.
fn write_groups(folder: &Folder) {
    let x: ArrayRef = Arc::new(Int64Array::from_iter_values(0..500));
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..500));
    let batch = RecordBatch::try_from_iter([("id", id), ("x", x)]).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .build();
    let file = File::create(folder.path("t.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[tokio::test]
async fn a_damaged_page_ends_a_job_in_the_same_way_whatever_the_condition_selects() {
    let toml = "
        [table.t]
        source = 't.parquet'
        filter = ['x']
        [[table.t.key]]
        columns = ['id']
        kinds = ['int']
    ";
    let folder = Folder::new();
    write_groups(&folder);
    let catalog = folder.load(toml).await;
    let path = folder.path("t.parquet");
    let whole = std::fs::metadata(&path).unwrap();
    // In the third row group, in a page of `x`; length and time of the file stay as they were.
    let at = {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        reader.metadata().row_group(2).column(1).byte_range()
    };
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 24], at.0).unwrap();
    file.set_modified(whole.modified().unwrap()).unwrap();
    drop(file);
    let mut endings = Vec::new();
    for condition in [
        "b.x < 5",
        "b.x = 250",
        "b.x > 498",
        "b.x = 7 AND b.x = 8",
        "b.x IS NULL",
    ] {
        let ending = freeze(&catalog, &query(condition)).await.err();
        endings.push(ending.map(|error| error.to_string()).unwrap_or_default());
    }
    assert!(
        endings[0].contains("a page of it does not make sense"),
        "{endings:?}"
    );
    assert!(
        endings.iter().all(|ending| *ending == endings[0]),
        "{endings:?}"
    );
    let (_, report) = folder.try_load(toml).await.unwrap();
    assert!(!report.is_clean(), "the load meets the page as well");
}

#[tokio::test]
async fn a_table_that_changed_behind_its_stamp_is_judged_by_all_rows_and_taken_out_of_service() {
    // The file is changed in place, with the same length and time, so that a declared bound no
    // longer holds: by a row that no condition selects, at the beginning or at the end.
    let toml = "
        [table.t]
        source = 't.csv'
        filter = ['x']
        minimum = 1
        owner_may_receive = true
        [[table.t.key]]
        columns = ['id']
        kinds = ['int']
        [table.t.aggregate.v]
        functions = ['sum']
    ";
    let rows = |first: u64, last: u64| {
        let mut csv = String::from("id,x,v\n");
        for id in 1..=20_000 {
            let v = if id == 1 {
                first
            } else if id == 20_000 {
                last
            } else {
                5
            };
            let _ = writeln!(csv, "{id},{},{v:04}", id % 10);
        }
        csv
    };
    let mut works = Vec::new();
    for (first, last) in [(9_999, 5), (5, 9_999)] {
        let folders = [Folder::new(), Folder::new()];
        folders[0].write("t.csv", &rows(5, 5));
        folders[1].write("p.csv", "id\n1\n2\n");
        let catalog = folders[0].load(toml).await;
        let peer = folders[1].load(PEER).await;
        let path = folders[0].path("t.csv");
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(rows(first, last).as_bytes(), 0).unwrap();
        file.set_modified(modified).unwrap();
        let sql = "SELECT SUM(b.v) FROM brand.p AS s JOIN snowy.t AS b ON s.id = b.id \
                   WHERE b.x = 7";
        assert!(!catalog.tables().is_empty());
        let store = Arc::new(Counting::new());
        let counts = Arc::clone(&store.counts);
        let job = agree_over(&peer, &catalog, sql, [Arc::new(MemoryStore), store]).await;
        let error = job.unwrap().err().unwrap().to_string();
        assert!(
            error.contains("contributes more than was published"),
            "{error}"
        );
        assert!(catalog.tables().is_empty(), "it is out of service");
        works.push((
            counts.records.load(Ordering::Relaxed),
            counts.spilled.load(Ordering::Relaxed),
        ));
    }
    // The moment of the end does not tell where the row is.
    assert!(works[0].0 >= 20_000 && works[0].1 > 0, "{works:?}");
    assert_eq!(works[0], works[1]);
}
