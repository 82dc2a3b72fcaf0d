//! What tests share: a folder with data files, a catalog over it, and the digests it freezes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::{Choice, select};
use psi_core::progress::{Progress, Silent};
use psi_core::spec::{
    Agreement, AskedMode, CollabId, Half, JobSpec, Party, Recipients, RevisionHash,
};
use psi_core::store::{MemoryStore, RecordList, RecordStore};

use crate::condition::Tally;
use crate::error::FreezeError;
use crate::source::read;
use crate::source::{Batch, Projection};
use crate::{
    AgreedTypes, Catalog, JobInput, LoadReport, MemberNames, NoTypes, Problem, QueryError,
    ReadOptions, Refusal, RequestPlan, ResponsePlan, SourceConfigs, SqlOptions, TableConfigs,
    attach_sources,
};

/// The member names of this side and the peer in all tests.
pub(crate) const MEMBERS: MemberNames<'_> = MemberNames {
    own: "brand",
    peer: "snowy",
};
/// The same, as the other side says it.
pub(crate) const MEMBERS_OF_PEER: MemberNames<'_> = MemberNames {
    own: MEMBERS.peer,
    peer: MEMBERS.own,
};

/// The folder for what SQL makes, in the folder of the tables.
pub(crate) const MADE: &str = "made-by-sql";

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn write_bytes(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn parquet(&self, name: &str, columns: &[(&str, ArrayRef)]) {
        let columns = columns
            .iter()
            .map(|(n, array)| (*n, Arc::clone(array), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let file = File::create(self.path(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// A file as old writers make it: INT96 timestamps in column `t`, and text without annotation
    /// in column `id`.
    pub(crate) fn int96(&self, name: &str, rows: &[(&str, Int96)]) {
        let schema = "message old { REQUIRED BYTE_ARRAY id; REQUIRED INT96 t; }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let file = File::create(self.path(name)).unwrap();
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let ids: Vec<ByteArray> = rows.iter().map(|(id, _)| ByteArray::from(*id)).collect();
        let times: Vec<Int96> = rows.iter().map(|(_, time)| *time).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&ids, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int96Type>()
            .write_batch(&times, None, None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
    }

    pub(crate) async fn try_load(&self, toml: &str) -> Result<(Catalog, LoadReport), Problem> {
        load(self.0.path(), toml).await
    }

    /// Loads tables that have to be served.
    pub(crate) async fn load(&self, toml: &str) -> Catalog {
        let (catalog, report) = self.try_load(toml).await.unwrap();
        assert!(report.is_clean(), "{report:#?}");
        catalog
    }
}

pub(crate) async fn load(folder: &Path, toml: &str) -> Result<(Catalog, LoadReport), Problem> {
    load_with(folder, toml, Arc::new(MemoryStore), Arc::new(NoTypes)).await
}

/// Loads tables whose identities are counted in lists of `store`, and whose columns have the types of
/// `agreed`.
pub(crate) async fn load_with(
    folder: &Path,
    toml: &str,
    store: Arc<dyn RecordStore>,
    agreed: Arc<dyn AgreedTypes>,
) -> Result<(Catalog, LoadReport), Problem> {
    load_all(folder, toml, store, agreed, 64 << 20).await
}

/// Loads tables that SQL makes within so much memory.
#[cfg(feature = "sql")]
pub(crate) async fn load_within(
    folder: &Path,
    toml: &str,
    memory_bytes: u64,
) -> Result<(Catalog, LoadReport), Problem> {
    let (store, agreed) = (Arc::new(MemoryStore), Arc::new(NoTypes));
    load_all(folder, toml, store, agreed, memory_bytes).await
}

async fn load_all(
    folder: &Path,
    toml: &str,
    store: Arc<dyn RecordStore>,
    agreed: Arc<dyn AgreedTypes>,
    memory_bytes: u64,
) -> Result<(Catalog, LoadReport), Problem> {
    #[derive(serde::Deserialize)]
    struct Config {
        #[serde(default)]
        source: SourceConfigs,
        table: TableConfigs,
    }
    let mut config: Config = toml::from_str(toml).unwrap();
    attach_sources(&mut config.table, &config.source)?;
    let options = ReadOptions {
        threads: 2,
        kernel: select(Choice::Auto).unwrap(),
        sql: Some(SqlOptions {
            folder: folder.join(MADE),
            memory_bytes,
            disk_bytes: 1 << 30,
        }),
    };
    Catalog::load(folder, &config.table, options, store, agreed).await
}

/// A query of `brand` over its table `t` with the condition, keys called `id`.
pub(crate) fn query(condition: &str) -> String {
    let clause = if condition.is_empty() { "" } else { " WHERE " };
    format!(
        "SELECT COUNT(DISTINCT b.id) FROM snowy.p AS s JOIN brand.t AS b ON s.id = b.id\
         {clause}{condition}"
    )
}

/// For a result that the member that asks gets alone.
impl Catalog {
    pub(crate) fn plan_request(
        &self,
        sql: &str,
        members: MemberNames<'_>,
    ) -> Result<RequestPlan, QueryError> {
        self.plan_request_for(sql, members, Recipients::Requester)
    }

    pub(crate) fn plan_response(
        &self,
        canonical: &str,
        members: MemberNames<'_>,
        hidden_literals: usize,
    ) -> Result<ResponsePlan, Refusal> {
        self.plan_response_for(canonical, members, Recipients::Requester, hidden_literals)
    }
}

/// The job of a request against itself, as if the other member had the same facts but no values;
/// this side is Receiver where the choice is free.
pub(crate) fn job(plan: &RequestPlan) -> JobSpec {
    let mut own = plan.facts.clone();
    (own.minimum, own.prefer_receiver) = (1, true);
    let mut peer = own.clone();
    peer.prefer_receiver = false;
    peer.values.clear();
    let half = |node: u8, facts| Half {
        node_id: [node; 32].into(),
        nonce: [node; 32].into(),
        facts,
    };
    let agreement = Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([1; 32]),
        query: plan.canonical.clone(),
        hidden: Vec::new(),
        shape: plan.output.shape.clone(),
        recipients: Recipients::Requester,
        mode: AskedMode::Exact,
        requester_may_receive: true,
        responder_may_receive: true,
    };
    JobSpec::assemble(agreement, half(1, own), half(2, peer)).unwrap()
}

/// Freezes the input of the [`job`] of a plan.
pub(crate) async fn freeze_plan(
    catalog: &Catalog,
    plan: &RequestPlan,
    progress: Arc<dyn Progress>,
) -> Result<JobInput, FreezeError> {
    let (spec, store) = (job(plan), Arc::new(MemoryStore));
    let input = catalog.freeze_job(&plan.side, &spec, Party::Requester, None, store, progress);
    input.await
}

pub(crate) async fn freeze(catalog: &Catalog, sql: &str) -> Result<JobInput, FreezeError> {
    let plan = catalog
        .plan_request(sql, MEMBERS)
        .unwrap_or_else(|err| panic!("{sql}: {err}; {}", err.remedy()));
    freeze_plan(catalog, &plan, Arc::new(Silent)).await
}

/// The identities that a Receiver without groups has frozen.
pub(crate) fn identities(input: &JobInput) -> &dyn RecordList {
    let parts = input.parts.as_ref().unwrap();
    assert_eq!(parts.len(), 1);
    parts[0].as_ref()
}

/// The digests that `condition` selects.
pub(crate) async fn digests(catalog: &Catalog, condition: &str) -> Vec<[u8; 32]> {
    digests_of(catalog, "t", condition).await
}

/// The digests that `condition` selects of another table than `t`.
pub(crate) async fn digests_of(catalog: &Catalog, table: &str, condition: &str) -> Vec<[u8; 32]> {
    let sql = query(condition).replace("brand.t", &format!("brand.{table}"));
    let frozen = freeze(catalog, &sql).await.unwrap();
    let mut records = Vec::new();
    let mut reader = identities(&frozen).reader().unwrap();
    reader.next_batch(&mut records, 1_000_000).unwrap();
    records
        .chunks(32)
        .map(|record| record.try_into().unwrap())
        .collect()
}

/// The digests of values, ascending and distinct.
pub(crate) fn expected<S: AsRef<str>>(kind: IdentifierKind, values: &[S]) -> Vec<[u8; 32]> {
    let mut hasher = IdentityHasher::new(&[kind]);
    let mut digests: Vec<[u8; 32]> = values
        .iter()
        .map(|value| hasher.digest([Some(value.as_ref())]).unwrap())
        .collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

/// A table's rows as the reader gives them, read once, on which conditions are evaluated as in a job.
pub(crate) struct Rows {
    catalog: Catalog,
    projection: Projection,
    batches: Vec<Batch>,
}

impl Rows {
    /// All rows of the table `t`, with every column that conditions can use.
    pub(crate) fn of(catalog: &Catalog) -> Self {
        let plan = catalog.plan_request(&query(""), MEMBERS).unwrap();
        let source = &plan.side.loaded.source;
        let mut projection = Projection::default();
        for (number, column) in source.columns.iter().enumerate() {
            if column.class().is_some() {
                projection.value(number);
            }
        }
        let mut batches = Vec::new();
        for piece in read::pieces(source).unwrap() {
            let mut take = |batch: Batch| {
                batches.push(batch);
                true
            };
            read::read(source, &piece, &projection, &mut take).unwrap();
        }
        Self {
            catalog: catalog.clone(),
            projection,
            batches,
        }
    }

    /// Whether `condition` is TRUE, for each row in file order.
    pub(crate) fn selected(&self, condition: &str) -> Vec<bool> {
        let sql = query(condition);
        let plan = self
            .catalog
            .plan_request(&sql, MEMBERS)
            .unwrap_or_else(|err| panic!("{sql}: {err}; {}", err.remedy()));
        let mut projection = self.projection.clone();
        let source = &plan.side.loaded.source;
        let condition =
            crate::source::conditions::plan(source, &plan.side.predicates, &mut projection);
        let condition = condition.unwrap();
        assert_eq!(
            projection.columns().count(),
            self.projection.columns().count()
        );
        let batches = self.batches.iter();
        batches
            .flat_map(|batch| {
                let rows = condition.select(&batch.columns, batch.rows, &mut Tally::default());
                rows.iter().collect::<Vec<bool>>()
            })
            .collect()
    }
}
