//! Progress of a running job on a terminal: one bar per stage, with rate and remaining time.
//!
//! Draws on standard error and only if that is a terminal; scripts see nothing.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;
use crate::job::registry::{Snapshot, StageProgress};

/// The bars of one job.
pub struct Bars {
    all: MultiProgress,
    waiting: ProgressBar,
    stages: HashMap<String, ProgressBar>,
}

impl Bars {
    /// Bars on standard error, hidden if that is not a terminal.
    #[must_use]
    pub fn new() -> Self {
        // The library hides it if standard error is not a terminal.
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let waiting = all.add(ProgressBar::new_spinner());
        waiting.set_message("waiting for the other node");
        waiting.enable_steady_tick(Duration::from_millis(120));
        Self {
            all,
            waiting,
            stages: HashMap::new(),
        }
    }

    /// Shows how far the job is.
    pub fn show(&mut self, snapshot: &Snapshot) {
        for stage in &snapshot.stages {
            let all = &self.all;
            let bar = self.stages.entry(stage.stage.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(stage.total));
                bar.set_style(style());
                bar.set_prefix(label(&stage.stage));
                bar
            });
            bar.set_length(stage.total);
            bar.set_position(stage.done);
            bar.set_message(message(stage));
            if stage.done >= stage.total && !bar.is_finished() {
                bar.finish();
            }
        }
        if !snapshot.stages.is_empty() {
            self.waiting.set_message("working");
        }
    }

    /// Says that the job was asked to stop.
    pub fn cancelling(&self) {
        self.waiting.set_message("cancelling");
        let note = "cancelling the job; Ctrl-C again leaves it to the daemon";
        self.all.suspend(|| output::print_note(note));
    }

    /// Takes the bars away, so that the result is alone.
    pub fn clear(&self) {
        self.waiting.finish_and_clear();
        for bar in self.stages.values() {
            bar.finish_and_clear();
        }
        // A terminal that is gone needs no clearing.
        let _ = self.all.clear();
    }
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>24} {bar:30} {human_pos}/{human_len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn label(stage: &str) -> String {
    match stage {
        "freeze" => "reading your table".into(),
        "blind" => "blinding your list".into(),
        "send" => "sending".into(),
        "receive" => "receiving".into(),
        "evaluate" => "evaluating peer's list".into(),
        "match" => "matching".into(),
        "transfer" => "transferring sums".into(),
        other => other.to_owned(),
    }
}

/// Rate and, while the stage runs, the time it still needs at that rate.
fn message(stage: &StageProgress) -> String {
    if stage.rate <= 0.0 {
        return String::new();
    }
    let rate = format!("{:.0}/s", stage.rate);
    let left = stage.total.saturating_sub(stage.done);
    if left == 0 {
        return rate;
    }
    // Beyond a hundred hours, and if the quotient is not a valid duration, only the rate is shown.
    match Duration::try_from_secs_f64(seconds(left, stage.rate)) {
        Ok(time) if time < Duration::from_hours(100) => {
            format!("{rate}, {} left", duration(time.as_secs()))
        }
        _ => rate,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "shown to a person, in whole seconds"
)]
fn seconds(records: u64, rate: f64) -> f64 {
    records as f64 / rate
}

fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds:02} s"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::{StageProgress, duration, message};

    #[test]
    fn the_remaining_time_follows_from_the_rate() {
        let stage = |done, rate| StageProgress {
            stage: "blind".into(),
            done,
            total: 1000,
            rate,
        };
        assert_eq!(message(&stage(0, 0.0)), "");
        assert_eq!(message(&stage(400, 10.0)), "10/s, 1 min 00 s left");
        assert_eq!(message(&stage(1000, 10.0)), "10/s");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(7261), "2 h 01 min");
    }
}
