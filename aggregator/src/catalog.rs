//! The face of this crate: one node's tables, and what a node asks of them.
//!
//! Spec 10 §2. psi-node holds one [`Catalog`] and calls it for planning, for the recheck of files
//! when a job is proposed, to freeze inputs and to write lists. It loads [`crate::tables`], keeps
//! them under a lock, and hands each call to the module that does the work.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, RwLock, RwLockReadGuard};

use psi_core::contact::Offer;
use psi_core::progress::Progress;
use psi_core::spec::{JobSpec, Party, Recipients};
use psi_core::store::{RecordList, RecordStore};
use tokio::sync::Mutex;

use crate::agreed_types::AgreedTypes;
use crate::config::{ReadOptions, TableConfig, TableConfigs};
use crate::error::{FreezeError, Problem, QueryError, Refusal, Unavailable};
use crate::freeze::input::{self, JobInput, OwnJob};
use crate::freeze::limits::RowKey;
use crate::matched_rows::{self, ListError, ListFormat};
use crate::plan::{self, MemberNames, RequestPlan, ResponsePlan, SidePlan};
use crate::policy;
use crate::report::{LoadReport, NotServed, ServedTable, TableReport};
use crate::source::inputs::SeenInputs;
use crate::sql::parse::Author;
use crate::tables::load;
use crate::tables::table::{LoadedTable, Lookup, TableState, Tables, ToRefresh};
use crate::view::Results;

/// The files of a table at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// `None` if they could not be looked at.
    files: Option<SeenInputs>,
    /// Whether they are others than those of the last load.
    pub changed: bool,
    /// Whether the last load failed for a reason that may pass without a change of them, such as a
    /// full disk.
    pub may_pass: bool,
}

/// The tables of one node. Clones share them.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    loading: Loading,
    tables: RwLock<Tables>,
    /// One reload of a table at a time; others go on meanwhile. By name, in lower case.
    reloading: StdMutex<HashMap<String, Arc<Mutex<()>>>>,
}

/// What every load works with.
#[derive(Clone)]
struct Loading {
    base_dir: PathBuf,
    options: ReadOptions,
    /// The files that SQL makes.
    results: Option<Arc<Results>>,
    store: Arc<dyn RecordStore>,
    agreed: Arc<dyn AgreedTypes>,
}

impl Loading {
    async fn load(&self, name: &str, table: &TableConfig) -> (TableReport, TableState) {
        let (report, state) = load::load(
            name,
            &self.base_dir,
            table,
            &self.options,
            self.results.as_ref(),
            &*self.store,
            &*self.agreed,
        )
        .await;
        for problem in &report.problems {
            let remedy = &problem.remedy;
            tracing::error!(table = name, %problem, remedy, "table is not served");
        }
        (report, state)
    }
}

impl Catalog {
    /// Loads and checks tables; sources are relative to `base_dir`. `store` keeps the lists
    /// from which distinct identities are counted, `agreed` the types of columns from load to
    /// load.
    ///
    /// A table with a problem is in the report and is not served; the others are.
    ///
    /// # Errors
    /// [`Problem`] if a configured value makes no sense whatever the data.
    pub async fn load(
        base_dir: &Path,
        tables: &TableConfigs,
        options: ReadOptions,
        store: Arc<dyn RecordStore>,
        agreed: Arc<dyn AgreedTypes>,
    ) -> Result<(Self, LoadReport), Problem> {
        policy::validate(tables)?;
        let results = options.sql.clone().map(Results::new);
        let loading = Loading {
            base_dir: base_dir.to_owned(),
            options,
            results: results.map(Arc::new),
            store,
            agreed,
        };
        let mut loaded = Tables::default();
        let mut report = LoadReport::default();
        for (name, table) in tables {
            let (found, state) = loading.load(name, table).await;
            report.tables.push(found);
            loaded.insert(name, table.clone(), state);
        }
        Ok((Self::of(loading, loaded), report))
    }

    fn of(loading: Loading, tables: Tables) -> Self {
        let catalog = Self {
            inner: Arc::new(Inner {
                loading,
                tables: RwLock::new(tables),
                reloading: StdMutex::default(),
            }),
        };
        catalog.sweep();
        catalog
    }

    /// Removes the files that SQL made and that no table needs any more, here or in a catalog that this
    /// one took over from.
    pub fn sweep(&self) {
        if let Some(results) = &self.inner.loading.results {
            results.sweep();
        }
    }

