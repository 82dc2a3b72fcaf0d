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
    /// How much of the whole job is done, roughly, in percent. Never runs backwards.
    #[serde(default)]
    pub percent: u64,
    /// The stages that have begun, in a fixed order.
    pub stages: Vec<StageProgress>,
}

/// The stages of a job.
pub(super) struct Stages {
    started: Instant,
    counters: [StageCounters; STAGES.len()],
    /// The percentage that was shown last.
    percent: AtomicU64,
}

/// How much of a job's time a stage takes, roughly. A side that evaluates does not match, or has two
/// matches and does both.
const fn weight(stage: Stage) -> u64 {
    match stage {
        Stage::Freeze | Stage::Send | Stage::Receive => 10,
        Stage::Blind | Stage::Evaluate | Stage::Match | Stage::Transfer => 35,
    }
}

/// The weights of the stages that every job has on each side.
const WEIGHT_OF_ALL: u64 = 100;
/// A job that still runs is not done, whatever its stages say.
const PERCENT_MAX: u64 = 99;

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
            percent: AtomicU64::new(0),
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
        // A job of two matches may report a stage for each of them, with totals of their own.
        counters.total.fetch_max(total, Ordering::Relaxed);
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
            let total = counters.total.load(Ordering::Relaxed);
            let done = counters.done.load(Ordering::Relaxed).min(total);
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
            percent: self.percent(),
        }
    }

    /// The part of each stage that is done, by its weight.
    fn percent(&self) -> u64 {
        let (mut done, mut all) = (0, 0);
        for (stage, counters) in STAGES.iter().zip(&self.counters) {
            let total = counters.total.load(Ordering::Relaxed);
            if counters.began.load(Ordering::Relaxed) == 0 || total == 0 {
                continue;
            }
            let part = counters.done.load(Ordering::Relaxed).min(total);
            let part = u128::from(weight(*stage)) * u128::from(part) * 100 / u128::from(total);
            done += u64::try_from(part).unwrap_or_default();
            all += weight(*stage);
        }
        let percent = (done / all.max(WEIGHT_OF_ALL)).min(PERCENT_MAX);
        self.percent
            .fetch_max(percent, Ordering::Relaxed)
            .max(percent)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_is_reported_with_two_totals_never_exceeds_the_larger_one() {
        let stages = Stages::begin();
        stages.report(Stage::Blind, 900, 1000);
        stages.report(Stage::Blind, 10, 20);
        stages.report(Stage::Blind, 1200, 1000);
        let shown = stages.snapshot().stages;
        assert_eq!((shown[0].done, shown[0].total), (1000, 1000));
    }

    #[test]
    fn the_percentage_of_the_job_grows_and_is_not_full_before_the_end() {
        let stages = Stages::begin();
        assert_eq!(stages.snapshot().percent, 0);
        let mut last = 0;
        for stage in STAGES {
            for done in [0, 5, 10] {
                stages.report(stage, done, 10);
                let percent = stages.snapshot().percent;
                assert!(percent >= last, "{percent} after {last}");
                last = percent;
            }
        }
        assert_eq!(last, PERCENT_MAX);
    }
}
