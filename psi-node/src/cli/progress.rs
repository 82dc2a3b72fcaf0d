//! Progress of a running job on a terminal: how far the whole job is, and a bar per stage with rate and
//! remaining time.
//!
//! Draws on standard error and only if that is a terminal; scripts see nothing. Each bar is one line
//! that is cut at the width of the terminal: one that wrapped would leave lines behind when it is
//! drawn again.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;
use crate::job::registry::{Snapshot, StageProgress};

/// The bars of one job.
pub struct Bars {
    all: MultiProgress,
    /// The whole job.
    job: ProgressBar,
    stages: HashMap<String, ProgressBar>,
}

impl Bars {
    /// Bars on standard error, hidden if that is not a terminal.
    #[must_use]
    pub fn new() -> Self {
        // Hidden by the library if standard error is not a terminal.
        let bars = Self::on(ProgressDrawTarget::stderr());
        if !bars.all.is_hidden() {
            // On a thread of its own, which nobody would see the work of.
            bars.job.enable_steady_tick(Duration::from_millis(120));
        }
        bars
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let job = all.add(ProgressBar::new(100));
        job.set_style(style("{spinner} {wide_msg}"));
        job.set_message("waiting for the other node");
        Self {
            all,
            job,
            stages: HashMap::new(),
        }
    }

    /// Shows how far the job is.
    pub fn show(&mut self, snapshot: &Snapshot) {
        for stage in &snapshot.stages {
            let all = &self.all;
            let bar = self.stages.entry(stage.stage.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(stage.total));
                bar.set_style(style("{prefix:>22} {bar:12} {wide_msg}"));
                bar.set_prefix(label(&stage.stage));
                bar
            });
            bar.set_length(stage.total);
            bar.set_message(message(stage));
            bar.set_position(stage.done);
            if stage.done >= stage.total && !bar.is_finished() {
                bar.finish();
            }
        }
        if !snapshot.stages.is_empty() {
            self.job
                .set_message(format!("working, {} %", snapshot.percent));
        }
    }

    /// Says that the job was asked to stop.
    pub fn cancelling(&self) {
        self.job.set_message("cancelling");
        let note = "cancelling the job; Ctrl-C again leaves it to the daemon";
        self.all.suspend(|| output::print_note(note));
    }

    /// Takes the bars away, so that the result is alone.
    pub fn clear(&self) {
        self.job.finish_and_clear();
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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
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

/// How many, at which rate and, while the stage runs, the time it still needs at that rate.
fn message(stage: &StageProgress) -> String {
    let count = format!("{}/{}", HumanCount(stage.done), HumanCount(stage.total));
    if stage.rate <= 0.0 {
        return count;
    }
    let rate = format!("{count} {:.0}/s", stage.rate);
    let left = stage.total.saturating_sub(stage.done);
    if left == 0 {
        return rate;
    }
    // Beyond a hundred hours, and for whatever is not a duration, the rate alone is shown.
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
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal of a few columns that remembers what is on it. A line that is too long goes on in the
    /// next one.
    #[derive(Clone, Debug)]
    struct Screen {
        columns: usize,
        shown: Arc<Mutex<Shown>>,
    }

    #[derive(Debug, Default)]
    struct Shown {
        rows: Vec<Vec<char>>,
        row: usize,
        column: usize,
    }

    impl Screen {
        fn of(columns: usize) -> Self {
            Self {
                columns,
                shown: Arc::default(),
            }
        }

        fn bars(&self) -> Bars {
            Bars::on(ProgressDrawTarget::term_like(Box::new(self.clone())))
        }

        fn text(&self) -> String {
            let rows = self.shown.lock().unwrap().rows.clone();
            let lines: Vec<String> = rows.iter().map(|row| row.iter().collect()).collect();
            let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
            lines.join("\n").trim_end().to_owned()
        }
    }

    impl Shown {
        fn write(&mut self, text: &str, columns: usize) {
            for character in text.chars() {
                match character {
                    '\r' => self.column = 0,
                    '\n' => (self.row, self.column) = (self.row + 1, 0),
                    character => {
                        if self.column == columns {
                            (self.row, self.column) = (self.row + 1, 0);
                        }
                        let rows = self.rows.len().max(self.row + 1);
                        self.rows.resize(rows, vec![' '; columns]);
                        self.rows[self.row][self.column] = character;
                        self.column += 1;
                    }
                }
            }
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            u16::try_from(self.columns).unwrap()
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            let mut shown = self.shown.lock().unwrap();
            shown.row = shown.row.saturating_sub(n);
            Ok(())
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.shown.lock().unwrap().row += n;
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.shown.lock().unwrap().write(text, self.columns);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            let mut shown = self.shown.lock().unwrap();
            let row = shown.row;
            if let Some(row) = shown.rows.get_mut(row) {
                row.fill(' ');
            }
            shown.column = 0;
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stage(name: &str, done: u64, rate: f64) -> StageProgress {
        StageProgress {
            stage: name.into(),
            done,
            total: 1_000_000,
            rate,
        }
    }

    fn snapshot(done: u64) -> Snapshot {
        let stages = ["freeze", "blind", "send", "receive", "evaluate", "match"];
        Snapshot {
            seconds: 1.0,
            percent: done / 10_000,
            stages: stages.map(|name| stage(name, done, 12_345.0)).to_vec(),
        }
    }

    #[test]
    fn bars_keep_to_the_width_of_the_terminal_and_leave_nothing_behind() {
        for columns in [40, 60, 80, 200] {
            let screen = Screen::of(columns);
            let mut bars = screen.bars();
            for done in [0, 1, 250_000, 999_999] {
                bars.show(&snapshot(done));
            }
            bars.job.tick();
            let text = screen.text();
            assert_eq!(text.matches("blinding your list").count(), 1, "{text}");
            // No bar takes two lines.
            assert_eq!(text.lines().count(), 7, "{text}");
            bars.show(&snapshot(1_000_000));
            bars.clear();
            assert_eq!(screen.text(), "", "at {columns} columns");
        }
    }

    #[test]
    fn the_whole_job_has_a_percentage() {
        let screen = Screen::of(100);
        let mut bars = screen.bars();
        bars.show(&snapshot(420_000));
        bars.job.tick();
        let text = screen.text();
        assert!(text.contains("working, 42 %"), "{text}");
        assert!(
            text.contains("420,000/1,000,000 12345/s, 46 s left"),
            "{text}"
        );
    }

    #[test]
    fn the_remaining_time_follows_from_the_rate() {
        let stage = |done, rate| StageProgress {
            stage: "blind".into(),
            done,
            total: 1000,
            rate,
        };
        assert_eq!(message(&stage(0, 0.0)), "0/1,000");
        assert_eq!(
            message(&stage(400, 10.0)),
            "400/1,000 10/s, 1 min 00 s left"
        );
        assert_eq!(message(&stage(1000, 10.0)), "1,000/1,000 10/s");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(7261), "2 h 01 min");
    }
}
