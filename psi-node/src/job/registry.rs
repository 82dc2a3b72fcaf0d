//! The jobs that are running in this process, and the last ones that ended.
//!
//! Bounds how many run at once, and how many of one peer, carries progress out and the wish to cancel in. Progress is a few
//! numbers that are overwritten, not a queue: a job of a million rows leaves no more behind than
//! one of ten. The runner holds a [`JobHandle`]; the local API looks in from outside.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use psi_core::Error;
use psi_core::limits::INQUIRIES_MAX;
use psi_core::progress::{Progress, Stage};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::result::ResultDocument;
use crate::collab::CollabId;
use crate::exit::Exit;
use crate::identity::NodeId;
use crate::places::{Places, Whose};
use crate::state::JobRole;

/// Ended jobs whose outcome is still at hand for someone who follows late; older ones are in the
/// state.
const ENDED_MAX: usize = 64;

/// The stages in the order in which they are shown.
const STAGES: [Stage; 7] = [
    Stage::Freeze,
    Stage::Blind,
    Stage::Send,
    Stage::Receive,
    Stage::Evaluate,
    Stage::Match,
    Stage::Transfer,
];

/// Running jobs and the last ended ones. Clones share them.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    places: Places,
    jobs: Mutex<Jobs>,
}

#[derive(Default)]
struct Jobs {
    running: HashMap<String, Arc<Job>>,
    ended: VecDeque<Arc<Job>>,
    /// Inquiries that are being answered.
    inquiries: HashMap<NodeId, usize>,
}

/// One job, as everyone shares it.
struct Job {
    id: String,
    whose: Whose,
    /// The collaboration, once it is known.
    collab: OnceLock<CollabId>,
    started: Instant,
    stages: [StageCounters; STAGES.len()],
    cancelled: watch::Sender<bool>,
    outcome: watch::Sender<Option<Ended>>,
}

/// One stage's numbers. Each is written alone, so a reader may see the count of one report with
/// the time of the next, which only blurs a rate.
#[derive(Default)]
struct StageCounters {
    done: AtomicU64,
    total: AtomicU64,
    /// Milliseconds after the job's start, plus one; 0 means not begun.
    began: AtomicU64,
    last: AtomicU64,
}

/// How a job that was requested here ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// What the command that waits for the job exits with.
    pub exit: u8,
    /// The stable name of that exit code.
    pub exit_name: String,
    /// The result document.
    pub document: ResultDocument,
}

impl Ended {
    /// An end with this exit code.
    #[must_use]
    pub fn new(exit: Exit, document: ResultDocument) -> Self {
        Self {
            exit: exit.number(),
            exit_name: exit.as_str().into(),
            document,
        }
    }
}

/// How far a stage is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageProgress {
    /// The stage's stable text.
    pub stage: String,
    /// Records done.
    pub done: u64,
    /// Records in all.
    pub total: u64,
    /// Records per second since the stage began.
    pub rate: f64,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Seconds since the job began.
    pub seconds: f64,
    /// The stages that have begun, in a fixed order.
    pub stages: Vec<StageProgress>,
}

/// Why a job cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeginError {
    /// As many jobs are running as the configuration allows.
    #[error("{0} jobs are running, as many as `jobs_max` allows")]
    TooManyJobs(usize),
    /// As many jobs of peers are running as leave the owner its place.
    #[error("{0} jobs of peers are running; the place that is left of `jobs_max` is the owner's")]
    TooManyOfPeers(usize),
    /// As many jobs of this peer are running as leave places for others.
    #[error("{0} jobs of this peer are running, its share of `jobs_max`")]
    TooManyOfPeer(usize),
    /// The operating system gave no randomness for the job's name.
    #[error("the operating system gave no randomness")]
    NoRandomness,
}

