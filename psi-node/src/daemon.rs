//! The daemon: wires configuration, state, tables, network and local API, and stops them again.
//!
//! Start: take the state folder's lock; end what a crash left running; load the tables; listen;
//! settle receipts. SIGHUP: read the configuration again ([`crate::reload`]). Stop (SIGTERM, SIGINT): take no new work, end running jobs, tell the peers.
//! Called by `psi-node serve` alone; decides nothing about jobs.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::{AgreedTypes, Catalog, LoadReport, ReadOptions};
use psi_core::Code;
use psi_core::kernel::Kernel;
use rustix::fs::FlockOperation;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::api;
use crate::audit::keep;
use crate::config::{self, NodeConfig};
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::{NodeId, NodeKey};
use crate::job::membership::{admit_members, members};
use crate::job::registry::Registry;
use crate::job::{self, ChainLocks, Current, JobContext, LiveJobs, NoteShare, Notes, Turns};
use crate::list_storage::{self, JOBS_FOLDER, Lists, MADE_FOLDER};
use crate::net::{Endpoint, Known, NetLimits};
use crate::places::Places;
use crate::reload::reload;
use crate::state::{State, now_unix};
use crate::threads::{self, EngineThreads, NetworkThreads};
use crate::warnings;

/// The file that a running daemon keeps locked.
const LOCK_FILE: &str = "daemon.lock";
/// How long a stopping node waits for its jobs to end by themselves.
const JOBS_GOODBYE_MAX: Duration = Duration::from_secs(10);
/// How long it waits until the peers of these jobs have been told.
const JOBS_TOLD_MAX: Duration = Duration::from_secs(5);
/// How long it waits until the peers have taken note.
const PEERS_GOODBYE_MAX: Duration = Duration::from_secs(2);
/// How often expired records for the auditor are looked for.
const RECORDS_CHECKED_EVERY: Duration = Duration::from_mins(10);
/// How often it says how many dialers were turned away.
const REPORTS_EVERY: Duration = Duration::from_hours(1);
/// How often the daemon looks whether another process changed the state, such as `collab join`.
const KEEPS_UP_EVERY: Duration = Duration::from_secs(1);
/// How often it looks anyway whose invites have expired.
const ADMITS_EVERY: Duration = Duration::from_mins(10);
/// How often the addresses of members with names are asked for.
const NAMES_EVERY: Duration = Duration::from_mins(5);
/// Inbound connections that are served at the same time, all peers together, at least; and of how many
/// peers that have all of theirs open. Beyond them each peer has one.
const CONNECTIONS_MAX: (usize, usize) = (64, 3);

/// What a daemon that is up tells.
#[derive(Debug)]
pub struct Ready {
    /// The node's id.
    pub id: NodeId,
    /// Where peers connect; the real port if the configuration says 0.
    pub listen: SocketAddr,
    /// The local API's socket.
    pub socket: PathBuf,
    /// What was found in the tables.
    pub report: LoadReport,
}

