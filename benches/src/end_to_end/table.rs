//! Tables of results in Markdown, which people can read as it is.

use crate::report::{Pair, PeerRun, Query, Report, Run};
use crate::size::{float, shown};

/// Rows of cells under headers, aligned.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headers: &[&str]) -> Self {
        Self {
            rows: vec![headers.iter().map(|&header| header.to_owned()).collect()],
        }
    }

    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn to_markdown(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let padded = row.iter().zip(&widths);
            text += &line(
                padded
                    .map(|(cell, width)| format!("{cell:>width$}"))
                    .collect(),
            );
            if number == 0 {
                let rule = |width: &usize| "-".repeat(width.saturating_sub(1)) + ":";
                text += &line(widths.iter().map(rule).collect());
            }
        }
        text
    }
}

/// All of a report as text.
pub(crate) fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "Date: {}. Machine: {}, {} processors, {:.0} GiB of memory, {}; load average at the start \
         {:.2}. Profile: {}. Version {}.\n\n    {}\n\n",
        report.date,
        machine.cpu,
        machine.cores,
        float(machine.memory_bytes) / float(1 << 30),
        machine.system,
        machine.load_average,
        report.profile,
        report.program_version,
        report.command
    );
    if !report.runs.is_empty() {
        text += &queries(&report.runs);
        text += &added(&report.runs);
        text += "\nBefore the query, per node (Receiver / Sender):\n\n";
        text += &loads(&report.runs);
        text += NOTES;
    }
    if !report.peers.is_empty() {
        text.push('\n');
        text += &comparison(report);
    }
    text
}

const NOTES: &str = "
us/element: processor time of both whole node processes, user and system, over the rows of both \
tables; the query only. Floor: the group arithmetic alone, measured in the same run with all \
processors busy. Cores busy: processor time over wall time and processors, both nodes sharing the \
machine. Of several queries the one with the least processor time is shown.
";

fn queries(runs: &[Run]) -> String {
    let mut table = Table::new(&[
        "Receiver x Sender",
        "kernel",
        "asked",
        "us/element",
        "floor",
        "ratio",
        "wall s",
        "cores busy",
        "CPU s, R / S",
        "peak MB, R / S",
        "life peak MB",
        "disk MB, R / S",
        "stream B/element",
        "UDP B/element",
        "others CPU s",
        "all us/element",
    ]);
    for run in runs {
        let best = run.best();
        let nodes = &best.nodes;
        table.push(vec![
            sizes(run.rows),
            kernel(run),
            run.question.name(),
            format!("{:.2}", best.cpu_us_per_element),
            format!("{:.2}", best.floor_us_per_element),
            format!("{:.2}", best.floor_ratio),
            format!("{:.1}", best.wall_seconds),
            format!("{:.0} %", best.cores_busy * 100.0),
            pair(nodes.receiver.cpu_seconds, nodes.sender.cpu_seconds, 2),
            megabytes(nodes.receiver.peak_rss_bytes, nodes.sender.peak_rss_bytes),
            megabytes(
                nodes.receiver.life_peak_rss_bytes,
                nodes.sender.life_peak_rss_bytes,
            ),
            megabytes(nodes.receiver.peak_disk_bytes, nodes.sender.peak_disk_bytes),
            format!("{:.1}", best.stream_bytes_per_element),
            best.udp_bytes_per_element
                .map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.1}")),
            format!("{:.1}", best.other_cpu_seconds + best.stolen_cpu_seconds),
            all(&run.queries),
        ]);
    }
    table.to_markdown()
}

