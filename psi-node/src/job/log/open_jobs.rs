//! The opened jobs that are running in this process.
//!
//! A settlement asks here which open jobs are still alive, and ends those that the peer no longer
//! runs. Bounded by the node's limit on running jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::Code;
use psi_core::spec::{CollabId, JobId};
use tokio::sync::Notify;

/// The running jobs of this node, by the name both members know.
#[derive(Clone, Default)]
pub struct LiveJobs(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    running: HashMap<JobId, (CollabId, Arc<Notify>)>,
    /// Why a job ended without its closing entry; kept until that entry is written.
    ended: HashMap<JobId, Code>,
}

/// Marks one job as running until it is dropped.
pub(in crate::job) struct LiveJob {
    table: LiveJobs,
    job_id: JobId,
    interrupted: Arc<Notify>,
}

impl LiveJobs {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::job) fn begin(&self, collab_id: CollabId, job_id: JobId) -> LiveJob {
        let interrupted = Arc::new(Notify::new());
        self.table()
            .running
            .insert(job_id, (collab_id, Arc::clone(&interrupted)));
        LiveJob {
            table: self.clone(),
            job_id,
            interrupted,
        }
    }

    /// The jobs of one collaboration that are running here.
    pub(in crate::job) fn of(&self, collab_id: &CollabId) -> Vec<JobId> {
        let table = self.table();
        let of_collab = table.running.iter().filter(|(_, (id, _))| id == collab_id);
        of_collab.map(|(job_id, _)| *job_id).collect()
    }

    /// Ends a job here because the other member no longer runs it, and drops the note of its end: the
    /// log says it now.
    pub(in crate::job) fn end(&self, job_id: &JobId) {
        let mut table = self.table();
        if let Some((_, interrupted)) = table.running.get(job_id) {
            interrupted.notify_one();
        }
        table.ended.remove(job_id);
    }

    /// Remembers why a job ended, for its closing entry.
    pub(in crate::job) fn note_end(&self, job_id: JobId, code: Code) {
        self.table().ended.insert(job_id, code);
    }

    /// Why a job ended; a crash leaves no note.
    pub(in crate::job) fn end_of(&self, job_id: &JobId) -> Option<Code> {
        self.table().ended.get(job_id).copied()
    }
}

impl LiveJob {
    /// Waits until the job is to end because the other member no longer runs it.
    pub(in crate::job) async fn interrupted(&self) {
        self.interrupted.notified().await;
    }
}

impl Drop for LiveJob {
    fn drop(&mut self) {
        self.table.table().running.remove(&self.job_id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const JOB: JobId = JobId([1; 64]);
    const COLLAB: CollabId = CollabId([1; 32]);

    #[tokio::test]
    async fn a_job_runs_until_it_is_dropped_and_a_settlement_ends_it_alone() {
        let live = LiveJobs::default();
        let job = live.begin(COLLAB, JOB);
        let another = live.begin(COLLAB, JobId([2; 64]));
        let _elsewhere = live.begin(CollabId([2; 32]), JobId([3; 64]));
        assert_eq!(live.of(&COLLAB).len(), 2);
        live.end(&JOB);
        job.interrupted().await;
        let soon = Duration::from_millis(20);
        let other = tokio::time::timeout(soon, another.interrupted()).await;
        assert!(other.is_err(), "another job was ended");
        drop(job);
        assert_eq!(live.of(&COLLAB), [JobId([2; 64])]);
    }

    #[test]
    fn why_a_job_ended_is_kept_after_it_until_the_log_says_so() {
        let live = LiveJobs::default();
        let job = live.begin(COLLAB, JOB);
        live.note_end(JOB, Code::TimedOut);
        drop(job);
        assert_eq!(live.end_of(&JOB), Some(Code::TimedOut));
        assert_eq!(live.end_of(&JobId([2; 64])), None);
        live.end(&JOB);
        assert_eq!(live.end_of(&JOB), None);
    }
}