impl Registry {
    /// An empty registry that admits as many running jobs as there are places.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self(Arc::new(Shared {
            places,
            jobs: Mutex::default(),
        }))
    }

    /// Begins a job under a fresh local id. It ends when the handle is dropped.
    ///
    /// # Errors
    /// [`BeginError`]; nothing has begun then.
    pub fn begin(&self, whose: Whose) -> Result<JobHandle, BeginError> {
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|_| BeginError::NoRandomness)?;
        let id = hex::encode(random);
        let mut jobs = self.0.lock();
        jobs.check_room(whose, self.0.places)?;
        let job = Arc::new(Job {
            id: id.clone(),
            whose,
            collab: OnceLock::new(),
            started: Instant::now(),
            stages: Default::default(),
            cancelled: watch::Sender::new(false),
            outcome: watch::Sender::new(None),
        });
        jobs.running.insert(id.clone(), Arc::clone(&job));
        drop(jobs);
        Ok(JobHandle {
            id,
            job,
            shared: Arc::clone(&self.0),
        })
    }

    /// A place for an inquiry of `peer`, beside those of jobs, if it has one left.
    #[must_use]
    pub fn begin_inquiry(&self, peer: NodeId) -> Option<InquiryPlace> {
        let mut jobs = self.0.lock();
        let taken = jobs.inquiries.entry(peer).or_default();
        if *taken >= INQUIRIES_MAX {
            return None;
        }
        *taken += 1;
        drop(jobs);
        Some(InquiryPlace {
            peer,
            shared: Arc::clone(&self.0),
        })
    }

    /// The job with this local id, if it runs or ended lately.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<JobView> {
        let jobs = self.0.lock();
        let ended = || jobs.ended.iter().find(|job| job.id == id);
        jobs.running.get(id).or_else(ended).cloned().map(JobView)
    }

    /// Asks a running job to stop. Returns whether there is one.
    #[must_use]
    pub fn cancel(&self, id: &str) -> bool {
        let job = self.0.lock().running.get(id).cloned();
        job.is_some_and(|job| {
            job.cancelled.send_replace(true);
            true
        })
    }

    /// Asks the running jobs of a collaboration to stop.
    pub fn cancel_of(&self, collab_id: &CollabId) {
        for job in self.0.lock().running.values() {
            if job.collab.get() == Some(collab_id) {
                job.cancelled.send_replace(true);
            }
        }
    }

    /// Asks every running job to stop.
    pub fn cancel_all(&self) {
        for job in self.0.lock().running.values() {
            job.cancelled.send_replace(true);
        }
    }

    /// The running jobs.
    #[must_use]
    pub fn list(&self) -> Vec<JobView> {
        self.0
            .lock()
            .running
            .values()
            .cloned()
            .map(JobView)
            .collect()
    }

    /// The number of running jobs.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.lock().running.len()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        // Every change is one insertion or removal; a panic elsewhere leaves nothing half done.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Jobs {
    /// Whether one more job of `whose` may run.
    fn check_room(&self, whose: Whose, places: Places) -> Result<(), BeginError> {
        let running = |which: fn(Whose, Whose) -> bool| {
            let jobs = self.running.values();
            jobs.filter(|job| which(job.whose, whose)).count()
        };
        if let Whose::Peer(_) = whose {
            if running(|job, whose| job == whose) >= places.of_one_peer() {
                return Err(BeginError::TooManyOfPeer(places.of_one_peer()));
            }
            if running(|job, _| job != Whose::Owner) >= places.of_peers() {
                return Err(BeginError::TooManyOfPeers(places.of_peers()));
            }
        }
        if self.running.len() >= places.all() {
            return Err(BeginError::TooManyJobs(places.all()));
        }
        Ok(())
    }
}

/// The place of one inquiry, until it is dropped.
pub struct InquiryPlace {
    peer: NodeId,
    shared: Arc<Shared>,
}

impl Drop for InquiryPlace {
    fn drop(&mut self) {
        let mut jobs = self.shared.lock();
        if let Some(taken) = jobs.inquiries.get_mut(&self.peer) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                jobs.inquiries.remove(&self.peer);
            }
        }
    }
}

/// A running job, held by the one that runs it.
pub struct JobHandle {
    /// The local id, 16 hexadecimal digits.
    pub id: String,
    job: Arc<Job>,
    shared: Arc<Shared>,
}

impl JobHandle {
    /// Says which collaboration the job is under.
    pub fn is_under(&self, collab_id: CollabId) {
        // Asked for once; a second answer would be the same.
        let _ = self.job.collab.set(collab_id);
    }

    /// Whose question the job answers.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.job.whose
    }

    /// Where the job's stages report to, and learn that they should stop.
    #[must_use]
    pub fn progress(&self) -> Arc<dyn Progress> {
        Arc::new(Reporter(Arc::clone(&self.job)))
    }

    /// Whether somebody asked for a stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.job.cancelled.borrow()
    }

    /// Waits until somebody asks for a stop; may be dropped and called again.
    pub async fn cancelled(&self) {
        let mut cancelled = self.job.cancelled.subscribe();
        // The sender lives in the job, which this handle holds.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }

    /// What the local API sees of this job.
    #[must_use]
    pub fn view(&self) -> JobView {
        JobView(Arc::clone(&self.job))
    }
}