/// What other questions cost beyond the count, where both were measured in one run.
fn added(runs: &[Run]) -> String {
    let mut table = Table::new(&[
        "Receiver x Sender",
        "kernel",
        "asked",
        "CPU beyond the count",
        "each repetition, %",
        "bytes/Sender position",
    ]);
    let mut is_empty = true;
    let mut count: Option<&Run> = None;
    for run in runs {
        if run.question.is_count() {
            count = Some(run);
            continue;
        }
        let Some(count) = count.filter(|count| same_tables(count, run)) else {
            continue;
        };
        let elements = float(run.rows.receiver + run.rows.sender);
        let per_position = |each: f64| each * elements / float(run.rows.sender);
        let us = beyond(count, run, |query| query.cpu_us_per_element);
        let bytes = beyond(count, run, |query| query.stream_bytes_per_element);
        let base = mean(
            &count
                .queries
                .iter()
                .map(|query| query.cpu_us_per_element)
                .collect::<Vec<_>>(),
        );
        let percent = |us: f64| us / base * 100.0;
        is_empty = false;
        table.push(vec![
            sizes(run.rows),
            kernel(run),
            run.question.name(),
            format!("{:+.1} %", percent(mean(&us))),
            us.iter()
                .map(|us| format!("{:+.1}", percent(*us)))
                .collect::<Vec<_>>()
                .join(", "),
            format!("{:+.1}", per_position(mean(&bytes))),
        ]);
    }
    if is_empty {
        return String::new();
    }
    format!(
        "\nBeyond the count over the same tables, mean of repetitions:\n\n{}",
        table.to_markdown()
    )
}

/// By how much each query of `run` exceeds the query of the count that was measured next to it:
/// such pairs saw the same machine, while the best queries of each may not have.
fn beyond(count: &Run, run: &Run, value: fn(&Query) -> f64) -> Vec<f64> {
    let pairs = run.queries.iter().zip(&count.queries);
    pairs
        .map(|(query, base)| value(query) - value(base))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / float(values.len().max(1) as u64)
}

fn same_tables(a: &Run, b: &Run) -> bool {
    (&a.kernel, a.rows, a.shared) == (&b.kernel, b.rows, b.shared)
}

fn all(queries: &[Query]) -> String {
    let each = queries
        .iter()
        .map(|query| format!("{:.2}", query.cpu_us_per_element));
    each.collect::<Vec<_>>().join(", ")
}

fn loads(runs: &[Run]) -> String {
    let mut table = Table::new(&["Receiver x Sender", "kernel", "wall s", "CPU s", "peak MB"]);
    // Questions over one pair of tables have one load.
    for run in runs.iter().filter(|run| run.question.is_count()) {
        let Pair { receiver, sender } = run.load;
        table.push(vec![
            sizes(run.rows),
            kernel(run),
            pair(receiver.wall_seconds, sender.wall_seconds, 1),
            pair(receiver.cpu_seconds, sender.cpu_seconds, 1),
            megabytes(receiver.peak_rss_bytes, sender.peak_rss_bytes),
        ]);
    }
    table.to_markdown()
}

/// Ours beside other programs: medians of what took turns.
fn comparison(report: &Report) -> String {
    let mut table = Table::new(&[
        "program",
        "rows",
        "us/element",
        "CPU s, R / S",
        "bytes/element",
        "wall s",
        "peak MB, R / S",
        "answer",
        "right answer",
        "who learns what",
        "all us/element",
    ]);
    for run in report.runs.iter().filter(|run| run.question.is_count()) {
        let median = |value: fn(&Query) -> f64| median(run.queries.iter().map(value));
        table.push(vec![
            format!("Glovebox, {}", kernel(run)),
            sizes(run.rows),
            format!("{:.2}", median(|query| query.cpu_us_per_element)),
            pair(
                median(|query| query.nodes.receiver.cpu_seconds),
                median(|query| query.nodes.sender.cpu_seconds),
                2,
            ),
            format!("{:.1}", median(|query| query.stream_bytes_per_element)),
            format!("{:.1}", median(|query| query.wall_seconds)),
            pair(
                median(|query| float(query.nodes.receiver.peak_rss_bytes) / 1e6),
                median(|query| float(query.nodes.sender.peak_rss_bytes) / 1e6),
                0,
            ),
            run.shared.to_string(),
            run.shared.to_string(),
            "the Receiver: how many of its items the other has".to_owned(),
            all(&run.queries),
        ]);
    }
    let mut peers = report.peers.iter().collect::<Vec<_>>();
    while let Some(&first) = peers.first() {
        let is_same = |peer: &&PeerRun| (&peer.program, peer.rows) == (&first.program, first.rows);
        let same: Vec<&PeerRun> = peers.iter().copied().filter(is_same).collect();
        peers.retain(|peer| !is_same(peer));
        table.push(peer_row(first, &same));
    }
    table.to_markdown()
}