/// Runs the node until `stop` is done; `kernel` does the arithmetic of all jobs.
///
/// # Errors
/// [`UserError`] if the node cannot start. Once it runs, failures of single jobs are logged.
pub async fn run(
    config: NodeConfig,
    kernel: Arc<dyn Kernel>,
    ready: impl FnOnce(&Ready) -> Result<(), UserError>,
    stop: impl Future<Output = ()>,
) -> Result<Exit, UserError> {
    tracing::info!(kernel = kernel.name(), "starting");
    // From the first moment, or the signal would end the process.
    let hangup = signal(SignalKind::hangup())
        .map_err(|e| UserError::machine("cannot watch for signals", e))?;
    let config = Arc::new(config);
    let key = Arc::new(NodeKey::load(&config.key_path())?);
    let state_dir = config.state_dir();
    let state = State::open(&state_dir)?;
    let _lock = lock(&state_dir)?;
    recover(&state, &state_dir)?;
    warnings::log(&config, &key.id(), &state)?;
    job::recover_ledger(&state, &key.id(), &config)?;
    threads::start_compute_pool();
    let engine = EngineThreads::start(config.engine_threads())
        .map_err(|e| UserError::machine("cannot start the threads that read tables", e))?;
    let lists = Lists::new(&config);
    let (loading, counting) = (Arc::clone(&config), lists.clone());
    let agreed = Arc::new(state.clone());
    let reading = Arc::clone(&kernel);
    let (catalog, report) = engine
        .run(async move {
            let made = loading.state_dir().join(MADE_FOLDER);
            load(&loading, &counting, "tables", made, agreed, reading).await
        })
        .await
        .map_err(|e| UserError::internal(format!("loading the tables stopped: {e}")))??;

    let network = NetworkThreads::start()
        .map_err(|e| UserError::machine("cannot start the network's threads", e))?;
    let places = Places::new(config.jobs_max);
    let known = Known::of(members(&state, &key.id())?);
    let endpoint = {
        let _there = network.handle().enter();
        let limits = NetLimits::of(config.peer_timeout(), places);
        Endpoint::bind(config.listen, &key, known.clone(), limits).map_err(|e| {
            UserError::new(
                Exit::BadInput,
                format!("cannot listen on {} (UDP): {e}", config.listen),
                "choose another `listen` in node.toml, or stop the program that uses this one",
            )
        })?
    };
    let listen = endpoint
        .local_addr()
        .map_err(|e| UserError::machine("cannot tell the address listened on", e))?;
    let socket = config.socket_path();
    let listener = api::server::bind(&socket)?;
    let node = Current::new(Arc::new(JobContext {
        registry: Registry::new(places),
        notes: Arc::new(Notes::new(state.clone(), Arc::clone(&key))),
        looks: Arc::default(),
        doors: Arc::default(),
        settle_doors: Arc::default(),
        turns: Turns::default(),
        audit_room: Arc::default(),
        known,
        config,
        key,
        state,
        catalog,
        lists,
        engine,
        endpoint,
        kernel,
        chains: Arc::new(ChainLocks::default()),
        live: LiveJobs::default(),
        settling: Arc::default(),
    }));
    let ctx = node.get();
    job::settle_all(&ctx)
        .map_err(|e| UserError::machine("cannot read the receipts to settle", e))?;

    let (stopping, stopped) = watch::channel(false);
    let api = tokio::spawn(api::server::serve(listener, node.clone(), until(stopped)));
    let accepting = tokio::spawn(accept(node.clone()));
    let expiring = tokio::spawn(expire_records(ctx.state.clone(), state_dir));
    let keeping = tokio::spawn(keep_up(Arc::clone(&ctx)));
    let naming = tokio::spawn(look_up_names(ctx.known.clone()));
    let watching = tokio::spawn(job::watch_tables(node.clone()));
    let reloading = tokio::spawn(reload_at(hangup, node));
    ready(&Ready {
        id: ctx.key.id(),
        listen,
        socket: socket.clone(),
        report,
    })?;

    stop.await;
    tracing::info!("stopping");
    ctx.registry.cancel_all();
    jobs_ended(&ctx.registry).await;
    stopping.send_replace(true);
    accepting.abort();
    expiring.abort();
    keeping.abort();
    reloading.abort();
    naming.abort();
    watching.abort();
    write_notes(&ctx);
    say_who_was_turned_away(&ctx.known);
    report_turned_away(&ctx);
    ctx.endpoint.close(Code::Interrupted);
    let _ = tokio::time::timeout(PEERS_GOODBYE_MAX, ctx.endpoint.wait_idle()).await;
    let _ = tokio::time::timeout(PEERS_GOODBYE_MAX, api).await;
    // A socket that stays is recognised as stale at the next start.
    let _ = std::fs::remove_file(&socket);
    Ok(Exit::Released)
}