impl Drop for JobHandle {
    /// Also tells arithmetic that still runs on a thread of its own that nobody awaits it.
    fn drop(&mut self) {
        self.job.cancelled.send_replace(true);
        let mut jobs = self.shared.lock();
        jobs.running.remove(&self.id);
        if jobs.ended.len() >= ENDED_MAX {
            jobs.ended.pop_front();
        }
        jobs.ended.push_back(Arc::clone(&self.job));
    }
}

impl fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobHandle({})", self.id)
    }
}

struct Reporter(Arc<Job>);

impl Progress for Reporter {
    fn report(&self, stage: Stage, done: u64, total: u64) -> Result<(), Error> {
        if let Some(counters) = STAGES
            .iter()
            .position(|known| *known == stage)
            .and_then(|at| self.0.stages.get(at))
        {
            let now = self.0.millis();
            let _ = counters
                .began
                .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
            counters.total.store(total, Ordering::Relaxed);
            // Batches may report out of order; progress never runs backwards.
            counters.done.fetch_max(done, Ordering::Relaxed);
            counters.last.store(now, Ordering::Relaxed);
        }
        if *self.0.cancelled.borrow() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }
}

impl Job {
    /// Milliseconds since the start, plus one.
    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }
}

/// A job as others see it.
#[derive(Clone)]
pub struct JobView(Arc<Job>);

impl JobView {
    /// The local id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Which side of the job this node is.
    #[must_use]
    pub fn role(&self) -> JobRole {
        match self.0.whose {
            Whose::Owner => JobRole::Requester,
            Whose::Peer(_) => JobRole::Responder,
        }
    }

    /// How far the job is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let stages = STAGES
            .iter()
            .zip(&self.0.stages)
            .filter_map(|(stage, counters)| {
                let began = counters.began.load(Ordering::Relaxed);
                if began == 0 {
                    return None;
                }
                let done = counters.done.load(Ordering::Relaxed);
                let total = counters.total.load(Ordering::Relaxed);
                // A finished stage keeps the rate it had; a running one slows down while it waits.
                let last = counters.last.load(Ordering::Relaxed);
                let until = if done >= total { last } else { self.0.millis() };
                let rate = rate(done, until.saturating_sub(began));
                Some(StageProgress {
                    stage: stage.as_str().into(),
                    done,
                    total,
                    rate,
                })
            });
        Snapshot {
            seconds: self.0.started.elapsed().as_secs_f64(),
            stages: stages.collect(),
        }
    }

    /// How the job ended, if it was requested here and has ended.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.0.outcome.borrow().clone()
    }

    /// Waits until [`Self::ended`] says how the job ended.
    pub async fn until_ended(&self) -> Option<Ended> {
        let mut outcome = self.0.outcome.subscribe();
        let ended = outcome.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| ended.clone())
    }

    /// Records how the job ended; called by whoever awaited the runner.
    pub fn end(&self, ended: Ended) {
        self.0.outcome.send_replace(Some(ended));
    }
}

/// Records per second; a stage that took no measurable time took a millisecond.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown to a person")]
fn rate(done: u64, millis: u64) -> f64 {
    done as f64 * 1000.0 / millis.max(1) as f64
}

#[cfg(test)]
mod tests {
    use psi_core::Error;
    use psi_core::progress::Stage;

    use super::{BeginError, ENDED_MAX, Ended, Registry};
    use crate::exit::Exit;
    use crate::identity::NodeId;
    use crate::job::result::ResultDocument;
    use crate::places::{Places, Whose};

    const PEER: Whose = Whose::Peer(NodeId([1; 32]));
    const OTHER: Whose = Whose::Peer(NodeId([2; 32]));
    const THIRD: Whose = Whose::Peer(NodeId([3; 32]));

    fn registry(jobs_max: usize) -> Registry {
        Registry::new(Places::new(jobs_max))
    }

    #[test]
    fn no_more_jobs_run_than_the_bound_and_a_dropped_one_makes_room() {
        let registry = registry(2);
        let first = registry.begin(Whose::Owner).unwrap();
        let second = registry.begin(PEER).unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(first.id.len(), 16);
        let refused = registry.begin(Whose::Owner).unwrap_err();
        assert_eq!(refused, BeginError::TooManyJobs(2));
        drop(first);
        assert!(registry.begin(Whose::Owner).is_ok());
    }

