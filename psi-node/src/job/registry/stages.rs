//! How far the stages of one job are, as a few numbers that are overwritten.
//!
//! Written by the threads of the job through [`Stages::report`], read by the local API through
//! [`Stages::snapshot`]. A job of a million rows leaves no more behind than one of ten.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use psi_core::progress::Stage;
use serde::{Deserialize, Serialize};

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

/// The stages of a job.
pub(super) struct Stages {
    started: Instant,
    counters: [StageCounters; STAGES.len()],
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

impl Stages {
    /// Of a job that begins now.
    pub(super) fn begin() -> Self {
        Self {
            started: Instant::now(),
            counters: Default::default(),
        }
    }

    /// `done` of `total` records of a stage are finished.
    pub(super) fn report(&self, stage: Stage, done: u64, total: u64) {
        let place = STAGES.iter().position(|known| *known == stage);
        let Some(counters) = place.and_then(|at| self.counters.get(at)) else {
            return;
        };
        let now = self.millis();
        let _ = counters
            .began
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        counters.total.store(total, Ordering::Relaxed);
        // Batches may report out of order; progress never runs backwards.
        counters.done.fetch_max(done, Ordering::Relaxed);
        counters.last.store(now, Ordering::Relaxed);
    }

    /// How far they are now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let stages = STAGES.iter().zip(&self.counters);
        let stages = stages.filter_map(|(stage, counters)| {
            let began = counters.began.load(Ordering::Relaxed);
            if began == 0 {
                return None;
            }
            let done = counters.done.load(Ordering::Relaxed);
            let total = counters.total.load(Ordering::Relaxed);
            // A finished stage keeps the rate it had; a running one slows down while it waits.
            let last = counters.last.load(Ordering::Relaxed);
            let until = if done >= total { last } else { self.millis() };
            Some(StageProgress {
                stage: stage.as_str().into(),
                done,
                total,
                rate: rate(done, until.saturating_sub(began)),
            })
        });
        Snapshot {
            seconds: self.started.elapsed().as_secs_f64(),
            stages: stages.collect(),
        }
    }

    /// Milliseconds since the start, plus one.
    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }
}

/// Records per second; a stage that took no measurable time took a millisecond.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown to a person")]
fn rate(done: u64, millis: u64) -> f64 {
    done as f64 * 1000.0 / millis.max(1) as f64
}