    /// The tables of another configuration. Those in `kept`, whose sections are the same, are taken
    /// over as they are; the others are loaded and checked. This catalog stays as it is, for jobs that
    /// began with it. The report is about the tables that were loaded.
    ///
    /// # Errors
    /// Those of [`Self::load`]; nothing was loaded then.
    pub async fn reconfigured(
        &self,
        tables: &TableConfigs,
        kept: &BTreeSet<String>,
    ) -> Result<(Self, LoadReport), Problem> {
        policy::validate(tables)?;
        let loading = self.inner.loading.clone();
        let mut loaded = Tables::default();
        let mut report = LoadReport::default();
        for (name, table) in tables {
            let known = kept.contains(name).then(|| self.read().state(name));
            let state = if let Some(state) = known.flatten() {
                state
            } else {
                let (found, state) = loading.load(name, table).await;
                report.tables.push(found);
                state
            };
            loaded.insert(name, table.clone(), state);
        }
        Ok((Self::of(loading, loaded), report))
    }

    /// The tables that are served, in the order of their names.
    pub fn tables(&self) -> Vec<ServedTable> {
        self.read().served()
    }

    /// The tables that are configured and not served, in the order of their names, and why.
    pub fn not_served(&self) -> Vec<NotServed> {
        self.read().not_served()
    }

    /// What the tables that are served offer `member` (Spec 14 §4); nothing if none tells anything.
    #[must_use]
    pub fn offer_to(&self, member: &str) -> Option<Offer> {
        policy::offer::of_tables(self.read().configured(), Some(member))
    }

    /// Plans the analyst's query over a table of this node and one of the peer's, for a result that
    /// `recipients` get.
    ///
    /// # Errors
    /// [`QueryError`]: the text is not accepted, a name or value does not fit, or this side's policy
    /// refuses.
    pub fn plan_request_for(
        &self,
        sql: &str,
        members: MemberNames<'_>,
        recipients: Recipients,
    ) -> Result<RequestPlan, QueryError> {
        plan::request(&self.read(), sql, members, recipients)
    }

    /// The table of this node that the analyst's query names, so that it can be refreshed before the
    /// query is planned.
    ///
    /// # Errors
    /// [`QueryError`]: the text is not accepted, or names other members.
    pub fn own_table(&self, sql: &str, members: MemberNames<'_>) -> Result<String, QueryError> {
        plan::own_table(sql, Author::Own, members)
    }

    /// The table of this node that the peer's canonical text names, served or not. The literals of
    /// the peer's side are hidden in it.
    ///
    /// # Errors
    /// [`QueryError`]: the text is not accepted, or names other members.
    pub fn asked_table(
        &self,
        canonical: &str,
        members: MemberNames<'_>,
    ) -> Result<String, QueryError> {
        plan::own_table(canonical, Author::Peer, members)
    }

    /// Plans the peer's canonical text, in which `hidden_literals` of its literals are hidden, for a
    /// result that `recipients` get.
    ///
    /// # Errors
    /// [`Refusal`] with the code for the peer; [`psi_core::Code::QueryNotAccepted`] if the text is
    /// not exactly what this crate would print.
    ///
    /// # Security
    /// The text is bounded before it is parsed. The verdict depends on it and on the configuration
    /// alone.
    pub fn plan_response_for(
        &self,
        canonical: &str,
        members: MemberNames<'_>,
        recipients: Recipients,
        hidden_literals: usize,
    ) -> Result<ResponsePlan, Refusal> {
        let tables = self.read();
        plan::response(&tables, canonical, members, recipients, hidden_literals)
    }

    /// Looks at the files of `table`, and loads and checks it again if they changed, or if it may be
    /// right now without a change of them.
    ///
    /// # Errors
    /// [`Unavailable`] if the table is not served then, for the owner's log only.
    pub async fn refresh(&self, table: &str) -> Result<(), Unavailable> {
        let reloading = self.reloading(table)?;
        let _one_at_a_time = reloading.lock().await;
        let ToRefresh { name, config, .. } = self.to_refresh(table)?;
        let look = self.look(table).await?;
        if look.changed || look.may_pass {
            let (report, state) = self.inner.loading.load(&name, &config).await;
            if report.is_served() {
                tracing::info!(
                    table = name,
                    rows = report.rows,
                    "files changed, loaded again"
                );
            }
            let mut tables = self
                .inner
                .tables
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            tables.insert(&name, config, state);
            drop(tables);
            self.sweep();
        }
        match self.read().lookup(&name) {
            Lookup::Served(_) => Ok(()),
            Lookup::NotServed(reason) => Err(reason),
            Lookup::Unknown => Err(Unavailable::unknown(table)),
        }
    }

    /// Whether the files of `table` are others than when they were looked at last, or cannot be looked
    /// at any more. Reads no row.
    ///
    /// # Errors
    /// [`Unavailable`] if no such table is configured.
    pub async fn has_changed(&self, table: &str) -> Result<bool, Unavailable> {
        Ok(self.look(table).await?.changed)
    }

