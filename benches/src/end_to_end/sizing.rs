//! What hardware and time to expect for tables of other sizes, from measured rates.
//!
//! For each kernel the rates are those of the largest measured pair of equal tables; a size that
//! was measured itself, within a tenth, is marked as measured, every other as extrapolated. The model:
//!
//! * processor time grows with the rows. (Sorting adds a logarithm; it is a small part.)
//! * Each node has a machine of its own with so many processors. First both blind their own lists
//!   at the same time; then the Sender raises the Receiver's list while the Receiver waits; then
//!   the Receiver unblinds it while the Sender waits. So the wall time is three quarters of both
//!   nodes' processor time together over one machine's processors, and over the part of them that
//!   was kept busy when measured, of those that other processes left.
//! * Memory is bounded by `memory_limit`; lists that do not fit are on disk. Disk is what the larger
//!   side's lists took at one time, for each row; from a measured size at which lists were on disk.
//! * Bytes grow with the rows; the time to transfer them is not hidden behind the arithmetic.

use std::fmt::Write as _;

use crate::failure::{Failure, Outcome};
use crate::report::{Report, Run};
use crate::size::{float, shown};
use crate::table::Table;

/// Rows of each table.
const ROWS: [u64; 4] = [1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
/// Processors of each node's machine.
const CORES: [u64; 3] = [2, 8, 32];
/// See the model above: four steps of about the same cost, of which two are side by side.
const SERIAL_SHARE: f64 = 0.75;

/// The table for every kernel of the results, as text.
pub(crate) fn render(report: &Report) -> Outcome<String> {
    let mut groups: Vec<(&str, Option<&str>)> = Vec::new();
    for run in equal(&report.runs) {
        let group = (run.kernel.as_str(), run.memory_limit.as_deref());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    if groups.is_empty() {
        return Err(Failure::Usage(
            "the results hold no pair of equally large tables".into(),
        ));
    }
    let mut text = String::new();
    for (kernel, limit) in groups {
        let mut runs: Vec<&Run> = equal(&report.runs)
            .filter(|run| run.kernel == kernel && run.memory_limit.as_deref() == limit)
            .collect();
        runs.sort_by_key(|run| run.rows.receiver);
        let limit = limit.map_or_else(String::new, |limit| format!(", memory limit {limit}"));
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "Kernel `{kernel}`{limit}, {} profile, {}",
            report.profile,
            of_kernel(&runs, report.machine.cores)
        );
    }
    Ok(text)
}

fn equal(runs: &[Run]) -> impl Iterator<Item = &Run> {
    runs.iter()
        .filter(|run| run.question.is_count() && run.rows.receiver == run.rows.sender)
}

fn of_kernel(runs: &[&Run], cores_measured: u64) -> String {
    let Some(largest) = runs.last() else {
        return String::new();
    };
    let best = largest.best();
    let rate = best.cpu_us_per_element;
    let busy = best.busy_of_available(cores_measured);
    let bytes = best
        .udp_bytes_per_element
        .unwrap_or(best.stream_bytes_per_element);
    let mut headers = vec![
        "rows of each table".to_owned(),
        "CPU hours, both".to_owned(),
    ];
    headers.extend(CORES.map(|cores| format!("wall, {cores} cores each")));
    headers.extend(
        [
            "peak memory, each",
            "lists on disk, each",
            "on the wire",
            "transfer at 1 Gbit/s",
            "processor time, memory and disk are",
        ]
        .map(str::to_owned),
    );
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut table = Table::new(&headers);
    for rows in ROWS {
        let measured = runs.iter().rev().find(|run| close(run.rows.receiver, rows));
        let us = measured.map_or(rate, |run| run.best().cpu_us_per_element);
        let elements = float(2 * rows);
        let cpu = elements * us * 1e-6;
        let mut cells = vec![shown(rows), format!("{:.2}", cpu / 3600.0)];
        cells.extend(CORES.map(|cores| duration(cpu * SERIAL_SHARE / (float(cores) * busy))));
        cells.push(measured.map_or_else(
            || "memory_limit".to_owned(),
            |run| size(float(run.best().peak_rss_bytes())),
        ));
        cells.push(match (measured, disk_bytes_per_row(largest)) {
            (Some(run), _) => size(float(run.best().peak_disk_bytes())),
            (None, Some(bytes)) if rows > largest.rows.receiver => size(bytes * float(rows)),
            _ => "not known".to_owned(),
        });
        cells.push(size(elements * bytes));
        cells.push(duration(elements * bytes * 8.0 / 1e9));
        cells.push(measured.map_or_else(
            || "extrapolated".to_owned(),
            |run| format!("measured at {}", shown(run.rows.receiver)),
        ));
        table.push(cells);
    }
    format!(
        "{rate:.2} us/element, {bytes:.1} bytes/element and {:.0} % of the processors busy at {} \
         rows:\n\n{}",
        busy * 100.0,
        shown(largest.rows.receiver),
        table.to_markdown()
    )
}

/// Whether a measured size can replace another: a tenth more or less changes nothing that is shown.
const fn close(measured: u64, rows: u64) -> bool {
    measured.abs_diff(rows) <= rows / 10
}

/// What lists on disk take; `None` if they were in memory.
fn disk_bytes_per_row(run: &Run) -> Option<f64> {
    let bytes = run.best().peak_disk_bytes();
    (bytes > 0).then(|| float(bytes) / float(run.rows.receiver))
}

fn duration(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 5_400.0 {
        format!("{:.0} min", seconds / 60.0)
    } else if seconds < 172_800.0 {
        format!("{:.1} h", seconds / 3600.0)
    } else {
        format!("{:.1} days", seconds / 86_400.0)
    }
}

fn size(bytes: f64) -> String {
    if bytes < 1e9 {
        format!("{:.0} MB", bytes / 1e6)
    } else {
        format!("{:.1} GB", bytes / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, run};

    #[test]
    fn a_measured_size_is_marked_and_the_others_follow_from_the_largest() {
        let runs = vec![
            run("portable", 100_000, 80.0),
            run("portable", 1_000_000, 90.0),
        ];
        let text = render(&report(runs)).unwrap();
        let line = |rows: &str| {
            let cell = format!("| {rows:>18} |");
            let line = text.lines().find(|line| line.starts_with(&cell));
            line.unwrap_or_else(|| panic!("{rows}: {text}")).to_owned()
        };
        // 180 s of processor time on two processors, of which three quarters are serial.
        let measured = line("1M");
        for cell in ["0.05", "68 s", "150 MB", "30 MB", "measured"] {
            assert!(measured.contains(&format!(" {cell} ")), "{cell}: {text}");
        }
        let extrapolated = line("1G");
        for cell in [
            "50.00",
            "memory_limit",
            "30.0 GB",
            "80.0 GB",
            "extrapolated",
        ] {
            assert!(
                extrapolated.contains(&format!(" {cell} ")),
                "{cell}: {text}"
            );
        }
    }

    #[test]
    fn disk_is_not_guessed_from_lists_in_memory() {
        let mut run = run("portable", 100_000, 80.0);
        run.queries[0].nodes.receiver.peak_disk_bytes = 0;
        run.queries[0].nodes.sender.peak_disk_bytes = 0;
        let text = render(&report(vec![run])).unwrap();
        assert_eq!(text.matches(" not known ").count(), 4, "{text}");
        assert!(!text.contains(" measured "), "{text}");
    }

    #[test]
    fn tables_of_unequal_sizes_are_no_base() {
        let mut unequal = run("portable", 1_000, 80.0);
        unequal.rows.sender = 2_000;
        assert!(render(&report(vec![unequal])).is_err());
    }
}
