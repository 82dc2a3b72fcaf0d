//! The threads of a node, and which of them come first.
//!
//! Spec 08 §4. Five kinds: the network's threads, which answer packets and must never wait; those on
//! which jobs run, which wait for the state's disk; the engine's, which read tables; the pool for
//! arithmetic; and on machines of many cores a pool that sorts and merges lists. The last three keep
//! every core busy for minutes. They have a lower priority where the system gives priorities to
//! threads, so that a packet is answered while a job computes. Started by the daemon and the command
//! that runs it; used by the job runner.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use psi_core::kernel::batch::batches_on;
use psi_core::store::ListThreads;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinSet};

use crate::error::UserError;

/// How much less urgent computing is than the network, in the units of `nice`.
#[cfg(target_os = "linux")]
const COMPUTE_NICENESS: i32 = 5;
/// The least urgent that Linux has.
#[cfg(target_os = "linux")]
const NICENESS_MAX: i32 = 19;

/// Threads for each of which the network has one of its own, at most.
const CORES_PER_NETWORK_THREAD: usize = 4;
/// The fewest and the most threads of the network.
const NETWORK_THREADS: (usize, usize) = (2, 8);
/// Cores for each of which lists have a thread of their own. One thread sorts and merges some twenty
/// million points in a second; so many cores multiply less than two million.
const CORES_PER_LIST_THREAD: usize = 4;
/// The most threads for lists.
const LIST_THREADS_MAX: usize = 8;
/// The fewest threads on which jobs run: most of them wait for a disk.
const JOB_THREADS_MIN: usize = 4;

/// Runs what a command waits for.
pub(crate) fn block_on<T>(
    future: impl Future<Output = Result<T, UserError>>,
) -> Result<T, UserError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| UserError::machine("cannot start the runtime", e))?
        .block_on(future)
}

/// The runtime that answers packets. It lives as long as the value.
pub struct NetworkThreads(Owned);

impl NetworkThreads {
    /// Starts as many threads as the machine's cores ask for.
    ///
    /// # Errors
    /// The operating system's, if it has no more threads.
    pub fn start() -> std::io::Result<Self> {
        let (least, most) = NETWORK_THREADS;
        let threads = (cores() / CORES_PER_NETWORK_THREAD).clamp(least, most);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("psi-net")
            .enable_all()
            .build()?;
        Ok(Self(Owned(Some(runtime))))
    }

    /// Where to start what answers packets.
    ///
    /// # Panics
    /// Never: the runtime exists until the value is dropped.
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: `drop` alone takes the runtime, and nothing runs after it"
    )]
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.0.0.as_ref().expect("taken in `drop` alone").handle()
    }
}

/// The runtime on which jobs and the local API run.
///
/// # Errors
/// The operating system's, if it has no more threads.
pub fn job_runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(cores().max(JOB_THREADS_MIN))
        .thread_name("psi-jobs")
        .enable_all()
        .build()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The runtime on which tables are scanned. Clones share it.
#[derive(Clone)]
pub struct EngineThreads(Arc<Owned>);

/// Stops without waiting when the last clone is dropped, which may be inside of another runtime.
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl EngineThreads {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// The operating system's, if it has no more threads.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("psi-engine")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    /// Runs `work` there. Dropping the returned future stops it.
    ///
    /// # Errors
    /// [`JoinError`] if the work panicked.
    ///
    /// # Panics
    /// Never: the runtime exists until the last clone is dropped.
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: `drop` alone takes the runtime; a set with one task gives one result"
    )]
    pub async fn run<F>(&self, work: F) -> Result<F::Output, JoinError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let runtime = self.0.0.as_ref().expect("taken in `drop` alone");
        // A set aborts its tasks when it is dropped; a bare handle would leave the scan running.
        let mut task = JoinSet::new();
        task.spawn_on(work, runtime.handle());
        let ended = task.join_next().await;
        ended.expect("one task was spawned")
    }
}

/// Makes the pool for arithmetic, which is one for the whole process: one thread per core, at a
/// lower priority. Does nothing if the pool exists already.
pub fn start_compute_pool() {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|index| format!("psi-compute-{index}"))
        .start_handler(|_| lower_priority());
    if pool.build_global().is_err() {
        tracing::debug!("the pool for arithmetic was there before");
    }
}

/// How many batches of one job the pool for arithmetic has at once, for whoever counts memory before
/// there is a pool.
pub fn batches_at_once() -> usize {
    batches_on(cores())
}

/// The pool for lists, which is one for the whole process. A machine of few cores has none: there
/// the thread of each list keeps up with the arithmetic.
pub fn list_threads() -> ListThreads {
    static THREADS: OnceLock<ListThreads> = OnceLock::new();
    let threads = THREADS.get_or_init(|| {
        let threads = (cores() / CORES_PER_LIST_THREAD).min(LIST_THREADS_MAX);
        if threads < 2 {
            return ListThreads::default();
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("psi-sort-{index}"))
            .start_handler(|_| lower_priority());
        match pool.build() {
            Ok(pool) => ListThreads::of(pool),
            Err(error) => {
                tracing::warn!(%error, "lists are sorted and merged by one thread each");
                ListThreads::default()
            }
        }
    });
    threads.clone()
}

/// Lowers the priority of the calling thread. On Linux a priority belongs to a thread; elsewhere it
/// would be the whole process's, so nothing is done there.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        // From the node's own priority, which its operator may have lowered.
        let lowered = getpriority_process(None)
            .map(|own| (own + COMPUTE_NICENESS).min(NICENESS_MAX))
            .and_then(|priority| setpriority_process(None, priority));
        if let Err(error) = lowered {
            tracing::debug!(%error, "a thread keeps its priority");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EngineThreads;

    #[tokio::test]
    async fn work_runs_on_the_engines_threads_and_stops_when_it_is_dropped() {
        let engine = EngineThreads::start(1).unwrap();
        let name = engine
            .run(async { std::thread::current().name().map(str::to_owned) })
            .await
            .unwrap();
        assert_eq!(name.as_deref(), Some("psi-engine"));

        let (started, has_started) = tokio::sync::oneshot::channel();
        let (alive, dropped) = tokio::sync::oneshot::channel::<()>();
        let endless = engine.run(async move {
            let _ = started.send(());
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        tokio::select! {
            _ = endless => unreachable!("it never ends by itself"),
            _ = has_started => {}
        }
        // The sender is dropped with the work.
        assert!(dropped.await.is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_engines_threads_give_way_to_the_network() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let engine = EngineThreads::start(1).unwrap();
        let theirs = engine.run(async move { own() }).await.unwrap();
        let lowered = (own() + super::COMPUTE_NICENESS).min(super::NICENESS_MAX);
        assert_eq!(theirs, lowered);
    }
}