fn peer_row(peer: &PeerRun, all: &[&PeerRun]) -> Vec<String> {
    let median = |value: fn(&PeerRun) -> f64| median(all.iter().map(|peer| value(peer)));
    let each = all
        .iter()
        .map(|peer| format!("{:.2}", peer.cpu_us_per_element));
    vec![
        peer.program.clone(),
        sizes(peer.rows),
        format!("{:.2}", median(|peer| peer.cpu_us_per_element)),
        pair(
            median(|peer| peer.cpu_seconds.receiver),
            median(|peer| peer.cpu_seconds.sender),
            2,
        ),
        format!("{:.1}", median(|peer| peer.message_bytes_per_element)),
        format!("{:.1}", median(|peer| peer.wall_seconds)),
        pair(
            median(|peer| float(peer.peak_rss_bytes.receiver) / 1e6),
            median(|peer| float(peer.peak_rss_bytes.sender) / 1e6),
            0,
        ),
        peer.answer.to_string(),
        peer.shared.to_string(),
        peer.learns.clone(),
        each.collect::<Vec<_>>().join(", "),
    ]
}

/// The middle value, or the mean of the two in the middle; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = |index: usize| values.get(index).copied().unwrap_or_default();
    let half = values.len() / 2;
    if values.len() % 2 == 1 {
        middle(half)
    } else {
        f64::midpoint(middle(half.saturating_sub(1)), middle(half))
    }
}

fn sizes(rows: Pair<u64>) -> String {
    format!("{} x {}", shown(rows.receiver), shown(rows.sender))
}

fn kernel(run: &Run) -> String {
    match &run.memory_limit {
        None => run.kernel.clone(),
        Some(limit) => format!("{}, limit {limit}", run.kernel),
    }
}

fn pair(receiver: f64, sender: f64, digits: usize) -> String {
    format!("{receiver:.digits$} / {sender:.digits$}")
}

fn megabytes(receiver: u64, sender: u64) -> String {
    pair(float(receiver) / 1e6, float(sender) / 1e6, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, run};

    #[test]
    fn tables_are_aligned_markdown() {
        let mut table = Table::new(&["a", "long"]);
        table.push(vec!["123".into(), "4".into()]);
        assert_eq!(
            table.to_markdown(),
            "|   a | long |\n| --: | ---: |\n| 123 |    4 |\n"
        );
    }

    #[test]
    fn a_report_shows_the_rate_the_ratio_and_the_memory_of_each_run() {
        let text = render(&report(vec![run("portable", 1_000_000, 90.0)]));
        for figure in ["1M x 1M", "90.00", "1.25", "150 / 150", "37.0"] {
            assert!(text.contains(figure), "{figure}: {text}");
        }
        assert!(!text.contains("Beyond"), "{text}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in [
            (&[3.0, 1.0, 2.0][..], 2.0),
            (&[4.0, 1.0], 2.5),
            (&[7.0], 7.0),
        ] {
            let found = median(values.iter().copied());
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
    }

    #[test]
    fn a_sum_is_compared_with_the_count_over_the_same_tables() {
        let count = run("portable", 1_000, 80.0);
        let mut sum = run("portable", 1_000, 82.0);
        sum.question.sum = true;
        sum.queries[0].stream_bytes_per_element += 12.0;
        let other = run("other", 1_000, 20.0);
        let text = render(&report(vec![count, sum.clone()]));
        for figure in ["+2.5 %", "+2.5 |", "+24.0"] {
            assert!(text.contains(figure), "{figure}: {text}");
        }
        let alone = render(&report(vec![other, sum]));
        assert!(!alone.contains("Beyond"), "{alone}");
    }
}
