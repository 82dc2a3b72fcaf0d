//! The JSON document of a measurement: what is written, and read again by `table` and
//! `sizing`, and by `benches/compare/plot.py`.
//!
//! Unknown and missing fields are errors when it is read, so reading it is the check of its shape.
//! Fields are added together with a new number of [`VERSION`].

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::data::{IdKind, Source};
use crate::failure::{Failure, Outcome};
use crate::floor::Floor;
use crate::proc::Machine;
use crate::question::Question;
use crate::size::float;

/// The version of this document.
const VERSION: u64 = 3;
/// The first version that is still read. Runs of version 1 have no question and are counts; before
/// version 3 nothing is said about what another program lets someone learn.
const VERSION_OLDEST: u64 = 1;

/// All that one invocation measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    pub(crate) version: u64,
    /// When the program started, in UTC.
    pub(crate) date: String,
    pub(crate) command: String,
    /// Of the program that wrote this.
    pub(crate) program_version: String,
    /// `release` or `dev`: how this program was built, and with it the node beside it.
    pub(crate) profile: String,
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Run>,
    /// Other programs on the same identifiers.
    pub(crate) peers: Vec<PeerRun>,
}

/// One value of each role.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair<T> {
    pub(crate) receiver: T,
    pub(crate) sender: T,
}

/// One pair of tables with one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) kernel: String,
    #[serde(default)]
    pub(crate) question: Question,
    pub(crate) source: Source,
    pub(crate) id_kind: IdKind,
    pub(crate) rows: Pair<u64>,
    /// Rows that both tables share: the count. Every answer was checked.
    pub(crate) shared: u64,
    /// As written into `node.toml`, if it was.
    pub(crate) memory_limit: Option<String>,
    /// Loading and checking the tables, before the query.
    pub(crate) load: Pair<Load>,
    /// One for each repetition.
    pub(crate) queries: Vec<Query>,
}

/// What a node used until it listened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_rss_bytes: u64,
}

/// What one query cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// From the start of the command that asks to its end.
    pub(crate) wall_seconds: f64,
    pub(crate) nodes: Pair<NodeUse>,
    /// Both nodes' processor time over the rows of both tables.
    pub(crate) cpu_us_per_element: f64,
    /// The mean of what was measured before and after the query.
    pub(crate) floor: Floor,
    pub(crate) floor_us_per_element: f64,
    /// Processor time over the floor.
    pub(crate) floor_ratio: f64,
    /// Processor time over wall time and processors.
    pub(crate) cores_busy: f64,
    /// Bytes of frames in both directions over the rows of both tables.
    pub(crate) stream_bytes_per_element: f64,
    /// Bytes of UDP payload, likewise; absent if the node does not count them.
    pub(crate) udp_bytes_per_element: Option<f64>,
    /// Processor time of all other processes of the machine meanwhile.
    pub(crate) other_cpu_seconds: f64,
    /// Processor time that the host gave to other guests meanwhile.
    pub(crate) stolen_cpu_seconds: f64,
}

/// What one node used for a query.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeUse {
    pub(crate) cpu_seconds: f64,
    /// During the query; since the node's start where the system allows no reset.
    pub(crate) peak_rss_bytes: u64,
    /// Since the node's start.
    pub(crate) life_peak_rss_bytes: u64,
    /// The most that its lists took on disk at one time.
    pub(crate) peak_disk_bytes: u64,
}

/// Another program, on the same identifiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeerRun {
    pub(crate) program: String,
    pub(crate) id_kind: IdKind,
    pub(crate) rows: Pair<u64>,
    /// The answer that is right.
    pub(crate) shared: u64,
    /// What the program answered; a program that approximates may be off.
    pub(crate) answer: u64,
    /// Who learns what, beside the sizes of both lists.
    #[serde(default)]
    pub(crate) learns: String,
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: Pair<f64>,
    pub(crate) peak_rss_bytes: Pair<u64>,
    pub(crate) cpu_us_per_element: f64,
    /// Bytes of what is sent in both directions: messages, or all that TCP carries.
    pub(crate) message_bytes_per_element: f64,
}

impl Report {
    /// A report of nothing yet. `command` is how this program was called.
    pub(crate) fn new(command: String) -> Outcome<Self> {
        Ok(Self {
            version: VERSION,
            date: now(),
            command,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            }
            .to_owned(),
            machine: Machine::this()?,
            runs: Vec::new(),
            peers: Vec::new(),
        })
    }

    /// Reads reports and joins them into the first; its machine and date are then not theirs.
    pub(crate) fn read_all(files: &[impl AsRef<Path>]) -> Outcome<Self> {
        let mut reports = files.iter().map(|file| Self::read(file.as_ref()));
        let mut all = reports
            .next()
            .ok_or_else(|| Failure::Usage("name at least one results file".into()))??;
        for report in reports {
            let report = report?;
            if (&report.machine.cpu, &report.profile) != (&all.machine.cpu, &all.profile) {
                return Err(Failure::Usage(
                    "the results are of different machines or profiles".into(),
                ));
            }
            all.runs.extend(report.runs);
            all.peers.extend(report.peers);
        }
        Ok(all)
    }

    fn read(file: &Path) -> Outcome<Self> {
        let place = file.display();
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("{place}: {error}")))?;
        let report: Self = serde_json::from_str(&text)
            .map_err(|error| Failure::Usage(format!("{place} is not a results file: {error}")))?;
        if !(VERSION_OLDEST..=VERSION).contains(&report.version) {
            return Err(Failure::Usage(format!(
                "{place} has version {}, not {VERSION_OLDEST} to {VERSION}",
                report.version
            )));
        }
        if report.runs.iter().any(|run| run.queries.is_empty()) {
            return Err(Failure::Usage(format!("{place} has a run without a query")));
        }
        Ok(report)
    }

    /// The document as text.
    pub(crate) fn to_json(&self) -> Outcome<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Run {
    /// The query that cost the least processor time.
    pub(crate) fn best(&self) -> &Query {
        self.queries
            .iter()
            .min_by(|a, b| a.cpu_us_per_element.total_cmp(&b.cpu_us_per_element))
            .expect("a run that is measured or read has a query")
    }
}