/// Waits for running jobs to record their end, and to tell their peers; a job that does not is recorded
/// at the next start.
async fn jobs_ended(registry: &Registry) {
    let all = async {
        while registry.running() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(JOBS_GOODBYE_MAX, all).await.is_err() {
        tracing::warn!(jobs = registry.running(), "jobs did not end in time");
    }
    let told = async {
        while registry.leaving() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What is not settled now is settled after the next start.
    let _ = tokio::time::timeout(JOBS_TOLD_MAX, told).await;
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the daemon is gone, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Reads the configuration again at each SIGHUP.
async fn reload_at(mut hangup: Signal, node: Current) {
    while hangup.recv().await.is_some() {
        // What came of it is in the log.
        let _ = reload(&node).await;
    }
}

async fn accept(node: Current) {
    let ctx = node.get();
    let (least, peers) = CONNECTIONS_MAX;
    let of_one_peer = NetLimits::of(ctx.config.peer_timeout(), Places::new(ctx.config.jobs_max));
    let most = least.max(peers * of_one_peer.connections_per_peer);
    let places = Arc::new(tokio::sync::Semaphore::new(most));
    while let Some(connection) = ctx.endpoint.accept().await {
        let place = Arc::clone(&places).try_acquire_owned().ok();
        // However many others there are, a peer has its first.
        if place.is_none() && !ctx.endpoint.is_only_connection(&connection) {
            if ctx.notes.has_line(&NoteShare::Stranger(connection.peer)) {
                tracing::warn!(peer = %connection.peer, "too many connections, one is turned away");
            }
            connection.close(Code::TooManyJobs);
            continue;
        }
        tracing::debug!(peer = %connection.peer, from = %connection.remote_address(), "connected");
        let node = node.clone();
        tokio::spawn(async move {
            job::serve_connection(node, connection).await;
            drop(place);
        });
    }
}

/// Keeps up with what other processes change in the state, and writes notes about peers down.
async fn keep_up(ctx: Arc<JobContext>) {
    let mut seen = None;
    let (mut reported, mut admitted) = (Instant::now(), Instant::now());
    loop {
        tokio::time::sleep(KEEPS_UP_EVERY).await;
        match ctx.state.version_of_others() {
            Ok(version) if seen != Some(version) || admitted.elapsed() >= ADMITS_EVERY => {
                (seen, admitted) = (Some(version), Instant::now());
                admit_members(&ctx);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the state cannot be read"),
        }
        write_notes(&ctx);
        say_who_was_turned_away(&ctx.known);
        if reported.elapsed() >= REPORTS_EVERY {
            reported = Instant::now();
            report_turned_away(&ctx);
        }
    }
}

/// Keeps the addresses of members with names, so that they have shares of their own when they dial.
async fn look_up_names(known: Known) {
    loop {
        known.look_up_names().await;
        tokio::time::sleep(NAMES_EVERY).await;
    }
}

/// A line for each key that was turned away and is news: it may be that of a partner.
fn say_who_was_turned_away(known: &Known) {
    let (news, beyond) = known.take_strangers();
    for key in news {
        tracing::warn!(
            %key,
            "a node with this key was turned away: no collaboration in force here names it; if it is \
             your partner's, join: psi-node collab accept, or collab join"
        );
    }
    if beyond > 0 {
        tracing::warn!(
            beyond,
            "more handshakes of such nodes were turned away in an hour"
        );
    }
}

/// One line about dialers that were turned away: they have none each.
fn report_turned_away(ctx: &JobContext) {
    let [strangers, named, connections] = ctx.endpoint.turned_away();
    if strangers + named + connections > 0 {
        tracing::warn!(
            strangers,
            named,
            connections,
            "handshakes and connections beyond their shares were turned away"
        );
    }
}

fn write_notes(ctx: &JobContext) {
    if let Err(error) = ctx.notes.write_down() {
        tracing::error!(%error, "counts of what peers asked could not be written down");
    }
}

/// Takes the state folder for this process until the file is closed.
fn lock(state_dir: &Path) -> Result<File, UserError> {
    let path = state_dir.join(LOCK_FILE);
    let failed =
        |e: std::io::Error| UserError::machine(format!("cannot lock {}", path.display()), e);
    let mut file = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let who = std::fs::read_to_string(&path).unwrap_or_default();
            let who = who.trim().parse::<u32>().map_or_else(
                |_| "another daemon".to_owned(),
                |process| format!("another daemon (process {process})"),
            );
            return Err(UserError::bad_input(
                format!(
                    "{who} already runs on the state folder {}",
                    state_dir.display()
                ),
                "use that one, or stop it first; a state folder belongs to one daemon",
            ));
        }
        Err(error) => return Err(failed(error.into())),
    }
    // For the message above only; the lock itself is what counts.
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(file)
}

/// Ends what a crash left running: jobs without an end, and lists on disk.
fn recover(state: &State, state_dir: &Path) -> Result<(), UserError> {
    let detail = "the node stopped while the job was running";
    for job in state.jobs_abort_running(Code::Interrupted.as_str(), detail)? {
        tracing::warn!(job = job.id, "a job was left running and is now aborted");
    }
    keep::remove_incomplete(state, state_dir)
        .map_err(|e| UserError::machine("cannot remove an incomplete record for the auditor", e))?;
    list_storage::remove_stale(&state_dir.join(JOBS_FOLDER))
        .map_err(|(path, e)| UserError::machine(format!("cannot remove {}", path.display()), e))
}

/// Removes records for the auditor as their time is over.
async fn expire_records(state: State, state_dir: PathBuf) {
    loop {
        match keep::remove_expired(&state, &state_dir, now_unix()) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "records for the auditor have expired"),
            Err(error) => tracing::warn!(%error, "an expired record cannot be removed"),
        }
        tokio::time::sleep(RECORDS_CHECKED_EVERY).await;
    }
}

/// Loads and checks the configured tables. Identities are counted in lists in the folder `place`, and SQL
/// makes tables in the folder `made`;
/// `agreed` has the types of columns from earlier loads; `kernel` digests identities, in a job too.
///
/// # Errors
/// [`UserError`] if a configured value makes no sense whatever the data.
pub(crate) async fn load(
    config: &NodeConfig,
    lists: &Lists,
    place: &str,
    made: PathBuf,
    agreed: Arc<dyn AgreedTypes>,
    kernel: Arc<dyn Kernel>,
) -> Result<(Catalog, LoadReport), UserError> {
    let options = ReadOptions {
        threads: config.engine_threads(),
        kernel,
        sql: Some(lists.sql_options(made)),
    };
    let store = lists.store(place);
    Catalog::load(&config.base_dir, &config.table, options, store, agreed)
        .await
        .map_err(config::problem)
}

#[cfg(test)]
mod tests {
    use super::lock;

    #[test]
    fn a_second_daemon_on_the_same_state_is_refused_and_told_who_runs() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        let error = lock(folder.path()).err().unwrap();
        let process = std::process::id().to_string();
        assert!(error.what.contains(&process), "{}", error.what);
        drop(first);
        assert!(lock(folder.path()).is_ok());
    }
}