    #[test]
    fn a_peer_takes_no_more_than_its_share_and_all_peers_leave_the_owner_a_place() {
        let registry = registry(8);
        let of_peer: Vec<_> = (0..3).map(|_| registry.begin(PEER).unwrap()).collect();
        assert_eq!(
            registry.begin(PEER).unwrap_err(),
            BeginError::TooManyOfPeer(3)
        );
        let others: Vec<_> = [OTHER, OTHER, OTHER, THIRD]
            .map(|whose| registry.begin(whose).unwrap())
            .into();
        assert_eq!(
            registry.begin(THIRD).unwrap_err(),
            BeginError::TooManyOfPeers(7)
        );
        let own = registry.begin(Whose::Owner).unwrap();
        assert_eq!(
            registry.begin(Whose::Owner).unwrap_err(),
            BeginError::TooManyJobs(8)
        );
        drop((of_peer, others));
        // The owner may take every place that peers leave.
        let all: Vec<_> = (0..7)
            .map(|_| registry.begin(Whose::Owner).unwrap())
            .collect();
        assert_eq!(
            registry.begin(PEER).unwrap_err(),
            BeginError::TooManyJobs(8)
        );
        drop((own, all));
    }

    #[test]
    fn inquiries_have_places_of_their_own() {
        let registry = registry(2);
        let _job = registry.begin(PEER).unwrap();
        let peer = NodeId([1; 32]);
        let first = registry.begin_inquiry(peer).unwrap();
        let _second = registry.begin_inquiry(peer).unwrap();
        assert!(registry.begin_inquiry(peer).is_none());
        assert!(registry.begin_inquiry(NodeId([2; 32])).is_some());
        drop(first);
        assert!(registry.begin_inquiry(peer).is_some());
    }

    #[test]
    fn the_jobs_of_one_collaboration_are_cancelled_and_no_others() {
        let registry = registry(4);
        let (one, other) = (
            registry.begin(PEER).unwrap(),
            registry.begin(OTHER).unwrap(),
        );
        let own = registry.begin(Whose::Owner).unwrap();
        one.is_under([1; 32]);
        other.is_under([2; 32]);
        own.is_under([1; 32]);
        registry.cancel_of(&[1; 32]);
        assert!(one.is_cancelled() && own.is_cancelled() && !other.is_cancelled());
    }

    #[test]
    fn work_that_outlives_its_job_is_told_to_stop() {
        let registry = registry(2);
        let job = registry.begin(PEER).unwrap();
        let progress = job.progress();
        assert!(progress.report(Stage::Blind, 1, 2).is_ok());
        drop(job);
        assert!(matches!(
            progress.report(Stage::Blind, 2, 2),
            Err(Error::Cancelled)
        ));
    }

    #[tokio::test]
    async fn a_cancelled_job_hears_of_it_in_its_work_and_in_its_waits() {
        let registry = registry(2);
        let job = registry.begin(Whose::Owner).unwrap();
        let other = registry.begin(Whose::Owner).unwrap();
        let progress = job.progress();
        assert!(progress.report(Stage::Blind, 1, 2).is_ok());
        assert!(registry.cancel(&job.id));
        job.cancelled().await;
        assert!(job.is_cancelled());
        assert!(matches!(
            progress.report(Stage::Blind, 2, 2),
            Err(Error::Cancelled)
        ));
        assert!(!other.is_cancelled());
        let id = job.id.clone();
        drop(job);
        assert!(!registry.cancel(&id), "an ended job cannot be cancelled");
    }

    #[test]
    fn a_snapshot_shows_begun_stages_and_never_runs_backwards() {
        let registry = registry(2);
        let job = registry.begin(Whose::Owner).unwrap();
        assert!(job.view().snapshot().stages.is_empty());
        let progress = job.progress();
        progress.report(Stage::Receive, 7, 10).unwrap();
        progress.report(Stage::Freeze, 10, 10).unwrap();
        progress.report(Stage::Receive, 5, 10).unwrap();
        let snapshot = job.view().snapshot();
        let seen: Vec<_> = snapshot
            .stages
            .iter()
            .map(|s| (s.stage.as_str(), s.done, s.total))
            .collect();
        assert_eq!(seen, [("freeze", 10, 10), ("receive", 7, 10)]);
    }

    #[tokio::test]
    async fn the_outcome_is_at_hand_after_the_end_and_old_ones_are_forgotten() {
        let registry = registry(2);
        let job = registry.begin(Whose::Owner).unwrap();
        let (id, view) = (job.id.clone(), job.view());
        drop(job);
        view.end(Ended::new(Exit::Suppressed, ResultDocument::new("exact")));
        assert_eq!(view.until_ended().await.map(|ended| ended.exit), Some(3));
        assert!(registry.get(&id).and_then(|view| view.ended()).is_some());
        for _ in 0..ENDED_MAX {
            drop(registry.begin(PEER).unwrap());
        }
        assert!(registry.get(&id).is_none());
    }
}
