//! The jobs that are running in this process, and the last ones that ended.
//!
//! Bounds how many run at once, and how many of one peer, carries progress out and the wish to cancel
//! in. The runner holds a [`JobHandle`]; the local API looks in from outside.

mod stages;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use psi_core::Error;
use psi_core::limits::INQUIRIES_MAX;
use psi_core::progress::{Progress, Stage};
use psi_core::spec::JobId;
use tokio::sync::watch;

use self::stages::Stages;
pub use self::stages::{Snapshot, StageProgress};
use super::outcome::Ended;
use crate::collab::CollabId;
use crate::identity::NodeId;
use crate::places::{Places, Whose};
use crate::state::{JobRole, StateError, short_name};

/// Ended jobs whose outcome is still at hand for someone who follows late; older ones are in the
/// state.
const ENDED_MAX: usize = 64;

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
    /// Jobs that have ended and are still being told to their peers.
    leaving: usize,
    /// Inquiries that are being answered.
    inquiries: HashMap<NodeId, usize>,
}

/// One job, as everyone shares it.
struct Job {
    id: String,
    whose: Whose,
    /// The collaboration, once it is known.
    collab: OnceLock<CollabId>,
    /// The name by which both members know it, once they have agreed.
    name: OnceLock<String>,
    stages: Stages,
    cancelled: watch::Sender<bool>,
    outcome: watch::Sender<Option<Ended>>,
}

impl Job {
    fn name(&self) -> &str {
        self.name.get().unwrap_or(&self.id)
    }
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
            name: OnceLock::new(),
            stages: Stages::begin(),
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

    /// Notes that a job has ended here and is still being told to its peer, until this is dropped.
    #[must_use]
    pub fn leave(&self) -> Leaving {
        self.0.lock().leaving += 1;
        Leaving(Arc::clone(&self.0))
    }

    /// The number of jobs that have ended here and are still being told to their peers.
    #[must_use]
    pub fn leaving(&self) -> usize {
        self.0.lock().leaving
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

/// A job that has ended and is still being told to its peer, until this is dropped.
pub struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut jobs = self.0.lock();
        jobs.leaving = jobs.leaving.saturating_sub(1);
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

    /// Says which id both members have agreed on.
    pub fn is_named(&self, job_id: &JobId) {
        // Agreed on once.
        let _ = self.job.name.set(short_name(job_id));
    }

    /// What the job is called in the log: as the other member calls it, once both have agreed.
    #[must_use]
    pub fn name(&self) -> &str {
        self.job.name()
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

/// The state took no record of how a job ended. It shows as running until the next start ends it.
pub(in crate::job) fn ending_not_recorded(job: &JobHandle, error: &StateError) {
    tracing::error!(
        job = job.name(),
        %error,
        help = "make room on the disk of the state folder; the job shows as running until then, and \
                as interrupted after the next start",
        "the end of the job could not be recorded"
    );
}

struct Reporter(Arc<Job>);

impl Progress for Reporter {
    fn report(&self, stage: Stage, done: u64, total: u64) -> Result<(), Error> {
        self.0.stages.report(stage, done, total);
        if *self.0.cancelled.borrow() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
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

    /// What the job is called in the log.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
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
        self.0.stages.snapshot()
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

    /// Records how the job ended. The task that awaited the runner calls it.
    pub fn end(&self, ended: Ended) {
        self.0.outcome.send_replace(Some(ended));
    }
}

#[cfg(test)]
mod tests;