    /// The files of `table` as they are now, to compare with another look. Reads no row.
    ///
    /// # Errors
    /// [`Unavailable`] if no such table is configured.
    pub async fn look(&self, table: &str) -> Result<Look, Unavailable> {
        let known = self.to_refresh(table)?;
        let inputs = known.inputs;
        let files = tokio::task::spawn_blocking(move || inputs.observe().ok())
            .await
            .unwrap_or_default();
        Ok(Look {
            changed: files != known.seen,
            may_pass: known.may_pass,
            files,
        })
    }

    /// Freezes the input of a job: what this side, which is `own` in it, brings in each of its
    /// roles. `side` comes from the same plan as this side's half of `spec`. A job with differential
    /// privacy has a `key`; it draws which rows are used of an identity that has more of them, or
    /// more groups, than its owner has declared.
    ///
    /// # Errors
    /// [`FreezeError`] if the files changed since they were checked, cannot be read, the lists cannot
    /// be kept, or `progress` asks to stop; [`FreezeError::Unavailable`] also if the table was loaded
    /// again after `side` was planned.
    pub async fn freeze_job(
        &self,
        side: &SidePlan,
        spec: &JobSpec,
        own: Party,
        key: Option<RowKey>,
        store: Arc<dyn RecordStore>,
        progress: Arc<dyn Progress>,
    ) -> Result<JobInput, FreezeError> {
        let table = self.table_of(side)?;
        let options = &self.inner.loading.options;
        let job = OwnJob { spec, own, key };
        let frozen = input::freeze(&table, side, job, options, store, progress).await;
        self.judge(&table, frozen)
    }

    /// Writes this table's key columns of the rows that `side` selects and whose identity is one of
    /// `matched`, each identity once, and returns how many were written. `side` is the plan of a
    /// list; `matched` are digests, ascending and distinct. Reads files on the calling thread.
    ///
    /// # Errors
    /// [`ListError`] as for [`Self::freeze_job`], or if `out` takes no more.
    pub fn write_list(
        &self,
        side: &SidePlan,
        matched: &dyn RecordList,
        format: ListFormat,
        out: Box<dyn Write + Send>,
        progress: &dyn Progress,
    ) -> Result<u64, ListError> {
        // Still the table that `side` was planned over, or an error.
        self.table_of(side).map_err(FreezeError::from)?;
        let at_once = matched_rows::DIGESTS_AT_ONCE;
        let kernel = Arc::clone(&self.inner.loading.options.kernel);
        matched_rows::write(side, kernel, matched, at_once, format, out, progress)
    }

    /// Takes a table out of service whose rows no longer keep what was checked when it was loaded.
    fn judge<T>(
        &self,
        table: &Arc<LoadedTable>,
        frozen: Result<T, FreezeError>,
    ) -> Result<T, FreezeError> {
        if let Err(FreezeError::Violated(reason)) = &frozen {
            tracing::error!(table = reason.table, %reason, "table is not served any more");
            let problem = Problem::new(
                format!("table.{}.source", reason.table),
                reason.what.clone(),
                reason.remedy.clone(),
            );
            let state = TableState::NotServed {
                problems: vec![problem],
                files: Some(table.seen_inputs()),
                may_pass: false,
            };
            self.inner
                .tables
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .replace(&reason.table, table, state);
        }
        frozen
    }

    fn table_of(&self, side: &SidePlan) -> Result<Arc<LoadedTable>, Unavailable> {
        match self.read().lookup(&side.table) {
            Lookup::Served(state) if Arc::ptr_eq(state.table, &side.loaded) => {
                Ok(Arc::clone(state.table))
            }
            // What the facts say of the table, such as that a column has no NULL, may be false now.
            Lookup::Served(_) => Err(Unavailable {
                table: side.table.clone(),
                what: "it was loaded again after its facts were agreed".to_owned(),
                remedy: "ask again".to_owned(),
            }),
            Lookup::NotServed(reason) => Err(reason),
            Lookup::Unknown => Err(Unavailable::unknown(&side.table)),
        }
    }

    fn to_refresh(&self, table: &str) -> Result<ToRefresh, Unavailable> {
        self.read().to_refresh(&self.inner.loading.base_dir, table)
    }

    /// The lock under which a configured table is loaded again.
    fn reloading(&self, table: &str) -> Result<Arc<Mutex<()>>, Unavailable> {
        let ToRefresh { name, .. } = self.to_refresh(table)?;
        // A panic leaves whole entries, as in `read`.
        let locks = self.inner.reloading.lock();
        let mut locks = locks.unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(locks.entry(name.to_lowercase()).or_default()))
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // A panic while the lock was held leaves whole entries: inserting is one step.
        self.inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