impl Query {
    /// The part of the processors that both nodes together kept busy, of what other processes and
    /// guests left to them; 1 at most.
    pub(crate) fn busy_of_available(&self, cores: u64) -> f64 {
        let Pair { receiver, sender } = &self.nodes;
        let cpu = receiver.cpu_seconds + sender.cpu_seconds;
        let others = self.other_cpu_seconds + self.stolen_cpu_seconds;
        let available = self.wall_seconds * float(cores) - others;
        if available > cpu {
            cpu / available
        } else {
            1.0
        }
    }

    /// The larger of both nodes' peaks during the query.
    pub(crate) fn peak_rss_bytes(&self) -> u64 {
        let Pair { receiver, sender } = &self.nodes;
        receiver.peak_rss_bytes.max(sender.peak_rss_bytes)
    }

    /// The larger of what both nodes' lists took on disk at one time.
    pub(crate) fn peak_disk_bytes(&self) -> u64 {
        let Pair { receiver, sender } = &self.nodes;
        receiver.peak_disk_bytes.max(sender.peak_disk_bytes)
    }
}

/// The present time in UTC, such as `2026-01-31T09:30:00Z`.
fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        seconds % 60
    )
}

/// Year, month and day so many days after 1 January 1970 in the Gregorian calendar.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run of equal tables that cost so many microseconds for each element.
    pub(crate) fn run(kernel: &str, rows: u64, us: f64) -> Run {
        let node = NodeUse {
            cpu_seconds: float(rows) * us * 1e-6,
            peak_rss_bytes: 50_000_000 + 100 * rows,
            life_peak_rss_bytes: 60_000_000 + 100 * rows,
            peak_disk_bytes: 30 * rows,
        };
        let load = Load {
            wall_seconds: 1.0,
            cpu_seconds: 1.0,
            peak_rss_bytes: 60_000_000,
        };
        let floor = Floor {
            map_us: us * 0.4,
            decode_us: us * 0.4,
        };
        Run {
            kernel: kernel.into(),
            question: Question::default(),
            source: Source::Parquet,
            id_kind: IdKind::Hex,
            rows: Pair {
                receiver: rows,
                sender: rows,
            },
            shared: rows / 2,
            memory_limit: None,
            load: Pair {
                receiver: load,
                sender: load,
            },
            queries: vec![Query {
                wall_seconds: node.cpu_seconds,
                nodes: Pair {
                    receiver: node,
                    sender: node,
                },
                cpu_us_per_element: us,
                floor,
                floor_us_per_element: floor.us_per_element(rows, rows),
                floor_ratio: us / floor.us_per_element(rows, rows),
                cores_busy: 1.0,
                stream_bytes_per_element: 37.0,
                udp_bytes_per_element: Some(40.0),
                other_cpu_seconds: 0.0,
                stolen_cpu_seconds: 0.0,
            }],
        }
    }

    pub(crate) fn report(runs: Vec<Run>) -> Report {
        Report {
            runs,
            ..Report::new("end_to_end".into()).unwrap()
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written_and_unknown_fields_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.json");
        let report = report(vec![run("portable", 1_000, 90.0)]);
        let text = report.to_json().unwrap();
        fs::write(&file, &text).unwrap();
        assert_eq!(Report::read(&file).unwrap(), report);
        assert_eq!(Report::read_all(&[&file, &file]).unwrap().runs.len(), 2);
        for wrong in [
            text.replace("\"version\": 3", "\"version\": 4"),
            text.replace("\"shared\"", "\"shared_rows\""),
            text.replacen('{', "{\"more\": 1,", 1),
        ] {
            assert_ne!(wrong, text);
            fs::write(&file, wrong).unwrap();
            assert!(matches!(Report::read(&file), Err(Failure::Usage(_))));
        }
    }

    #[test]
    fn the_best_query_is_the_one_with_the_least_processor_time() {
        let mut run = run("portable", 1_000, 90.0);
        let mut slower = run.queries[0].clone();
        slower.cpu_us_per_element = 95.0;
        run.queries.insert(0, slower);
        assert!((run.best().cpu_us_per_element - 90.0).abs() < 1e-9);
    }

    #[test]
    fn what_others_took_does_not_count_as_idle() {
        let mut query = run("portable", 1_000_000, 90.0).queries.remove(0);
        // 180 s of processor time in 120 s on two processors.
        query.wall_seconds = 120.0;
        assert!((query.busy_of_available(2) - 0.75).abs() < 1e-9);
        query.other_cpu_seconds = 35.0;
        query.stolen_cpu_seconds = 5.0;
        assert!((query.busy_of_available(2) - 0.9).abs() < 1e-9);
        query.other_cpu_seconds = 100.0;
        assert!((query.busy_of_available(2) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_819), (2027, 1, 1));
    }
}
